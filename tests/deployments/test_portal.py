"""The portal as it is served: its address, its log, how people get a password, how a page's act wakes a stage."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deployments import ports
from deployments.bench.weeks import live
from deployments.demo import accounts
from deployments.deploy import deploy
from deployments.portal import Waker, shown
from deployments.serve import State, status
from door.db import Db, connect
from portal.house import Portal
from portal.who import access
from tests.conftest import ON_ONE
from tests.deployments.shell import ROOT, Shell
from tests.deployments.test_serve import lives

GOOD = "a long enough one"


@pytest.fixture
def shell(url: str, tmp_path: Path, db: Db, quick_passwords: None) -> Shell:
    """A bank of one person."""
    db.insert("unit", ("id", "name", "lane", "calendar"), [("u", "The unit", "department", "KR")])
    db.insert("person", ("id", "name", "unit", "language"), [("choi", "Choi Eun-ji", "u", "en")])
    return Shell(url, tmp_path)


def admitted(shell: Shell, db: Db, password: str) -> bool:
    from tasks.house import House

    portal = Portal(House(shell.url, shell.home))
    return isinstance(access.sign_in(db, portal, "choi", password, "127.0.0.1"), str)


def test_a_password_is_set_from_the_standard_input_and_signs_in(shell: Shell, db: Db) -> None:
    shell("password", "choi", "--stdin", stdin=f"{GOOD}\n")
    assert admitted(shell, db, GOOD)
    entries = db.rows("SELECT action, person FROM entry WHERE stream = 'person:choi' ORDER BY seq")
    assert entries == [("password_set", "system"), ("signed_in", "choi")]
    assert GOOD not in str(db.rows("SELECT * FROM entry")) + str(db.rows("SELECT * FROM credential"))


def test_at_a_terminal_it_is_asked_twice(shell: Shell, db: Db) -> None:
    shell("password", "choi", stdin=f"{GOOD}\nanother one\n{GOOD}\n{GOOD}\n")
    assert admitted(shell, db, GOOD)


def test_a_new_password_signs_out_whoever_is_signed_in_with_the_old_one(shell: Shell, db: Db) -> None:
    shell("password", "choi", "--stdin", stdin=GOOD)
    assert admitted(shell, db, GOOD)
    said = shell("password", "choi", "--stdin", "--json", stdin=f"{GOOD} 2")
    assert said.json == {"person": "choi", "sessions_ended": 1}
    assert not db.rows("SELECT 1 FROM session")
    assert not admitted(shell, db, GOOD)


@ON_ONE
@pytest.mark.parametrize(
    ("person", "stdin", "says"),
    [("choi", "short", "A password has at least 12 characters."), ("choi", b"\xff\xfe", "is not UTF-8"),
     ("nobody", GOOD, "There is no person 'nobody'")])  # fmt: skip
def test_what_is_no_password_or_nobodys_is_one_sentence_and_sets_nothing(
    shell: Shell, db: Db, person: str, stdin: str | bytes, says: str
) -> None:
    assert says in shell.wrong("password", person, "--stdin", stdin=stdin)
    assert not db.rows("SELECT 1 FROM credential")
    assert not db.rows("SELECT 1 FROM entry")


def test_a_taken_port_and_an_address_that_is_none_are_one_sentence_each(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = shell("portal", "--port", other.getsockname()[1], code=2).err
    assert "is taken: stop what uses it, or name another with --port." in taken
    assert "is no address of the portal" in shell.wrong("--portal", "postloan.bank", "portal")
    for zone in ("Asia/Soul", "Asia", "/etc", "../etc"):
        assert f"{zone!r} is no time zone: write one as Asia/Seoul" in shell.wrong("--zone", zone, "portal")


@pytest.mark.parametrize(
    ("address", "line"),
    [("/d/eyJh.secret", "/d/…"), ("/d/eyJh.secret?next=1", "/d/…"), ("/signin?next=/d/eyJh.secret", "/signin"),
     ("/cases?q=Hanbit", "/cases"), ("/inbox", "/inbox")])  # fmt: skip
def test_the_log_holds_no_token_and_nothing_that_was_searched(address: str, line: str) -> None:
    assert shown(address) == line


@pytest.fixture
def stage(api: Any, project: Any) -> str:
    """A deployed stage without a schedule; no worker takes its runs."""
    name = f"stage-{uuid4()}"
    asyncio.run(deploy(project.write(project.deployment(name, schedules=[])), api.url))
    return name


def test_a_pages_acts_wake_their_stage_once_without_waiting_for_prefect(api: Any, stage: str) -> None:
    waker = Waker(lambda: str(api.url))
    for _ in range(8):
        waker(stage)
    waker.close()
    assert len(api.runs(stage)) == 1


def test_without_prefect_an_act_wakes_nothing_and_does_not_fail() -> None:
    for address in ("", f"http://127.0.0.1:{ports.free()}/api"):
        waker = Waker(lambda address=address: address)  # type: ignore[misc]
        waker("escalation")
        waker.close()


@pytest.mark.slow
def test_the_demos_people_can_sign_in_one_of_each_role(
    tmp_path: Path, lite_template: Path, quick_passwords: None
) -> None:
    shutil.copy(lite_template, tmp_path / "postloan.db")
    here = live(f"sqlite:///{tmp_path / 'postloan.db'}", tmp_path, weeks=2)
    with here.db() as db:
        found = accounts(db, here.business_date(), GOOD)
        roles = {row[0] for row in db.rows("SELECT DISTINCT role FROM role_grant")}
        assert {role for role, _, _ in found} == roles
        assert len(roles) >= 9
        for role, person, _ in found:
            assert isinstance(access.sign_in(db, Portal(here), person, GOOD, role), str)


@ON_ONE
@pytest.mark.parametrize(
    ("said", "says"),
    [({"ISSUER": "https://accounts.bank.example"}, "POSTLOAN_OIDC_CLIENT, POSTLOAN_OIDC_SECRET is missing"),
     ({"SECRET": "hush"}, "POSTLOAN_OIDC_ISSUER, POSTLOAN_OIDC_CLIENT is missing"),
     ({"ISSUER": "http://accounts.bank.example", "CLIENT": "p", "SECRET": "hush"}, "is no issuer")])  # fmt: skip
def test_an_account_service_that_is_half_said_is_one_sentence_before_anything_starts(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], says: str
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(f"POSTLOAN_OIDC_{name}", value)
    for command in ("portal", "up"):
        sentence = shell.wrong(command)
        assert says in sentence
        assert "hush" not in sentence


def test_an_account_is_forgotten_and_whoever_is_signed_in_is_signed_out(shell: Shell, db: Db) -> None:
    assert "No account is known of 'choi'" in shell.wrong("forget-account", "choi")
    assert access.person_of(db, "2026-01-05", "https://accounts.bank.example", "s1", "choi") == ("choi", "")
    assert access.person_of(db, "2026-01-05", "https://accounts.bank.example", "s2", "choi")[1] == "other_account"
    shell("password", "choi", "--stdin", stdin=GOOD)
    assert admitted(shell, db, GOOD)
    assert shell("forget-account", "choi", "--json").json == {"person": "choi", "sessions_ended": 1}
    assert access.person_of(db, "2026-01-05", "https://accounts.bank.example", "s2", "choi") == ("choi", "")
    assert db.rows("SELECT person FROM entry WHERE action = 'account_forgotten'") == [("system",)]


# -- in a process of its own ------------------------------------------------------------------------------------------


@pytest.fixture
def bank(tmp_path: Path, lite_template: Path) -> Path:
    """A home with a database."""
    shutil.copy(lite_template, tmp_path / "postloan.db")
    return tmp_path


def started(home: Path, *words: str | int) -> "subprocess.Popen[str]":
    """`postloan` in that home, told what it says through a pipe."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env = {**ours, "POSTLOAN_HOME": str(home), "PREFECT_API_URL": ""}
    return subprocess.Popen([sys.executable, "-u", "-m", "deployments.cli", *map(str, words)], cwd=ROOT, env=env,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip


def answers(port: int, path: str = "/signin") -> int:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    return 0


@pytest.mark.slow
def test_served_alone_it_listens_on_loopback_and_writes_no_token(
    bank: Path, port: int, eventually: Callable[..., Any]
) -> None:
    with started(bank, "portal", "--port", port) as program:
        eventually(lambda: answers(port) == 200)
        assert answers(port, "/d/eyJh.secret") == 303
        assert answers(port, "/signin?next=/d/eyJh.secret") == 200
        listening = [
            line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"
        ]
        assert [each for each in listening if each.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
        program.terminate()
        said, _ = program.communicate(timeout=180)
    assert f"The portal is at http://127.0.0.1:{port}" in said
    assert '"GET /d/… HTTP/1.1" 303' in said
    assert "secret" not in said


@pytest.mark.slow
def test_the_account_service_is_asked_when_somebody_wants_in_by_it_and_not_before(
    bank: Path, port: int, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes a call and says nothing
        silent.setblocking(False)
        for name, value in (
            ("ISSUER", f"http://127.0.0.1:{silent.getsockname()[1]}"),
            ("CLIENT", "portal"),
            ("SECRET", "hush"),
        ):
            monkeypatch.setenv(f"POSTLOAN_OIDC_{name}", value)
        with started(bank, "portal", "--port", port) as program:
            eventually(lambda: answers(port) == 200, 60)
            assert "Sign in with the bank" in httpx.get(f"http://127.0.0.1:{port}/signin").text
            with pytest.raises(BlockingIOError):
                silent.accept()
            assert httpx.get(f"http://127.0.0.1:{port}/signin/account", timeout=30).status_code == 503
            silent.accept()[0].close()
            program.terminate()
            said, _ = program.communicate(timeout=60)
    assert '"GET /signin/account HTTP/1.1" 503' in said
    assert "hush" not in said


@pytest.fixture
def up(bank: Path, migrated: Path, project: Any, port: int, eventually: Any) -> Iterator[tuple[State, int]]:
    """The whole set is up: what it says of itself, and the portal's port."""
    (bank / "prefect").mkdir()
    shutil.copy(migrated, bank / "prefect" / "prefect.db")
    pages, file = ports.free(), project.write(project.deployment(schedules=[]))
    program = started(
        bank,
        "--bank",
        "Narae Bank",
        "--zone",
        "Asia/Tokyo",
        "up",
        "--port",
        port,
        "--portal-port",
        pages,
        "--no-ui",
        "--file",
        file,
        "--json",
    )
    try:
        eventually(lambda: "portal" in (status(bank / "prefect") or State()).parts and answers(pages) == 200)
        yield status(bank / "prefect") or State(), pages
    finally:
        program.send_signal(signal.SIGTERM)
        said, _ = program.communicate(timeout=180)
    prefect, portal = (f"http://127.0.0.1:{each}" for each in (port, pages))
    assert json.loads(said.splitlines()[0]) == {"pid": program.pid, "prefect": prefect, "portal": portal}
    assert "portal is up" in said
    assert "portal is down" in said


@pytest.mark.slow
def test_up_serves_it_with_the_rest_brings_it_back_and_ends_it(
    up: tuple[State, int], bank: Path, eventually: Any
) -> None:
    state, pages = up
    pid = state.parts["portal"]
    env = Path(f"/proc/{pid}/environ").read_text().split("\0")
    assert {f"POSTLOAN_PORTAL=http://127.0.0.1:{pages}", "POSTLOAN_BANK=Narae Bank", "POSTLOAN_ZONE=Asia/Tokyo"} <= {
        *env
    }
    assert "· Narae Bank</title>" in httpx.get(f"http://127.0.0.1:{pages}/signin").text
    assert f"PREFECT_API_URL={state.api}" in env
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: (status(bank / "prefect") or State()).parts.get("portal") not in (None, pid))
    eventually(lambda: answers(pages) == 200)
    assert lives(state.parts["worker"])


def test_what_the_flows_send_links_to_where_the_portal_is(monkeypatch: pytest.MonkeyPatch, bank: Path) -> None:
    from tasks import house

    monkeypatch.setenv("POSTLOAN_HOME", str(bank))
    monkeypatch.setenv("POSTLOAN_PORTAL", "https://postloan.bank.example")
    monkeypatch.setenv("POSTLOAN_TODAY", "2026-03-31")
    here = house.current()
    assert (here.bank, here.zone) == ("Post-loan management", "Asia/Seoul")
    assert here.page("t") == "https://postloan.bank.example/d/t"
    assert here.business_date().isoformat() == "2026-03-31"
    monkeypatch.setenv("POSTLOAN_BANK", "Narae Bank")
    monkeypatch.setenv("POSTLOAN_ZONE", "Europe/Berlin")
    assert (house.current().bank, house.current().zone) == ("Narae Bank", "Europe/Berlin")
    with connect(here.url) as db:
        assert db.rows("SELECT count(*) FROM cases") == [(0,)]


def test_an_answer_goes_out_at_once() -> None:
    """Not held back until the browser has confirmed its first part, which takes 40 ms."""

    async def served() -> int:
        answered = asyncio.get_running_loop().create_future()

        def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answered.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with ports.bound(0) as there:
            async with await asyncio.start_server(answer, sock=there):
                _, browser = await asyncio.open_connection(*there.getsockname())
                browser.close()
                return int(await answered)

    assert asyncio.run(served())
