"""outbox: messages that are not out, and why not."""

from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json, Limit
from deployments.settings import opened


def register(app: typer.Typer) -> None:
    app.command("outbox")(outbox)


def outbox(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    requeue: Annotated[bool, typer.Option("--requeue", help="Try what was given up again, from the start.")] = False,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List messages that wait or were given up, the latter first, each with what the other side said."""
    from dataclasses import asdict

    from tasks import deliver

    with opened() as (here, db):
        again = deliver.requeue(db, here.now()) if requeue else 0
        counts, letters = deliver.outbox(db)
    shown = [x for x in letters if x.state == "dead" or not dead]
    if json:
        say.json({"counts": counts, "requeued": again, "messages": [asdict(x) for x in shown]})
        return
    rows = [(x.person, x.channel, x.notices, x.state, x.tries, x.next_at, x.subject, x.error) for x in shown[:limit]]
    say.table(("to", "over", "about", "state", "tries", "next at", "subject", "why not"), rows)
    say.line(f"{counts['queued']:,} wait, {counts['dead']:,} given up, {counts['sent']:,} sent, "
             f"{counts['dropped']:,} no longer needed; {counts['open']:,} notices are not yet addressed.")  # fmt: skip
    if requeue:
        say.line(f"{again:,} messages are tried again by the next delivery.")
