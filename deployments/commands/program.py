"""program: what other systems call the API with. A token names a program, in whose name it acts, what it may, until when."""

from datetime import date
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json, day
from deployments.mistakes import Mistake
from deployments.settings import opened

Called = Annotated[str, typer.Argument(metavar="NAME", help="As the journal names it, for example core-banking.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Programs that call the API, each with a token of its own.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_)
    group.command("end")(end)
    app.add_typer(group, name="program")


def add(
    name: Called,
    scope: Annotated[list[str], typer.Option(metavar="SCOPE", help="What it may. Repeat for several.")],
    until: Annotated[date, typer.Option(parser=day, metavar="DATE", help="Its last day.")],
    person: Annotated[
        str, typer.Option("--person", "-p", metavar="ID", help="In whose name it acts; without it in nobody's.")
    ] = "",
    json: Json = False,
) -> None:
    """Make a program's token. It is shown this once, and stored as its hash alone."""
    from door.act import note
    from door.command import SYSTEM
    from portal.api.caller import issue
    from tasks.gate import NAME

    with opened() as (here, db):
        if not NAME.fullmatch(name) or db.rows("SELECT 1 FROM person WHERE id = ?", name):
            raise Mistake(
                f"{name!r} can't be a program's name: write letters, digits, . _ : -, and none of the staff's IDs."
            )
        if db.rows("SELECT 1 FROM machine WHERE name = ?", name):
            raise Mistake(f"There is a program {name} already: `postloan program end {name}` ends it.")
        if person and not db.rows("SELECT 1 FROM person WHERE id = ?", person):
            raise Mistake(f"There is no person {person!r}: load him with `postloan staff`, or check the name.")
        if until < here.business_date():
            raise Mistake(f"{until} is over already: name a later day.")
        with db.transaction():
            try:
                secret = issue(db, name, person, scope, until)
            except ValueError as e:
                raise Mistake(str(e)) from None
            said = {"person": person, "scopes": sorted(scope), "ends_on": until.isoformat()}
            note(db, f"program:{name}", "program_added", SYSTEM, said, here.clock(here.business_date()))
    if json:
        say.json({"name": name, "token": secret})
    else:
        say.line(f"{name} calls {here.portal}/api/v1 with the header Authorization: Bearer {secret}")
        say.line("The token is not shown again.")


def list_(json: Json = False) -> None:
    """List the programs, what each may, and until when."""
    with opened() as (_, db):
        rows = db.rows("SELECT name, person, scopes, ends_on FROM machine ORDER BY name")
    columns = ("name", "person", "scopes", "until")
    if json:
        say.json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        say.table(columns, rows)


def end(name: Called, json: Json = False) -> None:
    """End a program: from now on its token is not known."""
    from door.act import note
    from door.command import SYSTEM

    with opened() as (here, db), db.transaction():
        if not db.run("DELETE FROM machine WHERE name = ?", name):
            raise Mistake(f"There is no program {name!r}: `postloan program list` lists them.")
        note(db, f"program:{name}", "program_ended", SYSTEM, {}, here.clock(here.business_date()))
    if json:
        say.json({"ended": name})
    else:
        say.line(f"{name} has ended.")
