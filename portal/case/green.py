"""Green cases: those that nobody found anything about, so that they are decided in a list, or by a mail's link without a
form. What the list says of each is said here, so a case is green only where that is what was found and concluded."""

from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import Any

import orjson

from door.fold import State
from door.store import among
from models.process import Do
from portal.house import Asking

#: What is decided in a list: for each step the arrow, and what it says of a green case.
BULK: dict[str, tuple[str, dict[str, Any]]] = {
    "check": ("check", {}),
    "review": ("conclude", {}),
    "verify_desk": ("verify", {"outcome": "V0", "own_level": 0}),
}


def arrows(asking: Asking, states: Collection[State]) -> dict[int, Do]:
    """By case the arrow by which it is decided in a list; those that are not green are left out."""
    found = {s.id: do for s in states if (do := _arrow(asking, s)) and (s.step == "check" or _proposed(s))}
    checked = [s for s in states if s.id in found and s.step == "check"]
    clean = _clean(asking, checked) if checked else set()
    return {id_: do for id_, do in found.items() if id_ not in {s.id for s in checked} - clean}


def _arrow(asking: Asking, s: State) -> Do | None:
    if s.process != "inspection" or s.step not in BULK:
        return None
    do = asking.rules.processes[s.process].steps[s.step].by_name.get(BULK[s.step][0])
    return do if do and do.bulk else None


def _proposed(s: State) -> bool:
    """Proposed as green and judged once only; at the desk also concluded as it was proposed."""
    f = s.facts
    if not f.get("green") or s.visits.get("review", 0) > 1:
        return False
    return s.step != "verify_desk" or (f.get("level"), f.get("class_")) == (0, f.get("proposed_class"))


def _clean(asking: Asking, states: Iterable[State]) -> set[int]:
    """Those whose newest package passed the automatic examination without a finding. What is erased is no finding known."""
    ids = {s.stream: s.id for s in states}
    where, values = among(asking.db, "stream", ids)
    rows = asking.db.rows(f"SELECT stream, payload FROM entry WHERE {where} AND action = 'pass' ORDER BY stream, seq",
                          values)  # fmt: skip
    newest: dict[str, str | None] = dict(rows)
    return {ids[stream] for stream, payload in newest.items() if payload and not orjson.loads(payload).get("findings")}


def why_not(say: Callable[[str], str], s: State) -> str:
    """Why it is not decided in a list, and what to do."""
    if s.process != "inspection" or s.step not in BULK:
        return say("That is decided one by one: open it to decide.")
    if s.visits.get("review", 0) > 1:
        return say("It has come back to the review once already: open it to decide.")
    if s.step == "verify_desk" and s.facts.get("green"):
        return say("It was concluded otherwise than proposed: open it to decide.")
    if s.step == "check":
        return say("Something was found in the package: open it to decide.")
    return say("Something was found, it is not classed normal, or data came in twice: open it to decide.")


def says(asking: Asking, s: State) -> dict[str, Any]:
    """What is said of a green case at its step. A conclusion: as proposed, nothing to be done but to go on."""
    if s.step != "review":
        return BULK[s.step][1]
    later = date.fromisoformat(asking.day) + timedelta(days=90)
    return {"level": 0, "class_": s.facts["proposed_class"], "capacity": "as before, no finding",
            "willingness": "good", "repayment_source": "as before, no finding",
            "measures": [{"code": "A01", "owner": asking.me.id, "by": later.isoformat()}]}  # fmt: skip
