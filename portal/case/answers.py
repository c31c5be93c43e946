"""Answers side by side with the last inspection's, what changed marked; what they mean by the case's book."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any

from models.policy import Book, Checkpoint
from portal.words.reader import Reader
from tasks.dossier import PACKAGES, SCREENINGS, Dossier, Past, answers
from tasks.translate import PLACES

LEVEL = {"y": 1, "o": 2, "r": 3}  # of a finding by its colour


@dataclass(frozen=True, slots=True)
class Row:
    """A question: the last answer, this one, what changed; `level` of its finding (0: none)."""

    code: str
    question: str
    unit: str
    last: str
    now: str
    changed: bool
    change: str
    level: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    facility: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: its level, question, facility; `answer`: the manager's to it, None while it is open."""

    level: int
    code: str
    question: str
    facility: str
    accepted: bool | None
    why: str


def side_by_side(d: Dossier, book: Book, reader: Reader, package: Past | None, compared: bool = True) -> list[Group]:
    """Every question of the case, by facility. Not `compared`: nothing but what this package says."""
    now, before = answers(package), (d.answers_before or {}) if compared else {}
    notes = {(a["facility"], a["checkpoint"]): a["note"] for a in package.payload.get("answers", ())} if package else {}
    levels = {(f["facility"], f["checkpoint"]): LEVEL[f["colour"]] for f in d.findings} if compared else {}
    found = []
    for facility, keys in groupby(d.questions, lambda q: q[0]):
        rows = [_row(book.checkpoint(key[1]), before.get(key), now.get(key), levels.get(key, 0), notes.get(key, ""), d.currency,
                     reader) for key in keys]  # fmt: skip
        found.append(Group(facility, tuple(rows)))
    return found


def _row(
    asked: Checkpoint, last: str | None, now: str | None, level: int, note: str, currency: str, reader: Reader
) -> Row:
    changed = last is not None and now is not None and last != now
    unit_ = "" if _amount(asked, reader) else asked.unit
    return Row(asked.id, asked.question, unit_, written(asked, last, currency, reader), written(asked, now, currency, reader),
               changed, _change(asked, last, now, reader), level, note)  # fmt: skip


def unit(asked: Checkpoint, d: Dossier, reader: Reader) -> str:
    """Of the figure that is asked for; of an amount the currency, where that has no smaller part."""
    if not _amount(asked, reader):
        return asked.unit
    smallest = reader.say("{currency}, in its smallest unit").format(currency=d.currency)
    return smallest if PLACES.get(d.currency, 2) else d.currency


def _amount(asked: Checkpoint, reader: Reader) -> bool:
    return asked.unit == reader.read("minor units")


def written(asked: Checkpoint, value: str | None, currency: str, reader: Reader) -> str:
    """An answer as it is read; an amount in the case's currency. None is "not evaluated": never blank, never nought."""
    if value is None or value == "":
        return reader.say("not evaluated")
    if asked.type == "date" and len(value) == 10 and value[4] == "-":
        try:
            return reader.day(value)
        except ValueError:
            return value
    if (number := number_of(value)) is not None and asked.type == "number":
        if _amount(asked, reader) and number == int(number):
            return reader.money(int(number), currency)
        return f"{number:,}".replace("-", "−") + (" %" if asked.unit.startswith("%") else "")
    if asked.type == "yes_no":
        return reader.say(value.capitalize())
    return value if asked.type == "text" else reader.named(value)


def _change(asked: Checkpoint, last: str | None, now: str | None, reader: Reader) -> str:
    say = reader.say
    if last is None or now is None:
        return ""
    if last == now:
        return say("same")
    a, b = number_of(last), number_of(now)
    if asked.type == "number" and a is not None and b is not None:
        if a and not asked.unit.startswith("%"):
            return f"{(b - a) / abs(a) * 100:+.0f} %".replace("-", "−")
        difference = f"{b - a:+,}".replace("-", "−")
        return reader.points(b - a, difference) if asked.unit.startswith("%") else difference
    if asked.type == "date":
        return say("newer") if now > last else say("older")
    return say("changed")


def number_of(text: str) -> Decimal | None:
    """An answer that is a figure; None: it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def findings(d: Dossier, book: Book) -> list[Found]:
    """Of the newest package, the worst first, with what the manager answered to each."""
    concluded = d.last("conclude")
    screened = d.last(*SCREENINGS)
    fresh = concluded is not None and (screened is None or concluded.seq > screened.seq)
    said: Mapping[tuple[str, str], Mapping[str, Any]] = {
        (r["facility"], r["checkpoint"]): r
        for r in (concluded.payload.get("responses", ()) if concluded and fresh else ())
    }
    found = [Found(LEVEL[f["colour"]], f["checkpoint"], book.checkpoint(f["checkpoint"]).question, f["facility"],
                   said.get(key, {}).get("accepted"), said.get(key, {}).get("why", ""))
             for f in d.findings for key in [(f["facility"], f["checkpoint"])]]  # fmt: skip
    return sorted(found, key=lambda f: (-f.level, f.facility, f.code))


def screened(d: Dossier) -> bool:
    """Was the newest package examined already?"""
    newest = d.last(*PACKAGES, *SCREENINGS)
    return newest is not None and newest.action in SCREENINGS


def earlier_packages(d: Dossier) -> list[Past]:
    """Packages of this case that a newer one has replaced, newest first."""
    return [p for p in reversed(d.past) if p.action in PACKAGES][1:]
