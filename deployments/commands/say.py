"""What commands print: tables and sentences for people, one JSON object for programs, notes beside on stderr."""

import json as json_
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDE = 160  # columns where no terminal says how many


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A table; numbers stand right. No markup is read in the cells."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    if title:
        line(title)
    cells = [tuple(row) for row in rows]
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    for n, name in enumerate(columns):
        right = bool(cells) and all(isinstance(row[n], int | float) for row in cells)
        found.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in cells:
        found.add_row(*(Text(_cell(value)) for value in row))
    _console(sys.stdout).print(found)


def line(text: str) -> None:
    print(text)


def note(text: str) -> None:
    print(text, file=sys.stderr)


def json(what: Any) -> None:
    """The one object, on the last line."""
    print(json_.dumps(what, default=str, ensure_ascii=False))


@contextmanager
def progress() -> "Iterator[Progress]":
    """A progress bar on stderr, while it lasts; nothing where that is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = _console(sys.stderr)
    parts = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


def _console(stream: Any) -> "Console":
    from rich.console import Console

    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(file=stream, markup=False, highlight=False, width=WIDE)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
