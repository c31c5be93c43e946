"""A mapping: how an extract's columns become the snapshot's. YAML in policies/mappings/, edited by the bank.

    format: {separator: ";", encoding: cp949, empty: [NULL, "-"]}
    columns:
      facility: {from: ACCOUNT, required: true}
      bal:      {from: BALANCE}                          # text -> minor units of the row's currency
      address:  {from: ADDRESS, optional: true}          # the extract may come without the column
      class:    {from: STATUS, values: {N: 1, P: 2}}     # anything else is refused
      segment:  {sql: "CASE WHEN limit_amt > 500000000 THEN 'large' ELSE 'small' END"}
    reject_if:
      - {when: "opened_on > as_of", column: opened_on, reason: not disbursed by the as-of date}

What a column is (amount, date, number …) follows from models/snapshot.py; the mapping says where it stands and how
it is written. `aside` holds columns that only `sql` and `when` ask for; these say their `type`. `sql` and `when` see
the extract's columns as text, all that stands in the mapping above them as what it is (amounts in minor units), and
the date `as_of`. Words stay words: the file is read without guessing types, so that the country NO is no Boolean.
"""

import codecs
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import polars as pl
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.forms import Name
from models.snapshot import COLUMNS, REQUIRED
from tasks.extract import IntakeError


class MappingError(IntakeError):
    """The mapping can't be used; `mistakes` are sentences, each with file and line."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


def _sql(text: str) -> str:
    try:
        pl.sql_expr(text)
    except pl.exceptions.PolarsError as e:
        raise ValueError(f"{text!r} is no SQL expression: {str(e).splitlines()[0]}") from e
    return text


def _encoding(name: str) -> str:
    try:
        wide = len("\n".encode(name)) > 1
    except (LookupError, UnicodeError) as e:
        raise ValueError(f"unknown encoding {name!r}; for example utf-8, cp949, latin-1") from e
    if wide:
        raise ValueError(f"{name!r} writes a line break in several bytes; convert the file to utf-8")
    return codecs.lookup(name).name


def _target(name: str) -> str:
    if name not in COLUMNS:
        raise ValueError(f"unknown column {name!r}; a snapshot has {', '.join(COLUMNS)}")
    return name


def _own_name(name: str) -> str:
    if name in COLUMNS or name == "as_of":
        raise ValueError(f"{name!r} is a name of the snapshot's; name it otherwise")
    return name


Sql = Annotated[str, AfterValidator(_sql)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Format(Part):
    """How the file is written. `empty` are words that mean: no value (beside nothing at all)."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    empty: tuple[str, ...] = ()


class Column(Part):
    """Where a column's value comes from: `from` the extract, `sql`, or the `default` alone.

    `from` several columns joins them by a point, NULL where one is empty. `values` translates words. `format` are
    date formats (%Y-%m-%d is always understood), `split` parts the days of a list. `minor`: the amount is in minor
    units already. `slug`: all but letters and digits becomes "-". `months_after`: a number of months counted
    from that date column. `default` stands where the extract says nothing. `optional`: the extract may come without the
    columns that it stands in.
    """

    source: tuple[str, ...] = Field(default=(), alias="from")
    sql: Sql = ""
    default: str | None = None
    required: bool = False
    optional: bool = False
    values: dict[str, str] = {}
    format: tuple[str, ...] = ()
    split: str = ";"
    minor: bool = False
    slug: bool = False
    months_after: str = ""

    @model_validator(mode="before")
    @classmethod
    def one_is_a_list_of_one(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {k: [v] if k in ("from", "format") and isinstance(v, str) else v for k, v in given.items()}

    @model_validator(mode="after")
    def one_source(self) -> Self:
        if bool(self.source) + bool(self.sql) > 1 or not (self.source or self.sql or self.default is not None):
            raise ValueError("a column has either from, or sql, or a default alone")
        if self.optional and (self.required or not self.source):
            raise ValueError("optional is a column that is read from the extract and not required")
        return self


class Aside(Column):
    """A column that derivations and conditions ask for, and the snapshot does not keep."""

    type: Literal["text", "number", "date", "flag"] = "text"


class RejectIf(Part):
    """A row for which `when` holds is rejected with this reason; `column` is where the reader should look."""

    when: Sql
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    column: str = ""


class Office(Part):
    """A unit beside the branches: the department, or a vendor. `people`: how many of each role. A vendor is engaged
    for `product` in every branch, so many visits a day."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    lane: Annotated[str, Field(pattern="^(department|vendor|office)$")]
    people: dict[Name, Annotated[int, Field(ge=0, le=99)]] = {}
    product: Name | None = None
    per_day: Annotated[int, Field(ge=1)] = 20


class Staff(Part):
    """For extracts that come without a staff list: each unit of the extract becomes a branch with these `people`,
    each manager of the extract an account manager there, and the `offices` stand beside them. Only who is not known
    yet is created, from the as-of date on; whoever is known stays as he is."""

    calendar: Name
    people: dict[Name, Annotated[int, Field(ge=0, le=99)]] = {}
    offices: dict[Name, Office] = {}


class Mapping(Part):
    """A whole mapping. `name` is the file's, `hash` the SHA-256 of its text."""

    name: str
    hash: str
    format: Format = Format()
    columns: dict[Annotated[str, AfterValidator(_target)], Column]
    aside: dict[Annotated[str, AfterValidator(_own_name)], Aside] = {}
    reject_if: tuple[RejectIf, ...] = ()
    staff: Staff | None = None

    @model_validator(mode="after")
    def columns_suffice(self) -> Self:
        if absent := [c for c in REQUIRED if c not in self.columns]:
            raise ValueError(f"no mapping for {', '.join(absent)}; a facility needs {', '.join(REQUIRED)}")
        for name, column in self.all.items():
            if column.months_after and self.types.get(column.months_after) != pl.Date():
                raise ValueError(f"{name}: months_after needs a date column, not {column.months_after!r}")
        return self

    @cached_property
    def all(self) -> dict[str, Column]:
        return {**self.aside, **self.columns}

    @cached_property
    def types(self) -> dict[str, pl.DataType]:
        """What each column holds."""
        kinds: dict[str, pl.DataType] = {
            "text": pl.String(), "number": pl.Int64(), "date": pl.Date(), "flag": pl.Boolean()}  # fmt: skip
        return {**{name: kinds[aside.type] for name, aside in self.aside.items()}, **COLUMNS}

    @property
    def order(self) -> Iterator[str]:
        """Columns in the order in which they can be had: the currency, what is read, what is derived."""

        def turn(name: str) -> int:
            column = self.all[name]
            return 0 if name == "currency" else 1 + bool(column.months_after) + 2 * bool(column.sql)

        return iter(sorted(self.all, key=turn))

    @cached_property
    def needed(self) -> frozenset[str]:
        """Columns that the extract must have."""
        read = {name for column in self.all.values() for name in column.source}
        asked = {
            name
            for sql in [c.sql for c in self.all.values() if c.sql] + [r.when for r in self.reject_if]
            for name in pl.sql_expr(sql).meta.root_names()
        }
        return frozenset(read | (asked - set(self.types) - {"as_of"}))

    @cached_property
    def optional(self) -> frozenset[str]:
        """Those of them that it may lack."""
        return frozenset(name for column in self.all.values() if column.optional for name in column.source)


def load(path: Path) -> Mapping:
    """Reads a mapping. Raises MappingError with every mistake and the line where it stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise MappingError([f"{path} does not exist: mappings stand in policies/mappings/."]) from e
    except (OSError, UnicodeDecodeError) as e:
        raise MappingError([f"{path} cannot be read as UTF-8 text ({e})."]) from e
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        if not isinstance(node, yaml.MappingNode):
            raise MappingError([f"{path}:1: a mapping holds the keys format, columns, aside, reject_if, staff."])
        if twice := list(_twice(path, node)):
            raise MappingError(twice)
        data = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - the loader that makes nothing but text
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise MappingError([f"{path}:{line}: this is not YAML: {e.problem}."]) from e
    except (yaml.YAMLError, RecursionError) as e:
        raise MappingError([f"{path}: this can't be read as YAML: {str(e).splitlines()[0]}."]) from e
    try:
        return Mapping(name=path.stem, hash=hashlib.sha256(text.encode()).hexdigest(), **data)
    except ValidationError as e:
        raise MappingError([_sentence(path, node, dict(wrong)) for wrong in e.errors()]) from e
    except TypeError as e:  # a key that only `load` sets
        raise MappingError([f"{path}:1: name and hash are not written in a mapping."]) from e


def _twice(path: Path, node: yaml.Node) -> Iterator[str]:
    seen: set[str] = set()
    for item in node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else ():
        if not isinstance(node, yaml.MappingNode):
            yield from _twice(path, item)
            continue
        key, value = item
        if key.value in seen:
            yield f"{path}:{key.start_mark.line + 1}: {key.value!r} stands twice; name it once."
        seen.add(str(key.value))
        yield from _twice(path, value)


def _sentence(path: Path, node: yaml.Node, wrong: dict[str, Any]) -> str:
    """One mistake with the line of the nearest place that exists in the file."""
    line, inside = 1, True
    for step in wrong["loc"]:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = [(node.value[step], node.value[step])] if step < len(node.value) else []
        else:
            found = []
        inside = inside and bool(found)
        if inside:
            line, node = found[0][0].start_mark.line + 1, found[0][1]
    place = ".".join(str(s) for s in wrong["loc"] if s != "[key]")
    says = {"extra_forbidden": "is not known here", "missing": "is absent"}.get(
        wrong["type"], wrong["msg"].removeprefix("Value error, ")
    )
    return f"{path}:{line}: {place + ': ' if place else ''}{says}."
