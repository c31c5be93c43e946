"""demo: an invented bank lives a quarter."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.commands.run import quiet
from deployments.commands.serve import PORT, up
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
    database: Annotated[
        str, typer.Option(metavar="URL", help="Another database, which is emptied; without it var/demo/postloan.db.")
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
    from deployments.demo import live

    with say.progress() as bar:
        job = bar.add_task("starting", total=None)
        done = live(seed, loans, url, HOME.resolve(), port,
                    lambda what, part, whole: bar.update(job, description=what, completed=part, total=whole))  # fmt: skip
    if json:
        say.json(done.as_json())
    else:
        say.table(("a quarter of an invented bank", "number"),
                  [(name.replace("_", " "), n) for name, n in done.as_json().items()])  # fmt: skip
    if not once:
        choose(Chosen(url, HOME))
        up(port)
