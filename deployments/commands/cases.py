"""cases, case: what there is, and one of it whole: facts, item, who may act, its story from the journal."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import say
from deployments.commands.options import Json, Limit, Number
from deployments.mistakes import Mistake
from deployments.settings import opened

if TYPE_CHECKING:
    from door.command import Rules
    from door.db import Db
    from door.fold import State
    from models.process import Do


def register(app: typer.Typer) -> None:
    app.command("cases")(cases)
    app.command("case")(case)


def cases(
    process: Annotated[str, typer.Option(help="inspection, control, order, handover, policy or run.")] = "",
    step: Annotated[str, typer.Option(help="Where the case stands.")] = "",
    borrower: Annotated[str, typer.Option(help="Number of the borrower.")] = "",
    open_: Annotated[
        bool | None, typer.Option("--open/--closed", help="Only open or only closed ones; without it both.")
    ] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List cases, the open ones first, by deadline. Runs are listed with --process run."""
    wanted = [("c.process = ?", process), ("c.step = ?", step), ("c.subject = ?", borrower)]
    conditions = [(sql, value) for sql, value in wanted if value]
    where = " AND ".join(["1 = 1", *(sql for sql, _ in conditions)])
    where += "" if process else " AND c.process <> 'run'"
    where += {None: "", True: " AND c.closed_on IS NULL", False: " AND c.closed_on IS NOT NULL"}[open_]
    values = [value for _, value in conditions]
    with opened() as (_, db):
        n = db.rows(f"SELECT count(*) FROM cases c WHERE {where}", *values)[0][0]
        rows = db.rows(
            "SELECT c.id, c.process, c.subject, coalesce(b.name, ''), c.step, i.due_on, coalesce(i.holder, i.owner), "
            "c.opened_on, c.closed_on FROM cases c LEFT JOIN item i ON i.case_id = c.id "
            f"LEFT JOIN borrower b ON b.id = c.subject WHERE {where} "
            "ORDER BY c.closed_on IS NOT NULL, i.due_on IS NULL, i.due_on, c.id LIMIT ?", *values, limit)  # fmt: skip
    names = ("case", "process", "subject", "name", "step", "due", "whose", "opened", "closed")
    if json:
        say.json({"number": n, "cases": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    say.table(names, rows)
    say.line(f"{n:,} cases." if n <= limit else f"{n:,} cases; the first {limit} are shown.")


def case(id_: Number, json: Json = False) -> None:
    """Show a case: facts, who may act and how, and what happened."""
    from tasks import books
    from tasks.sentences import instant, words

    with opened() as (here, db):
        rules, day = books.rules(db), here.business_date().isoformat()
        s = state_of(db, id_)
        text, able = stands(db, rules, s, day)
        acts = [(do.name, asked(do)) for do in _offered(rules, s)]
        story = db.rows("SELECT seq, recorded_at, business_date, person, on_behalf_of, action, step, run, payload "
                        "FROM entry WHERE stream = ? ORDER BY seq", s.stream)  # fmt: skip
        below = db.rows("SELECT id, process, step FROM cases WHERE parent = ? ORDER BY id", id_)
    if json:
        say.json({"case": id_, "process": s.process, "subject": s.subject, "step": s.step, "seq": s.seq,
                  "due_on": s.due_on, "opened_on": s.opened_on, "closed_on": s.closed_on, "book": s.book,
                  "parent": s.parent, "holder": s.holder, "owner": s.owner, "facts": s.facts, "able": able,
                  "acts": dict(acts), "story": [dict(zip(_ENTRY, row, strict=True)) for row in story]})  # fmt: skip
        return
    say.line(f"{words(s.process).capitalize()} {id_} on {s.subject} {text}.")
    if s.parent is not None:
        say.line(f"It came from case {s.parent}.")
    for child, process, step in below:
        say.line(f"From it came {process} {child}, which stands at {words(step)}.")
    say.table(("fact", "value"), [(words(name).strip(), value) for name, value in s.facts.items()])
    if acts and s.closed_on is None:
        say.table(("what may be done", "what it asks for (? where it may be left out)"), acts)
    lines = [(row[0], instant(row[1]), _by(row), words(row[5]), words(row[6]), _said(row[8])) for row in story]
    say.table(("entry", "at", "by", "did", "then at", "with"), lines)


_ENTRY = ("seq", "recorded_at", "business_date", "person", "on_behalf_of", "action", "step", "run", "payload")


def state_of(db: "Db", case: int) -> "State":
    """Raises Mistake where there is no such case."""
    from door.store import read_case

    if (s := read_case(db, case)) is None:
        raise Mistake(f"There is no case {case}: `postloan cases` lists them.")
    return s


def stands(db: "Db", rules: "Rules", s: "State", day: str) -> tuple[str, list[str]]:
    """Where a case stands, as the end of a sentence, and who may act on its item."""
    from door.eligible import eligible
    from models.process import END, USER
    from tasks.sentences import words

    step = rules.processes[s.process].steps[s.step]
    if step.kind == END:
        return f"has ended: {words(s.step)}", []
    if step.kind != USER:
        return f"stands at {words(s.step)}, for the next run of {stage_of(s) or 'its stage'}", []
    able = eligible(db, rules, s.id, day)
    due = f", due {s.due_on}" if s.due_on else ""
    held = f", on hold until {s.held_until}" if s.held_until and day < s.held_until else ""
    who = f"may act: {', '.join(able[:8])}{' …' if len(able) > 8 else ''}" if able else "nobody may act"
    return f"waits at {words(s.step)} ({words(step.role)}){due}{held}; {who}", able


def stage_of(s: "State") -> str:
    """The stage whose runs take the case from where it stands; empty where none does."""
    from tasks.services import SERVICES

    return SERVICES[s.step].stage if s.process == "inspection" and s.step in SERVICES else ""


def asked(do: "Do") -> str:
    """The fields of an act's form."""
    fields = do.form.model_fields.items()
    return ", ".join(name if field.is_required() else f"{name}?" for name, field in fields) or "nothing"


def _offered(rules: "Rules", s: "State") -> "list[Do]":
    from models.process import USER

    step = rules.processes[s.process].steps[s.step]
    return [do for do in step.does if do.name != step.late] if step.kind == USER else []


def _by(row: tuple[Any, ...]) -> str:
    behalf = f" for {row[4]}" if row[4] else ""
    return f"{row[3]}{behalf}" + (f" (run {row[7]})" if row[7] is not None else "")


def _said(payload: str | None) -> str:
    """The reason, text or other words of a payload, in short."""
    import json

    if payload is None:
        return "(erased)"
    found = json.loads(payload)
    told = [f"{name} {found[name]}" for name in _TOLD if found.get(name) not in (None, "")]
    told += [f"{d['code']} {d['where']}" for d in found.get("defects", ())[:4]]
    return ", ".join([*told, *(str(found[name]) for name in _WHY if found.get(name))][:4])[:160]


_TOLD = ("outcome", "level", "own_level", "proposed_level", "kind", "path", "to", "until", "vendor", "inspector")
_WHY = ("reason", "text", "says", "because", "why", "note")
