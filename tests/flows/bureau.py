"""A process that runs flows when asked, as a worker's does: Prefect and all its doings stay inside it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, json, sys
from datetime import date
from importlib import import_module
from pathlib import Path
from tasks import house
import flows.lifecycle  # and with it every stage
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    today = date.fromisoformat(asked["today"])
    house.use(house.House(asked["url"], Path(asked["home"]), today=lambda: today))
    flow = getattr(import_module(f"flows.{asked['flow']}"), asked["flow"])
    try:
        said = {"counts": asyncio.run(flow(**asked["parameters"]))}
    except Exception as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
"""


class Bureau:
    """Runs flows on record at the Prefect server of that address, one after another."""

    def __init__(self, api: str, home: Path) -> None:
        self.log = home / "bureau.log"
        quiet = {"PREFECT_API_URL": api, "PREFECT_HOME": str(home), "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
                 "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT)}  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, **quiet},
                                            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)  # fmt: skip
        self.begun = False

    def ask(self, flow: str, url: str, home: Path, today: str, **parameters: Any) -> None:
        """Begin a run of the flow, in that installation."""
        if not self.begun:
            self.begun = self._line() == "ready"
        asked = {"flow": flow, "url": url, "home": str(home), "today": today, "parameters": parameters}
        stdin = _open(self.process.stdin)
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What came of it: `counts`, or the `error` that the flow raised."""
        said = self._line()
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
        for pipe in (self.process.stdin, self.process.stdout):
            _open(pipe).close()
        self.process.wait(60)

    def _line(self) -> Any:
        line = _open(self.process.stdout).readline()
        assert line, f"the process of the flows has ended:\n{self.log.read_text()[-3000:]}"
        return json.loads(line)


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
