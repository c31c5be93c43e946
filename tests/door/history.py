"""A few months of the small bank, through the door alone: every process, every kind of stream, every projection."""

from collections.abc import Callable

from door import anchor
from door.act import note
from door.command import SYSTEM
from door.db import Db
from tests.door.bank import Bank, found, later

FIRST, SECOND, LAST = "2026-01-12", "2026-01-19", "2026-01-26"
TO = ("collect", "visit", "check", "review", "verify_desk", "compare", "decide", "closed", "weigh", "screen")


def history(db: Db, sign: Callable[[bytes], str], borrowers: int = 60) -> Bank:
    """Entries before a first anchor, between the two, and after the second; a few hundred in all."""
    bank = found(db)
    for n in range(3, borrowers + 1):
        bank.borrower(f"B{n}")
    cases = [_inspection(bank, f"B{n}", TO[n % len(TO)]) for n in range(1, borrowers // 2)]
    _book(bank)
    _run(bank, cases)
    bank.day = FIRST
    anchor.anchor(db, bank.clock(), sign)
    for n in range(borrowers // 2, borrowers + 1):
        _inspection(bank, f"B{n}", TO[n % len(TO)])
    _hand_over(bank)
    _item_acts(bank, cases)
    _impose(bank)
    bank.day = SECOND
    anchor.anchor(db, bank.clock(), sign)
    bank.day = LAST
    for n in range(4):
        _inspection(bank, f"N{n}", "collect")
    note(db, "draw:2026Q1", "drawn", SYSTEM, {"hash": "ab" * 32}, bank.clock())
    bank.refused("lee", "verify", cases[0])
    return bank


def _inspection(bank: Bank, subject: str, to: str) -> int:
    outsourced = to in ("visit", "check")
    how = "outsourced" if outsourced else "desk"
    due = [{"facility": f"{subject}-{kind}", "kind": kind, "due_on": bank.day, "outcome": "started"}
           for kind in ("regular", "rating")]  # fmt: skip
    case = bank.open("inspection", SYSTEM, "open", subject=subject, slot=subject,
                     said={"path": "outsourced" if outsourced else "desk", "due": due})  # fmt: skip
    files = [{"sha256": f"{case:02x}{n}".ljust(64, "0"), "kind": "photo", "shows": "shop", "taken_at": bank.day}
             for n in range(2)]  # fmt: skip
    site = to == "compare"
    usual = {"dispatch": (SYSTEM, "assign"), "visit": ("ahn", "submit"), "collect": ("lee", "collect"),
             "screen": (SYSTEM, "pass"), "check": ("yoon", "check"), "prepare": (SYSTEM, "propose"),
             "review": ("lee", "conclude"), "draw": (SYSTEM, "site" if site else "desk"),
             "verify_desk": ("choi", "verify"), "verify_site": ("choi", "record"), "compare": ("choi", "verify"),
             "weigh": (SYSTEM, "escalate" if to == "decide" else "close")}  # fmt: skip
    while (step := bank.state(case).step) != to:
        person, action = usual[step]
        handed_in = {"submit": {"how": how, "evidence": files}, "collect": {"how": how, "evidence": files},
                     "record": {"evidence": files}}  # fmt: skip
        bank.do(person, action, case, said=handed_in.get(action, {}), key=f"{action}.{case}")
    return case


def _book(bank: Bank) -> None:
    case = bank.open("policy", "oh", "propose_book", subject="book")
    assert bank.refused("oh", "approve_book", case).code == "four_eyes"
    bank.do("ryu", "approve_book", case)


def _run(bank: Bank, cases: list[int]) -> None:
    """A run that decided due rows for cases that it did not open."""
    inputs = {"stage": "due", "as_of": bank.day, "code": "1", "libraries": "1"}
    run = bank.open("run", SYSTEM, "start", subject="due/2026-01-05", payload=inputs)
    rows = [{"facility": f"F{n}", "kind": "use", "due_on": bank.day, "outcome": "merged", "case_id": case}
            for n, case in enumerate(cases[:3])]  # fmt: skip
    rows.append({"facility": "F9", "kind": "use", "due_on": bank.day, "outcome": "skipped", "reason": "lapsed"})
    result = {"counts": [{"action": "open", "n": 3}], "digest": "ab" * 32, "due": rows}
    bank.do(SYSTEM, "finish", run, payload=result)
    note(bank.db, "attempt:0a1b", "worked", SYSTEM, {"run": run}, bank.clock())


def _hand_over(bank: Bank) -> None:
    for subject in ("B1", "B5"):
        case = bank.open("handover", "kang", "hand_over", subject=subject, said={"since": bank.day})
        bank.do("park", "take_over", case)


def _item_acts(bank: Bank, cases: list[int]) -> None:
    open_ = [case for case in cases if bank.state(case).step == "check"]
    first, second = open_[:2]
    bank.do("choi", "claim", first)
    assert bank.refused("jung", "check", first).code == "taken"
    bank.do("choi", "comment", first, said={"text": "전화 통화함 — “asked” again\n\t\x7f  é"})
    bank.do("choi", "hold", first, said={"until": later(bank.day, 3)})
    bank.do("jung", "delegate", second, said={"to": "choi"})
    bank.do("han", "reassign", second, said={"to": "yoon"})
    waits = next(case for case in cases if bank.state(case).step == "verify_desk")
    bank.do("han", "cancel", waits)


def _impose(bank: Bank) -> None:
    cases = bank.db.rows("SELECT id FROM cases WHERE process = 'inspection' AND step = 'decide' ORDER BY id")
    for (case,) in cases[:2]:
        control, order = bank.do("han", "impose", case).opened
        bank.do("seo", "confirm", control)
        bank.do("lee" if bank.state(order).subject != "B5" else "park", "done", order)
        bank.do("choi", "accept", order)
