"""The demo as `postloan demo --once` lives it: through real flows, and the same again for the same seed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.portfolio import portfolio
from door.db import connect
from tests.deployments.conftest import Api

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
    at = server(Path(home, "prefect"), int(prefect)) if prefect.isdigit() else nullcontext(prefect)
    done = live(seed, loans, url, Path(home), at, lambda *_: None, weeks)
    print(json.dumps([done.as_json(), heads(url)]))
"""
Life = tuple[dict[str, int], dict[str, str]]


def lived(home: Path, url: str, prefect: str | int, *lives: str) -> list[Life]:
    """What happened in each (seed, loans, weeks), and its heads. In a process of their own, as the command is: Prefect
    reads its settings once in each, and what has no order comes in another one. `prefect`: the address of a server, or
    the port for one."""
    words = [sys.executable, "-c", PROGRAM, url, str(home), str(prefect), *lives]
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


@pytest.mark.slow
def test_the_same_seed_lives_the_same_quarter_to_the_last_hash(url: str, tmp_path: Path, port: int, api: Api) -> None:
    [first] = lived(tmp_path, url, port, f"3,{LOANS},{WEEKS}")
    counts = first[0]
    print(f"\n{LOANS} loans, {WEEKS} weeks: {counts}, {len(first[1])} streams")
    assert counts["replay_divergences"] == 0
    assert counts["cases_opened"] == counts["closed"] + counts["open"]
    for what in ("outsourced", "concluded", "verified_site", "closed", "flow_runs"):
        assert counts[what] > 0, what
    second, other = lived(tmp_path, url, api.url, f"3,{LOANS},{WEEKS}", f"4,{LOANS},1")
    assert second == first
    assert not set(other[1].values()) & set(first[1].values())


def test_the_smallest_bank_can_be_invented_from_any_seed() -> None:
    """Some of its branches have no customer."""
    assert all(len(portfolio(seed, 50).loans) == 50 for seed in range(100))
