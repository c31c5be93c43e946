"""Dispatch: which vendor visits, and which of its inspectors."""

import hashlib
from typing import Any

from models.runs import Engaged
from tasks.dossier import Dossier
from tasks.given import Given


def dispatch(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """A vendor under contract for product and unit, in proportion to its visits a day; of its inspectors one whose
    turn it is, but none who made the borrower's last visits in a row (`collection.same_inspector_at_most`) or has a
    declared relation to the borrower.

    The choice hangs on the case's number alone, so anybody can repeat it; no vendor free: the bank visits itself.
    """
    facts = d.state.facts
    fits = [v for v in given.inputs.vendors if _covers(v, facts["product"], facts["unit"])]
    at_most = given.book(d).collection.same_inspector_at_most
    kept_out = {r.inspector: "is related" for r in given.inputs.related if r.borrower == d.state.subject}
    if worn := _too_often(d, at_most):
        kept_out[worn] = f"made the last {at_most} visits"
    free = [(v, [i for i in v.inspectors if i not in kept_out]) for v in fits]
    free = [(v, inspectors) for v, inspectors in free if inspectors]
    if not free:
        none = f"no vendor under contract for {facts['product']} in {facts['unit']}"
        if fits:
            none = "no inspector may go: " + ", ".join(f"{i} {why}" for i, why in sorted(kept_out.items()))
        return "no_vendor", {"reason": none}
    turn = int.from_bytes(hashlib.sha256(f"dispatch/{d.state.id}".encode()).digest()[:8])
    seats = [choice for choice in free for _ in range(choice[0].per_day)]
    vendor, inspectors = seats[turn % len(seats)]
    inspector = inspectors[turn // 1000 % len(inspectors)]
    why = f"{vendor.vendor} covers {vendor.product} in {vendor.unit}"
    return "assign", {"vendor": vendor.vendor, "inspector": inspector, "why": why,
                      "batch": f"{vendor.vendor}-{given.inputs.as_of}"}  # fmt: skip


def _covers(vendor: Engaged, product: str, unit: str) -> bool:
    return vendor.product in ("*", product) and vendor.unit in ("*", unit)


def _too_often(d: Dossier, at_most: int) -> str | None:
    """The inspector of the last visits, if he made as many in a row as one may."""
    last = {s.facts.get("inspector") for s in d.earlier[:at_most]}
    return last.pop() if len(d.earlier) >= at_most and len(last) == 1 else None
