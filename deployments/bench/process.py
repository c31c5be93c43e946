"""The process that the bench drives: open, then collect, review and verify by three roles; about 300 bytes each."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from door.command import SYSTEM, Clock, Command, Rules, Verdict
from door.db import Db
from models import forms
from models.process import END, START, USER, Do, Form, Process, Step

DAY = "2026-01-05"
COLLEAGUES = 30  # who hold the same role as each of those who act


class Package(Form):
    """What each step hands in."""

    text: forms.Text
    level: forms.Level
    answers: tuple[str, ...] = ()


PROCESS = Process(
    name="bench",
    start="start",
    facts=("level",),
    steps={
        "start": Step(START, SYSTEM, SYSTEM, (Do("open", "collect", Package),)),
        "collect": Step(USER, "branch", "account_manager", (Do("collect", "review", Package),), due="step"),
        "review": Step(USER, "branch", "reviewer", (Do("review", "verify", Package),), due="step"),
        "verify": Step(USER, "department", "officer", (Do("verify", "closed", Package),), due="step"),
        "closed": Step(END),
    },
    apart=(("collect", "review"), ("review", "verify"), ("collect", "verify")),
)
STEPS = (("am", "collect"), ("rv", "review"), ("of", "verify"))  # who does what
PAYLOAD = {"text": "x" * 230, "level": 1, "answers": ["L001.01=yes", "L001.02=no"]}
RULES = Rules({"bench": PROCESS}, lambda book, timer, day, facts: "2026-02-01", lambda book: 10)


def clock() -> Clock:
    return Clock(DAY, lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), _salts)


def _salts(n: int) -> list[str]:
    text = os.urandom(16 * n).hex()
    return [text[i : i + 32] for i in range(0, 32 * n, 32)]


def staff(db: Db) -> None:
    """Three people who act, among colleagues of the same roles."""
    with db.transaction():
        db.insert("unit", ("id", "name", "lane", "calendar"),
                  [("b", "Branch", "branch", "KR"), ("d", "Department", "department", "KR")])  # fmt: skip
        acting = [("am", "b", "account_manager"), ("rv", "b", "reviewer"), ("of", "d", "officer")]
        people = acting + [(f"{id_}{k}", unit, role) for id_, unit, role in acting for k in range(COLLEAGUES)]
        db.insert("person", ("id", "name", "unit", "language"), [(id_, id_, unit, "en") for id_, unit, _ in people])
        db.insert("role_grant", ("person", "role", "since"), [(id_, role, "2020-01-01") for id_, _, role in people])


def openings(n: int, first: int = 0) -> list[Command]:
    return [Command(SYSTEM, "open", PAYLOAD, process="bench", subject=f"b{first + i}", book="x") for i in range(n)]


def decisions(person: str, action: str, cases: Sequence[int], keyed: bool = False) -> list[Command]:
    return [Command(person, action, PAYLOAD, case=id_, key=f"{action}:{id_}" if keyed else None) for id_ in cases]


def accepted(verdicts: Sequence[Verdict]) -> list[int]:
    """The cases of the verdicts. Raises AssertionError where one was refused: then the measurement means nothing."""
    refused = next((v.refused for v in verdicts if v.refused), None)
    if refused:
        raise AssertionError(f"the bench was refused: {refused}")
    return [v.case for v in verdicts if v.case is not None]
