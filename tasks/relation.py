"""Somebody declares that he is related to a borrower, as the staff list may say it of him: the door then lets him do
nothing on that borrower's cases (door/decide.py)."""

from door import store
from door.act import act, in_one
from door.command import Clock, Command, Rules
from door.db import Db
from tasks.alone import open_of, tell_alone_of
from tasks.roster import Change, save


def declare(db: Db, rules: Rules, clock: Clock, person: str, subject: str, says: str) -> None:
    """By himself and for himself, once. What he holds of the borrower goes back to where it came from; where nobody is left
    who may do something of it, operations is told."""
    made = Change("relation_declared", f"staff:{person}", {"subject": subject, "says": says}, [
        ("INSERT INTO relation (person, subject) VALUES (?, ?)", (person, subject))])  # fmt: skip

    def written() -> None:
        store.lock_cases(db, open_of(db, subject), clock.business_date)  # what he does there now is done before, or not
        if db.rows("SELECT 1 FROM relation WHERE person = ? AND subject = ?", person, subject):
            return
        save(db, made, person, clock)
        held = db.rows("SELECT case_id FROM item WHERE holder = ? AND subject = ? ORDER BY case_id", person, subject)
        act(db, [Command(person, "hand_back", case=case) for (case,) in held], clock, rules)

    in_one(db, written)
    tell_alone_of(db, rules, clock, subject)
