"""init, staff: a database that can be worked with, and the people who work in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.settings import installation, opened, policies

if TYPE_CHECKING:
    from door.db import Db
    from tasks.house import House


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("staff")(staff)


def init(
    sample_staff: Annotated[
        bool, typer.Option("--sample-staff", help="Also load policies/staff/sample.yaml, for a trial.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the database, or bring it to the newest schema; compile and store the policy book.

    Two policy editors put the book in force: `postloan policy propose`, `postloan policy approve`."""
    from door.schema import create
    from tasks import books, staffing

    here = installation()
    from models.policy import load

    book = load(policies())
    here.home.mkdir(parents=True, exist_ok=True)
    create(here.url)
    with here.db() as db, db.transaction():
        staffing.write(db, staffing.Roster(), book.calendar)
        books.keep(db, book)
        people = _load(here, db, policies() / "staff" / "sample.yaml") if sample_staff else None
        versions = db.rows("SELECT count(*) FROM book_version")[0][0]
    if json:
        say.json({"database": _shown(here.url), "home": here.home, "book": book.hash, "version": book.version,
                  "in_force": versions > 0, "people": people})  # fmt: skip
        return
    say.line(f"The database {_shown(here.url)} is ready; the policy book {book.version} ({book.hash[:12]}) is stored.")
    if people is not None:
        say.line(f"The sample staff is loaded: {people} people.")
    if not versions:
        say.line(
            "No book is in force yet: `postloan policy propose` and, by another person, `postloan policy approve`."
        )


def staff(file: Annotated[Path, typer.Argument(help="Staff list, YAML.")], json: Json = False) -> None:
    """Load a staff list: units, people, roles, deputies, contracts, conditions set at approvals. Whoever it does not name
    stays as he is."""
    from tasks import books
    from tasks.alone import tell_alone
    from tasks.sentences import words

    with opened() as (here, db):
        with db.transaction():
            people = _load(here, db, file)
        _, alone = tell_alone(db, books.rules(db), here.clock(here.business_date()))
    if json:
        say.json({"people": people, "nobody": [s.id for s in alone]})
        return
    say.line(f"{file}: {people} people are as the list says.")
    if alone:
        say.table(("case", "of", "waits at"), [(s.id, s.subject, words(s.step)) for s in alone],
                  "Nobody may do these any more; operations is told:")  # fmt: skip


def _load(here: "House", db: "Db", file: Path) -> int:
    from deployments import stafflist
    from tasks import books

    found = stafflist.read(file)
    stafflist.write(db, found, lambda: books.book(db, books.in_force(db, here.business_date().isoformat())))
    return len(found.staff.persons)


def _shown(url: str) -> str:
    """The URL without its password."""
    head, at, tail = url.rpartition("@")
    user, colon, _ = head.rpartition(":")
    return f"{user}:***@{tail}" if at and colon and not user.endswith("postgresql") else url
