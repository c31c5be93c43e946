"""run: one stage, or the bank's whole day, on a date; through Prefect, so that every run is on record there too."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import say
from deployments.commands.options import AsOf, Json
from deployments.commands.outbox import tell_of
from deployments.mistakes import Mistake
from deployments.settings import opened

if TYPE_CHECKING:
    from door.db import Db
    from tasks.house import House

STAGES = {
    "inspection": "scheduled_inspection",
    "collection": "outsourced_collection",
    "review": "manager_review",
    "verification": "four_eyes_verification",
    "escalation": "escalation",
    "deadlines": "deadlines",
    "delivery": "delivery",
    "audit": "nightly_audit",
    "lifecycle": "lifecycle",
}
UNLIMITED = ("delivery", "nightly_audit", "lifecycle")
SHOWN = 20  # rows of a dry run that are printed


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    stage: Annotated[str, typer.Argument(help=f"One of {', '.join(STAGES)} (all of them in their order).")],
    as_of: AsOf,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would open and why (inspection).")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most so many cases a step; 0: all.")] = 0,
    json: Json = False,
) -> None:
    """Run a stage on a business date. What was done before is not done again."""
    name = STAGES.get(stage, stage)
    if name not in STAGES.values():
        raise Mistake(f"There is no stage {stage!r}; there are {', '.join(STAGES)}.")
    if dry_run and name != "scheduled_inspection":
        raise Mistake("--dry-run goes with `run inspection` alone: the other stages take what waits for them.")
    if limit and name in UNLIMITED:
        raise Mistake(f"--limit does not go with `run {stage}`.")
    with opened() as (here, db):
        from tasks import books
        from tasks.run import timely

        books.in_force(db, as_of.isoformat())  # said here; in a flow it would be tried again first
        if dry_run:
            _foresee(here, db, as_of, limit, json)
            return
        timely(here, as_of)
        if name in ("scheduled_inspection", "lifecycle") and not db.rows(
            "SELECT 1 FROM snapshot WHERE as_of <= ? LIMIT 1", as_of.isoformat()):  # fmt: skip
            say.note(f"There is no snapshot up to {as_of}, so nothing can be due: `postloan import` brings one.")
    from tasks import house

    house.use(here)
    try:
        with prefect_of(here):
            from prefect import tags

            from flows.wake import OURS

            flow = getattr(import_module(f"flows.{name}"), name)
            with tags(OURS):
                counts = asyncio.run(flow(as_of=as_of, **({"limit": limit} if limit else {})))
    finally:
        house.use(None)
    with opened() as (_, db):
        from tasks.deliver import unreached

        without = unreached(db) if name in ("delivery", "lifecycle") else []
        runs = db.rows(
            "SELECT c.id, a.flow_run FROM cases c JOIN attempt a ON a.run = c.id WHERE c.process = 'run' "
            "AND c.subject LIKE ? ORDER BY c.id DESC, a.at DESC LIMIT 1", f"{name}/{as_of}/%")  # fmt: skip
    id_, flow_run = runs[0] if runs else (None, None)
    if json:
        say.json({"stage": name, "as_of": as_of, "run": id_, "flow_run": flow_run, "counts": counts})
        return
    flat = counts if name != "lifecycle" else {f"{s}: {w}": n for s, found in counts.items() for w, n in found.items()}
    if flat:
        say.table((f"{name} of {as_of}", "cases"), sorted(flat.items()) if name != "lifecycle" else flat.items())
    if id_ and flat:
        say.line(f"Run {id_} (Prefect: {flow_run}).")
    elif not flat:
        say.line("Nothing to do.")
    tell_of(without)


# -- Prefect ------------------------------------------------------------------------------------------------------


@contextmanager
def prefect_of(here: "House") -> Iterator[str]:
    """Prefect's API for the flows of this process: the one of PREFECT_API_URL, else of `postloan up`, else a server
    of our own for as long as it takes, on the same records as `up`."""
    home = here.home.resolve() / "prefect"
    quiet(home)
    given = os.environ.get("PREFECT_API_URL") or api_of(home)
    if given:
        _answers(given)
        with _settings(given):
            yield given
        return
    from deployments.serve import server

    say.note("No Prefect server is up (`postloan up`): one is started for this run.")
    with server(home) as api, _settings(api):
        yield api


def quiet(home: Path) -> None:
    """Before Prefect is imported, which reads this once: its folder is ours, it tells nobody, it prints no traces."""
    for name, value in {
        "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    }.items():  # fmt: skip
        os.environ.setdefault(name, value)


def api_of(home: Path) -> str:
    """The address of the server that `up` runs in that folder; empty where none does. Prefect is not imported."""
    import json

    try:
        state = json.loads((home / "up.json").read_text())
        os.kill(state["pid"], 0)
        return str(state["api"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _answers(api: str) -> None:
    import httpx

    try:
        httpx.get(f"{api}/health", timeout=5).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise Mistake(f"Prefect's server at {api} does not answer ({type(e).__name__}): start it with `postloan up`, "
                      "or unset PREFECT_API_URL.") from None  # fmt: skip


@contextmanager
def _settings(api: str) -> Iterator[None]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from deployments.api import drain

    with temporary_settings({PREFECT_API_URL: api}):
        try:
            yield
        finally:
            drain()


# -- the dry run --------------------------------------------------------------------------------------------------


def _foresee(here: "House", db: "Db", as_of: date, limit: int, json: bool) -> None:
    """What a run would open and why, without writing anything to the database."""
    from collections import Counter

    from tasks.foresee import foresee

    try:
        with say.progress() as bar:
            job = bar.add_task("looking at what is due", total=None)
            found = foresee(db, here, as_of, limit, lambda n, of: bar.update(job, completed=n, total=of))
    except LookupError:
        raise Mistake(f"There is no snapshot up to {as_of}: import an extract with `postloan import`.") from None
    names = ("borrower", "facility", "kind", "due", "path", "rule", "outcome", "reason")
    outcomes = Counter(row.outcome for row in found.rows)
    if json:
        said: list[dict[str, Any]] = [dict(zip(names, row.row(), strict=True)) for row in found.rows]
        say.json({"as_of": as_of, "snapshot": found.snapshot, "book": found.book, "cases": found.cases,
                  "rows": outcomes, "not_evaluated": found.untold, "due": said})  # fmt: skip
        return
    say.table(names, [row.row() for row in found.rows[:SHOWN]], f"What `run inspection --as-of {as_of}` would open")
    if len(found.rows) > SHOWN:
        say.line(f"… and {len(found.rows) - SHOWN:,} more due rows (--json has them all).\n")
    say.table(("cases to open", "number"), [*sorted(found.cases.items()), ("all", found.cases.total())])
    say.table(("due rows", "number"), [*sorted(outcomes.items()), ("all", outcomes.total())])
    if found.untold:
        say.table(("fact that could not be evaluated", "facilities"), sorted(found.untold.items()))
