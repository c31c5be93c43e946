"""Two books beside each other: what one says and the other does not, place by place."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from models.policy.book import Book

NAMES = ("id", "name", "days")  # by which an element of a list is called, where it has one of them


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in the book, and what stands there in the one and in the other (empty: nothing). What is the same in both
    has come to another place in the order, and by the order the first rule that holds counts."""

    place: str
    before: str
    after: str

    @property
    def moved(self) -> bool:
        return self.before == self.after


def compare(before: Book, after: Book) -> list[Difference]:
    """By the names of what stands there. Where in its files a rule stands is no part of what it says."""
    old, new = list(_lines(before)), list(_lines(after))
    gone, come = dict[str, str](), dict[str, str]()
    order: dict[str, None] = {}
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            gone |= dict(old[a:b])
            come |= dict(new[c:d])
            order |= dict.fromkeys(place for place, _ in [*old[a:b], *new[c:d]])
    return [Difference(place, gone.get(place, ""), come.get(place, "")) for place in order]


def _lines(book: Book) -> Iterator[tuple[str, str]]:
    said = book.model_dump(mode="json", exclude={"places"})
    return _said("", said)


def _said(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Place and value of all that is said, each place once; an element of a list of words is the word."""
    if isinstance(value, dict):
        for name, each in sorted(value.items()):
            yield from _said(f"{place}.{name}" if place else name, each)
    elif isinstance(value, list):
        for n, each in enumerate(value):
            called = next((each[name] for name in NAMES if name in each), n) if isinstance(each, dict) else each
            yield from _said(f"{place}[{called}]", each)
    elif value not in (None, ""):
        yield place, "yes" if value is True else "no" if value is False else str(value)
