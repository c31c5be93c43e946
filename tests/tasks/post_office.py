"""A real SMTP server on loopback that keeps what it accepts, and a small bank whose restrictions wait for people."""

import asyncio
import email.policy
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from door.act import act
from door.command import Clock, Command, Rules
from door.db import Db
from door.eligible import eligible as who_is_eligible
from processes import PROCESSES
from tasks.deliver import Post
from tests.door.bank import MAY_LIFT

DAY, NOW, DUE = "2026-11-24", "2026-11-24T08:00:00.000000Z", "2026-11-27"
SECRET = b"the secret of this installation"
PASSWORD = "pass/word+#1"  # noqa: S105 - made up
RULES = Rules(PROCESSES, lambda *_: DUE, lambda _: 30, beside=lambda *_: (MAY_LIFT, ""))
CLOCK = Clock(DAY, lambda: NOW, lambda n: [os.urandom(16).hex() for _ in range(n)])
EARLIER = replace(CLOCK, business_date="2026-11-20")
CREDIT = ("choi",)


def at(minutes: float) -> str:
    """The recorded clock so many minutes after the beginning."""
    hours, rest = divmod(int(minutes), 60)
    return f"2026-11-{24 + (8 + hours) // 24}T{(8 + hours) % 24:02}:{rest:02}:00.000000Z"


@dataclass
class MailServer:
    """Keeps every envelope that it was given the data of. `answers` are used up one a message, then all is well:
    an SMTP reply, "drop" (the connection breaks before the answer), or a call made before the reply 250.
    (No properties here: the SMTP server reads every attribute of its handler at each connection.)"""

    port: int = 0
    kept: list[Envelope] = field(default_factory=list)
    answers: list[str | Callable[[], None]] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    hung_up: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        if address in self.unknown:
            return self.unknown[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.kept.append(envelope)
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "drop":
            assert server.transport is not None
            server.transport.abort()
            return "250 too late"
        if callable(answer):
            answer()
            return "250 OK"
        return answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.hung_up.set()
        return "221 Bye"

    def mails(self) -> list[EmailMessage]:
        parser = BytesParser(EmailMessage, policy=email.policy.default)
        return [parser.parsebytes(e.content) for e in self.kept if isinstance(e.content, bytes)]

    def ids(self) -> list[str]:
        return [mail["Message-ID"] for mail in self.mails()]

    def url(self, person: str) -> str:
        return (f"mailto://127.0.0.1:{self.port}/?from=Bank<post@example.com>&to={person}@example.com"
                "&smtp=127.0.0.1&mode=insecure")  # fmt: skip


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server in a thread of its own, on a port that the system chose, until the end of the block."""
    box, loop = MailServer(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def staff(db: Db, url: Callable[[str], str], credit: Sequence[str] = CREDIT, language: str = "en") -> None:
    """A department with credit managers, one of operations, and a branch with the manager of all borrowers. Shin, who
    proposes the restrictions, is a credit manager no longer on the day that they are told."""
    people = [(p, "department", "credit_manager") for p in credit]
    people += [
        ("shin", "department", "auditor"),
        ("ops", "office", "operations"),
        ("park", "branch", "account_manager"),
    ]
    db.insert("unit", ("id", "name", "lane", "calendar"),
              [(lane, f"The {lane}", lane, "kr") for lane in ("department", "office", "branch")])  # fmt: skip
    db.insert(
        "person", ("id", "name", "unit", "language"), [(p, f"{p.title()} Min-jun", u, language) for p, u, _ in people]
    )
    db.insert("role_grant", ("person", "role", "since"), [(p, role, "2026-01-01") for p, _, role in people])
    db.insert(
        "role_grant", ("person", "role", "since", "until"), [("shin", "credit_manager", "2026-01-01", "2026-11-23")]
    )
    db.insert("channel", ("person", "url"), [(p, url(p)) for p, *_ in people])


def restrict(db: Db, n: int = 1, name: str = "Saebyeol Precision") -> list[int]:
    """So many borrowers, and a restriction proposed on each: an item for another credit manager to confirm."""
    start = db.rows("SELECT count(*) FROM borrower")[0][0]
    ids = [f"B{start + k}" for k in range(n)]
    db.insert("borrower", ("id", "name", "unit"), [(id_, name, "branch") for id_ in ids])
    db.insert("responsible", ("subject", "since", "manager"), [(id_, "2026-01-01", "park") for id_ in ids])
    verdicts = act(db, [Command("shin", "propose", {"kind": "K2", "reason": "arrears"}, process="control", subject=id_,
                                slot=None) for id_ in ids], EARLIER, RULES)  # fmt: skip
    assert not [v for v in verdicts if v.refused]
    return [v.case for v in verdicts if v.case is not None]


def do(db: Db, person: str, action: str, case: int, payload: dict[str, Any] | None = None, **more: Any) -> None:
    (verdict,) = act(db, [Command(person, action, payload or {}, case=case, **more)], CLOCK, RULES)
    assert verdict.refused is None, verdict


def eligible(db: Db, case: int, on: str) -> list[str]:
    return who_is_eligible(db, RULES, case, on)


def post(**more: Any) -> Post:
    settings: dict[str, Any] = {"bank": "Narae Bank", "secret": SECRET, "workers": 4,
                                "link": lambda token: f"https://postloan.example/{token or 'inbox'}"}  # fmt: skip
    return Post(**{**settings, **more})
