"""gate: may this be paid out? Asked by core banking before a disbursement."""

import typer


def register(app: typer.Typer) -> None:
    pass
