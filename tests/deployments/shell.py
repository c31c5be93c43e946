"""The command line as a person types it, on a small bank whose policy book is in force."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer import testing

from deployments.cli import app
from door.command import SYSTEM
from door.db import Db
from models.policy import Book, load
from tasks import books
from tests.door.bank import DAY, Bank, found

ROOT = Path(__file__).parents[2]
# Typer's runner makes all commands anew for each line that is typed: longer than most of them take.
testing._get_command = cache(testing._get_command)


@cache
def book() -> Book:
    return load(ROOT / "policies")


@dataclass
class Said:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


@dataclass
class Shell:
    """`postloan` for one installation, on a business date."""

    url: str
    home: Path
    day: str = DAY

    def __call__(self, *words: str | int | Path, code: int = 0, stdin: str | bytes | None = None) -> Said:
        """The command must end with that exit code; errors are sentences, never traces."""
        line = ["--database", self.url, "--home", str(self.home), "--today", self.day, *map(str, words)]
        done = testing.CliRunner().invoke(app, line, input=stdin, env={"PREFECT_API_URL": "", "POSTLOAN_PERSON": ""})
        said = Said(done.stdout, done.stderr, done.exit_code)
        assert said.code == code, (words, said)
        assert "Traceback" not in said.out + said.err
        assert "defect" not in said.err
        return said

    def wrong(self, *words: str | int | Path, code: int = 2, stdin: str | bytes | None = None) -> str:
        """The sentence of a command that must fail: one line, with nothing on the standard output."""
        said = self(*words, code=code, stdin=stdin)
        assert said.out == ""
        assert len(said.err.strip().splitlines()) == 1, said.err
        return said.err.strip()


def bank_of(db: Db) -> Bank:
    """The door's small bank, its facility F1 of B1, and the real book in force by oh and ryu."""
    bank = found(db)
    bank.rules = books.rules(db)
    books.keep(db, book())
    db.run("INSERT INTO facility VALUES ('F1', 'B1', 'SE', 'KRW', 500, 400, '2020-01-01', '')")
    said = {"book": book().hash, "effective_from": "2026-01-01", "reason": "The first."}
    case = bank.open("policy", "ryu", "propose_book", subject="policy", book=book().hash, payload=said)
    bank.do("oh", "approve_book", case)
    return bank


def inspection(bank: Bank, to: str = "collect", subject: str = "B1", path: str = "desk",
               manager: str = "lee") -> int:  # fmt: skip
    """An inspection under the real book, brought to a step."""
    case = bank.open("inspection", SYSTEM, "open", subject=subject, said={"path": path}, book=book().hash)
    usual = {"collect": (manager, "collect"), "screen": (SYSTEM, "pass"), "prepare": (SYSTEM, "propose"),
             "review": (manager, "conclude"), "draw": (SYSTEM, "desk"), "verify_desk": ("choi", "verify"),
             "dispatch": (SYSTEM, "assign"), "weigh": (SYSTEM, "escalate")}  # fmt: skip
    while (step := bank.state(case).step) != to:
        bank.do(*usual[step], case)
    return case
