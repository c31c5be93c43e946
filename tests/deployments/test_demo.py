"""The demo as `postloan demo --once` lives it: through real flows, and the same again for the same seed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.portfolio import portfolio
from door.db import connect

ROOT = Path(__file__).parents[2]
WEEKS, LOANS = 4, 150
PROGRAM = """
import json, sys
from pathlib import Path
from deployments.demo import live
seed, loans, url, home, port, weeks = sys.argv[1:]
done = live(int(seed), int(loans), url, Path(home), int(port), lambda *_: None, int(weeks))
print(json.dumps(done.as_json()))
"""


def lived(home: Path, url: str, port: int, seed: int, loans: int = LOANS, weeks: int = WEEKS) -> dict[str, int]:
    """What happened. In a process of its own, as the command is: Prefect reads its settings once in each."""
    words = [seed, loans, url, home, port, weeks]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, words)], cwd=ROOT, text=True, capture_output=True,
                          check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return {name: n for name, n in counts.items() if name not in ("seed", "seconds")}


def heads(url: str) -> dict[str, str]:
    """The head of every stream but those named by Prefect's ids."""
    with connect(url) as db:
        return dict(db.rows("SELECT stream, hash FROM entry e WHERE stream NOT LIKE 'attempt:%' AND seq = "
                            "(SELECT max(seq) FROM entry WHERE stream = e.stream)"))  # fmt: skip


@pytest.mark.slow
def test_the_same_seed_lives_the_same_quarter_to_the_last_hash(url: str, tmp_path: Path, port: int) -> None:
    first = lived(tmp_path, url, port, 3), heads(url)
    counts = first[0]
    print(f"\n{LOANS} loans, {WEEKS} weeks: {counts}, {len(first[1])} streams")
    assert counts["replay_divergences"] == 0
    assert counts["cases_opened"] == counts["closed"] + counts["open"]
    for what in ("outsourced", "concluded", "verified_site", "closed", "flow_runs"):
        assert counts[what] > 0, what
    assert (lived(tmp_path, url, port, 3), heads(url)) == first
    lived(tmp_path, url, port, 4, weeks=1)
    assert not set(heads(url).values()) & set(first[1].values())


def test_the_smallest_bank_can_be_invented_from_any_seed() -> None:
    """Some of its branches have no customer."""
    assert all(len(portfolio(seed, 50).loans) == 50 for seed in range(100))
