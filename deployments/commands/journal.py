"""journal, rebuild: the record out of the house, looked at, and an empty database made from it again."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.mistakes import Mistake
from deployments.settings import opened


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The journal: export it, show one stream.", no_args_is_help=True)
    group.command()(export)
    group.command()(show)
    app.add_typer(group, name="journal")
    app.command("rebuild")(rebuild)


def export(
    file: Annotated[Path, typer.Argument(help="Where to; - is the standard output. An existing file is replaced.")],
    json: Json = False,
) -> None:
    """Write the whole journal as JSON lines; docs/journal.md says how a stranger checks them."""
    from door.rebuild import export as lines

    with opened() as (_, db), _replaced(file) as out:
        n = 0
        for text in lines(db):
            out.write(text + "\n")
            n += 1
    if json and str(file) != "-":
        say.json({"file": file, "lines": n})
    else:
        say.note(f"{n:,} lines are in {file}.")


@contextmanager
def _replaced(file: Path) -> Iterator[IO[str]]:
    """A file that is there whole or, where anything fails, as it was; devices and pipes are written to as they are."""
    if str(file) == "-":
        yield sys.stdout
        return
    if file.exists() and not file.is_file():
        with file.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        return
    half = file.with_name(f".{file.name}.half")
    try:
        with half.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


def show(
    stream: Annotated[str, typer.Argument(help="As case:12, run:3, person:lee, policy:1, draw:2026Q1.")],
    json: Json = False,
) -> None:
    """Show the entries of one stream with their hashes."""
    from door.journal import COLUMNS, intact
    from tasks.sentences import instant, words

    with opened() as (_, db):
        rows = db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq", stream)
    if not rows:
        raise Mistake(f"The journal has no stream {stream}: write it as case:12, run:3 or person:lee.")
    if json:
        say.json({"stream": stream, "entries": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
        return
    entries = [dict(zip(COLUMNS, row, strict=True)) | {"intact": intact(row)} for row in rows]
    say.table(
        ("seq", "at", "business date", "by", "did", "then at", "hash", "payload"),
        [(e["seq"], instant(e["recorded_at"]), e["business_date"], e["person"], words(e["action"]), words(e["step"]),
          e["hash"][:16] + ("" if e["intact"] else " DOES NOT FIT"), _short(e["payload"])) for e in entries],
        stream,
    )  # fmt: skip


def _short(payload: str | None) -> str:
    return "(erased)" if payload is None else payload if len(payload) <= 200 else f"{payload[:200]} …"


def rebuild(
    file: Annotated[Path, typer.Argument(help="An export; - is the standard input.")],
    database: Annotated[str, typer.Option("--database", metavar="URL", help="The new, empty database.")],
    key: Annotated[
        Path | None, typer.Option(help="Public key of the anchors (.pub); without it signatures are not checked.")
    ] = None,
    json: Json = False,
) -> None:
    """Make cases, items and ledgers from an export, in an empty database; all of it, or nothing."""
    from door.anchor import verifier
    from door.db import connect
    from door.rebuild import rebuild as rebuilt
    from door.schema import create
    from processes import PROCESSES

    verify = verifier(key) if key else None
    with _lines(file) as lines:
        create(database)
        with connect(database) as db:
            found = rebuilt(lines, db, PROCESSES, verify)
    if json:
        say.json({"entries": found.entries, "streams": found.streams, "erased": len(found.erased)})
    else:
        say.line(f"{found.entries:,} entries in {found.streams:,} streams verify; the tables are made from them. Load "
                 "staff, extracts and the policy book as ever.")  # fmt: skip


@contextmanager
def _lines(file: Path) -> Iterator[Iterable[str]]:
    if str(file) == "-":
        yield sys.stdin
        return
    with file.open(encoding="utf-8") as lines:
        yield _text(file, lines)


def _text(file: Path, lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError:
        raise Mistake(f"{file} is not UTF-8 text: it is no export of a journal.") from None
