"""portal, password, forget-account: the pages where people act, and how they come to sign in."""

import os
import sys
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.commands.run import api_of
from deployments.mistakes import Mistake
from deployments.settings import accounts, opened, reached_at

PORT = 8080
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the portal on 127.0.0.1.")]


def register(app: typer.Typer) -> None:
    app.command("portal")(portal)
    app.command("password")(password)
    app.command("forget-account")(forget_account)


def portal(port: Port = PORT) -> None:
    """Serve the portal until Ctrl-C; `postloan up` serves it together with the rest."""
    reached_at(f"http://127.0.0.1:{port}")
    provider = accounts()
    with opened() as (here, _):
        pass
    from deployments.portal import serve

    say.line(f"The portal is at {here.portal}; Ctrl-C stops it.")
    sys.stdout.flush()
    home = here.home.resolve() / "prefect"
    serve(here, port, lambda: os.environ.get("PREFECT_API_URL") or api_of(home), provider)


def password(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose password is set.")],
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from the first line of the standard input.")] = False,
    json: Json = False,
) -> None:
    """Set a person's password for the portal; it is asked twice, and whoever is signed in as him is signed out."""
    from door.act import note
    from door.command import SYSTEM
    from portal.who import access

    with opened() as (here, db):
        if not db.rows("SELECT 1 FROM person WHERE id = ?", person):
            raise Mistake(f"There is no person {person!r}: load him with `postloan staff`, or check the name.")
        said = _read() if stdin else typer.prompt("Password", hide_input=True, confirmation_prompt="Once more")
        with db.transaction():
            try:
                access.set_password(db, person, said)
            except ValueError as e:
                raise Mistake(str(e)) from None
            ended = access.sign_out_everywhere(db, person)
            note(db, f"person:{person}", "password_set", SYSTEM, {}, here.clock(here.business_date()))
    if json:
        say.json({"person": person, "sessions_ended": ended})
    else:
        say.line(f"{person} signs in with the new password from now on.")


def forget_account(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose account at the bank's account service.")],
    json: Json = False,
) -> None:
    """Forget with which account of the bank's account service a person signed in: the next one that says his staff ID is
    his. Whoever is signed in as him is signed out."""
    from door.act import note
    from door.command import SYSTEM
    from portal.who import access

    with opened() as (here, db), db.transaction():
        if not access.forget_account(db, person):
            raise Mistake(f"No account is known of {person!r}: check the name, or there is nothing to forget.")
        ended = access.sign_out_everywhere(db, person)
        note(db, f"person:{person}", "account_forgotten", SYSTEM, {}, here.clock(here.business_date()))
    if json:
        say.json({"person": person, "sessions_ended": ended})
    else:
        say.line(f"The next account that says the staff ID {person} is his.")


def _read() -> str:
    try:
        line = typer.get_binary_stream("stdin").readline().decode()
    except UnicodeDecodeError:
        raise Mistake("The password on the standard input is not UTF-8 text.") from None
    return line.rstrip("\r\n")
