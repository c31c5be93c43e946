"""Which cases a person may see. A condition in the query itself, so that what is not his is not even read.

The department, operations, auditors and approvers see all; a head of branch his unit's customers; an account manager his
own, and those of whom he stands in for; an inspector what is assigned to him, and what he handed in; each of them what was
given to him, for as long as he holds it. An administrator keeps the staff and sees no customer.
"""

from typing import Any

from door.store import among
from portal.house import Asking

ALL = ("post_loan_officer", "credit_manager", "policy_editor", "operations", "auditor", "credit_approver")
_MANAGED = ("c.subject IN (SELECT r.subject FROM responsible r WHERE {mine} AND r.since <= ?{one} AND NOT EXISTS (SELECT 1 "
            "FROM responsible n WHERE n.subject = r.subject AND n.since <= ? AND "
            "(n.since, n.recorded_at, coalesce(n.case_id, 0)) > (r.since, r.recorded_at, coalesce(r.case_id, 0))))")  # fmt: skip


def scope(asking: Asking, of_one: bool = False) -> tuple[str, list[Any]]:
    """A condition on `cases c` and its parameters. Runs and policy versions are for those who see all. `of_one`: it is
    asked of one case, so by its subject, instead of by all that is his."""
    me, db = asking.me, asking.db
    if me.has(*ALL):
        return "1 = 1", []
    parts: list[str] = []
    values: list[Any] = []
    if me.has("branch_head"):
        parts.append(f"c.subject IN (SELECT b.id FROM borrower b WHERE b.unit = ?{_own('b.id = c.subject', of_one)})")
        values.append(me.person.unit)
    if me.has("account_manager"):
        customers, named = managed(asking, of_one)
        parts.append(customers)
        values += named
    if me.has("inspector"):
        owner, hands = among(db, "i.owner", me.hands)
        parts.append(f"(c.id IN (SELECT i.case_id FROM item i WHERE i.role = 'inspector' AND {owner}{_own('i.case_id = c.id', of_one)}) "
                     "OR c.stream IN (SELECT e.stream FROM entry e WHERE e.person = ? AND e.action = 'submit'"
                     f"{_own('e.stream = c.stream', of_one)}))")  # fmt: skip
        values += [hands, me.id]
    if parts:
        parts.append(f"c.id IN (SELECT i.case_id FROM item i WHERE i.holder = ?{_own('i.case_id = c.id', of_one)})")
        values.append(me.id)
    own = " OR ".join(parts) or "1 = 0"
    return f"c.process IN ('inspection', 'control', 'order', 'handover') AND ({own})", values


def managed(asking: Asking, of_one: bool = False) -> tuple[str, list[Any]]:
    """A condition on `cases c` and its parameters: the borrower is a customer of his, or of one whom he stands in for."""
    mine, hands = among(asking.db, "r.manager", asking.me.hands)
    return _MANAGED.format(mine=mine, one=_own("r.subject = c.subject", of_one)), [hands, asking.day, asking.day]


def _own(condition: str, of_one: bool) -> str:
    return f" AND {condition}" if of_one else ""
