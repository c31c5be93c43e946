"""A stranger checks an exported journal with hashlib and json alone, by the program in docs/journal.md, in a process of
his own that can't import ours."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from door.anchor import Anchor, Tree, follows, signer, verifier
from door.db import Db
from door.journal import Entry, seal
from door.rebuild import HASHED, export
from tests.door.history import history

ALONE = [sys.executable, "-I", "-S", "-X", "utf8", "-c"]  # without the installed packages
PAGE = Path(__file__).parents[2] / "docs" / "journal.md"


def block(language: str) -> str:
    """The fenced block of a language in the page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def check(lines: Iterable[str], folder: Path) -> tuple[int, str]:
    """Exit code and output of the page's program over these lines."""
    program = [*ALONE, block("python")]
    done = subprocess.run(
        program, input="\n".join(lines), cwd=folder, capture_output=True, timeout=180, encoding="utf-8"
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def test_the_program_imports_nothing_but_hashlib_and_json() -> None:
    imports = [n for n in ast.walk(ast.parse(block("python"))) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [alias.name for n in imports if isinstance(n, ast.Import) for alias in n.names] == ["hashlib", "json", "sys"]
    assert all(isinstance(n, ast.Import) for n in imports)


@pytest.mark.parametrize("ours", ["door.journal", "orjson"])
def test_he_has_nothing_of_ours(tmp_path: Path, ours: str) -> None:
    done = subprocess.run([*ALONE, f"import {ours}"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert f"No module named '{ours.partition('.')[0]}'" in done.stderr


def test_a_journal_of_every_process_is_clean(db: Db, tmp_path: Path) -> None:
    history(db, signer(tmp_path / "anchor.key"))
    db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = 'case:1' AND seq = 2")
    n, streams = db.rows("SELECT count(*), count(DISTINCT stream) FROM entry")[0]
    assert check(export(db), tmp_path) == (0, f"clean: {n} entries, {streams} streams")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a word in a payload", "case:1 1: digest"),
        ("a person", "case:1 1: hash"),
        ("an entry left out", "case:1 2: does not follow 0"),
        ("a stream left out", "case:1 3: not as anchored on 2026-01-12"),
        ("a root", "anchor 2026-01-12: root"),
        ("an anchor left out", "anchor 2026-01-19: does not follow the one before"),
    ],
)
def test_a_planted_fault_is_found(quick_db: Db, tmp_path: Path, what: str, said: str) -> None:
    history(quick_db, signer(tmp_path / "anchor.key"))
    lines = list(export(quick_db))
    at = next(n for n, line in enumerate(lines) if '"stream":"case:1"' in line)
    dates = [n for n, line in enumerate(lines) if line.startswith('{"anchor"')]
    if what == "a word in a payload":
        lines[at] = lines[at].replace("working_capital", "working_Capital")
    elif what == "a person":
        lines[at] = lines[at].replace('"person":"system"', '"person":"lee"')
    elif what == "an entry left out":
        del lines[at]
    elif what == "a stream left out":
        lines = [line for line in lines if '"stream":"case:1"' not in line]
    elif what == "a root":
        lines[dates[0]] = re.sub(r'"root":"....', '"root":"0000', lines[dates[0]])
    else:
        del lines[dates[0]]
    code, out = check(lines, tmp_path)
    assert code == 1
    assert any(re.sub(r"case:1 \d: not", "case:1 3: not", line) == said for line in out.splitlines()), out


def test_the_page_s_example_is_what_the_page_says_and_what_we_write(tmp_path: Path) -> None:
    lines = block("jsonl").splitlines()
    assert check(lines, tmp_path) == (0, "clean: 3 entries, 2 streams")
    said = [orjson.loads(line) for line in lines]
    for one in said[:3]:
        if one["payload"] is not None:
            columns = [one["entry"][c] for c in HASHED]
            assert seal(*columns[:14], columns[15], one["salt"], one["payload"]) == Entry(
                *columns, one["hash"], one["salt"], one["payload"]
            )
    (tmp_path / "page.pub").write_text(block("pem"))
    verify, tree, before = verifier(tmp_path / "page.pub"), Tree(), None
    for one in said[3:]:
        anchor = Anchor(**one["anchor"], signature=one["signature"], heads="")
        assert verify(anchor.statement(), anchor.signature)
        assert anchor.previous == follows(before)
        assert anchor.root == tree.put(tuple(head) for head in one["heads"])
        before = anchor
