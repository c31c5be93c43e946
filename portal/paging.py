"""Pages of a list. Its address names the place after which a page begins, and the places of the pages that one came by, so
that one goes back as one came: no page is counted, and none is read to find another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

BETWEEN = "~"  # places in an address


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the list begins, the page before and the page after; empty: there is none, or one is there."""

    first: str
    back: str
    on: str


def turn(path: str, said: Mapping[str, Any], by: str, place: str, came: str, last: str) -> Turn:
    """`said`: what else the address says; `by`: what it calls the place; `place`: of this page (empty: the first); `came`:
    of those between the first and this one; `last`: of the page after it (empty: there is none)."""
    places = [each for each in came.split(BETWEEN) if each] if place else []
    back = places[-1] if places else ""

    def to(there: str, between: list[str]) -> str:
        return address(path, {**said, by: there, "came": BETWEEN.join(between)})

    return Turn(to("", []) if places else "", to(back, places[:-1]) if place else "",
                to(last, [*places, place] if place else []) if last else "")  # fmt: skip


def address(path: str, said: Mapping[str, Any]) -> str:
    """What is empty is left out."""
    query = urlencode({name: value for name, value in said.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path
