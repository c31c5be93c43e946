"""Fields of a form, made from what an arrow asks for. Nothing here knows a process: sheets.py says what each arrow's
form adds, typed.py reads what was typed back into the payload."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from models.policy import Checkpoint
from models.process import Form

Say = Callable[[str], str]
Typed = Mapping[str, str]
Kind = Literal["text", "long", "day", "money", "select", "radios", "yes", "many", "answer"]
As = Literal["text", "whole", "truth"]
Choices = tuple[tuple[str, str], ...]
MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `name`: of the input, and the way into the payload ("measures.0.by"); `choices`: value and words;
    `unit`: behind the input, of money its currency; `most`: characters; `earliest`: day; `as_`: what its text becomes;
    `missing`: what is said where it is empty. Of an answer: `asked` of `facility`, `dated` where its figure's day is asked
    too, `words` that may stand for a figure or a day, `files`: what the evidence it needs shows."""

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
    def titles(self) -> dict[str, str]:
        """Of each field in a list that rows are added to, its row's title: away from the row, an error needs it."""
        return {f.name: row.title for section in self.sections for part in section.parts
                if isinstance(part, Rows) and part.add for row in part.rows for f in row.fields}  # fmt: skip

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
         leave: Sequence[str] = (), currency: str = "", wanted: Mapping[str, str] | None = None) -> list[Field]:  # fmt: skip
    """A field for each of the form's own, by its type and bounds. `choices` by field name where the policy book or the
    staff says what there is to choose from; `leave`: what is asked otherwise, or not at all (lists of forms always);
    `wanted`: what is said where a field is left empty."""
    return [replace(one, missing=(wanted or {}).get(name, "")) for name, info in form.model_fields.items() if name not in leave
            if (one := _one(name, info, say, labels, choices, prefix, currency)) is not None]  # fmt: skip


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
