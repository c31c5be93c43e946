"""bench: how fast it is, beside a floor measured in the same run."""

from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.mistakes import Mistake


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


def bench(
    only: Annotated[str, typer.Option(help="One measurement, as lifecycles.")] = "",
    backend: Annotated[str, typer.Option(help="sqlite or postgresql; without it both.")] = "",
    server: Annotated[
        str, typer.Option(metavar="URL", help="A PostgreSQL server to measure on; without it one of our own.")
    ] = "",
    small: Annotated[bool, typer.Option("--small", help="A quick look; the numbers mean little.")] = False,
    json: Json = False,
) -> None:
    """Measure, in databases that are made for it and gone afterwards."""
    from deployments.bench import FULL, MEASURES, SMALL, report
    from deployments.bench.measure import BACKENDS

    if only and only not in MEASURES:
        raise Mistake(f"There is no measurement {only!r}; there are {', '.join(MEASURES)}.")
    if backend and backend not in BACKENDS:
        raise Mistake(f"There is no backend {backend!r}; there are {', '.join(BACKENDS)}.")
    backends = (backend,) if backend else BACKENDS
    found = report(backends, only, SMALL if small else FULL, server, say.note)
    if json:
        say.json(found)
        return
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    say.table(("what", *found), [(name, *(values.get(name) for values in found.values())) for name in names])
