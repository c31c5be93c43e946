"""How far from the premises photographs were taken: said beside each, to who takes it and to who reviews it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.policy import Book
from tasks.premises import Premises, metres


@dataclass(frozen=True, slots=True)
class Distances:
    """In metres, by the photograph's SHA-256, of those of which it can be told. `known`: does the bank's file say where the
    premises lie; `within`: further than this asks for a reason."""

    known: bool = False
    within: int = 0
    by: Mapping[str, int] = field(default_factory=dict)

    @property
    def far(self) -> frozenset[str]:
        return frozenset(sha256 for sha256, away in self.by.items() if away > self.within)


def distances(premises: Premises, book: Book, evidence: Iterable[Mapping[str, str]]) -> Distances:
    """Of files as a package names them."""
    told = ((e["sha256"], metres(premises.position, (e.get("latitude", ""), e.get("longitude", ""))))
            for e in evidence if e["kind"] == "photo")  # fmt: skip
    by = {sha256: away for sha256, away in told if away is not None}
    return Distances(bool(premises.latitude), book.collection.premises_within_m, by)
