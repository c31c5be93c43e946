"""Who may do what, where it leads, and which refusal comes first: the bank's procedure by example."""

from dataclasses import replace
from typing import Any

import pytest

from door.command import SYSTEM, Command, Person, Refused
from door.decide import Facts, decide, settle
from door.fold import blank
from models.process import END, GATEWAY, START, USER, Do, Process, Step
from processes import PROCESSES
from processes.inspection import INSPECTION
from tests.door.bank import DAY, LANES, STAFF, UNITS, Bank, later

STEPS = [  # every step of every process where a person acts, and whose it is
    ("inspection", "visit", "inspector"), ("inspection", "collect", "account_manager"),
    ("inspection", "check", "post_loan_officer"), ("inspection", "review", "account_manager"),
    ("inspection", "verify_desk", "post_loan_officer"), ("inspection", "verify_site", "post_loan_officer"),
    ("inspection", "revisit", "post_loan_officer"),
    ("inspection", "compare", "post_loan_officer"), ("inspection", "decide", "credit_manager"),
]  # fmt: skip


def brought(bank: Bank, step: str) -> int:
    return bank.inspection(step, path="outsourced" if step in ("visit", "check") else "desk")


@pytest.mark.parametrize(("process", "step", "role"), STEPS)
def test_only_the_lane_and_the_role_of_a_step_may_act_on_it(quick: Bank, process: str, step: str, role: str) -> None:
    case = brought(quick, step)
    arrow = quick.rules.processes[process].steps[step].does[0].name
    for person, (unit, roles) in STAFF.items():
        if role in roles:
            continue
        refused = quick.refused(person, arrow, case)
        assert refused.code == ("role" if UNITS[unit] == UNITS[LANES[role]] else "lane")
    assert quick.state(case).step == step


def test_a_role_held_in_another_lane_does_not_help(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.grant("park", "post_loan_officer")
    assert quick.refused("park", "verify", case) == Refused("lane", {"lane": "department", "yours": "branch"})


def test_a_role_counts_from_its_first_day_to_its_last(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.hire("min", "credit")
    quick.grant("min", "post_loan_officer", since=later(DAY, 1), until=later(DAY, 2))
    assert quick.refused("min", "verify", case).code == "role"
    quick.day = later(DAY, 3)
    assert quick.refused("min", "verify", case).code == "role"
    quick.day = later(DAY, 2)
    quick.do("min", "verify", case)


def test_who_has_left_the_bank_is_unknown_from_the_day_after(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.leave("choi", DAY)
    quick.day = later(DAY, 1)
    assert quick.refused("choi", "verify", case) == Refused("unknown_person", {"person": "choi"})
    quick.day = DAY
    quick.do("choi", "verify", case)


def test_the_visit_belongs_to_the_inspector_whom_the_vendor_was_assigned(quick: Bank) -> None:
    case = quick.inspection("visit", path="outsourced")
    assert quick.refused("bae", "submit", case) == Refused("not_yours", {"owner": "ahn"})
    quick.do("ahn", "submit", case)


def test_the_review_belongs_to_whoever_is_responsible_for_the_borrower_on_the_day(quick: Bank) -> None:
    case = quick.inspection("review")
    quick.borrower("B1", "park", since=later(DAY, 1))
    assert quick.refused("park", "conclude", case) == Refused("not_yours", {"owner": "lee"})
    quick.day = later(DAY, 1)
    assert quick.refused("lee", "conclude", case) == Refused("not_yours", {"owner": "park"})
    quick.do("park", "conclude", case)


def test_a_borrower_without_a_responsible_manager_is_nobodys_until_the_head_gives_it_to_somebody(quick: Bank) -> None:
    case = quick.inspection("collect", subject="B9")
    assert quick.refused("lee", "collect", case) == Refused("no_owner", {"whose": "manager"})
    quick.do("kang", "reassign", case, said={"to": "lee"})
    quick.do("lee", "collect", case)


def test_who_recorded_on_site_compares(quick: Bank) -> None:
    case = quick.inspection("compare")
    assert quick.refused("jung", "verify", case) == Refused("not_yours", {"owner": "choi"})
    quick.do("choi", "verify", case)


def test_who_met_nobody_on_site_goes_there_once_more_himself_and_no_third_time(quick: Bank) -> None:
    case = quick.inspection("verify_site")
    quick.do("choi", "nobody_met", case)
    assert (quick.state(case).step, quick.state(case).owner) == ("revisit", "choi")
    assert quick.refused("jung", "record", case) == Refused("not_yours", {"owner": "choi"})
    assert quick.refused("choi", "nobody_met", case).code == "not_here"
    quick.do("choi", "record", case)
    assert quick.refused("choi", "nobody_met", case).code == "not_here"
    quick.do("choi", "disagree", case, said={"outcome": "V6"})
    assert quick.state(case).step == "review"


def test_nobody_acts_on_a_borrower_to_whom_he_has_declared_a_relation(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.relation("choi", "B1")
    assert quick.refused("choi", "verify", case) == Refused("related", {"subject": "B1"})
    quick.do("jung", "verify", case)


def test_nobody_acts_on_himself(quick: Bank) -> None:
    quick.borrower("choi")
    case = quick.inspection("verify_desk", subject="choi")
    assert quick.refused("choi", "verify", case) == Refused("related", {"subject": "choi"})


def test_a_relation_of_the_absent_binds_his_deputy_too(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.absence("choi", "jung")
    quick.relation("choi", "B1")
    assert quick.refused("jung", "verify", case, on_behalf_of="choi").code == "related"
    quick.do("jung", "verify", case)


def test_what_the_system_does_no_person_may_and_the_reverse(quick: Bank) -> None:
    case = quick.inspection("prepare")
    assert quick.refused("lee", "propose", case) == Refused("system_only", {"step": "prepare"})
    quick.do(SYSTEM, "propose", case)
    assert quick.refused(SYSTEM, "conclude", case) == Refused("person_only", {"step": "review"})


def test_the_arrow_of_a_missed_deadline_is_taken_by_the_system_alone(quick: Bank) -> None:
    case = quick.inspection("visit", path="outsourced")
    assert quick.refused("ahn", "not_visited", case).code == "system_only"
    assert quick.do(SYSTEM, "not_visited", case).step == "collect"


# -- four eyes ------------------------------------------------------------------------------------------------------


def test_who_concluded_does_not_verify_after_he_moved_to_the_department(quick: Bank) -> None:
    case = quick.inspection("verify_desk", path="outsourced")
    quick.transfer("lee", "credit", "post_loan_officer")
    assert quick.refused("lee", "verify", case) == Refused("four_eyes", {"did": "conclude", "person": "lee"})
    quick.do("choi", "verify", case)


def test_who_stood_in_at_the_conclusion_has_concluded_and_so_has_the_absent(quick: Bank) -> None:
    case = quick.inspection("review", path="outsourced")
    quick.absence("lee", "park")
    quick.do("park", "conclude", case, on_behalf_of="lee")
    quick.do(SYSTEM, "desk", case)
    for person in ("lee", "park"):
        quick.transfer(person, "credit", "post_loan_officer")
        assert quick.refused(person, "verify", case) == Refused("four_eyes", {"did": "conclude", "person": person})


def test_a_deputy_is_bound_by_what_the_absent_did(quick: Bank) -> None:
    case = quick.inspection("verify_desk", path="outsourced")
    quick.transfer("lee", "credit", "post_loan_officer")
    quick.absence("lee", "choi")
    assert quick.refused("choi", "verify", case, on_behalf_of="lee") == Refused(
        "four_eyes", {"did": "conclude", "person": "lee"}
    )
    quick.do("choi", "verify", case)


def test_a_conclusion_of_an_earlier_round_counts(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "disagree", case)
    quick.borrower("B1", "park", since=DAY)
    quick.do("park", "conclude", case)
    quick.do(SYSTEM, "desk", case)
    quick.transfer("lee", "credit", "post_loan_officer")
    assert quick.refused("lee", "verify", case).code == "four_eyes"


def test_who_imposed_in_the_inspection_does_not_confirm_a_control_of_it_that_another_proposed(quick: Bank) -> None:
    case = quick.inspection("decide")
    quick.do("han", "impose", case)
    control = quick.open("control", "seo", "propose", parent=case)
    assert quick.refused("han", "confirm", control) == Refused("four_eyes", {"did": "impose", "person": "han"})
    quick.do("oh", "confirm", control)


def test_a_vendors_package_does_not_pass_the_batch_check_by_calling_itself_the_managers_own(quick: Bank) -> None:
    visit, collect = quick.inspection("visit", path="outsourced"), quick.inspection("collect")
    for how in ("own", "desk"):
        assert quick.refused("ahn", "submit", visit, said={"how": how}).facts["field"] == "how"
    assert quick.refused("lee", "collect", collect, said={"how": "outsourced"}).facts["field"] == "how"


# -- conditions, gateways, rounds -----------------------------------------------------------------------------------


def test_a_control_is_lifted_only_when_its_orders_are_accepted(bank: Bank) -> None:
    control, order = bank.do("han", "impose", bank.inspection("decide")).opened
    bank.do("seo", "confirm", control)
    assert bank.refused("oh", "ask_lift", control) == Refused("condition", {"condition": "open_order == 0"})
    bank.do("lee", "done", order)
    bank.do("choi", "accept", order)
    assert bank.do("oh", "ask_lift", control).step == "confirm_lift"


def test_two_sites_of_one_gateway_lead_where_the_facts_say(quick: Bank) -> None:
    assert quick.state(quick.open("inspection", SYSTEM, "open", said={"path": "outsourced"})).step == "dispatch"
    assert quick.state(quick.open("inspection", SYSTEM, "open", said={"path": "own"})).step == "collect"
    assert quick.state(quick.inspection("check", path="outsourced")).step == "check"


CHOI = Person("choi", "department", frozenset(("post_loan_officer",)))


def small(*does: Do, **steps: Step) -> Process:
    """A process of one desk where one clerk of the department acts."""
    return Process(
        "small", "start", facts=("colour", "n"),
        steps={"start": Step(START, "department", "post_loan_officer", does=(Do("begin", "desk"),)),
               "desk": Step(USER, "department", "post_loan_officer", does=does), "gone": Step(END), **steps},
    )  # fmt: skip


def where(process: Process, action: str, facts: dict[str, Any], done: int = 0, **more: Any) -> str | Refused:
    """Where an action of choi's leads at the desk."""
    state = replace(blank(process, 1, "B1", None, None, "book"), step="desk", facts=facts, done={action: done})
    staff = {"choi": CHOI}
    move = decide(process, state, Command("choi", action), {}, CHOI, Facts(persons=staff, **more), DAY)
    return move if isinstance(move, Refused) else move.to


def test_a_condition_over_an_absent_fact_refuses_and_is_never_silently_false() -> None:
    process = small(Do("send", "gone", when="colour == 'red'"))
    assert where(process, "send", {"colour": "red"}) == "gone"
    assert where(process, "send", {"colour": "blue"}) == Refused("condition", {"condition": "colour == 'red'"})
    assert where(process, "send", {}) == Refused("not_evaluated", {"condition": "colour == 'red'"})
    assert where(process, "send", {"colour": None}) == Refused("not_evaluated", {"condition": "colour == 'red'"})


def test_a_gateway_takes_the_first_arrow_that_holds_its_default_otherwise_and_stops_at_an_absent_fact() -> None:
    process = small(
        Do("send", "sort"),
        sort=Step(
            GATEWAY, does=(Do("many", "gone", when="n > 9"), Do("some", "desk", when="n > 2"), Do("few", "sort2"))
        ),
        sort2=Step(GATEWAY, does=(Do("end", "last"),)),
        last=Step(END),
    )
    assert [where(process, "send", {"n": n}) for n in (10, 9, 2)] == ["gone", "desk", "last"]
    assert where(process, "send", {}) == Refused("not_evaluated", {"condition": "n > 9"})


def test_gateways_in_a_circle_refuse_instead_of_turning_for_ever() -> None:
    process = small(Do("send", "sort"), sort=Step(GATEWAY, does=(Do("again", "sort"),)))
    refused = where(process, "send", {})
    assert isinstance(refused, Refused)
    assert refused.code == "not_evaluated"


def test_an_arrow_may_be_taken_as_often_as_its_limit_then_leads_where_over_says_or_is_refused() -> None:
    twice = small(Do("send", "desk", limit=2, over="gone"))
    assert [where(twice, "send", {}, done=n) for n in (0, 1, 2, 3)] == ["desk", "desk", "gone", "gone"]
    plain = small(Do("send", "desk", limit=2))
    assert where(plain, "send", {}, done=1) == "desk"
    assert where(plain, "send", {}, done=2) == Refused("limit", {"action": "send", "limit": 2})


def test_the_second_disagreement_goes_to_the_credit_manager_whatever_desk_it_came_from(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    assert quick.do("choi", "disagree", case).step == "review"
    quick.do("lee", "conclude", case)
    quick.do(SYSTEM, "site", case)
    quick.do("jung", "record", case)
    assert quick.do("jung", "disagree", case).step == "decide"


def test_a_third_incomplete_package_of_the_vendor_sends_the_manager_himself(quick: Bank) -> None:
    case = quick.inspection("screen", path="outsourced")
    for _ in range(2):
        assert quick.do(SYSTEM, "incomplete", case).step == "visit"
        quick.do("ahn", "submit", case)
    assert quick.do(SYSTEM, "incomplete", case).step == "collect"


def test_the_manager_sends_a_package_back_twice_and_not_a_third_time(quick: Bank) -> None:
    case = quick.inspection("review")
    for _ in range(2):
        assert quick.do("lee", "send_back", case).step == "collect"
        quick.do("lee", "collect", case)
        quick.do(SYSTEM, "pass", case)
        quick.do(SYSTEM, "propose", case)
    assert quick.refused("lee", "send_back", case) == Refused("limit", {"action": "send_back", "limit": 2})


# -- which refusal comes first --------------------------------------------------------------------------------------


def test_of_several_reasons_the_first_is_told(quick: Bank) -> None:
    """Version, end, person, arrow, lane, role, deputy, owner, holder, relation, four eyes, hold: in this order."""
    case = quick.inspection("compare")
    quick.borrower("B1", "park", since=DAY)
    seq = quick.state(case).seq

    def code(person: str, **more: Any) -> str:
        return quick.refused(person, more.pop("action", "verify"), case, **more).code

    assert code("ghost", seen=seq - 1) == "changed"
    assert code("ghost", action="conclude") == "unknown_person"
    assert code("lee", action="conclude") == "not_here"
    quick.transfer("lee", "mapo", "post_loan_officer")
    quick.relation("lee", "B1")
    assert code("lee") == "lane"
    quick.transfer("lee", "credit", "credit_manager")
    assert code("lee") == "role"
    quick.transfer("lee", "credit", "post_loan_officer")
    assert code("lee", on_behalf_of="jung") == "no_deputy"
    assert code("lee") == "not_yours"
    quick.absence("choi", "lee")
    quick.do("choi", "claim", case)
    assert code("lee") == "not_yours"
    assert code("lee", on_behalf_of="choi") == "related"
    quick.db.run("DELETE FROM relation")
    assert code("lee", on_behalf_of="choi") == "four_eyes"
    quick.do("choi", "hold", case)
    assert code("lee", on_behalf_of="choi") == "four_eyes"
    assert code("choi") == "held"
    quick.do("choi", "hand_back", case)
    quick.do("choi", "verify", case)
    quick.do(SYSTEM, "close", case)
    assert code("ghost") == "ended"


def test_the_refusal_of_a_late_comer_says_what_became_of_the_case(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    seen = quick.state(case).seq
    quick.do("choi", "verify", case)
    at = quick.state(case).last_at
    late = {"step": "weigh", "by": "choi", "at": at}
    assert quick.refused("jung", "verify", case, seen=seen) == Refused("changed", late)
    assert quick.refused("jung", "verify", case) == Refused("not_here", late | {"offered": ["close", "escalate"]})
    quick.do(SYSTEM, "close", case)
    ended = quick.refused("jung", "verify", case)
    assert (ended.code, ended.facts["step"], ended.facts["by"]) == ("ended", "closed", SYSTEM)


def test_a_comment_after_the_decision_does_not_make_the_commenter_the_one_who_decided(quick: Bank) -> None:
    case = quick.inspection("decide")
    at = quick.state(case).last_at
    quick.do("yoon", "comment", case)
    refused = quick.refused("choi", "verify", case)
    assert (refused.facts["by"], refused.facts["at"]) == (SYSTEM, at)
    quick.do("han", "claim", case)
    at = quick.state(case).last_at
    quick.do("yoon", "comment", case)
    assert quick.refused("seo", "impose", case) == Refused("taken", {"by": "han", "at": at})


def test_an_action_that_exists_nowhere_is_not_here_and_the_offered_ones_are_named(quick: Bank) -> None:
    case = quick.inspection("review")
    refused = quick.refused("lee", "rubber_stamp", case)
    assert (refused.code, refused.facts["offered"]) == ("not_here", ["conclude", "send_back"])


def test_every_gateway_of_every_process_leads_on_once_its_facts_are_known() -> None:
    for process in PROCESSES.values():
        for name, step in process.steps.items():
            if step.kind != GATEWAY:
                continue
            for path in ("outsourced", "own", "desk"):
                state = replace(blank(process, 1, "B1", None, None, ""), facts={"path": path, "how": path})
                assert isinstance(settle(process, name, state, {}, Facts()), str)
    assert settle(INSPECTION, "again", blank(INSPECTION, 1, "B1", None, None, ""), {}, Facts()) == Refused(
        "not_evaluated", {"condition": "how == 'outsourced'"}
    )
