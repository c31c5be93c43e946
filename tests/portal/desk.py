"""Who stands how to a case, by the letters of routes.txt; and the cases that it asks about."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from door import store
from portal.who import access
from tests.portal.conftest import Office
from tests.portal.links import able, restriction
from tests.portal.pictures import photo

ROLES = {"i": "inspector", "j": "inspector", "m": "account_manager", "k": "account_manager", "h": "branch_head",
         "g": "branch_head", "o": "post_loan_officer", "c": "credit_manager", "e": "policy_editor", "a": "credit_approver",
         "p": "operations", "u": "auditor", "d": "administrator"}  # fmt: skip
_WAITING = """
SELECT i.case_id FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON r.subject = c.subject
  JOIN person p ON p.id = r.manager JOIN borrower b ON b.id = c.subject
 WHERE i.step = ? AND b.unit = p.unit AND {} EXISTS
       (SELECT 1 FROM entry e WHERE e.stream = c.stream AND e.action = 'submit')
 ORDER BY i.holder IS NOT NULL, i.case_id
"""
NOWHERE = 999_999_999


@dataclass
class Desk:
    """The office, and the case that is asked about (0: none)."""

    office: Office
    case: int

    @property
    def day(self) -> str:
        return self.office.house.business_date().isoformat()

    @property
    def seq(self) -> int:
        s = store.read_case(self.office.db, self.case)
        return s.seq if s else 0

    def one(self, sql: str, *params: Any) -> str:
        return str(self.office.db.rows(sql, *params)[0][0])

    @cached_property
    def people(self) -> dict[str, str]:
        """By letter; nobody is not among them. Each holds one role and no other."""
        db = self.office.db
        rows = db.rows(
            "SELECT g.role, g.person, p.unit FROM role_grant g JOIN person p ON p.id = g.person ORDER BY g.person"
        )
        assert len({person for _, person, _ in rows}) == len(rows)
        held: dict[str, dict[str, str]] = {}
        for role, person, unit in rows:
            held.setdefault(role, {})[person] = unit
        s = store.read_case(db, self.case)
        may = able(self.office, self.case) if s else []
        found = {
            letter: next((p for p in may if p in held[role]), next(iter(held[role]))) for letter, role in ROLES.items()
        }
        mine = db.rows("SELECT person FROM entry WHERE stream = ? AND action = 'submit'", f"case:{self.case}")
        found["i"] = mine[0][0] if mine else found["i"]
        found["m"] = (store.managers(db, [s.subject], self.day).get(s.subject) if s else None) or found["m"]
        branch = held["account_manager"][found["m"]]
        found["h"] = next(p for p, unit in held["branch_head"].items() if unit == branch)
        found["j"] = next(p for p, unit in held["inspector"].items() if unit != held["inspector"][found["i"]])
        for letter in "kg":
            found[letter] = next(p for p, unit in held[ROLES[letter]].items() if unit != branch)
        return found

    @property
    def colleague(self) -> str:
        """Another manager of the customer's branch."""
        manager = self.people["m"]
        return self.one("SELECT p.id FROM person p JOIN person q ON q.unit = p.unit JOIN role_grant g ON g.person = p.id WHERE "
                        "q.id = ? AND g.role = 'account_manager' AND p.id <> q.id ORDER BY p.id", manager)  # fmt: skip

    @property
    def facility(self) -> tuple[str, str]:
        """One that nothing stands against, and its borrower."""
        return self.office.db.rows("SELECT f.id, f.borrower FROM facility f WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.subject = "
                                   "f.borrower AND c.closed_on IS NULL) ORDER BY f.id DESC LIMIT 1")[0]  # fmt: skip

    def photographed(self) -> str:
        """The SHA-256 of a photo that the inspector sent."""
        person = self.people["i"]
        sent = self.office.at(person).post(
            f"/visits/{self.case}/files", headers={"accept": "application/json"}, files={"file": ("gate.jpg", photo(size=(64, 48)))},
            data={"_form": self.office.form(person), "key": "k0", "shows": "gate", "kind": "photo"})  # fmt: skip
        return str(sent.json()["sha256"])

    def cookie(self, letter: str) -> str:
        return access.admit(self.office.db, self.office.app.state.portal, self.people[letter], "::1", "password")


def desk(office: Office, subject: str) -> Desk:
    """Before a case of the kind that the table names, one that nobody has in hand where there is one."""
    db = office.db
    match subject:
        case "visit" | "package" | "review":
            step, handed = {"visit": ("visit", "NOT"), "package": ("check", ""), "review": ("review", "NOT")}[subject]
            return Desk(office, next(id_ for (id_,) in db.rows(_WAITING.format(handed), step) if able(office, id_)))
        case "control":
            return Desk(office, restriction(office)[0])
        case "policy" | "run":
            found = db.rows("SELECT max(id) FROM cases WHERE process = ? AND closed_on IS NOT NULL", subject)
            return Desk(office, found[0][0])
    return Desk(office, NOWHERE if subject == "nowhere" else 0)
