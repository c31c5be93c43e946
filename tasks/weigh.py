"""Weigh: does the case meet the line above which the credit manager decides?"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tasks.dossier import Dossier
from tasks.given import Given


def weigh(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """Escalated where any trigger of the book's line holds (verification.yaml); which ones stand in the entry."""
    book, today = given.book(d), given.inputs.as_of
    found = book.tally((f["checkpoint"], f["colour"]) for f in d.findings)
    orange, breach = _since("orange", d, found, today), _since("breach", d, found, today)
    facts = {
        **d.state.facts,
        **found,
        "class_worse": d.state.facts["class_"] > d.opening["class_"],
        "orange_days": (today - orange).days if orange else 0,
        "breach_days": (today - breach).days if breach else 0,
        "orders_overdue": given.orders_overdue.get(d.state.id, 0),
    }
    triggers = book.triggers(facts)
    payload = {"triggers": list(triggers), "orange_since": orange, "breach_since": breach}
    return ("escalate" if triggers else "close"), payload


def _since(what: str, d: Dossier, found: Mapping[str, Any], today: date) -> date | None:
    """Since when it has been found without a break: what the borrower's last inspection says, else today."""
    if not found[what]:
        return None
    before = d.earlier[0].facts.get(f"{what}_since") if d.earlier else None
    return date.fromisoformat(before) if before else today
