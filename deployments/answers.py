"""Answers and photographs as simulated inspectors and managers hand them in, good ones and flawed ones."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any

from models.policy import Book, Checkpoint
from tasks.dossier import Dossier
from tasks.premises import Premises

NUMBERS = (
    "0",
    "100",
    "1",
    "5",
    "10",
    "20",
    "50",
    "90",
    "96",
    "150",
    "-10",
    "-25",
    "-50",
    "2",
    "0.5",
    "30",
    "45",
    "200",
)
DAYS = (-5, 200, -40, -120, -400, 400)


def package(r: Random, d: Dossier, book: Book, how: str, day: date, lie: Premises) -> dict[str, Any]:
    """A package for the case: an answer to every checkpoint, with what evidence it needs, here and there a flaw."""
    troubled = _trouble(d)
    answers, evidence = [], []
    for n, ask in enumerate(d.opening["asks"]):
        for id_ in ask["checkpoints"]:
            checkpoint = book.checkpoint(id_)
            if not checkpoint.mandatory and r.random() < 0.7:
                continue
            before = (d.answers_before or {}).get((ask["facility"], id_))
            value = _value(r, book, checkpoint, before, day, troubled)
            files = []
            for kind, shown in (("photo", checkpoint.photos), ("document", checkpoint.documents)):
                if shown and (kind == "document" or how != "desk"):
                    files.append(_file(f"{d.state.stream}/{d.state.seq}/{n}/{id_}/{kind}", kind, shown[0], day, lie))
            evidence += files
            answers.append({"facility": ask["facility"], "checkpoint": id_, "value": value,
                            "as_of": day.isoformat(), "files": [f["sha256"] for f in files]})  # fmt: skip
    if how == "outsourced":
        evidence += [_file(f"{d.state.stream}/{d.state.seq}/{shows}", "photo", shows, day, lie)
                     for shows in book.collection.photos]  # fmt: skip
    made = {"how": how, "visited_on": day.isoformat(), "host": "the owner", "interview_signed": True,
            "answers": answers, "evidence": evidence}  # fmt: skip
    return _flawed(r, made)


def _trouble(d: Dossier) -> float:
    """How likely a bad answer is: more at a borrower whose class is bad already."""
    return {1: 0.006, 2: 0.03}.get(d.opening["class_"], 0.08)


def _value(r: Random, book: Book, checkpoint: Checkpoint, before: str | None, day: date, troubled: float) -> str:
    colours = _choices(book, checkpoint.id, before, day)
    if r.random() < troubled:
        bad = [c for c in "yor" if c in colours]
        if bad:
            return colours[r.choice(bad)]
    return colours.get("") or next(iter(colours.values()))


@lru_cache(maxsize=4096)
def _choices(book: Book, id_: str, before: str | None, day: date) -> dict[str, str]:
    """By the colour it makes, the first answer that does."""
    checkpoint = book.checkpoint(id_)
    tries = [*checkpoint.choices, "no", "yes", *NUMBERS, *((day + timedelta(days=n)).isoformat() for n in DAYS),
             "nothing noticed"]  # fmt: skip
    found: dict[str, str] = {}
    for value in ([before] if before else []) + tries:
        if not checkpoint.refuses(value):
            found.setdefault(book.finding(id_, value, before, day, day), value)
    return found


def _file(name: str, kind: str, shows: str, day: date, lie: Premises) -> dict[str, Any]:
    """A photograph is taken within some steps of the premises, one in sixty-four at another place, which is said."""
    lot = hashlib.sha256(name.encode())
    north, elsewhere = lot.digest()[0], lot.digest()[1] < 4 and kind == "photo" and bool(lie.latitude)
    where = {"latitude": "37.5665", "longitude": "126.9780"}
    if lie.latitude:
        away = Decimal(north // 4) / 100_000 + (Decimal("0.019") if elsewhere else 0)
        where = {"latitude": f"{Decimal(lie.latitude) + away:.5f}", "longitude": lie.longitude}
    return {"sha256": lot.hexdigest(), "kind": kind, "shows": shows, "taken_at": f"{day}T10:00:00Z", **where,
            "note": "Taken at the second workshop, where it stands now." if elsewhere else ""}  # fmt: skip


def _flawed(r: Random, made: dict[str, Any]) -> dict[str, Any]:
    if made["how"] != "outsourced":
        return made
    flaw = r.random()
    if flaw < 0.04 and made["answers"]:
        made["answers"].pop(r.randrange(len(made["answers"])))
    elif flaw < 0.07:
        made["interview_signed"] = False
    elif flaw < 0.085:  # the same photograph as others handed in
        made["evidence"][-1] = {**made["evidence"][-1], "sha256": hashlib.sha256(b"an old picture").hexdigest()}
    return made
