"""The bank's procedure on four eyes, in its own words, and a record of who touched what: the judge of the door.

Nothing here is read from the processes' `apart` or from the door's memory of hands: persons are put down as they act.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

VERIFYING = ("record", "verify", "disagree", "nobody_met")
PROCEDURE = (  # process, the rule, what one did, what he then does not do (nor the other way round)
    ("inspection", "Who visited for the vendor neither checks the package nor concludes nor verifies",
     ("submit",), ("check", "conclude", *VERIFYING)),
    ("inspection", "Who collected does not verify", ("collect",), VERIFYING),
    ("inspection", "Who checked the vendor's package neither concludes nor verifies",
     ("check",), ("conclude", *VERIFYING)),
    ("inspection", "Who concluded neither verifies nor decides",
     ("conclude",), (*VERIFYING, "impose", "no_measure")),
    ("inspection", "Who verified does not decide", VERIFYING, ("impose", "no_measure")),
    ("control", "Who imposed in the inspection, or proposed, neither confirms nor rejects",
     ("impose", "propose"), ("confirm", "reject")),
    ("control", "Who asked for the lifting does not lift", ("ask_lift",), ("lift",)),
    ("order", "Who corrected does not say whether it was done", ("done",), ("accept", "not_accepted", "settle")),
    ("order", "Who asked for more time does not answer", ("ask_extension",), ("grant", "deny")),
    ("handover", "Who hands a borrower over does not take him", ("hand_over",), ("take_over",)),
    ("policy", "Who proposed a book does not approve it", ("propose_book",), ("approve_book",)),
)  # fmt: skip


def pairs(process: str) -> Iterator[tuple[str, str]]:
    """The pairs of actions that the procedure keeps apart."""
    for of, _, ones, others in PROCEDURE:
        if of == process:
            yield from ((one, other) for one in ones for other in others)


@dataclass
class Record:
    """Who did what in which case, with everyone he stood in for, and which case lies below which."""

    touched: defaultdict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    process: dict[int, str] = field(default_factory=dict)
    parent: dict[int, int] = field(default_factory=dict)

    def opened(self, case: int, process: str, parent: int | None = None) -> None:
        self.process[case] = process
        if parent is not None:
            self.parent[case] = parent

    def breach(self, case: int, action: str, persons: Iterable[str]) -> str | None:
        """The rule that these persons would break by doing this, None if none."""
        places = [case, *([self.parent[case]] if case in self.parent else [])]
        for of, rule, ones, others in PROCEDURE:
            if of != self.process[case]:
                continue
            for mine, theirs in ((ones, others), (others, ones)):
                done = {who for place in places for did in theirs for who in self.touched[place, did]}
                if action in mine and done & set(persons):
                    return rule
        return None

    def took_part(self, case: int, person: str) -> bool:
        """Did he act on the case, or on the one above it, in whatever way that moves a case?"""
        places = (case, self.parent.get(case, case))
        return any(person in persons for (place, _), persons in self.touched.items() if place in places)

    def put_down(self, case: int, action: str, persons: Iterable[str]) -> str | None:
        """Writes down what was done, and says which rule was broken by it."""
        broken = self.breach(case, action, persons)
        self.touched[case, action] |= set(persons)
        return broken
