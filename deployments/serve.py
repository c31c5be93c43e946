"""`up` and `down`: Prefect's server, a worker and the portal as one supervised set, on loopback, telemetry off."""

import asyncio
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from deployments import ports, recover
from deployments.api import connect
from deployments.automations import Hook
from deployments.deploy import deploy
from deployments.manifest import read
from deployments.ports import HOST
from deployments.supervise import Part, Supervisor, kill

HOME, PORT, FILE, POOL = Path("var/prefect"), 4200, Path("prefect.yaml"), "local"
GRACE_S = 60.0  # how long `down` waits for runs to end by themselves
OURS = (b"prefect", b"deployments.cli\0portal")  # in the command lines of what we start


class CannotServe(Exception):
    """The system can't be started or stopped; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """What `up` tells other processes, in home/up.json. `paused`: the pool was paused by us, not by an operator."""

    pid: int = 0
    api: str = ""
    ui: str = ""
    started: str = ""
    parts: Mapping[str, int] = field(default_factory=dict)
    paused: bool = False


def up(
    home: Path = HOME,
    port: int = PORT,
    file: Path = FILE,
    ui: bool = True,
    grace: float = GRACE_S,
    say: Callable[[str], None] = print,
    hook: Hook | None = None,
    portal: int = 0,
) -> None:
    """Start all, deploy `file`, watch until SIGTERM or SIGINT, then stop all. Blocks; to be called in a main thread.
    `hook` is where the portal takes alerts, `portal` its port; 0: none is served.

    Runs that are under way at the stop get `grace` seconds, new ones wait for the next `up`. The environment, such
    as POSTLOAN_DATABASE_URL, is handed on to the flows. Raises Mistake, CannotServe, manifest.Refused, supervise.GaveUp.
    """
    home, file = home.resolve(), file.resolve()
    with _locked(home):
        last = _load(home)
        for pid in last.parts.values():  # of an `up` that was killed
            if any(name in _command(pid) for name in OURS):
                kill(pid)
        site = _Site(home, port, file, ui, grace, hook, portal)
        site.keep(
            State(
                pid=os.getpid(),
                api=site.api,
                ui=site.api.removesuffix("/api") if ui else "",
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                paused=last.paused,
            )
        )
        read(file)  # a mistake in it is said before anything starts
        ports.check(port)
        if portal:
            ports.check(portal, "--portal-port")
        supervisor = Supervisor(site.parts(), home / "logs", say, site.note)
        supervisor.catch(signal.SIGTERM, signal.SIGINT)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it is to outlive its terminal
            supervisor.catch(signal.SIGHUP)
        supervisor.run()


def down(home: Path = HOME, patience: float = GRACE_S + 60) -> bool:
    """Stop what `up` started in `home` and wait for its end. False if nothing ran. Raises CannotServe."""
    state = status(home)
    if state is None:
        return False
    os.kill(state.pid, signal.SIGTERM)
    until = time.monotonic() + patience
    while status(home) is not None:
        if time.monotonic() > until:
            raise CannotServe(f"It still runs after {patience:.0f} s; end process {state.pid} and call `up` again.")
        time.sleep(0.1)
    return True


def status(home: Path = HOME) -> State | None:
    """What runs in `home` now; None if nothing does."""
    try:
        with (home / "up.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _load(home)
    return None


@contextmanager
def server(home: Path) -> Iterator[str]:
    """Prefect's server alone, on a free port, for flows that are called in this process. Yields the address of its API."""
    home.mkdir(parents=True, exist_ok=True)
    site = _Site(home.resolve(), ports.free(), FILE, ui=False)
    supervisor = Supervisor(site.parts()[:1], site.home / "logs", lambda text: None)
    with _signals_raise():
        try:
            if not supervisor.look():
                raise CannotServe(f"Prefect's server does not start; {site.home / 'logs' / 'server.log'} says why.")
            yield site.api
        finally:
            supervisor.end()


@contextmanager
def _signals_raise() -> Iterator[None]:
    """SIGTERM and a closed terminal end this process by an exception, so that what it started ends with it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not break off the end
        raise SystemExit(128 + number)

    ours = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, leave)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


@dataclass
class _Site:
    home: Path
    port: int
    file: Path
    ui: bool
    grace: float = GRACE_S
    hook: Hook | None = None
    portal: int = 0
    state: State = field(default_factory=State)
    deployed: bool = False

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.port}/api"

    def parts(self) -> tuple[Part, ...]:
        prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
        env = {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        serve = [*prefect, "server", "start", "--host", HOST, "--port", str(self.port)]
        # one run at a time: on SQLite the server answers many at once with waiting, and stages follow each other anyway
        work = [*prefect, "worker", "start", "--pool", POOL, "--type", "process", "--limit", "1", "--name", "postloan"]
        parts = (
            Part("server", [*serve, "--ui" if self.ui else "--no-ui"], env, self.home, ready=self._healthy),
            Part("worker", work, env, self.file.parent, before=self._prepare, drain=self._drain),
        )
        if not self.portal:
            return parts
        pages = [sys.executable, "-m", "deployments.cli", "portal", "--port", str(self.portal)]
        return (*parts, Part("portal", pages, env, ready=self._answers))

    def note(self, parts: Mapping[str, int]) -> None:
        self.keep(replace(self.state, parts=dict(parts)))

    def keep(self, state: State) -> None:
        self.state = state
        new = self.home / "up.json.new"
        new.write_text(json.dumps(asdict(state)))
        new.replace(self.home / "up.json")

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=1).text == "true"
        except httpx.HTTPError:
            return False

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.portal}/signin", timeout=1).is_success
        except httpx.HTTPError:
            return False

    def _prepare(self) -> None:
        asyncio.run(self._make_ready())

    async def _make_ready(self) -> None:
        """Before each start of a worker: end what the last one left; the first time also deploy, and open the pool."""
        await recover.recover(self.api)
        if self.deployed:
            return
        await deploy(self.file, self.api, self.hook)
        if self.state.paused:
            async with connect(self.api) as client:
                await client.update_work_pool(POOL, WorkPoolUpdate(is_paused=False))
            self.keep(replace(self.state, paused=False))
        self.deployed = True

    def _drain(self, hurried: Callable[[], bool]) -> None:
        asyncio.run(self._let_end(hurried))

    async def _let_end(self, hurried: Callable[[], bool]) -> None:
        """A worker leaves its runs Running for ever when it stops: let them end first, start no new ones."""
        async with connect(self.api) as client:
            await self._close_pool(client)
            until = time.monotonic() + self.grace
            while runs := [run for run in await recover.begun(client) if run.deployment_id]:
                if hurried() or time.monotonic() > until:
                    break
                await asyncio.sleep(0.2)
            for run in runs:
                if recover.alive(run):
                    kill(int(run.infrastructure_pid or 0))
                await recover.end(client, run, "Stopped with the system, before it had ended.")

    async def _close_pool(self, client: PrefectClient) -> None:
        try:
            pool = await client.read_work_pool(POOL)
        except ObjectNotFound:
            return
        if not pool.is_paused:  # else an operator did, and opens it again himself
            self.keep(replace(self.state, paused=True))
            await client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock: IO[str] = (home / "up.lock").open("a")
    except OSError as error:
        raise CannotServe(f"{home} can't be written ({error.strerror}); choose another folder with --home.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = _load(home)
            raise CannotServe(f"It is already up at {state.api} (pid {state.pid}); `postloan down` stops it.") from None
        yield


def _load(home: Path) -> State:
    try:
        return State(**json.loads((home / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return State()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
