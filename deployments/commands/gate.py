"""gate: may this be paid out? Asked before every payment; the answer is journaled."""

import os
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import say
from deployments.commands.intake import money
from deployments.commands.options import Json
from deployments.mistakes import Mistake, sentence_of
from deployments.settings import opened

if TYPE_CHECKING:
    from door.db import Db
    from tasks.gate import Answer
    from tasks.house import House


def register(app: typer.Typer) -> None:
    app.command("gate")(gate)


def gate(
    facility: Annotated[str, typer.Argument(help="Number of the facility.")],
    amount: Annotated[int, typer.Option(help="What is to be paid, in minor units of the facility's currency.")],
    key: Annotated[str, typer.Option(help="Number of the payment: the same key gets the first answer again.")] = "",
    person: Annotated[
        str, typer.Option("--person", "-p", metavar="NAME", help="Who asks, as it stands in the journal.")
    ] = "core-banking",
    json: Json = False,
) -> None:
    """Say whether an amount may be paid out of a facility, and why not: allow (exit code 0), limit (no more than
    `allowed`) or refuse (both 1: what was asked may not be paid as it is).

    Where it can't answer, as without a database, the answer is refuse: then nothing is journaled either."""
    from tasks.sentences import sentence

    currency = ""
    try:
        with opened() as (here, db):
            found = _asked(here, db, facility, amount, key or secrets.token_hex(16), person)
            currency = next((row[0] for row in db.rows("SELECT currency FROM facility WHERE id = ?", facility)), "")
    except Exception as error:
        if os.environ.get("POSTLOAN_TRACE"):
            raise
        found = _unanswered(sentence_of(error)[0])
    says = [sentence(reason) for reason in found.reasons]
    if json:
        reasons = [{"code": r.code, "facts": dict(r.facts), "says": text}
                   for r, text in zip(found.reasons, says, strict=True)]  # fmt: skip
        say.json({"facility": facility, "amount": amount, "outcome": found.outcome, "allowed": found.allowed,
                  "reasons": reasons, "seq": found.seq, "hash": found.hash, "repeated": found.repeated})  # fmt: skip
    else:
        what = {"allow": "All of it may be paid", "limit": f"No more than {money(found.allowed, currency)} may be paid",
                "refuse": "Nothing may be paid"}[found.outcome]  # fmt: skip
        say.line(" ".join([f"{found.outcome.capitalize()}: {what}.", *says]))
    if found.outcome != "allow":
        raise typer.Exit(1)


def _asked(here: "House", db: "Db", facility: str, amount: int, key: str, person: str) -> "Answer":
    from door.command import SYSTEM
    from tasks import books
    from tasks.gate import NAME, check

    if person == SYSTEM or not NAME.fullmatch(person):
        raise Mistake(f"{person!r} is no name of who asks: write it as --person core-banking.")
    clock = here.clock(here.business_date())
    return check(db, facility, amount, clock, books.rules(db), here.snapshots, person=person, key=key)


def _unanswered(says: str) -> "Answer":
    """Closed where nobody can look: no entry, hence no number and no hash."""
    from door.command import Refused
    from tasks.gate import Answer

    return Answer("refuse", 0, (Refused("unanswered", {"says": says}),), 0, "")
