"""The demo as `postloan demo --once` lives it: through real flows, and the same again for the same seed."""

import fcntl
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments import ports
from deployments.commands.demo import HOME
from deployments.commands.serve import PORT
from deployments.demo import MARK, Outcome, of_others
from deployments.portfolio import portfolio
from door.db import connect
from tests.deployments.conftest import Api
from tests.deployments.last_line import KEYS, missed
from tests.deployments.shell import Shell, bank_of
from tests.deployments.test_readme import STREAMS

ROOT = Path(__file__).parents[2]
WEEKS, LOANS = 4, 150
PROGRAM = """
import json, sys
from contextlib import nullcontext
from pathlib import Path
from deployments.demo import live
from deployments.serve import server
from tests.deployments.test_demo import heads
url, home, prefect, *lives = sys.argv[1:]
for life in lives:
    seed, loans, weeks = map(int, life.split(","))
    at = nullcontext(prefect) if prefect else server(Path(home, "prefect"))
    done = live(seed, loans, url, Path(home), at, lambda *_: None, weeks)
    print(json.dumps([done.as_json(), heads(url)]))
"""
SHORT = """
from functools import partial
from pathlib import Path
from deployments import cli
from deployments.commands.run import quiet
quiet(Path("var/demo/prefect").resolve())  # which must come before Prefect
from deployments import demo
demo.live, demo.last_day = partial(demo.live, weeks=2), partial(demo.last_day, weeks=2)
cli.main()
"""
Life = tuple[dict[str, int], dict[str, str]]


def lived(home: Path, url: str, prefect: str, *lives: str) -> list[Life]:
    """What happened in each (seed, loans, weeks), and its heads. In a process of their own, as the command is: Prefect
    reads its settings once in each, and what has no order comes in another one. `prefect`: the address of a server;
    empty: one of its own."""
    words = [sys.executable, "-c", PROGRAM, url, str(home), prefect, *lives]
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Life] = []
    for counts, at_the_end in map(json.loads, done.stdout.splitlines()):
        found.append(({name: n for name, n in counts.items() if name not in ("seed", "seconds")}, at_the_end))
    return found


def heads(url: str) -> dict[str, str]:
    """The head of every stream but those named by Prefect's ids."""
    with connect(url) as db:
        return dict(db.rows("SELECT stream, hash FROM entry e WHERE stream NOT LIKE 'attempt:%' AND seq = "
                            "(SELECT max(seq) FROM entry WHERE stream = e.stream)"))  # fmt: skip


@pytest.fixture
def taken() -> Iterator[None]:
    """Prefect's usual port is another's."""
    with socket.socket() as other:
        with suppress(OSError):
            other.bind(("127.0.0.1", PORT))
        other.listen()
        yield


@pytest.mark.slow
def test_the_same_seed_lives_the_same_quarter_to_the_last_hash(url: str, tmp_path: Path, api: Api) -> None:
    [first] = lived(tmp_path, url, "", f"3,{LOANS},{WEEKS}")
    counts = first[0]
    assert not of_others(url), "the next may empty it"
    print(f"\n{LOANS} loans, {WEEKS} weeks: {counts}, {len(first[1])} streams")
    assert counts["replay_divergences"] == 0
    assert counts["cases_opened"] == counts["closed"] + counts["open"]
    assert {stream.partition(":")[0] for stream in first[1]} < STREAMS
    for what in ("outsourced", "concluded", "verified_site", "closed", "flow_runs"):
        assert counts[what] > 0, what
    second, week, other = lived(tmp_path, url, api.url, f"3,{LOANS},{WEEKS}", f"3,{LOANS},1", f"4,{LOANS},1")
    assert second == first
    assert not set(other[1].values()) & set(first[1].values())
    alike = {what for what, n in week[0].items() if other[0][what] == n}
    assert not alike & {"cases_opened", "outsourced", "journal_entries"}


@pytest.mark.slow
def test_a_demo_stays_up_where_it_says_lets_in_whom_it_names_and_goes_at_ctrl_c(
    tmp_path: Path, eventually: Any
) -> None:
    (tmp_path / "prefect.yaml").symlink_to(ROOT / "prefect.yaml")
    port, pages, log = ports.free(), ports.free(), tmp_path / "said"
    words = [sys.executable, "-uc", SHORT, "demo", "--loans", "50", "--port", str(port), "--portal-port", str(pages)]
    with log.open("w") as out, subprocess.Popen(words, cwd=tmp_path, stdout=out, stderr=out) as demo:
        try:
            eventually(lambda: "portal is up" in log.read_text() or demo.poll() is not None, 600)
            said = log.read_text()
            prefect, portal = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{pages}"
            assert set(re.findall(r"http://[\d.]+:\d+", said)) == {prefect, portal}, said
            assert httpx.get(prefect).is_success
            role, person, password = re.findall(r"^ *(operations) +(\S+) +(\S+) +\d+ *$", said, re.MULTILINE)[0]
            with httpx.Client(base_url=portal, follow_redirects=True) as browser:
                page = browser.post("/signin", data={"username": person, "password": password, "next": f"/{role}"})
            assert page.url.path == f"/{role}"
            assert page.is_success
        finally:
            demo.send_signal(signal.SIGINT)
            assert demo.wait(180) == 0
    for address in (prefect, portal):
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)


def test_the_check_of_the_last_line_sees_what_is_missing_zero_or_divergent() -> None:
    good = dict.fromkeys(KEYS, 1) | {"replay_divergences": 0}
    assert missed(json.dumps(good)) == []
    assert missed(json.dumps({**good, "lifted": 0, "replay_divergences": 2})) == ["lifted", "replay_divergences"]
    assert missed(json.dumps({key: n for key, n in good.items() if key != "open"})) == ["open"]
    assert tuple(Outcome.__dataclass_fields__) == KEYS


def test_a_database_that_holds_what_no_demo_made_is_not_emptied(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not of_others(url), "empty tables are nobody's"
    with connect(url) as db:
        bank_of(db)
        before = db.rows("SELECT * FROM entry ORDER BY stream, seq")
        says = Shell("", tmp_path).wrong("demo", "--once", "--database", url)
        assert says.startswith("The database of --database holds what no demo made")
        assert db.rows("SELECT * FROM entry ORDER BY stream, seq") == before != []
        db.run("INSERT INTO counter (name, value) VALUES (?, 1)", MARK)
    assert not of_others(url), "an earlier demo's"


def test_a_file_of_another_program_is_not_taken_away(tmp_path: Path) -> None:
    assert not of_others(f"sqlite:///{tmp_path / 'none.db'}")
    with connect(f"sqlite:///{tmp_path / 'theirs.db'}") as db:
        db.run("CREATE TABLE photograph (id INTEGER)")
        assert of_others(db.url)


@pytest.mark.parametrize("option", ["--port", "--portal-port"])
def test_a_demo_that_stays_up_says_before_it_begins_which_option_names_another_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    free = {name: str(ports.free()) for name in ("--port", "--portal-port")}
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = [word for pair in (free | {option: str(other.getsockname()[1])}).items() for word in pair]
        says = Shell("", tmp_path).wrong("demo", *words)
    assert says.endswith(f"is taken: stop what uses it, or name another with {option}.")
    assert not (HOME / "postloan.db").exists()


def test_a_demo_that_is_up_is_not_emptied_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = HOME / "prefect"
    home.mkdir(parents=True)
    (home / "up.json").write_text('{"pid": 4711}')
    with (home / "up.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        says = Shell("", tmp_path).wrong("demo", "--once")
    assert says == "The demo is already up (process 4711): `postloan --home var/demo down` stops it."
    assert (home / "up.json").exists()


def test_the_smallest_bank_can_be_invented_from_any_seed() -> None:
    """Some of its branches have no customer."""
    assert all(len(portfolio(seed, 50).loans) == 50 for seed in range(100))
