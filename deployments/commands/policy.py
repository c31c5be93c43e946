"""policy: check the book, explain it for a facility, put a version in force by two people."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.commands import say
from deployments.commands.act import tell
from deployments.commands.options import AsOfToday, Json, Number, Who, day
from deployments.mistakes import Mistake
from deployments.settings import opened, policies

Folder = Annotated[Path | None, typer.Argument(help="Folder of the book; without it policies/.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The policy book: check, explain, propose, approve, show.", no_args_is_help=True)
    for command in (check, explain, propose, approve, show):
        group.command()(command)
    app.add_typer(group, name="policy")


def check(path: Folder = None, json: Json = False) -> None:
    """Say every mistake in the book's files, with file and line."""
    found = mistakes(path or policies())
    if json:
        say.json({"mistakes": found})
    else:
        for text in found or [f"The policy book in {path or policies()} has no mistake."]:
            say.line(text)
    if found:
        raise typer.Exit(1)


def mistakes(path: Path) -> list[str]:
    """All mistakes of a book, the timers that processes wait by included."""
    from models.policy import check as check_book
    from processes import PROCESSES

    if not path.is_dir():
        raise Mistake(f"{path} is no folder: name one that holds a policy book, as policies/.")
    return check_book(path, sorted({s.due for p in PROCESSES.values() for s in p.steps.values() if s.due}))


def explain(
    facility: Annotated[str, typer.Argument(help="Number of the facility.")],
    as_of: AsOfToday = None,
    json: Json = False,
) -> None:
    """Every rule that applies to a facility: what it says, where it stands, what it overrode."""
    import polars as pl

    from models.policy.explain import explain as explained
    from tasks import books
    from tasks.files import keep_conditions
    from tasks.run import newest_snapshot

    with opened() as (here, db):
        on = (as_of or here.business_date()).isoformat()
        snapshot = newest_snapshot(db, on)
        if not snapshot:
            raise Mistake(f"There is no snapshot up to {on}: import an extract with `postloan import`.")
        row = pl.scan_parquet(here.snapshots / f"{snapshot}.parquet").filter(pl.col("facility") == facility).collect()
        if not row.height:
            raise Mistake(f"The snapshot of {on} or before has no facility {facility}: check the number and the date.")
        conditions = pl.read_parquet(here.snapshots / f"{keep_conditions(db, here.snapshots)}.parquet")
        hash_ = books.in_force(db, on)
        lines = explained(books.book(db, hash_), row, conditions)
    if json:
        said = [{"topic": e.topic, "rule": e.rule, "says": e.says, "where": e.where, "source": e.source,
                 "overrode": e.overrode} for e in lines]  # fmt: skip
        say.json({"facility": facility, "as_of": on, "snapshot": snapshot, "book": hash_, "rules": said})
        return
    say.table(("topic", "rule", "says", "where", "overrode"),
              [(e.topic, e.rule, e.says, e.where, "\n".join(e.overrode)) for e in lines],
              f"{facility} on {on} by the book {hash_[:12]}")  # fmt: skip


def propose(
    effective_from: Annotated[date, typer.Option(parser=day, metavar="DATE", help="In force from this date.")],
    person: Who,
    reason: Annotated[str, typer.Option(help="Why, in your own words.")],
    path: Folder = None,
    json: Json = False,
) -> None:
    """Propose the book in the folder; another policy editor approves it."""
    from door.command import Command
    from models.policy import PolicyError, load
    from tasks import books

    folder = path or policies()
    if found := mistakes(folder):
        raise PolicyError(found)
    book = load(folder)
    said = {"book": book.hash, "effective_from": effective_from.isoformat(), "reason": reason}
    with opened() as (here, db):
        books.keep(db, book)
        command = Command(person, "propose_book", said, process="policy", subject="policy", book=book.hash)
        tell(here, db, command, json)


def approve(case: Number, person: Who, json: Json = False) -> None:
    """Put a proposed version in force; whoever proposed it may not."""
    from door.command import Command

    with opened() as (here, db):
        tell(here, db, Command(person, "approve_book", case=case), json)


def show(json: Json = False) -> None:
    """Versions of the book: in force from when, proposed and approved by whom; and what waits for approval."""
    with opened() as (_, db):
        rows = db.rows(
            "SELECT c.id, c.step, c.book, coalesce(b.version, ''), v.effective_from, "
            "(SELECT e.person FROM entry e WHERE e.stream = c.stream AND e.seq = 1), "
            "(SELECT e.person FROM entry e WHERE e.stream = c.stream AND e.action = 'approve_book') "
            "FROM cases c LEFT JOIN book b ON b.hash = c.book LEFT JOIN book_version v ON v.case_id = c.id "
            "WHERE c.process = 'policy' ORDER BY v.effective_from, c.id")  # fmt: skip
    names = ("case", "stands at", "book", "version", "in force from", "proposed by", "approved by")
    if json:
        said: list[dict[str, Any]] = [dict(zip((n.replace(" ", "_") for n in names), row, strict=True)) for row in rows]
        say.json({"versions": said})
        return
    say.table(names, [(row[0], row[1], row[2][:12], *row[3:]) for row in rows])
