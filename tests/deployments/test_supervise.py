"""The set as such, with processes of a few lines: order, restart, giving up, the end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments import supervise
from deployments.supervise import GaveUp, Part, Supervisor

pytestmark = pytest.mark.slow  # real processes
SLEEP = "import time; time.sleep(60)"


def part(name: str, code: str = SLEEP, **more: Any) -> Part:
    return Part(name, [sys.executable, "-c", code], **more)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    """Runs a set in a thread until the test ends; `said` collects what it said, `pids` what it noted."""
    made: list[tuple[Supervisor, threading.Thread]] = []

    def go(*parts: Part) -> Supervisor:
        said: list[str] = []
        pids: dict[str, int] = {}

        def note(now: Any) -> None:
            pids.clear()
            pids.update(now)

        supervisor = Supervisor(parts, tmp_path / "logs", said.append, note)
        supervisor.told, supervisor.pids = said, pids  # type: ignore[attr-defined]
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        made.append((supervisor, thread))
        return supervisor

    yield go
    for supervisor, thread in made:
        supervisor.stopping = True
        thread.join(120)
        assert not thread.is_alive()


def gone(pid: int) -> bool:
    """A killed process without a parent stays listed, empty, until somebody reaps it."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def test_parts_start_in_order_each_after_the_one_before_is_ready(start: Any, eventually: Any) -> None:
    asked = iter([False, False, True])
    order: list[str] = []
    first = part("first", ready=lambda: order.append("ready?") or next(asked))
    second = part("second", before=lambda: order.append("before the second"))
    running = start(first, second)
    eventually(lambda: len(running.pids) == 2)
    assert order == ["ready?"] * 3 + ["before the second"]


def test_a_stop_while_the_first_part_gets_ready_starts_no_other(start: Any, eventually: Any) -> None:
    prepared: list[int] = []
    running = start(part("server", ready=lambda: False), part("worker", before=lambda: prepared.append(1)))
    pid = eventually(lambda: running.pids.get("server"))
    running.stopping = True
    eventually(lambda: gone(pid))
    assert not prepared


def test_parts_end_in_reverse_order_after_draining(start: Any, eventually: Any) -> None:
    running = start(part("first"), part("second", drain=lambda hurried: running.told.append("drained")))
    pids = dict(eventually(lambda: len(running.told) == 2 and running.pids))
    running.stopping = True
    eventually(lambda: all(gone(pid) for pid in pids.values()))
    eventually(lambda: running.told[2:] == ["drained", "second is down", "first is down"])


def test_a_part_that_dies_is_started_again_and_the_others_go_on(
    start: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.05)
    running = start(part("first"), part("second"))
    before = dict(eventually(lambda: len(running.pids) == 2 and running.pids))
    os.kill(before["first"], signal.SIGKILL)
    eventually(lambda: running.pids.get("first") not in (None, before["first"]))
    assert running.pids["second"] == before["second"]
    assert not gone(before["second"])
    assert "first ended with -9" in running.told[2]


def test_what_a_dead_part_started_is_ended_before_it_starts_again(
    start: Any, eventually: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.05)
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, pathlib, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(p.pid))\n"
        "time.sleep(60)"
    )
    running = start(part("parent", code))
    grandchild = int(eventually(lambda: child.exists() and child.read_text()))
    os.kill(running.pids["parent"], signal.SIGKILL)
    eventually(lambda: gone(grandchild))


def test_a_part_that_dies_again_and_again_ends_the_set_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.01)
    said: list[str] = []
    broken = part("broken", "print('the cause'); raise SystemExit(3)")
    with pytest.raises(GaveUp) as gave_up:
        Supervisor([part("good"), broken], tmp_path, said.append).run()
    assert str(gave_up.value).startswith("The broken ended with 3 after 0 s, 5 times in a row;")
    assert (tmp_path / "broken.log").read_text() == "the cause\n" * 5
    assert said[-1] == "good is down"
    waits = [text.split("again in ")[1].split(" s")[0] for text in said if "again in" in text]
    assert len(waits) == 4


def test_a_part_whose_preparation_fails_counts_as_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.01)

    def fail() -> None:
        raise OSError("no database")

    with pytest.raises(GaveUp, match=r"could not be started \(no database\), 5 times in a row"):
        Supervisor([part("worker", before=fail)], tmp_path, lambda text: None).run()


def test_while_a_part_is_down_those_after_it_are_not_started(
    start: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.2)
    monkeypatch.setattr(supervise, "DEATHS", 100)
    prepared: list[int] = []
    running = start(part("server", "pass", ready=lambda: False), part("worker", before=lambda: prepared.append(1)))
    eventually(lambda: len(running.told) >= 3)
    assert not prepared


def test_a_part_that_is_not_ready_in_time_is_ended(
    start: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "READY_S", 0.3)
    running = start(part("slow", ready=lambda: False))
    pid = eventually(lambda: running.pids.get("slow"))
    eventually(lambda: any("was not ready" in text for text in running.told))
    assert gone(pid)


def test_a_failing_drain_does_not_keep_the_set_from_ending(start: Any, eventually: Any) -> None:
    def fail(hurried: Callable[[], bool]) -> None:
        raise OSError("server gone")

    running = start(part("worker", drain=fail))
    pid = eventually(lambda: running.pids.get("worker"))
    running.stopping = True
    eventually(lambda: gone(pid))
    eventually(lambda: running.told[-2:] == ["worker is ended at once (server gone)", "worker is down"])


PROGRAM = """
import signal, sys, pathlib, time
from deployments.supervise import Part, Supervisor
child = '''
import signal, time
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
time.sleep(60)
'''
def drain(hurried):
    print("draining", flush=True)
    until = time.monotonic() + 30
    while not hurried() and time.monotonic() < until:
        time.sleep(0.05)
    print("hurry" if hurried() else "no hurry", flush=True)
s = Supervisor([Part("child", [sys.executable, "-c", child], drain=drain)], pathlib.Path(sys.argv[1]),
               lambda text: print(text, flush=True))
s.catch(signal.SIGTERM, signal.SIGINT)
s.run()
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A set in a process of its own that, like one started by a script with `&`, ignores SIGINT."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    with process:
        yield process
        process.kill()


def test_children_of_a_set_that_was_started_with_sigint_ignored_do_not_ignore_it(
    program: "subprocess.Popen[str]", tmp_path: Path, eventually: Any
) -> None:
    log = tmp_path / "child.log"
    assert eventually(lambda: log.exists() and log.read_text()) == "True\n"


def test_the_first_signal_lets_the_set_drain_and_the_second_hurries_it(program: "subprocess.Popen[str]") -> None:
    assert program.stdout
    assert program.stdout.readline().startswith("child is up")
    program.send_signal(signal.SIGTERM)
    assert program.stdout.readline() == "draining\n"
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=180)[0].splitlines() == ["hurry", "child is down"]
    assert program.returncode == 0
