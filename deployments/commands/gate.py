"""gate: may this be paid out? Asked before every payment; the answer is journaled."""

import secrets
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.intake import money
from deployments.commands.options import Json
from deployments.settings import opened


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
    """Say whether an amount may be paid out of a facility: allow (exit code 0), limit or refuse (1), and why.

    Where it can't answer (exit code 2), nothing may be paid either."""
    from deployments.sentences import sentence
    from tasks import books
    from tasks.gate import check

    with opened() as (here, db):
        clock = here.clock(here.business_date())
        found = check(db, facility, amount, clock, books.rules(db), person=person, key=key or secrets.token_hex(16))
        known = db.rows("SELECT currency FROM facility WHERE id = ?", facility)
        currency = str(known[0][0]) if known else ""
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
