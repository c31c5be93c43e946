"""Control: a restriction on a borrower or one facility, from the proposal to its lifting. Two people each way."""

from models import forms as f
from models.process import END, START, USER, Do, Process, Step

DEPARTMENT, CREDIT = "department", "credit_manager"

CONTROL = Process(
    name="control",
    start="start",
    facts=("kind", "facility", "cap", "review_on", "calendar", "unit", "currency"),
    steps={
        "start": Step(START, DEPARTMENT, CREDIT, does=(
            Do("propose", "confirm", f.Restriction),)),
        "confirm": Step(USER, DEPARTMENT, CREDIT, due="control.confirm", does=(
            Do("confirm", "in_force", tells="manager"),
            Do("reject", "rejected", f.Reason))),
        # lifted when its orders are accepted, or waived: cancelled by a credit manager without a part in the decision
        "in_force": Step(USER, DEPARTMENT, CREDIT, due="control.review", does=(
            Do("ask_lift", "confirm_lift", f.Reason, when="open_order == 0"),
            Do("renew", "in_force", f.Extension))),
        "confirm_lift": Step(USER, DEPARTMENT, CREDIT, due="control.lift", does=(
            Do("lift", "lifted", when="open_order == 0", tells="manager"),
            Do("refuse_lift", "in_force", f.Reason))),
        "lifted": Step(END),
        "rejected": Step(END),
    },
    apart=(("impose", "confirm"), ("propose", "confirm"), ("impose", "reject"), ("propose", "reject"),
           ("ask_lift", "lift")),
    authority={DEPARTMENT: CREDIT},
)  # fmt: skip
