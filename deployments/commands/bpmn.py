"""bpmn: the processes as BPMN 2.0, for a modeller, an engine, an auditor."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import say
from deployments.commands.options import Json
from deployments.mistakes import Mistake

FOLDER = Path("docs/bpmn")


def register(app: typer.Typer) -> None:
    app.command("bpmn")(bpmn)


def bpmn(
    process: Annotated[str, typer.Argument(help="Print this process; without it files are checked or written.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say which files are out of date; exit code 1.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write what is out of date.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the files are.")] = FOLDER,
    json: Json = False,
) -> None:
    """Print a process as BPMN, or keep the files of all processes (.bpmn and .svg) up to date."""
    from processes import PROCESSES
    from processes import bpmn as files

    if process:
        if process not in PROCESSES:
            raise Mistake(f"There is no process {process!r}; there are {', '.join(PROCESSES)}.")
        print(files.to_bpmn(PROCESSES[process]), end="")
        return
    if check == write:
        raise Mistake(f"Name a process ({', '.join(PROCESSES)}), or give --check or --write.")
    before = files.unsaid(folder)
    changed = files.write(folder) if write else files.stale(folder)
    if json:
        say.json({"folder": folder, "written" if write else "stale": changed, "before": before})
    else:
        what = "written" if write else "out of date; `postloan bpmn --write` makes them anew"
        say.line(f"{folder}: {', '.join(changed)}: {what}." if changed else f"{folder}: all files are up to date.")
        for name, was in before.items():
            say.line(f"{name}: the page had the fingerprint {was}. If cases were made under it, name it on the page, "
                     f'before=(…, "{was}"), or audit and replay cannot read them.')  # fmt: skip
    if changed and not write:
        raise typer.Exit(1)
