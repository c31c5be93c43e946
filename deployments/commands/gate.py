"""gate: may this be paid out?"""

from typing import Annotated

import typer

from deployments.commands.options import Json


def register(app: typer.Typer) -> None:
    app.command("gate")(gate)
