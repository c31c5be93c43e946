"""Weigh: does the case meet the line above which the credit manager decides?"""

from typing import Any

from tasks.dossier import Dossier
from tasks.given import Given


def weigh(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """Escalated where any trigger of the book's line holds (verification.yaml); which ones stand in the entry."""
    book = given.book(d)
    facts = {
        **d.state.facts,
        **book.tally((f["checkpoint"], f["colour"]) for f in d.findings),
        "class_worse": d.state.facts["class_"] > d.opening["class_"],
    }
    triggers = book.triggers(facts)
    return ("escalate" if triggers else "close"), {"triggers": list(triggers)}
