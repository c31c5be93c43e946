"""Inspection: one borrower on one occasion, from the schedule to the department's decision."""

from models import forms as f
from models.process import END, GATEWAY, SERVICE, START, USER, Do, Process, Step

VENDOR, BRANCH, DEPARTMENT, SYSTEM = "vendor", "branch", "department", "system"
OFFICER, MANAGER, CREDIT = "post_loan_officer", "account_manager", "credit_manager"

INSPECTION = Process(
    name="inspection",
    start="start",
    facts=("kind", "path", "how", "template", "product", "segment", "amount", "currency", "class_", "calendar", "unit",
           "opened_on", "vendor", "inspector", "green", "proposed_level", "level", "own_level", "outcome", "orange_since",
           "breach_since", "proposed_class", "conclude_on"),
    listed=("class_", "proposed_level", "level"),
    before=("13d52be5b0aefcc4", "51fe4a35fff2ee6d"),
    steps={
        "start": Step(START, SYSTEM, "system", does=(
            Do("open", "by_path", f.OpenInspection, rows={"due": "due"}),)),

        # -- collection: by a vendor's inspector, by the account manager on a visit, or at his desk
        "by_path": Step(GATEWAY, does=(
            Do("outsourced", "dispatch", when="path == 'outsourced'"),
            Do("own", "collect"))),
        "dispatch": Step(SERVICE, SYSTEM, "system", does=(
            Do("assign", "visit", f.Assign),
            Do("no_vendor", "collect", f.Reason))),
        "visit": Step(USER, VENDOR, "inspector", whose="inspector", due="visit", late="not_visited", does=(
            Do("submit", "screen", f.VendorPackage, rows={"evidence": "evidence"}),
            Do("not_visited", "collect"))),
        "collect": Step(USER, BRANCH, MANAGER, whose="manager", due="collect", does=(
            Do("collect", "screen", f.OwnPackage, rows={"evidence": "evidence"}),)),
        "screen": Step(SERVICE, SYSTEM, "system", does=(
            Do("pass", "by_collector", f.Screened),
            Do("incomplete", "visit", f.Screened, when="how == 'outsourced'", limit=2, over="collect"),
            Do("recollect", "collect", f.Screened, when="how != 'outsourced'", limit=2, over="prepare"),
            Do("integrity", "collect", f.Screened, when="how == 'outsourced'"))),
        "by_collector": Step(GATEWAY, does=(
            Do("vendor_package", "check", when="how == 'outsourced'"),
            Do("own_package", "prepare"))),
        "check": Step(USER, DEPARTMENT, OFFICER, due="check", does=(
            Do("check", "prepare", f.Screened, bulk=True),
            Do("return", "visit", f.Returned, limit=2, over="collect"))),

        # -- manager review
        "prepare": Step(SERVICE, SYSTEM, "system", does=(
            Do("propose", "review", f.Proposal),)),
        "review": Step(USER, BRANCH, MANAGER, whose="manager", due="review", does=(
            Do("conclude", "draw", f.Conclusion, bulk=True, ahead=("measures.by",),
               when="level >= proposed_level and class_ >= proposed_class or reason != ''"),
            Do("send_back", "again", f.Returned, limit=2))),
        "again": Step(GATEWAY, does=(
            Do("vendor_again", "visit", when="how == 'outsourced'"),
            Do("own_again", "collect"))),

        # -- four eyes
        "draw": Step(SERVICE, SYSTEM, "system", does=(
            Do("desk", "verify_desk", f.Drawn),
            Do("site", "verify_site", f.Drawn))),
        "verify_desk": Step(USER, DEPARTMENT, OFFICER, due="verify_desk", does=(
            Do("verify", "weigh", f.Verification, bulk=True),
            Do("disagree", "review", f.Disagreement, limit=1, over="decide"))),
        "verify_site": Step(USER, DEPARTMENT, OFFICER, due="verify_site", does=(
            Do("record", "compare", f.OwnRecord, rows={"evidence": "evidence"}),
            Do("nobody_met", "revisit", f.Reason))),
        "revisit": Step(USER, DEPARTMENT, OFFICER, whose="nobody_met", due="revisit", does=(
            Do("record", "compare", f.OwnRecord, rows={"evidence": "evidence"}),)),
        "compare": Step(USER, DEPARTMENT, OFFICER, whose="record", due="compare", does=(
            Do("verify", "weigh", f.Verification),
            Do("disagree", "review", f.Disagreement, limit=1, over="decide"))),

        # -- escalation
        "weigh": Step(SERVICE, SYSTEM, "system", does=(
            Do("escalate", "decide", f.Weighed),
            Do("close", "closed", f.Weighed))),
        "decide": Step(USER, DEPARTMENT, CREDIT, due="decide", does=(
            Do("impose", "closed", f.Imposition, opens={"restrictions": "control", "orders": "order"}),
            Do("no_measure", "closed", f.Reason))),
        "closed": Step(END),
        "cancelled": Step(END),
    },
    apart=(
        ("submit", "check"), ("submit", "conclude"), ("submit", "record"), ("submit", "verify"), ("submit", "disagree"),
        ("submit", "nobody_met"),
        ("collect", "record"), ("collect", "verify"), ("collect", "disagree"), ("collect", "nobody_met"),
        ("check", "conclude"), ("check", "record"), ("check", "verify"), ("check", "disagree"), ("check", "nobody_met"),
        ("conclude", "record"), ("conclude", "verify"), ("conclude", "disagree"), ("conclude", "nobody_met"),
        ("conclude", "impose"), ("record", "impose"), ("verify", "impose"), ("disagree", "impose"), ("nobody_met", "impose"),
        ("conclude", "no_measure"), ("record", "no_measure"), ("verify", "no_measure"), ("disagree", "no_measure"),
        ("nobody_met", "no_measure"),
    ),
    authority={VENDOR: OFFICER, BRANCH: "branch_head", DEPARTMENT: CREDIT},
    cancel=CREDIT,
)  # fmt: skip
