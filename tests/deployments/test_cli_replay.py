"""`postloan replay` says what could not be decided again, and why; that alone is no divergence."""

from pathlib import Path

from deployments.bench.weeks import live
from door.db import Db
from tests.deployments.shell import Shell


def test_what_is_erased_is_said_and_is_no_divergence(db: Db, url: str, tmp_path: Path) -> None:
    live(url, tmp_path, loans=40, weeks=1)
    shell = Shell(url, tmp_path)
    whole = shell("replay", "all", "--json").json
    assert (whole["left"], whole["divergences"]) == ({}, [])
    case = db.rows("SELECT min(id) FROM cases WHERE process = 'inspection'")[0][0]
    left = db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ?", f"case:{case}")
    said = shell("replay", "all", "--json").json
    assert (said["left"], said["divergences"]) == ({"erased": left}, [])
    assert said["entries"] == whole["entries"] - left
    lines = shell("replay", "case", case).out.splitlines()
    assert lines[0].startswith("0 entries decided again, 0 of them automatic")
    assert lines[1] == f"Not decided again: {left}, because a payload that they were decided on is erased, by right."
