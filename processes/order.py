"""Order: a correction order to the account manager, accepted by somebody who did not do it; overdue, it tightens."""

from models import forms as f
from models.process import END, START, USER, Do, Process, Step

BRANCH, DEPARTMENT = "branch", "department"
MANAGER, OFFICER, CREDIT = "account_manager", "post_loan_officer", "credit_manager"

ORDER = Process(
    name="order",
    start="start",
    facts=("kind", "facility", "calendar", "unit", "proposed_level", "level", "class_"),
    listed=("class_", "level"),
    before=("c8bde49825186048", "542de59f5b8936e5"),
    steps={
        "start": Step(START, DEPARTMENT, CREDIT, does=(
            Do("issue", "in_work", f.CorrectionOrder),)),
        "in_work": Step(USER, BRANCH, MANAGER, whose="manager", due="order.{kind}", late="overdue", does=(
            Do("done", "accept", f.Correction),
            Do("ask_extension", "extend", f.Asking, ahead=("until",)),
            Do("overdue", "tightened"))),
        "extend": Step(USER, DEPARTMENT, OFFICER, due="order.extend", does=(
            Do("grant", "in_work", f.Extension, limit=1),
            Do("deny", "in_work", f.Reason, stands=True))),
        "accept": Step(USER, DEPARTMENT, OFFICER, due="order.accept", does=(
            Do("accept", "done", f.Reason),
            Do("not_accepted", "in_work", f.Extension, limit=2, over="tightened"))),
        "tightened": Step(USER, BRANCH, MANAGER, whose="manager", due="order.tightened", late="to_workout", does=(
            Do("done", "accept", f.Correction),
            Do("to_workout", "workout"))),
        "workout": Step(USER, DEPARTMENT, CREDIT, due="order.workout", does=(
            Do("settle", "done", f.Reason),)),
        "done": Step(END),
        "cancelled": Step(END),
    },
    apart=(("done", "accept"), ("done", "not_accepted"), ("done", "settle"), ("ask_extension", "grant"),
           ("ask_extension", "deny")),
    authority={BRANCH: "branch_head", DEPARTMENT: CREDIT},
    cancel=CREDIT,
)  # fmt: skip
