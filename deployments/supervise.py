"""Several processes as one set: started in order, watched, restarted when one dies, ended in reverse order.

Knows nothing of what the processes do. Each is started in a session of its own, so that Ctrl-C in a terminal
reaches the supervisor alone, which then ends them in their order.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICK_S = 0.2
READY_S = 180.0  # a part that is not ready by then has failed to start; a busy machine migrates slowly
PAUSE_S = 1.0  # before a part is started again; doubles with each death in a row
STEADY_S = 60.0  # a part that lived as long begins a new count of deaths
DEATHS = 5  # in a row, before the set is given up
PATIENCE_S = 15.0  # from SIGTERM to SIGKILL
LOG_BYTES = 10_000_000


class GaveUp(Exception):
    """A part dies again and again; the message says which and where its log is."""


@dataclass(frozen=True)
class Part:
    """One process of the set.

    `before` runs ahead of each start and may raise: then the start has failed. `ready` is asked after a start
    until it says yes. `drain` runs before the part is ended for good and asks its argument whether to hurry.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    before: Callable[[], None] = lambda: None
    ready: Callable[[], bool] = lambda: True
    drain: Callable[[Callable[[], bool]], None] = lambda hurried: None


class Supervisor:
    """Runs `parts` until told to stop. `noted` gets the pids by name whenever they change."""

    def __init__(
        self,
        parts: Sequence[Part],
        logs: Path,
        say: Callable[[str], None] = print,
        noted: Callable[[Mapping[str, int]], None] = lambda pids: None,
    ) -> None:
        self.parts, self.logs, self.say, self.noted = parts, logs, say, noted
        # plain flags: a handler that sets a threading.Event for which its own thread just waits would lock it up
        self.stopping = self.hurried = False
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._since: dict[str, float] = {}
        self._deaths = {part.name: 0 for part in parts}
        self._due = {part.name: 0.0 for part in parts}  # when to start what does not run

    def catch(self, *signals: signal.Signals) -> None:
        """Stop on these, at the second one without draining.

        A handler of our own also means that the children begin with the default one, unlike those of a shell's `&`:
        a Prefect worker that ignores SIGINT ignores SIGTERM too.
        """

        def handle(number: int, frame: object) -> None:
            self.stopping, self.hurried = True, self.stopping

        for each in signals:
            signal.signal(each, handle)

    def run(self) -> None:
        """Start all, watch until `stopping` is set, end all. Raises GaveUp, after all are ended."""
        try:
            while not self.stopping:
                self.look()
                time.sleep(TICK_S)
        finally:
            self.end()

    def look(self) -> bool:
        """Start what has to be started, see whether the rest still lives. Whether all are up.

        While a part is down those after it are not started, but left running.
        """
        return all(not self.stopping and self._up(part) for part in self.parts)

    def _up(self, part: Part) -> bool:
        if (due := self._due.get(part.name)) is not None:
            if time.monotonic() < due:
                return False
            del self._due[part.name]
            self._start(part)
        elif (code := self._running[part.name].poll()) is not None:
            lived = time.monotonic() - self._since[part.name]
            self._failed(part, f"ended with {code} after {lived:.0f} s", steady=lived >= STEADY_S)
        return part.name not in self._due

    def _start(self, part: Part) -> None:
        try:
            part.before()
        except Exception as error:
            self._failed(part, f"could not be started ({error})")
            return
        process = self._running[part.name] = self._popen(part)
        since = self._since[part.name] = time.monotonic()
        self.noted({name: each.pid for name, each in self._running.items()})
        while not part.ready():
            if process.poll() is not None:
                self._failed(part, f"ended with {process.returncode} before it was ready")
                return
            if time.monotonic() - since > READY_S:
                self._failed(part, f"was not ready after {READY_S:.0f} s")
                return
            if self.stopping:
                return
            time.sleep(TICK_S)
        self.say(f"{part.name} is up (pid {process.pid})")

    def _failed(self, part: Part, how: str, steady: bool = False) -> None:
        if part.name in self._running:
            end(self._running.pop(part.name), at_once=True)  # and what it left behind
        deaths = self._deaths[part.name] = 1 if steady else self._deaths[part.name] + 1
        log = self.logs / f"{part.name}.log"
        if deaths >= DEATHS:
            raise GaveUp(f"The {part.name} {how}, {deaths} times in a row; {log} says why.")
        wait = PAUSE_S * 2 ** (deaths - 1)
        self.say(f"{part.name} {how}; again in {wait:.0f} s (see {log})")
        self._due[part.name] = time.monotonic() + wait

    def _popen(self, part: Part) -> "subprocess.Popen[bytes]":
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{part.name}.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - the commands of the declared parts, no user's text
                part.command,
                env={**os.environ, **part.env},
                cwd=part.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self) -> None:
        """End all, the last first."""
        for part in reversed(self.parts):
            if part.name not in self._running:
                continue
            process = self._running.pop(part.name)
            if process.poll() is None:
                try:
                    part.drain(lambda: self.hurried)
                except Exception as error:
                    self.say(f"{part.name} is ended at once ({error})")
            end(process)
            self.say(f"{part.name} is down")
        self.noted({})


def end(process: "subprocess.Popen[bytes]", at_once: bool = False) -> None:
    """SIGTERM and some patience, then SIGKILL to all that is left of its session."""
    if not at_once:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
    kill(process.pid)
    process.wait()


def kill(session: int) -> None:
    """SIGKILL to every process of a session, by the pid that it began with."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
