"""How things are written for a reader: money, days, deadlines, levels, counts and refusals in his language's words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from babel.support import NullTranslations
from markupsafe import Markup

from door.command import SYSTEM, Refused
from door.db import Db
from door.fold import State
from door.replay import Divergence
from door.store import among
from portal.words.arrows import arrows
from portal.words.labels import labels, wanted
from tasks import words
from tasks.found import Difference, difference
from tasks.house import ZONE
from tasks.meanings import compiled, read
from tasks.sentences import sentence
from tasks.translate import PLACES

CATALOGUES = Path(__file__).parents[1] / "locale"
LANGUAGES = {"en": "English", "ko": "한국어"}
SIGNS = {"KRW": "₩", "USD": "$", "EUR": "€", "CNY": "¥", "JPY": "¥", "GBP": "£"}
LEVELS = ("none", "yellow", "orange", "red", "workout")
CLASSES = ("", "normal", "special mention", "substandard", "doubtful", "loss")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(Z|\+00:00)")
PERSONS = ("by", "person", "owner", "holder", "absent", "to", "for")  # facts of a refusal that are persons' ids


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of the portal's own sentences, compiled when it is first asked for; English is what the templates say."""
    return compiled(CATALOGUES / language / "LC_MESSAGES" / "portal.po", language)


def raised(text: str) -> str:
    """With a capital first letter, all others as they are: 담당RM."""
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> Markup:
    """Words with hyphens stay on one line: telephone numbers, house numbers."""
    return Markup(" ").join(Markup('<span class="nw">{}</span>').format(word) if "-" in word else word
                            for word in text.split(" "))  # fmt: skip


class Reader:
    """How things are written for a reader of a language. Amounts come in minor units with their currency, days as ISO
    dates, instants as UTC text."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.say, self.ngettext = translations(language).gettext, translations(language).ngettext
        self.words = words.LANGUAGES.get(language, words.EN)

    def money(self, amount: int, currency: str) -> str:
        """In full: ₩12,400,000,000; in Korean 12,400,000,000원."""
        places = PLACES.get(currency, 2)
        whole, part = divmod(abs(amount), 10**places)
        text = f"{whole:,}" + (f".{part:0{places}}" if places else "")
        minus = "−" if amount < 0 else ""
        if currency == "KRW" and self.language == "ko":
            return f"{minus}{text}원"
        return f"{minus}{SIGNS[currency]}{text}" if currency in SIGNS else f"{minus}{text} {currency}"

    def read(self, text: str) -> str:
        """A text of the policy book; as the book has it where nobody has translated it."""
        return read(text, self.language)

    def named(self, code: str) -> str:
        """A word of the policy book that stands for itself: an answer, what a photograph shows; a class by its name."""
        if found := re.fullmatch(r"c([1-5])", code):
            return self.class_(int(found[1]))
        return self.read(code.replace("_", " ").capitalize())

    def rule(self, id_: str) -> str:
        """What a rule of the book is called, or what else an inspection is due by."""
        if found := re.fullmatch(r"(\w+?)_(\d+)_days_before", id_):
            return self.say("{kind}, {days} before").format(
                kind=self.kind(found[1]), days=self.counted(int(found[2]), "day")
            )
        if found := re.fullmatch(r"order[ _:](\d+)", id_):
            return self.say("by order {id}").format(id=found[1])
        if id_.startswith("condition:"):
            return self.say("condition: {name}").format(name=id_.removeprefix("condition:").replace("-", " "))
        return self.read(id_.replace("_", " "))

    def counted(self, n: int, what: str) -> str:
        """How many: 1 entry, 1,200 entries."""
        ngettext = self.ngettext
        forms = {"entry": ngettext("{n} entry", "{n} entries", n), "stream": ngettext("{n} stream", "{n} streams", n),
                 "anchor": ngettext("{n} anchor", "{n} anchors", n), "answer": ngettext("{n} answer", "{n} answers", n),
                 "photograph": ngettext("{n} photograph", "{n} photographs", n),
                 "document": ngettext("{n} document", "{n} documents", n),
                 "question": ngettext("{n} question", "{n} questions", n), "day": ngettext("{n} day", "{n} days", n)}  # fmt: skip
        return forms[what].format(n=self.number(n))

    def points(self, apart: Decimal, written: str) -> str:
        """How far shares lie apart: +1 point, +4.5 points."""
        return self.ngettext("{n} point", "{n} points", 1 if abs(apart) == 1 else 2).format(n=written)

    def number(self, value: int) -> str:
        return str(format_decimal(value, locale=self.language))

    def distance(self, metres: int) -> str:
        """38 m; 2.1 km."""
        tenths = (metres + 50) // 100
        return f"{metres} m" if metres < 1000 else f"{tenths // 10:,}.{tenths % 10} km"

    def day(self, iso: str | date | None, year: bool = True) -> str:
        """Tue 24 Nov 2026; 2026년 11월 24일 (화)."""
        if not iso:
            return "–"
        when = date.fromisoformat(iso) if isinstance(iso, str) else iso
        forms = {"en": ("EEE d MMM y", "d MMM"), "ko": ("y년 M월 d일 (EEE)", "M월 d일")}
        return str(format_date(when, forms.get(self.language, forms["en"])[not year], locale=self.language))

    def instant(self, utc: str | None, zone: str = ZONE) -> str:
        """24 Nov, 14:07, where the bank is."""
        if not utc:
            return "–"
        when = datetime.fromisoformat(utc.replace("Z", "+00:00")).astimezone(ZoneInfo(zone))
        return str(format_datetime(when, {"ko": "M월 d일 HH:mm"}.get(self.language, "d MMM, HH:mm"), tzinfo=when.tzinfo,
                                   locale=self.language))  # fmt: skip

    def days(self, since: str, today: str) -> int:
        """How many days it has waited."""
        return (date.fromisoformat(today) - date.fromisoformat(since)).days

    def due(self, due_on: str | None, today: str) -> Markup:
        """The deadline in words and colour: late, today, later."""
        if not due_on:
            return Markup('<span class="due dim">{}</span>').format(self.say("No deadline"))
        left = (date.fromisoformat(due_on) - date.fromisoformat(today)).days
        if left < 0:
            text = self.ngettext("Late by {n} day", "Late by {n} days", -left).format(n=-left)
            return Markup('<span class="due late">{}</span>').format(text)
        if left == 0:
            return Markup('<span class="due soon">{}</span>').format(self.say("Due today"))
        text = self.say("Due tomorrow") if left == 1 else self.say("Due in {n} days").format(n=left)
        return Markup('<span class="due">{}</span>').format(text)

    def level(self, level: int | None) -> Markup:
        if level is None:
            return Markup("")
        kind = f" L{level}" if level else ""
        return Markup('<span class="badge{}">L{} {}</span>').format(kind, level, self.say(LEVELS[level]))

    def class_(self, class_: int | None) -> str:
        return raised(self.say(CLASSES[class_])) if class_ else "–"

    def called(self, s: State, borrower: str) -> str:
        """What a case goes by: its borrower's name."""
        return borrower or (self.say("Policy book") if s.process == "policy" else s.subject)

    def step(self, step: str, process: str = "inspection") -> str:
        return self.words.step(process, step)[0]

    def thing(self, process: str) -> str:
        return self.words.things.get(process, process)

    def kind(self, kind: str) -> str:
        return self.words.kinds.get(kind, kind)

    def role(self, role: str) -> str:
        return self.words.roles.get(role, role.replace("_", " "))

    def stream(self, name: str) -> str:
        """What a stream of the journal is called; as it is named where there is no word for it."""
        kind, _, id_ = name.partition(":")
        say = self.say
        case = say("Case {id}")
        known = {"case": case, "party": case, "policy": case, "run": say("Run {id}"), "gate": say("Gate, facility {id}"),
                 "person": say("Sign-ins of {id}"), "staff": say("Staff, {id}"), "unit": say("Unit {id}"),
                 "draw": say("Secret of the draw, {id}"), "attempt": say("Flow run {id}"), "program": say("Program {id}"),
                 "anchor": say("Anchor of {id}"), "portal": say("Accounts of nobody known")}  # fmt: skip
        return known[kind].format(id=self.day(id_) if DAY.fullmatch(id_) else id_) if kind in known else name

    def why(
        self, refused: Refused, names: Mapping[str, str], me: str = "", zone: str = "Asia/Seoul", did: str = ""
    ) -> str:
        """A refusal in one sentence, persons by their names; `me`: who reads it; `did`: what was done, by whom and when, for
        which four eyes are wanted, where that is known."""
        if refused.code == "form":
            return self._form(str(refused.facts.get("field", "")))
        if refused.code == "not_evaluated":
            return self.say("It can't be told whether this may be done: a fact that it asks for is missing.")
        if refused.code == "four_eyes" and did:
            return self.say("{what}, so this is for somebody else (four eyes).").format(what=did)
        known = {**names, SYSTEM: self.say("a run")}
        facts = {k: known.get(v, v) if k in PERSONS and isinstance(v, str) else v for k, v in refused.facts.items()}
        worded = {k: self._worded(k, v, zone) for k, v in facts.items()}
        to_him = bool(me) and me in (refused.facts.get("by"), refused.facts.get("person"))
        return sentence(replace(refused, facts=worded), self.say, to_him)

    def _form(self, place: str) -> str:
        """What is to be written at a place of a form ("measures.0.by") that is not as it is asked for."""
        name = _field(place)
        if not name:
            return self.say(
                "What was chosen is not in the policy book of the case, or not the borrower's. Choose again."
            )
        asks = wanted(self.say).get(name) or self.say("Write it as the page asks for it.")
        return f"{labels(self.say).get(name, name)}: {asks}"

    def difference(self, d: Divergence) -> Difference:
        """What a replay found, persons by their ids: an auditor compares with the record."""
        return difference(d, self.say, lambda refused: self.why(refused, {}), self._worded)

    def _worded(self, fact: str, value: Any, zone: str = "Asia/Seoul") -> Any:
        """A fact of a refusal that is an identifier, a day or an instant, in his words; English identifiers are words as
        they are."""
        if isinstance(value, str) and DAY.fullmatch(value):
            return self.day(value)
        if isinstance(value, str) and INSTANT.fullmatch(value):
            return self.instant(value, zone)
        if fact == "says":
            return self.read(value)
        if fact == "field":
            return labels(self.say).get(_field(value), value)
        if self.language == "en":
            return value
        if isinstance(value, list | tuple):
            return [self._worded(fact, each) for each in value]
        acts = {action: label for (_, action), (label, _) in arrows(self.say).items()}
        known: dict[str, Mapping[str, str]] = {
            "role": self.words.roles, "lane": self.words.lanes, "kind": self.words.kinds, "yours": self.words.lanes,
            "step": {**self.words.places, **{step: says for (_, step), (says, _) in self.words.steps.items()}},
            "did": acts, "action": acts, "offered": acts, "whose": {"manager": self.words.roles["account_manager"]},
        }  # fmt: skip
        return known.get(fact, {}).get(value, value) if isinstance(value, str) else value


def names_of(db: Db, persons: Sequence[str]) -> dict[str, str]:
    where, values = among(db, "id", sorted({p for p in persons if p}))
    return dict(db.rows(f"SELECT id, name FROM person WHERE {where}", values))


def _field(place: str) -> str:
    """The name of a field at a place of a form; empty where it is the form itself."""
    return next((part for part in reversed(place.split(".")) if part and not part.isdigit()), "")
