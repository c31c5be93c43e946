"""The people of the portal's bank at their browsers: what they look at, and what they decide from their mails' links."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from http.client import HTTPConnection
from itertools import chain, cycle, islice
from re import search
from time import perf_counter
from urllib.parse import urlencode

from deployments.bench.many import Staffed
from door.db import Db
from door.fold import State
from door.store import managers, read_cases
from portal.house import Portal
from portal.who import access
from portal.who.asking import COOKIE, FORM
from tasks.house import House
from tasks.token import Token, make

FILTERS = ("", "step=review", "due=late", "due=week", "due=today", "level=1", "level=3&due=late", "class=2", "unit=mapo",
           "tab=claimed", "tab=held")  # fmt: skip
PAGES = 4  # of a filter, one after the other
WARM = 20  # requests that are not counted
KEPT_S = 2  # idle, a connection is used again; the server keeps it for five
BATCH = 2_000  # states read at a time
EACH = 400  # decisions of one of a crowd; who has done them all stops


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody sends from the page behind his link."""

    person: str
    path: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    text: str
    seconds: float


class Browser:
    """Somebody signed in, over one connection that is kept."""

    def __init__(self, db: Db, portal: Portal, person: str, port: int) -> None:
        self._cookie = access.admit(db, portal, person, "127.0.0.1", "password")
        self.line = HTTPConnection("127.0.0.1", port, timeout=60)
        self._last = 0.0

    def get(self, path: str) -> Answered:
        return self._ask("GET", path)

    def post(self, path: str, fields: Mapping[str, str]) -> Answered:
        return self._ask("POST", path, urlencode({FORM: access.csrf(self._cookie), **fields}))

    def _ask(self, method: str, path: str, body: str | None = None) -> Answered:
        headers = {"Cookie": f"{COOKIE}={self._cookie}; language=en"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if perf_counter() - self._last > KEPT_S:
            self.line.close()  # and is opened anew, before the server closes it in the middle of a request
        if self.line.sock is None:
            self.line.connect()
        started = perf_counter()
        self.line.request(method, path, body, headers)
        answer = self.line.getresponse()
        text = answer.read()
        self._last = perf_counter()
        return Answered(answer.status, text.decode(), perf_counter() - started)


@dataclass
class Office:
    """`port`: where the portal is served. What is timed comes in seconds."""

    db: Db
    here: House
    people: Staffed
    port: int
    browsers: dict[str, Browser] = field(default_factory=dict)

    def at(self, person: str) -> Browser:
        if person not in self.browsers:
            self.browsers[person] = Browser(self.db, Portal(self.here), person, self.port)
        return self.browsers[person]

    def close(self) -> None:
        for browser in self.browsers.values():
            browser.line.close()

    # -- looking ------------------------------------------------------------------------------------------------

    def inboxes(self, n: int) -> list[float]:
        """The inbox of the manager with very many items, and of an officer: by each filter, page after page."""
        return self._timed(n, self._inboxes())

    def _inboxes(self) -> Iterator[float]:
        for filter_, person in cycle((f, p) for f in FILTERS for p in (self.people.busy, self.people.officers[0])):
            path = f"/inbox?{filter_}"
            for _ in range(PAGES):
                answer = self.at(person).get(path)
                yield _right(answer).seconds
                later = search(r'href="(/inbox\?[^"]*after=[^"]*)"', answer.text)
                if later is None:
                    break
                path = unescape(later[1])

    def cases(self, n: int) -> list[float]:
        """Pages of different cases: the manager's own, and to an officer and an auditor any, open and closed."""
        return self._timed(n, self._cases(n))

    def _cases(self, n: int) -> Iterator[float]:
        own = [s.id for s in self._waiting("review") if self.manager(s) == self.people.busy]
        any_ = [row[0] for row in self.db.rows("SELECT id FROM cases WHERE step IN ('visit', 'check', 'verify_desk', 'decide', "
                                               "'closed', 'in_force') ORDER BY id")]  # fmt: skip
        auditor = self.db.rows("SELECT person FROM role_grant WHERE role = 'auditor' ORDER BY person")[0][0]
        for case, of_all in zip(cycle(own), cycle(any_[:: max(1, len(any_) // (2 * n + WARM))]), strict=False):
            yield _right(self.at(self.people.busy).get(f"/cases/{case}")).seconds
            yield _right(self.at(self.people.officers[0]).get(f"/cases/{of_all}")).seconds
            yield _right(self.at(auditor).get(f"/cases/{of_all}")).seconds

    def _timed(self, n: int, requests: Iterator[float]) -> list[float]:
        return list(islice(requests, WARM, WARM + n))

    # -- deciding -----------------------------------------------------------------------------------------------

    def manager(self, s: State) -> str:
        return managers(self.db, [s.subject], self.people.day.isoformat()).get(s.subject, "")

    def _waiting(self, step: str) -> Iterator[State]:
        after = 0
        while found := self.db.rows("SELECT case_id FROM item WHERE step = ? AND case_id > ? AND held_until IS NULL AND "
                                    "holder IS NULL ORDER BY case_id LIMIT ?", step, after, BATCH):  # fmt: skip
            after = found[-1][0]
            yield from read_cases(self.db, [row[0] for row in found])

    def alone(self, n: int) -> list[float]:
        """So many decisions one after the other, officers' and managers' in turn."""
        both = zip(self._verified(self.people.officers), self._concluded(), strict=False)
        return self._timed(n, (self.decided(d) for d in chain.from_iterable(both)))

    def shares(self, n: int) -> list[list[Decision]]:
        """The decisions of n people: of as many officers as of managers, those with the most to conclude."""
        officers, theirs = self.people.officers[: n // 2], dict[str, list[Decision]]()
        for d in chain(islice(self._verified(officers), EACH * len(officers)), self._concluded()):
            theirs.setdefault(d.person, []).append(d)
        most = sorted(theirs.keys() - set(officers), key=lambda p: (-len(theirs[p]), p))
        return [theirs[p][:EACH] for p in (*officers, *most[: n - len(officers)])]

    def _verified(self, persons: Sequence[str]) -> Iterator[Decision]:
        """Officers agree with what was concluded, one item each in turn."""
        for s, person in zip(self._waiting("verify_desk"), cycle(persons), strict=False):
            yield self._decision(s, person, decision="verify", outcome="V0", own_level=str(s.facts["level"]), reason="",
                                 note="The record carries the conclusion.")  # fmt: skip

    def _concluded(self) -> Iterator[Decision]:
        """Managers conclude green items as proposed."""
        for s in self._waiting("review"):
            if s.facts.get("green") and s.visits["review"] == 1:
                yield self._decision(s, self.manager(s), decision="conclude")

    def _decision(self, s: State, person: str, **fields: str) -> Decision:
        expires = int((datetime.now(UTC) + timedelta(days=7)).timestamp())
        token = Token(s.id, s.seq, person, s.visits.get(s.step, 0), s.head, expires)
        return Decision(person, f"/d/{make(token, self.here.link_secret())}",
                        {"seen": str(s.seq), "key": f"bench.{s.id}.{s.seq}", **fields})  # fmt: skip

    def decided(self, decision: Decision) -> float:
        """Raises AssertionError where it was not decided."""
        answer = _right(self.at(decision.person).post(decision.path, decision.fields))
        if "✓" not in answer.text:
            raise AssertionError(f"not decided: {decision}")
        return answer.seconds


def _right(answer: Answered) -> Answered:
    if answer.status != 200:
        raise AssertionError(f"the portal answered {answer.status}: {answer.text[-600:]}")
    return answer
