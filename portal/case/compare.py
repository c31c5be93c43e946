"""Own facts beside the manager's, what differs, and the outcome that follows. Figures agree within a tenth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.policy import Book, Checkpoint
from portal.case.answers import number_of, written
from portal.words.reader import Reader
from tasks.dossier import PACKAGES, Dossier

UNVERIFIED = "V6"
WITHIN = Decimal("0.1")  # of the manager's figure


@dataclass(frozen=True, slots=True)
class Pair:
    """A question answered twice: the manager's answer and one's own as they are read, what lies between them in words;
    `differs`: None where a text is for the reader to judge, or one of the two is missing."""

    code: str
    question: str
    facility: str
    theirs: str
    own: str
    says: str
    differs: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    level: int
    own_level: int
    pairs: tuple[Pair, ...]
    missed_red: bool

    @property
    def compared(self) -> int:
        """Of all that can be held against each other, the level among them."""
        return 1 + sum(p.differs is not None for p in self.pairs)

    @property
    def differing(self) -> int:
        return (self.level != self.own_level) + sum(p.differs is True for p in self.pairs)

    @property
    def proposed(self) -> str:
        """By the differences: agreed; figures differ; level one too low, two (or a red finding missed), too high; and
        not verifiable where nothing could be compared. A gap in the file, or a false visit, only a person can tell."""
        apart = self.own_level - self.level
        if apart >= 2 or self.missed_red:
            return "V4"
        if apart:
            return "V3" if apart == 1 else "V5"
        if any(p.differs for p in self.pairs):
            return "V2"
        return "V0" if self.compared > 1 else UNVERIFIED


def comparison(d: Dossier, book: Book, reader: Reader) -> Comparison | None:
    """None where there is no record of one's own to hold against what was concluded."""
    record, package, concluded = d.last("record"), d.last(*PACKAGES), d.last("conclude")
    if record is None or concluded is None:
        return None
    theirs = {(a["facility"], a["checkpoint"]): a for a in package.payload.get("answers", ())} if package else {}
    own = {(a["facility"], a["checkpoint"]): a for a in record.payload.get("answers", ())}
    pairs = tuple(_pair(book.checkpoint(key[1]), key[0], theirs.get(key), own[key], d.currency, reader)
                  for key in d.questions if key in own)  # fmt: skip
    red = set(_red(d, book, own, str(record.payload["visited_on"])))
    found = {(f["facility"], f["checkpoint"]) for f in d.findings if f["colour"] == "r"}
    return Comparison(int(concluded.payload["level"]), int(record.payload["own_level"]), pairs, bool(red - found))


def _red(d: Dossier, book: Book, own: dict[tuple[str, str], Any], visited: str) -> Iterator[tuple[str, str]]:
    """Questions whose own answer is a red finding."""
    for key, answer in own.items():
        if answer["value"] and not book.checkpoint(key[1]).refuses(answer["value"]):
            before = (d.answers_before or {}).get(key)
            if book.finding(key[1], answer["value"], before, answer["as_of"], visited) == "r":
                yield key


def _pair(asked: Checkpoint, facility: str, theirs: Any, own: Any, currency: str, reader: Reader) -> Pair:
    a, b = (theirs or {}).get("value", ""), own["value"]
    says, differs = between(asked, a, b, reader)
    return Pair(asked.id, asked.question, facility, written(asked, a or None, currency, reader),
                written(asked, b or None, currency, reader), says, differs)  # fmt: skip


def between(asked: Checkpoint, theirs: str, own: str, reader: Reader) -> tuple[str, bool | None]:
    """What lies between two answers in words, and whether it is a difference."""
    say = reader.say
    if not theirs or not own:
        return say("not comparable"), None
    if asked.type == "text":
        return (say("same"), False) if theirs.strip() == own.strip() else (say("read both"), None)
    if theirs == own:
        return say("same"), False
    a, b = number_of(theirs), number_of(own)
    if asked.type != "number" or a is None or b is None:
        return say("differs"), True
    differs = abs(b - a) > WITHIN * abs(a)
    apart = f"{b - a:+,}"
    if asked.unit.startswith("%"):
        apart = reader.points(b - a, apart)
    elif a:
        apart = f"{(b - a) / abs(a) * 100:+.0f} %"
    apart = apart.replace("-", "−")
    if a == 0:
        return apart, differs
    return (say("{n}, over 10 %") if differs else say("{n}, within 10 %")).format(n=apart), differs


def level_says(c: Comparison, reader: Reader) -> str:
    """How far the manager's level lies from one's own."""
    say, apart = reader.say, c.own_level - c.level
    words: Sequence[str] = (say("one too low"), say("two too low"), say("three too low"), say("four too low"))
    if apart > 0:
        return words[apart - 1]
    return say("too high") if apart else say("same")
