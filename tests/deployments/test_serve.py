"""`up` as it is started in earnest: in a process of its own, with a real server, worker and runs."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments import ports
from deployments.deploy import deploy
from deployments.manifest import Refused
from deployments.mistakes import Mistake
from deployments.serve import CannotServe, State, down, status, up

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from deployments.serve import up
home, port, file = sys.argv[1:]
up(Path(home), int(port), Path(file), ui=False, say=lambda text: print(text, flush=True))
"""


class Site:
    """One `up` after another in the same home, each started with SIGINT ignored, as a script's `&` does it."""

    def __init__(self, home: Path, port: int, api: Any, eventually: Callable[..., Any]) -> None:
        self.home, self.port, self.api, self.eventually = home, port, api, eventually
        self.process: subprocess.Popen[bytes] | None = None
        self.said = home / "said"

    def start(self, file: Path) -> None:
        """Begin `up` with this file, or, where it is up, deploy it."""
        if status(self.home):
            asyncio.run(deploy(file, self.api.url))
            return
        if self.process:
            self.ended()
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(self.home), str(self.port), str(file)],
                cwd=ROOT,
                env={**os.environ, "POSTLOAN_DATABASE_URL": "sqlite:///bank.db"},
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            )
        self.eventually(lambda: "worker" in self.state.parts)

    @property
    def state(self) -> State:
        return status(self.home) or State()

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def ended(self) -> int:
        assert self.process
        return self.process.wait(180)

    def kill(self, *pids: int) -> None:
        """Kill -9 the supervisor alone, or with these sessions: the machine loses power."""
        self.signal(signal.SIGKILL)
        self.ended()
        for pid in pids:
            os.killpg(pid, signal.SIGKILL)
        self.eventually(lambda: not any(lives(pid) for pid in pids))


def lives(pid: int) -> bool:
    """A killed process whose parent is gone stays in the list of processes, empty, until somebody reaps it."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated: Path, api_at: Any, eventually: Any) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(migrated, home / "prefect.db")
    port = ports.free()
    site = Site(home, port, api_at(f"http://127.0.0.1:{port}/api"), eventually)
    yield site
    if site.process and site.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            site.kill(*site.state.parts.values())


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A run of `waiting` leaves `began` here and ends when `may end` is here."""
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


def waiting(project: Any, gate: Path, flow: str = "waiting") -> Path:
    file: Path = project.write(project.deployment(flow, flow, parameters={"folder": str(gate)}, schedules=[]))
    return file


def begin(site: Site, gate: Path, deployment: str = "waiting") -> dict[str, Any]:
    """Call a run and wait until its process works on it."""
    run = site.api.call(deployment)
    site.eventually((gate / "began").exists)
    [begun] = [each for each in site.api.runs(deployment, "Running") if each["id"] == run]
    return dict(begun)


@pytest.mark.slow
def test_a_schedule_starts_a_run_and_sigterm_ends_everything(site: Site, project: Any) -> None:
    soon = [{"slug": "soon", "rrule": "FREQ=SECONDLY;INTERVAL=20", "timezone": "Asia/Seoul"}]
    site.start(project.write(project.deployment("planned", schedules=soon, parameters={"limit": 7})))
    run = site.eventually(lambda: site.api.runs("planned", "Completed"))[0]
    assert run["auto_scheduled"]
    assert run["created_by"]["type"] == "SCHEDULE"
    assert run["parameters"] == {"limit": 7}
    assert run["work_pool_name"] == "local"
    pids = list(site.state.parts.values())
    site.signal(signal.SIGTERM)
    assert site.ended() == 0
    assert not any(lives(pid) for pid in pids)
    assert status(site.home) is None


@pytest.mark.slow
def test_after_a_loss_of_power_the_dead_run_is_crashed_and_the_waiting_one_runs(
    site: Site, project: Any, gate: Path
) -> None:
    file = waiting(project, gate, "outer")
    site.start(file)
    dead = begin(site, gate, "outer")
    inner = next(run["id"] for run in site.api.runs("", "Running") if run["parent_task_run_id"])
    next_run = site.api.call("outer")
    site.kill(*site.state.parts.values(), int(dead["infrastructure_pid"]))
    (gate / "may end").touch()
    site.start(file)
    assert site.api.state(dead["id"]) == "Crashed"
    assert site.api.state(inner) == "Crashed"
    site.eventually(lambda: site.api.state(next_run) == "Completed")


@pytest.mark.slow
def test_an_up_whose_supervisor_was_killed_is_taken_over_by_the_next(site: Site, project: Any) -> None:
    file = project.write(project.deployment())
    site.start(file)
    left = dict(site.state.parts)
    site.kill()
    assert all(lives(pid) for pid in left.values())
    site.start(file)
    assert not any(lives(pid) for pid in left.values())
    assert not set(left.values()) & set(site.state.parts.values())


@pytest.mark.slow
def test_a_worker_killed_alone_is_restarted_and_its_run_ends_well(site: Site, project: Any, gate: Path) -> None:
    site.start(waiting(project, gate))
    run, before = begin(site, gate), dict(site.state.parts)
    os.kill(before["worker"], signal.SIGKILL)
    site.eventually(lambda: site.state.parts.get("worker") not in (None, before["worker"]))
    assert site.state.parts["server"] == before["server"]
    assert site.api.state(run["id"]) == "Running"
    (gate / "may end").touch()
    site.eventually(lambda: site.api.state(run["id"]) == "Completed")
    after = site.api.call("waiting")
    site.eventually(lambda: site.api.state(after) == "Completed")


@pytest.mark.slow
def test_a_worker_and_its_run_killed_together_do_not_block_the_stage(site: Site, project: Any, gate: Path) -> None:
    """Without care the run stays Running, and with one place a deployment every later run waits for ever."""
    site.start(waiting(project, gate))
    run = begin(site, gate)
    after = site.api.call("waiting")
    for pid in (site.state.parts["worker"], int(run["infrastructure_pid"])):
        os.killpg(pid, signal.SIGKILL)
    (gate / "may end").touch()
    site.eventually(lambda: site.api.state(run["id"]) == "Crashed")
    site.eventually(lambda: site.api.state(after) == "Completed")


@pytest.mark.slow
def test_a_killed_server_comes_back_and_the_worker_goes_on(site: Site, project: Any) -> None:
    site.start(project.write(project.deployment()))
    before = dict(site.state.parts)
    os.kill(before["server"], signal.SIGKILL)
    server = site.eventually(lambda: site.state.parts.get("server", before["server"]) - before["server"])
    site.eventually(lambda: f"server is up (pid {server + before['server']})" in site.said.read_text())
    run = site.api.call("tiny")
    site.eventually(lambda: site.api.state(run) == "Completed")
    assert site.state.parts["worker"] == before["worker"]


@pytest.mark.slow
def test_a_run_that_an_operator_cancels_ends_and_the_one_that_waits_for_its_place_runs(
    site: Site, project: Any, gate: Path
) -> None:
    site.start(waiting(project, gate))
    run, after = begin(site, gate), site.api.call("waiting")
    site.api.post(f"/flow_runs/{run['id']}/set_state", state={"type": "CANCELLING"})
    site.eventually(lambda: site.api.state(run["id"]) == "Cancelled")
    site.eventually(lambda: not lives(int(run["infrastructure_pid"])))
    (gate / "may end").touch()
    site.eventually(lambda: site.api.state(after) == "Completed")


@pytest.mark.slow
def test_the_runs_that_an_outage_missed_are_made_up_for_one_after_the_other_the_oldest_first(
    site: Site, project: Any
) -> None:
    """Each on the date of the day on which it runs, so that all but the first find nothing left to do."""
    often = [{"slug": "often", "rrule": "FREQ=SECONDLY;INTERVAL=10", "timezone": "Asia/Seoul"}]
    file = project.write(project.deployment("often", schedules=often))
    site.start(file)
    site.eventually(lambda: site.api.runs("often", "Completed"))
    gone = datetime.now(UTC).isoformat()
    site.kill(*site.state.parts.values())
    time.sleep(35)
    back = datetime.now(UTC).isoformat()
    site.start(file)

    def missed() -> list[dict[str, Any]]:
        return [run for run in site.api.runs("often") if gone < run["expected_start_time"] < back]

    site.eventually(lambda: {run["state_name"] for run in missed()} == {"Completed"})
    assert len(missed()) >= 3
    starts = [run["start_time"] for run in missed()]
    assert starts == sorted(starts)
    assert all(run["end_time"] <= start for run, start in zip(missed(), starts[1:], strict=False))


@pytest.mark.slow
def test_down_lets_a_run_end_and_starts_no_new_one(site: Site, project: Any, gate: Path) -> None:
    file = waiting(project, gate)
    site.start(file)
    run = begin(site, gate)
    site.signal(signal.SIGTERM)
    site.eventually(lambda: site.api.get("/work_pools/local")["is_paused"])
    new = site.api.call("waiting")
    assert site.api.state(run["id"]) == "Running"
    (gate / "may end").touch()
    assert site.ended() == 0
    site.start(file)
    assert site.api.state(run["id"]) == "Completed"
    site.eventually(lambda: site.api.state(new) == "Completed")  # so the pool is open again


@pytest.mark.slow
def test_a_run_that_cannot_be_waited_for_is_ended_and_told_so(site: Site, project: Any, gate: Path) -> None:
    file = waiting(project, gate)
    site.start(file)
    run = begin(site, gate)
    site.signal(signal.SIGTERM)
    site.eventually(lambda: site.api.get("/work_pools/local")["is_paused"])
    site.signal(signal.SIGTERM)
    assert site.ended() == 0
    assert not lives(int(run["infrastructure_pid"]))
    site.start(file)
    state = site.api.get(f"/flow_runs/{run['id']}")["state"]
    assert (state["name"], state["message"]) == ("Crashed", "Stopped with the system, before it had ended.")


@pytest.mark.slow
def test_a_pool_paused_by_an_operator_stays_paused(site: Site, project: Any) -> None:
    file = project.write(project.deployment())
    site.start(file)
    site.api.patch("/work_pools/local", is_paused=True)
    assert down(site.home) is True
    assert down(site.home) is False
    site.start(file)
    assert site.api.get("/work_pools/local")["is_paused"]
    run = site.api.call("tiny")
    site.api.patch("/work_pools/local", is_paused=False)
    site.eventually(lambda: site.api.state(run) == "Completed")


@pytest.mark.slow
def test_it_listens_on_loopback_alone_tells_nobody_and_hands_the_environment_on(site: Site, project: Any) -> None:
    site.start(project.write(project.deployment()))
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    assert [each for each in listening if each.endswith(f":{site.port:04X}")] == [f"0100007F:{site.port:04X}"]
    for pid in site.state.parts.values():
        env = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert "DO_NOT_TRACK=1" in env
        assert "PREFECT_SERVER_ANALYTICS_ENABLED=false" in env
        assert f"PREFECT_HOME={site.home}" in env
        assert "POSTLOAN_DATABASE_URL=sqlite:///bank.db" in env


@pytest.mark.slow
def test_a_second_up_says_that_it_is_already_up(site: Site, project: Any) -> None:
    file = project.write(project.deployment())
    site.start(file)
    with pytest.raises(CannotServe, match=rf"already up at http://127.0.0.1:{site.port}/api \(pid {site.state.pid}\)"):
        up(site.home, site.port, file)
    assert (site.state.api, site.state.ui) == (site.api.url, "")


@pytest.mark.slow
def test_a_server_started_for_one_program_ends_with_it_on_sigterm(tmp_path: Path, migrated: Path) -> None:
    shutil.copy(migrated, tmp_path / "prefect.db")
    code = f"""
from pathlib import Path
from deployments.serve import server
with server(Path({str(tmp_path)!r})) as api:
    print(api, flush=True)
    input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        port = int(program.stdout.readline().removeprefix("http://127.0.0.1:").removesuffix("/api\n"))
        program.terminate()
        assert program.wait(180) == 128 + signal.SIGTERM
    with socket.create_server(("127.0.0.1", port)):
        pass  # free again


def test_a_taken_port_is_one_sentence_that_names_the_option(tmp_path: Path, project: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Mistake, match=f"Port {port} on 127.0.0.1 is taken: .* name another with --port"):
            up(tmp_path, port, project.write(project.deployment()))
        with pytest.raises(Mistake, match=f"Port {port} on 127.0.0.1 is taken: .* name another with --portal-port"):
            up(tmp_path, ports.free(), project.write(project.deployment()), portal=port)


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path, port: int, project: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotServe, match=r"can't be written \(Not a directory\); choose another folder"):
        up(tmp_path / "file" / "home", port, project.write(project.deployment()))


def test_a_mistake_in_the_file_is_said_before_anything_starts(tmp_path: Path, port: int, project: Any) -> None:
    with pytest.raises(Refused, match="no parameter limits"):
        up(tmp_path, port, project.write(project.deployment(parameters={"limits": 1})))
    assert not (tmp_path / "logs").exists()
    assert status(tmp_path) is None


def test_nothing_runs_in_a_home_where_nothing_was_started(tmp_path: Path) -> None:
    assert status(tmp_path) is None
    assert down(tmp_path) is False
