"""What the README tells people to type is what the command line takes, and what it points to is there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from click import Command, Group

from deployments.cli import app
from processes import PROCESSES
from tests.deployments.conftest import Api
from tests.deployments.shell import ROOT

#: Kinds of streams by the table in docs/journal.md.
STREAMS = set(re.findall(r"^\| `(\w+):", (ROOT / "docs" / "journal.md").read_text(encoding="utf-8"), re.MULTILINE))
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOANS = ROOT.parent / "shared/data/sba_loans.csv.gz"


def commands() -> list[list[str]]:
    """The words of every `postloan` line in a block, CASE and RUN being numbers."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [["1" if word in ("CASE", "RUN") else word for word in shlex.split(line, comments=True)[1:]]
            for line in lines if line.startswith("postloan ")]  # fmt: skip


def test_every_command_of_the_readme_is_taken_by_the_command_line() -> None:
    found = commands()
    assert len(found) > 40
    for words in found:
        command: Command = typer.main.get_command(app)
        context = command.make_context("postloan", list(words))
        while isinstance(command, Group):
            rest = [*context._protected_args, *context.args]
            name, inner, rest = command.resolve_command(context, rest)
            assert inner is not None, words
            command, context = inner, inner.make_context(name, rest, parent=context)


def lines(text: str) -> list[str]:
    """What it says, however wide its tables are drawn."""
    return [words for line in text.splitlines() if (words := " ".join(line.replace("─", "").split()))]


@pytest.mark.slow
@pytest.mark.skipif(not LOANS.exists(), reason="no ../shared/data/sba_loans.csv.gz here")
def test_the_real_loans_give_what_the_readme_says_to_the_last_number(tmp_path: Path, api: Api) -> None:
    shutil.copy(LOANS, tmp_path)
    env = {name: value for name, value in os.environ.items() if not name.startswith("POSTLOAN")}
    env |= {"POSTLOAN_HOME": "var/sba", "PREFECT_API_URL": api.url}
    section = README.partition("\n## Real loans\n")[2].partition("\n## ")[0]
    said, compared = list[str](), 0
    for block in re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        if "postloan " in block:
            said = []
            for line in block.splitlines():
                if line.startswith("postloan "):
                    done = subprocess.run([sys.executable, "-m", "deployments.cli", *shlex.split(line)[1:]], cwd=tmp_path,
                                          env=env, capture_output=True, text=True, timeout=600, check=False)  # fmt: skip
                    assert done.returncode == (" gate " in line), done.stderr  # a refusal is 1
                    said += lines(done.stdout)
            continue
        told = lines(block)
        assert [line for line in said if line in told] == told
        compared += len(told)
    assert compared >= 15


def test_every_file_of_the_readme_is_there() -> None:
    named = re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(
        r"`((?:tests|policies|tasks|models|processes)/[\w/.]+)`", README
    )
    named += re.findall(r'<img src="([^"]+)"', README)
    assert len(named) > 20
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_stream_that_the_code_writes_stands_in_the_page_of_the_journal() -> None:
    code = [file.read_text(encoding="utf-8") for folder in ("door", "tasks", "portal", "deployments", "flows")
            for file in (ROOT / folder).rglob("*.py")]  # fmt: skip
    named = {kind for text in code for kind in re.findall(r'f"([a-z]+):\{', text)}
    others = {"account", "address", "by", "anchor"}  # who is throttled, a letter's word, where a fault is
    named |= {"portal"}  # portal:accounts, one stream for what is nobody's
    assert (named | {p.stream for p in PROCESSES.values()}) - others == STREAMS


def test_the_pictures_are_small_and_none_is_left_over() -> None:
    shown = set(re.findall(r"docs/screens/([\w-]+\.webp)", README))
    sizes = {file.name: file.stat().st_size for file in (ROOT / "docs" / "screens").iterdir()}
    assert set(sizes) == shown
    assert max(sizes.values()) < 60_000
    assert sum(sizes.values()) < 600_000
