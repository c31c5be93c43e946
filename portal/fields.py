"""Fields of a form, made from what an arrow asks for, and typed text read back into its payload: each error in words,
beside the field that it is about. Nothing here knows a process; portal/sheets.py says what each arrow's form adds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from models.policy import Checkpoint
from models.process import Form
from tasks.translate import PLACES

Say = Callable[[str], str]
Typed = Mapping[str, str]
Kind = Literal["text", "long", "day", "money", "select", "radios", "yes", "many", "answer", "said"]
As = Literal["text", "whole", "truth"]
Choices = tuple[tuple[str, str], ...]
MOST_ROWS = 20
_FIGURE = str.maketrans({",": "", " ": "", "\u00a0": "", "\u202f": "", "\u2212": "-", "%": ""})


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `name`: of the input, and the way into the payload ("measures.0.by"); `choices`: value and words;
    `unit`: behind the input, of money its currency; `most`: characters; `earliest`: day; `as_`: what its text becomes;
    `missing`: what is said where it is empty. Of an answer:
    `asked` of `facility`, `dated` where its figure's day is asked too, `words` that may stand for a figure or a day,
    `files`: what the evidence it needs shows."""

    name: str
    label: str
    kind: Kind
    needed: bool = False
    choices: Choices = ()
    help: str = ""
    unit: str = ""
    preset: str = ""
    most: int = 4000
    as_: As = "text"
    missing: str = ""
    earliest: str = ""
    asked: Checkpoint | None = None
    facility: str = ""
    dated: bool = False
    words: Choices = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Fields that make one element; `fixed`: what of it is not asked; `level` of the finding that it is about."""

    title: str
    fields: tuple[Field, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    level: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Elements of a list. `add`: the button that asks for one more (empty: there are as many as there are); `least`: so
    many are needed; a row beyond in which nothing is written is none."""

    name: str
    rows: tuple[Row, ...]
    add: str = ""
    least: int = 0
    help: str = ""


Part = Field | Rows


@dataclass(frozen=True, slots=True)
class Need:
    """Evidence that is asked for: `kind` photo or document, what it `shows`, for which questions; `needed` for the whole
    to be complete."""

    kind: str
    shows: str
    label: str
    of: tuple[str, ...] = ()
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    parts: tuple[Part, ...]
    help: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form as it is shown; `fixed`: what of the payload is not asked; `settle`: what no single field can tell, once all
    of them are read without an error; `needs`: the evidence that belongs to it."""

    form: type[Form]
    sections: tuple[Section, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    settle: Callable[["Read"], None] = lambda read: None
    needs: tuple[Need, ...] = ()

    @property
    def fields(self) -> Iterator[Field]:
        for section in self.sections:
            for part in section.parts:
                if isinstance(part, Field):
                    yield part
                else:
                    for row in part.rows:
                        yield from row.fields

    @property
    def questions(self) -> list[Field]:
        return [f for f in self.fields if f.kind == "answer"]


@dataclass(slots=True)
class Read:
    """`payload`: what was said; `wrong`: by field, what is to be written otherwise; `missing`: questions that have no
    answer yet, by field; `numbers`: by list, which row each of its elements was."""

    payload: dict[str, Any]
    wrong: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)


# -- from a form --------------------------------------------------------------------------------------------------------


def made(form: type[Form], say: Say, labels: Mapping[str, str], choices: Mapping[str, Choices], prefix: str = "",
         leave: Sequence[str] = (), currency: str = "") -> list[Field]:  # fmt: skip
    """A field for each of the form's own, by its type and bounds. `choices` by field name where the policy book or the
    staff says what there is to choose from; `leave`: what is asked otherwise, or not at all. Lists are left too."""
    return [made_ for name, info in form.model_fields.items() if name not in leave
            if (made_ := _one(name, info, say, labels, choices, prefix, currency)) is not None]  # fmt: skip


def _one(name: str, info: FieldInfo, say: Say, labels: Mapping[str, str], choices: Mapping[str, Choices], prefix: str,
         currency: str) -> Field | None:  # fmt: skip
    asked, marks = _plain(info.annotation, list(info.metadata))
    given: dict[str, Any] = {
        "name": prefix + name, "needed": info.is_required(),
        "label": labels.get(name, name.strip("_").replace("_", " ").capitalize())}  # fmt: skip
    if get_origin(asked) is tuple:
        return Field(**given, kind="many", choices=choices[name]) if name in choices else None
    if name in choices:
        return Field(**given, kind="radios" if len(choices[name]) <= 5 else "select", choices=choices[name],
                     as_="whole" if asked is int else "truth" if asked is bool else "text")  # fmt: skip
    if asked is bool:
        return Field(**{**given, "needed": False}, kind="yes", as_="truth")
    if get_origin(asked) is Literal:
        worded = tuple((str(v), say(str(v).replace("_", " ").capitalize())) for v in get_args(asked))
        return Field(**given, kind="radios", choices=worded)
    if asked is date:
        return Field(**given, kind="day")
    if asked is int:
        low, high = _bounds(marks)
        if high is not None and high - (low or 0) <= 9:
            whole = tuple((str(n), str(n)) for n in range(low or 0, high + 1))
            return Field(**given, kind="radios", choices=whole, as_="whole")
        return Field(**given, kind="money", unit=currency)
    most = next((m.max_length for m in marks if isinstance(m, StringConstraints) and m.max_length), 200)
    return Field(**given, kind="long" if most >= 1000 else "text", most=most)


def _plain(annotation: Any, marks: list[Any]) -> tuple[Any, list[Any]]:
    """The type without None and Annotated, and all that is said of it."""
    for each in get_args(annotation):
        if each is type(None):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
            break
    while hasattr(annotation, "__metadata__"):
        marks += annotation.__metadata__
        annotation = annotation.__origin__
    return annotation, marks


def _bounds(marks: Sequence[Any]) -> tuple[int | None, int | None]:
    low = next((int(str(m.ge)) for m in marks if isinstance(m, Ge) and isinstance(m.ge, int)), None)
    high = next((int(str(m.le)) for m in marks if isinstance(m, Le) and isinstance(m.le, int)), None)
    return low, high


# -- from what was typed ------------------------------------------------------------------------------------------------


def read(sheet: Sheet, typed: Typed, say: Say) -> Read:
    """What was typed as the payload of the sheet's form, as far as it can be read."""
    found = Read(deepcopy(dict(sheet.fixed)))
    for section in sheet.sections:
        for part in section.parts:
            if isinstance(part, Rows):
                read_ = [(n, e) for n, row in enumerate(part.rows)
                         if (e := _element(part, n, row, typed, say, found)) is not None]  # fmt: skip
                found.numbers[part.name] = [n for n, _ in read_]
                found.payload[part.name] = [e for _, e in read_]
            elif part.kind == "answer":
                _answer(part, typed, say, found)
            else:
                _into(found.payload, part.name, part, typed, say, found)
    if not found.wrong:
        sheet.settle(found)
    return found


def blank(row: Row, typed: Typed) -> bool:
    return all(typed.get(f.name, "") in ("", f.preset) for f in row.fields)


def _element(part: Rows, n: int, row: Row, typed: Typed, say: Say, found: Read) -> dict[str, Any] | None:
    if part.add and n >= part.least and blank(row, typed):
        return None
    element = dict(row.fixed)
    for each in row.fields:
        _into(element, each.name.rpartition(".")[2], each, typed, say, found)
    return element


def _into(target: dict[str, Any], key: str, asked: Field, typed: Typed, say: Say, found: Read) -> None:
    """Reads one field into its place; what is empty and not needed is left out."""
    if asked.kind == "said":
        return
    if asked.kind == "yes":
        target[key] = typed.get(asked.name) == "yes"
    elif asked.kind == "many":
        target[key] = [v for v, _ in asked.choices if typed.get(f"{asked.name}.{v}")]
    elif text := typed.get(asked.name, "").strip():
        value, error = _value(asked, text, say)
        if error:
            found.wrong[asked.name] = error
        else:
            target[key] = value
    elif asked.needed:
        found.wrong[asked.name] = asked.missing or _missing(asked, say)


def _value(asked: Field, text: str, say: Say) -> tuple[Any, str]:
    """The value, or else why it is none."""
    if asked.kind in ("select", "radios"):
        if text not in dict(asked.choices):
            return None, asked.missing or _missing(asked, say)
        return (int(text) if asked.as_ == "whole" else text == "yes" if asked.as_ == "truth" else text), ""
    if asked.kind == "day":
        if is_day(text) and text < asked.earliest:
            return None, say("Choose a day from {day} on.").format(day=asked.earliest)
        return (text, "") if is_day(text) else (None, say("Write a day, for example 2026-12-24."))
    if asked.kind == "money":
        amount = money(text, asked.unit)
        return (amount, "") if amount is not None else (None, say("Write an amount, for example 120,000,000."))
    if len(text) > asked.most:
        return None, say("Write at most {n} characters; these are {m}.").format(n=asked.most, m=len(text))
    return text, ""


def _missing(asked: Field, say: Say) -> str:
    if asked.kind in ("select", "radios"):
        return say("Choose: {what}.").format(what=asked.label)
    if asked.kind == "day":
        return say("Write a day: {what}.").format(what=asked.label)
    return say("Write something here: {what}.").format(what=asked.label)


def _answer(asked: Field, typed: Typed, say: Say, found: Read) -> None:
    """An answer to a checkpoint, checked as the policy book has it."""
    checkpoint = asked.asked
    if checkpoint is None:
        return
    word, text = typed.get(f"{asked.name}.word", ""), typed.get(asked.name, "").strip()
    if word and word not in dict(asked.words):
        word = ""
    if word and text:
        found.wrong[asked.name] = say("{id}: write a value or tick the box, not both.").format(id=checkpoint.id)
        return
    note, as_of = typed.get(f"{asked.name}.note", "").strip(), typed.get(f"{asked.name}.as_of", "").strip()
    value = word or (figure(text) if checkpoint.type == "number" else text)
    if len(value) > 2000 or len(note) > 2000:
        found.wrong[asked.name] = say("{id}: write at most 2,000 characters.").format(id=checkpoint.id)
    elif as_of and not is_day(as_of):
        found.wrong[f"{asked.name}.as_of"] = say("Write a day, for example 2026-12-24.")
    elif value and checkpoint.refuses(value):
        found.wrong[asked.name] = refusal(checkpoint, say)
    else:
        if not value and asked.needed:
            found.missing[asked.name] = say("Answer {id}: {question}").format(
                id=checkpoint.id, question=checkpoint.question
            )
        if value or note:
            said: dict[str, Any] = {
                "facility": asked.facility,
                "checkpoint": checkpoint.id,
                "value": value,
                "note": note,
            }
            found.payload.setdefault("answers", []).append(said | ({"as_of": as_of} if as_of else {}))


def refusal(checkpoint: Checkpoint, say: Say) -> str:
    """What is to be written, where what was written is no answer."""
    if checkpoint.type == "number":
        low, high = checkpoint.low, checkpoint.high
        if low is not None and high is not None:
            text = say("{id}: write a number from {low} to {high}.").format(id="{id}", low=low, high=high)
        elif low is not None:
            text = say("{id}: write a number that is not below {low}.").format(id="{id}", low=low)
        elif high is not None:
            text = say("{id}: write a number that is not above {high}.").format(id="{id}", high=high)
        else:
            text = say("{id}: write a number, for example 33.")
    elif checkpoint.type == "date":
        text = say("{id}: write a day, for example 2026-12-24.")
    else:
        text = say("{id}: choose one of the answers.")
    return text.format(id=checkpoint.id)


def figure(text: str) -> str:
    """A number as people write it: without signs between thousands or behind it, with a plain minus."""
    return text.translate(_FIGURE)


def is_day(text: str) -> bool:
    try:
        return len(text) == 10 and 2000 <= date.fromisoformat(text).year < 2200
    except ValueError:
        return False


def money(text: str, currency: str) -> int | None:
    """In minor units; None where it is no amount above zero."""
    try:
        amount = Decimal(figure(text)).scaleb(PLACES.get(currency, 2))
    except InvalidOperation:
        return None
    return int(amount) if amount.is_finite() and amount == int(amount) and 0 < amount < 2**53 else None
