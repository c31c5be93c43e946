"""inbox: what waits for a person."""

import typer

from deployments.commands import say
from deployments.commands.options import Json, Limit, Who
from deployments.mistakes import Mistake
from deployments.settings import opened


def register(app: typer.Typer) -> None:
    app.command("inbox")(inbox)


def inbox(person: Who, limit: Limit = 50, json: Json = False) -> None:
    """List the items that a person may act on, by deadline, also those of the absent whom he stands in for."""
    from door.command import Refused
    from tasks import books
    from tasks.inbox import inbox as waiting
    from tasks.sentences import sentence, words

    with opened() as (here, db):
        day = here.business_date().isoformat()
        found = waiting(db, books.rules(db), person, day)
    if isinstance(found, Refused):
        raise Mistake(sentence(found))
    if json:
        say.json({"person": person, "day": day, "items": [
            {"case": w.state.id, "process": w.state.process, "step": w.state.step, "subject": w.state.subject,
             "kind": w.state.facts.get("kind"), "due_on": w.state.due_on, "late": w.late, "holder": w.state.holder,
             "on_behalf_of": w.behalf, "held_until": w.state.held_until} for w in found]})  # fmt: skip
        return
    rows = [(w.state.id, words(w.state.process), words(w.state.step), w.state.subject, w.borrower,
             w.state.facts.get("kind", ""), w.state.due_on, _late(w.late), w.behalf,
             "in hand" if w.state.holder else "") for w in found[:limit]]  # fmt: skip
    say.table(("case", "process", "step", "subject", "name", "kind", "due", "", "for", ""), rows)
    more = f"; the first {limit} are shown" if len(found) > limit else ""
    late = sum(1 for w in found if (w.late or 0) > 0)
    what = "item waits" if len(found) == 1 else "items wait"
    say.line(f"{len(found):,} {what} for {person} on {day}, {late:,} of them late{more}.")


def _late(days: int | None) -> str:
    if days is None:
        return ""
    if days > 0:
        return f"late by {days} day{'s' * (days > 1)}"
    return {0: "due today", -1: "due tomorrow"}.get(days, "")
