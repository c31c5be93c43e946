"""demo: an invented bank lives a quarter."""

import secrets
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from deployments import ports
from deployments.commands import say
from deployments.commands.options import Json
from deployments.commands.run import quiet
from deployments.commands.serve import PORT, PORTAL_PORT, up
from deployments.mistakes import Mistake
from deployments.settings import Chosen, choose

HOME = Path("var/demo")


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed, the same bank and the same quarter.")] = 1,
    loans: Annotated[int, typer.Option(min=50, help="How many loans the bank has.")] = 2000,
    once: Annotated[bool, typer.Option("--once", help="End when the quarter is lived; without it the system stays up.")]
    = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's server on 127.0.0.1.")] = PORT,
    portal_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the portal on 127.0.0.1.")] = PORTAL_PORT,
    database: Annotated[
        str, typer.Option(metavar="URL", help="Another database, empty or an earlier demo's; without it var/demo/postloan.db.")
    ] = "",
    json: Json = False,
) -> None:  # fmt: skip
    """Let an invented bank live a quarter through the real flows and the real door, and say what happened."""
    from door.db import connect

    url = database or f"sqlite:///{HOME / 'postloan.db'}"
    if not url.startswith("sqlite"):
        connect(url).close()  # before a minute is spent
    HOME.mkdir(parents=True, exist_ok=True)  # Prefect warns where it can't make its folder in there
    quiet(HOME.resolve() / "prefect")
    from deployments.demo import last_day, live, of_others
    from deployments.mailbox import Mailbox
    from deployments.serve import server, status

    if database and of_others(url):
        raise Mistake(
            "The database of --database holds what no demo made, and a demo would empty it: name an empty one."
        )
    if state := status(HOME / "prefect"):  # it would lose its database
        raise Mistake(f"The demo is already up (process {state.pid}): `postloan --home {HOME} down` stops it.")
    if not once:  # said before a minute is spent
        ports.check(port)
        ports.check(portal_port, "--portal-port")

    home, portal = HOME.resolve(), f"http://127.0.0.1:{portal_port}"
    with Mailbox(home / "mail") as mailbox:
        with say.progress() as bar:
            job = bar.add_task("starting", total=None)
            done = live(seed, loans, url, home, server(home / "prefect"),
                        lambda what, part, whole: bar.update(job, description=what, completed=part, total=whole),
                        mail=mailbox.address, portal=portal, goes_on=not once)  # fmt: skip
        if json:
            say.json(done.as_json())
        else:
            say.table(("a quarter of an invented bank", "number"),
                      [(name.replace("_", " "), n) for name, n in done.as_json().items()])  # fmt: skip
        if not once:
            choose(Chosen(url, HOME, last_day(), portal))
            _accounts(url, last_day(), portal)
            say.line(f"Letters to its people come to {home / 'mail'}.")
            up(port, portal_port=portal_port)


def _accounts(url: str, day: date, portal: str) -> None:
    from deployments.demo import accounts
    from door.db import connect

    password = secrets.token_hex(6)
    with connect(url) as db:
        found = accounts(db, day, password)
    say.table(("role", "staff ID", "password", "items that wait"),
              [(role.replace("_", " "), person, password, n) for role, person, n in found],
              f"Its people, who sign in at {portal}; there it is {day}")  # fmt: skip
