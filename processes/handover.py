"""Hand-over: responsibility for a borrower passes from one account manager to another, who takes it himself."""

from models import forms as f
from models.process import END, START, USER, Do, Process, Step

HANDOVER = Process(
    name="handover",
    start="start",
    stream="party",
    facts=("manager", "since"),
    steps={
        "start": Step(START, "branch", "branch_head", of_unit=True, does=(
            Do("hand_over", "take_over", f.HandOver),)),
        "take_over": Step(USER, "branch", "account_manager", whose="manager", due="handover", does=(
            Do("take_over", "taken", rows={"responsible": ""}),
            Do("decline", "declined", f.Reason))),
        "taken": Step(END),
        "declined": Step(END),
    },
    apart=(("hand_over", "take_over"),),
    authority={"branch": "branch_head"},
)  # fmt: skip
