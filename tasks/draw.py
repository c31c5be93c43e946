"""Draw: which conclusion is verified in depth, on site, unannounced. Nobody can foresee it, anybody can check it."""

import hashlib
import hmac
from decimal import Decimal
from typing import Any

from tasks.dossier import Dossier
from tasks.given import Given


def draw(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """Drawn where HMAC-SHA256(secret of the quarter, "case/round"), its first 64 bits as a fraction, is below the
    probability that the book gives the case; always, where one of its always-rules holds or the top-up chose it."""
    book, round_ = given.book(d), d.state.visits["draw"]
    facts = {**d.state.facts, **book.tally((f["checkpoint"], f["colour"]) for f in d.findings), **newness(d, given)}
    rule, probability = book.draw(facts)
    if probability < 1 and d.state.id in given.inputs.top_up:
        rule, probability = "top_up", Decimal(1)
    drawn = lot(given.secret, d.state.id, round_) < probability
    payload = {"round": round_, "rule": rule, "probability": str(probability)}
    return ("site" if drawn else "desk"), payload


def lot(secret: str, case: int, round_: int) -> Decimal:
    """The case's lot in [0, 1)."""
    mac = hmac.new(secret.encode(), f"{case}/{round_}".encode(), hashlib.sha256).digest()
    return Decimal(int.from_bytes(mac[:8])) / 2**64


def newness(d: Dossier, given: Given) -> dict[str, bool]:
    """Whether the inspector or the manager of the case is new (recorded in the run's inputs)."""
    concluded = d.last("conclude")
    new = set(given.inputs.newcomers)
    return {"inspector_new": d.state.facts.get("inspector") in new,
            "manager_new": concluded is not None and concluded.person in new}  # fmt: skip
