"""Processes that run flows when asked, as a worker's do: Prefect and all its doings stay inside them.

They are forked off one that has imported the flows and done nothing else, so a new one is there at once. That one may
have been started by anybody, so each is told its Prefect server itself.
"""

import asyncio
import os
import sys
from datetime import date
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prefect.context import refresh_global_settings_context

from tasks import house

FORKED = get_context("forkserver")
FORKED.set_forkserver_preload(["flows.lifecycle"])  # and with it every stage


def _work(pipe: "Connection[Any, Any]", log: Path, settings: dict[str, str]) -> None:
    """What such a process does: one flow after another, until its pipe is closed."""
    os.environ.update(settings)
    refresh_global_settings_context()
    with log.open("ab") as out:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(out.fileno(), stream.fileno())
    while True:
        try:
            flow, url, home, today, parameters = pipe.recv()
        except EOFError:
            return
        house.use(house.House(url, home, today=lambda today=today: today))
        try:
            pipe.send({"counts": asyncio.run(getattr(import_module(f"flows.{flow}"), flow)(**parameters))})
        except Exception as error:
            pipe.send({"error": f"{type(error).__name__}: {error}"})


class Bureau:
    """Runs flows on record at the Prefect server of that address, one after another."""

    def __init__(self, api: str, home: Path) -> None:
        self.log = home / "bureau.log"
        self.pipe, theirs = FORKED.Pipe()
        settings = {"PREFECT_API_URL": api, "PREFECT_HOME": str(home), "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
                    "DO_NOT_TRACK": "1"}  # fmt: skip
        self.process = FORKED.Process(target=_work, args=(theirs, self.log, settings))
        self.process.start()
        theirs.close()

    def ask(self, flow: str, url: str, home: Path, today: str, **parameters: Any) -> None:
        """Begin a run of the flow, in that installation."""
        self.pipe.send((flow, url, home, date.fromisoformat(today), parameters))

    def answer(self) -> dict[str, Any]:
        """What came of it: `counts`, or the `error` that the flow raised."""
        try:
            said = self.pipe.recv()
        except EOFError:
            raise AssertionError(f"the process of the flows has ended:\n{self.log.read_text()[-3000:]}") from None
        assert isinstance(said, dict)
        return said

    def run(self, flow: str, url: str, home: Path, today: str, **parameters: Any) -> Any:
        """The counts of a run that must end well."""
        self.ask(flow, url, home, today, **parameters)
        said = self.answer()
        assert "counts" in said, said
        return said["counts"]

    def kill(self) -> None:
        """As a machine that loses power does."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        self.pipe.close()
        self.process.join(60)
