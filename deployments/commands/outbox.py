"""outbox: messages that are not out, and why not."""

from collections.abc import Sequence
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json, Limit
from deployments.settings import opened

NAMED = 5  # people without a channel, in the note


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
        (counts, letters), unreached = deliver.outbox(db), deliver.unreached(db)
    shown = [x for x in letters if x.state == "dead" or not dead]
    if json:
        without = [person for person, _ in unreached]
        say.json(
            {"counts": counts, "requeued": again, "without_channel": without, "messages": [asdict(x) for x in shown]}
        )
        return
    rows = [(x.person, x.channel, x.notices, x.state, x.tries, x.next_at, x.subject, x.error) for x in shown[:limit]]
    say.table(("to", "over", "about", "state", "tries", "next at", "subject", "why not"), rows)
    say.line(f"{counts['queued']:,} wait, {counts['dead']:,} given up, {counts['sent']:,} sent, "
             f"{counts['dropped']:,} no longer needed; {counts['open']:,} notices are not yet addressed.")  # fmt: skip
    tell_of(unreached)
    if requeue:
        say.line(f"{again:,} messages are tried again by the next delivery.")


def tell_of(unreached: Sequence[tuple[str, int]]) -> None:
    """Whose messages wait because he has no channel, in one note."""
    if unreached:
        who = ", ".join(person for person, _ in unreached[:NAMED]) + (", …" if len(unreached) > NAMED else "")
        say.note(f"{sum(n for _, n in unreached):,} messages wait because {len(unreached):,} people have no channel "
                 f"({who}): give them one under `channels` in a staff list (`postloan staff`), or on the portal's pages "
                 "of the staff.")  # fmt: skip
