"""Policy: a version of the book, proposed by one person and put in force by another, from a date."""

from models import forms as f
from models.process import END, START, USER, Do, Process, Step

DEPARTMENT, EDITOR = "department", "policy_editor"

POLICY = Process(
    name="policy",
    start="start",
    stream="policy",
    facts=("book", "effective_from"),
    steps={
        "start": Step(START, DEPARTMENT, EDITOR, does=(
            Do("propose_book", "approve", f.BookProposal),)),
        "approve": Step(USER, DEPARTMENT, EDITOR, due="policy.approve", does=(
            Do("approve_book", "approved", rows={"book_version": ""}),
            Do("reject_book", "rejected", f.Reason))),
        "approved": Step(END),
        "rejected": Step(END),
    },
    apart=(("propose_book", "approve_book"),),
    authority={DEPARTMENT: EDITOR},
)  # fmt: skip
