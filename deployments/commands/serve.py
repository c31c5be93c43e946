"""up, down, deploy: the system as one supervised set, and Prefect's deployments as prefect.yaml says."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.commands.portal import PORT as PORTAL_PORT
from deployments.commands.run import api_of, quiet
from deployments.mistakes import Mistake
from deployments.settings import accounts, installation, opened, reached_at

if TYPE_CHECKING:
    from deployments.automations import Hook

PORT = 4200
PortalPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of the portal on 127.0.0.1; 0: it is not served.")
]
File = Annotated[Path, typer.Option(help="The deployments.")]


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("down")(down)
    app.command("deploy")(deploy)


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's server on 127.0.0.1.")] = PORT,
    file: File = Path("prefect.yaml"),
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Prefect's own pages.")] = True,
    portal_port: PortalPort = PORTAL_PORT,
    json: Json = False,
) -> None:
    """Start Prefect's server, a worker and the portal, deploy, and watch until Ctrl-C or `postloan down`."""
    accounts()  # a mistake in it is said before anything starts
    if portal_port:
        reached_at(f"http://127.0.0.1:{portal_port}")
    with opened() as (here, _):
        pass
    home = here.home.resolve()
    url = here.url if not here.url.startswith("sqlite") else f"sqlite:///{Path(here.url[10:]).resolve()}"
    os.environ |= {"POSTLOAN_DATABASE_URL": url, "POSTLOAN_HOME": str(home), "POSTLOAN_PORTAL": here.portal,
                   "POSTLOAN_BANK": here.bank, "POSTLOAN_ZONE": here.zone,
                   "POSTLOAN_TODAY": here.today().isoformat() if here.today else ""}  # fmt: skip  # for the parts
    quiet(home / "prefect")
    from deployments import serve

    tell = say.note if json else say.line
    if json:
        say.json(
            {"pid": os.getpid(), "prefect": f"http://127.0.0.1:{port}", "portal": here.portal if portal_port else None}
        )
    tell(f"Starting on http://127.0.0.1:{port}; Ctrl-C or `postloan down` stops it.")
    if portal_port:
        tell(f"The portal will be at {here.portal}.")
    sys.stdout.flush()
    serve.up(home / "prefect", port, file, ui, hook=hook(), portal=portal_port,
             say=say.note if json else lambda text: print(text, flush=True))  # fmt: skip


def down(json: Json = False) -> None:
    """Stop what `postloan up` started; runs that are under way get a minute to end."""
    home = installation().home.resolve() / "prefect"
    quiet(home)
    from deployments import serve

    stopped = serve.down(home)
    if json:
        say.json({"stopped": stopped})
    else:
        say.line("It is down." if stopped else "Nothing was up.")


def hook() -> "Hook":
    """Where this installation's portal takes Prefect's alerts."""
    from deployments.automations import Hook

    here = installation()
    return Hook(f"{here.portal}/hooks/prefect", here.hook_secret())


def deploy(file: File = Path("prefect.yaml"), json: Json = False) -> None:
    """Make the deployments on Prefect's server equal to the file: what left the file goes, twice is once."""
    from dataclasses import asdict

    home = installation().home.resolve() / "prefect"
    api = os.environ.get("PREFECT_API_URL") or api_of(home)
    if not api:
        raise Mistake("No Prefect server is up: start it with `postloan up`, or name one by PREFECT_API_URL.")
    quiet(home)
    from deployments.deploy import deploy as deployed

    done = asdict(asyncio.run(deployed(file, api, hook())))
    if json:
        say.json(done)
    else:
        say.table(
            ("deployments", "number", "names"), [(what, len(names), ", ".join(names)) for what, names in done.items()]
        )
