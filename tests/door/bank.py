"""A small bank for the door's tests: its staff, a calendar of deadlines, and a valid payload for every arrow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from door import store
from door.act import act
from door.command import SYSTEM, Clock, Command, Refused, Rules, Verdict
from door.db import Db
from door.fold import State
from models.process import Process
from processes import PROCESSES

DAY = "2026-01-05"
HOLDS_MAX = 10
DAYS = {"visit": 10, "collect": 7, "review": 5, "verify_site": 10, "order.{kind}": 60,
        "control.review": 60}  # calendar days by timer; others 3  # fmt: skip

UNITS = {"visits": "vendor", "mapo": "branch", "jongno": "branch", "credit": "department"}
STAFF = {  # person: unit and roles
    "ahn": ("visits", ("inspector",)), "bae": ("visits", ("inspector",)),
    "lee": ("mapo", ("account_manager",)), "park": ("jongno", ("account_manager",)),
    "kang": ("mapo", ("branch_head", "account_manager")), "noh": ("jongno", ("branch_head",)),
    "choi": ("credit", ("post_loan_officer",)), "jung": ("credit", ("post_loan_officer",)),
    "yoon": ("credit", ("post_loan_officer",)),
    "han": ("credit", ("credit_manager",)), "seo": ("credit", ("credit_manager",)),
    "oh": ("credit", ("credit_manager", "policy_editor")), "ryu": ("credit", ("policy_editor",)),
}  # fmt: skip
LANES = {"inspector": "visits", "account_manager": "mapo", "branch_head": "mapo", "post_loan_officer": "credit",
         "credit_manager": "credit", "policy_editor": "credit"}  # fmt: skip


MAY_LIFT = {"inspection_is_fresh": True, "months_are_clean": True}  # of any restriction; the real rule: tests/tasks


def deadline(book: str, timer: str, day: str, facts: Mapping[str, Any]) -> str:
    return later(day, DAYS.get(timer, 3))


def later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


def rules(*more: Process) -> Rules:
    return Rules(
        {**PROCESSES, **{p.name: p for p in more}}, deadline, lambda book: HOLDS_MAX, beside=lambda *_: (MAY_LIFT, "")
    )


def inspection(path: str = "desk", **other: Any) -> dict[str, Any]:
    return {
        "kind": "regular", "path": path, "template": "T1", "product": "working_capital", "segment": "small",
        "amount": 420_000_000, "currency": "KRW", "class_": 1, "calendar": "KR", "unit": "mapo", "opened_on": DAY,
        "prescribed_on": DAY, "due": [], "asks": [],
    } | other  # fmt: skip


_WHY: dict[str, Any] = {"reason": "as the procedure says"}
_BACK = {"defects": [{"code": "B02", "where": "photo"}], **_WHY}
_LATER = {"due_on": "2026-02-16", **_WHY}
_SAYS: dict[str, dict[str, Any]] = {
    "open": inspection(),
    "assign": {"vendor": "visits", "inspector": "ahn", "batch": "V1", "why": "in turn"},
    "submit": {"how": "outsourced", "visited_on": DAY, "answers": []},
    "collect": {"how": "desk", "visited_on": DAY, "answers": []},
    "return": _BACK, "send_back": _BACK,
    "propose": {"proposed_class": 1, "proposed_level": 0, "green": True, "because": "no finding"},
    "conclude": {"level": 0, "class_": 1, "capacity": "1.4 times", "willingness": "good", "repayment_source": "sales",
                 "measures": [{"code": "A01", "owner": "lee", "by": "2199-12-31"}]},
    "desk": {"round": 1, "rule": "random", "probability": "0.1"},
    "site": {"round": 1, "rule": "random", "probability": "0.1"},
    "record": {"own_level": 1, "visited_on": DAY},
    "verify": {"outcome": "V0", "own_level": 0},
    "disagree": {"outcome": "V3", "own_level": 2, "reason": "level one too low"},
    "impose": {"restrictions": [{"kind": "K1", **_WHY}], "orders": [{"kind": "O1", **_WHY}], **_WHY},
    "control.propose": {"kind": "K4", **_WHY}, "renew": _LATER,
    "issue": {"kind": "O1", **_WHY}, "done": {"says": "document filed"}, "ask_extension": {"until": "2026-02-16", **_WHY}, "grant": _LATER,
    "not_accepted": _LATER,
    "hand_over": {"manager": "park", "since": DAY, **_WHY},
    "propose_book": {"book": "0" * 64, "effective_from": DAY, **_WHY},
    "delegate": _WHY, "reassign": _WHY, "hold": {"until": "2026-01-08", **_WHY}, "comment": {"text": "seen"},
    "cancel": _WHY, "remind": {"days": -1, "to": "", "rung": 1},
}  # fmt: skip


def says(process: Process, action: str) -> dict[str, Any]:
    """A valid payload of an action."""
    found = _SAYS.get(f"{process.name}.{action}", _SAYS.get(action))
    if found is None:
        form = process.form_of(action)
        found = _WHY if form is not None and "reason" in form.model_fields else {}
    return dict(found)


@dataclass
class Bank:
    """The door as a test uses it: people do things on a business day."""

    db: Db
    rules: Rules = field(default_factory=rules)
    day: str = DAY
    tick: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def clock(self) -> Clock:
        def now() -> str:
            return f"{self.day}T09:00:00.{self.tick():06d}Z"

        return Clock(self.day, now, lambda n: [f"{self.tick():032x}" for _ in range(n)])

    def command(self, person: str, action: str, case: int | None = None, **more: Any) -> Command:
        """A command with the action's usual payload; fields of the payload's that differ go in `said`, a whole other
        payload in `payload`."""
        if "payload" not in more:
            name = self.state(case).process if case else more["process"]
            more["payload"] = says(self.rules.processes[name], action)
        payload = more.pop("payload") | more.pop("said", {})
        if case is None:
            more = {"subject": "B1", "book": "book"} | more
        elif person == SYSTEM:
            more = {"run": 0} | more  # a run of the tests
        return Command(person, action, payload, case=case, **more)

    def act(self, *commands: Command) -> list[Verdict]:
        return act(self.db, commands, self.clock(), self.rules)

    def ask(self, person: str, action: str, case: int | None = None, **more: Any) -> Verdict:
        """One command, whatever comes of it."""
        return self.act(self.command(person, action, case, **more))[0]

    def do(self, person: str, action: str, case: int | None = None, **more: Any) -> Verdict:
        """One command that must be permitted."""
        verdict = self.ask(person, action, case, **more)
        assert verdict.refused is None, verdict.refused
        return verdict

    def refused(self, person: str, action: str, case: int | None = None, **more: Any) -> Refused:
        """One command that must be refused."""
        verdict = self.ask(person, action, case, **more)
        assert verdict.refused is not None, verdict
        return verdict.refused

    def open(self, process: str, person: str, action: str, **more: Any) -> int:
        case = self.do(person, action, process=process, **more).case
        assert case is not None
        return case

    def inspection(self, to: str = "collect", subject: str = "B1", path: str = "desk", how: str = "desk") -> int:
        """An inspection brought to a step by the usual people: ahn visits, lee concludes, choi verifies."""
        case = self.open("inspection", SYSTEM, "open", subject=subject, said={"path": path})
        verifies = "site" if to in ("verify_site", "compare", "revisit") else "desk"
        usual = {"dispatch": (SYSTEM, "assign"), "visit": ("ahn", "submit"), "collect": ("lee", "collect"),
                 "screen": (SYSTEM, "pass"), "check": ("yoon", "check"), "prepare": (SYSTEM, "propose"),
                 "review": ("lee", "conclude"), "draw": (SYSTEM, verifies), "verify_desk": ("choi", "verify"),
                 "verify_site": ("choi", "nobody_met" if to == "revisit" else "record"), "compare": ("choi", "verify"),
                 "weigh": (SYSTEM, "escalate" if to == "decide" else "close")}  # fmt: skip
        while (step := self.state(case).step) != to:
            self.do(*usual[step], case)
        return case

    def state(self, case: int) -> State:
        state = store.read_case(self.db, case)
        assert state is not None
        return state

    def entries(self, stream: str) -> list[tuple[Any, ...]]:
        """(seq, action, person, on_behalf_of, step) of a stream."""
        return self.db.rows(
            "SELECT seq, action, person, on_behalf_of, step FROM entry WHERE stream = ? ORDER BY seq", stream
        )

    def item(self, case: int) -> dict[str, Any] | None:
        """The open item of a case, by column."""
        names = ("step", "role", "lane", "owner", "whose", "holder", "due_on", "held_until", "round", "rung")
        rows = self.db.rows(f"SELECT {', '.join(names)} FROM item WHERE case_id = ?", case)
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def notices(self, case: int) -> list[tuple[Any, ...]]:
        return self.db.rows("SELECT seq, kind, person FROM notice WHERE case_id = ? ORDER BY seq", case)

    # -- staff, as the personnel extract brings it ----------------------------------------------------------------

    def hire(self, person: str, unit: str, *roles: str, since: str = "2020-01-01") -> None:
        self.db.run("INSERT INTO person (id, name, unit, language) VALUES (?, ?, ?, 'en')", person, person, unit)
        for role in roles:
            self.grant(person, role, since)

    def grant(self, person: str, role: str, since: str = "2020-01-01", until: str | None = None) -> None:
        self.db.run(
            "INSERT INTO role_grant (person, role, since, until) VALUES (?, ?, ?, ?)", person, role, since, until
        )

    def leave(self, person: str, last_day: str) -> None:
        self.db.run("UPDATE person SET until = ? WHERE id = ?", last_day, person)

    def transfer(self, person: str, unit: str, *roles: str) -> None:
        """To another unit with other roles, from one day to the next."""
        self.db.run("UPDATE person SET unit = ? WHERE id = ?", unit, person)
        self.db.run("DELETE FROM role_grant WHERE person = ?", person)
        for role in roles:
            self.grant(person, role)

    def absence(self, absent: str, deputy: str, since: str = DAY, until: str = "2026-12-31") -> None:
        self.db.run("INSERT INTO substitute (absent, deputy, since, until) VALUES (?, ?, ?, ?)",
                    absent, deputy, since, until)  # fmt: skip

    def relation(self, person: str, subject: str) -> None:
        self.db.run("INSERT INTO relation (person, subject) VALUES (?, ?)", person, subject)

    def borrower(self, subject: str, manager: str = "lee", since: str = "2020-01-01") -> None:
        self.db.run("INSERT INTO borrower (id, name, unit) VALUES (?, ?, 'mapo') ON CONFLICT DO NOTHING",
                    subject, subject)  # fmt: skip
        self.db.run("INSERT INTO responsible (subject, since, manager) VALUES (?, ?, ?)", subject, since, manager)


def found(db: Db, *more: Process) -> Bank:
    """The bank with its staff; lee is responsible for the borrowers B1 and B2."""
    bank = Bank(db, rules(*more))
    with db.transaction():
        db.insert("unit", ("id", "name", "lane", "calendar"), [(u, u, lane, "KR") for u, lane in UNITS.items()])
        for person, (unit, roles) in STAFF.items():
            bank.hire(person, unit, *roles)
        bank.borrower("B1")
        bank.borrower("B2")
    return bank
