"""From policies/*.yaml to a Book: every mistake with file, line and what is allowed; then compiled and hashed."""

import types
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from models.policy.book import Book
from models.policy.calendar import compiled
from models.policy.source import PolicyError, Source, read

REFERRED = ("facts", "checkpoints", "templates", "ladders", "calendars")


def load(path: Path) -> Book:
    """The book of a folder of YAML files. Raises PolicyError with all mistakes."""
    book, mistakes, _ = _compile(path)
    if book is None or mistakes:
        raise PolicyError(mistakes)
    return book


def check(path: Path, due_keys: Iterable[str] = ()) -> list[str]:
    """All mistakes of a book, one sentence each. `due_keys` are the timers that the processes ask for; `{kind}` in
    one stands for every kind of order, restriction or inspection, by the word before it."""
    _, mistakes, source = _compile(path)
    if not source.data:
        return mistakes
    timers = source.data.get("timers")
    named = set(timers) if isinstance(timers, dict) else set()
    where = source.at(("timers",))
    for key in due_keys:
        for one in _expanded(key, source):
            if one not in named:
                mistakes.append(f"{where}: timer {one!r} is missing; a step of a process waits by it.")
    return mistakes


def _expanded(key: str, source: Source) -> list[str]:
    if "{kind}" not in key:
        return [key]
    section = {"order.": "orders", "control.": "restrictions"}.get(key.partition("{")[0], "kinds")
    return [key.replace("{kind}", kind) for kind in source.data.get(section) or {}]


def _compile(path: Path) -> tuple[Book | None, list[str], Source]:
    source = read(path)
    if not source.data:
        return None, source.mistakes, source
    _name_checkpoints(source)
    _time_orders(source)
    context = {name: tuple(part) for name in REFERRED if isinstance(part := source.data.get(name), dict)}
    try:
        book = Book.model_validate(source.data | {"places": source.places}, context=context)
    except ValidationError as refused:
        return None, source.mistakes + [_sentence(e, source) for e in refused.errors()], source
    expanded, closing = _calendars(book, source)
    source.mistakes += closing
    book = book.model_copy(update={"calendars": expanded})
    return Book.from_text(book.text), source.mistakes, source  # what every later reader gets, to the order of its keys


def _name_checkpoints(source: Source) -> None:
    """A checkpoint's id is its key."""
    part = source.data.get("checkpoints")
    for key, checkpoint in part.items() if isinstance(part, dict) else ():
        if isinstance(checkpoint, dict):
            checkpoint["id"] = key


def _time_orders(source: Source) -> None:
    """Each kind of order is a timer of its own, and one more for where a red finding stands: the days stand with the
    order, the ladder is named `order`."""
    orders, timers = source.data.get("orders"), source.data.get("timers")
    if not isinstance(orders, dict) or not isinstance(timers, dict):
        return
    for kind, order in orders.items():
        for key, days in ((f"order.{kind}", "days"), (f"order.{kind}.red", "red_days")):
            if key in timers:
                source.mistakes.append(
                    f"{source.at(('timers', key))}: the days of {key!r} stand with the order; remove it here."
                )
            elif isinstance(order, dict) and isinstance(order.get(days), int):
                timers[key] = {"calendar_days": order[days], "ladder": "order", "source": order.get("source", "J")}
                source.lines[("timers", key)] = source.places[f"timers.{key}"] = source.at(("orders", kind))


def _calendars(book: Book, source: Source) -> tuple[dict[str, Any], list[str]]:
    """The calendars with every closed and every worked day of their years."""
    expanded, mistakes = dict(book.calendars), []
    for name, calendar in book.calendars.items():
        where = source.at(("calendars", name))
        years = range(calendar.first_year, calendar.last_year + 1)
        try:
            own_closed, own_worked = (set(map(date.fromisoformat, days)) for days in (calendar.closed, calendar.worked))
            closed, worked = compiled(calendar.country, calendar.categories, years)
        except ValueError as unknown:
            mistakes.append(f"{where}: calendar {name}: {unknown}.")
            continue
        if not years:
            mistakes.append(f"{where}: calendar {name} ends ({calendar.last_year}) before it begins.")
        shut, worked = (closed | own_closed) - own_worked, (worked | own_worked) - own_closed
        expanded[name] = calendar.model_copy(
            update={
                "closed": tuple(sorted(d.isoformat() for d in shut if d.weekday() < 5)),
                "worked": tuple(sorted(d.isoformat() for d in worked if d.weekday() >= 5)),
            }
        )
    return expanded, mistakes


# -- mistakes as sentences ------------------------------------------------------------------------------------


def _sentence(error: ErrorDetails, source: Source) -> str:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    where, name = source.at(loc), ".".join(map(str, loc))
    match error["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key {name!r}; allowed here: {', '.join(_allowed(loc[:-1]))}."
        case "missing":
            return f"{where or 'the book'}: {name!r} is missing."
        case "value_error":
            return f"{where}: {name}: {error['msg'].removeprefix('Value error, ')}."
        case _:
            given = error["input"]
            shown = f", not {given!r}" if isinstance(given, str | int | bool) else ""
            said = error["msg"][0].lower() + error["msg"][1:]
            return f"{where}: {name}: {said}{shown}."


def _allowed(loc: tuple[Any, ...]) -> list[str]:
    """The keys that the model at a place takes."""
    at: Any = Book
    for part in loc:
        at = next(_inside(at, part), None)
    fields = at.model_fields if isinstance(at, type) and issubclass(at, BaseModel) else {}
    return [name for name in fields if name not in ("id", "places") or at.__name__ not in ("Book", "Checkpoint")]


def _inside(at: Any, part: Any) -> Iterator[Any]:
    """Models found under key or index `part` of an annotation."""
    if isinstance(at, type) and issubclass(at, BaseModel):
        if part in at.model_fields:
            yield from _plain(at.model_fields[part].annotation)
    elif get_origin(at) in (dict, tuple):
        yield from _plain(get_args(at)[-1] if get_origin(at) is dict else get_args(at)[0])


def _plain(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arg in get_args(annotation):
            yield from _plain(arg)
    elif annotation is not type(None):
        yield annotation
