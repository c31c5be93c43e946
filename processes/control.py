"""Control: a restriction on a borrower or one facility, from the proposal to its lifting. Two people each way."""

from models import forms as f
from models.process import END, START, USER, Do, Process, Step

DEPARTMENT, CREDIT = "department", "credit_manager"
# Its orders are accepted (or waived: cancelled by a credit manager without a part in the decision); the last inspection is
# fresh; after misuse of funds the months since are clean. How fresh, how many: the book's `lifting` (tasks/lifting.py).
LIFTABLE = "open_order == 0 and inspection_is_fresh and months_are_clean"

CONTROL = Process(
    name="control",
    start="start",
    facts=("kind", "facility", "cap", "review_on", "calendar", "unit", "currency", "level", "class_"),
    listed=("class_", "level"),
    beside=("inspection_is_fresh", "months_are_clean"),
    before=("fb8e693b0e4a7623", "f53b528da612ce79"),
    steps={
        "start": Step(START, DEPARTMENT, CREDIT, does=(
            Do("propose", "confirm", f.Restriction),)),
        "confirm": Step(USER, DEPARTMENT, CREDIT, due="control.confirm", does=(
            Do("confirm", "in_force", tells="manager"),
            Do("reject", "rejected", f.Reason))),
        "in_force": Step(USER, DEPARTMENT, CREDIT, due="control.review", does=(
            Do("ask_lift", "confirm_lift", f.Reason, when=LIFTABLE),
            Do("renew", "in_force", f.Extension))),
        "confirm_lift": Step(USER, DEPARTMENT, CREDIT, due="control.lift", does=(
            Do("lift", "lifted", when=LIFTABLE, tells="manager"),
            Do("refuse_lift", "in_force", f.Reason))),
        "lifted": Step(END),
        "rejected": Step(END),
    },
    apart=(("impose", "confirm"), ("propose", "confirm"), ("impose", "reject"), ("propose", "reject"),
           ("ask_lift", "lift")),
    authority={DEPARTMENT: CREDIT},
)  # fmt: skip
