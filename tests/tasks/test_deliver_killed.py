"""A delivery killed for good (kill -9) where it hurts most: the server has the mail, the table does not know it yet."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from door.db import Db, connect
from tasks.address import address
from tasks.deliver import LEASE, Sent, later, send
from tests.tasks.post_office import DAY, NOW, MailServer, eligible, mail_server, post, restrict, staff

pytestmark = pytest.mark.slow  # real processes, killed or racing

DELIVERY = """
import sys
from door.db import connect
from tasks.address import address
from tasks.deliver import send
from tests.tasks.post_office import DAY, NOW, eligible, post
with connect(sys.argv[1]) as db:
    address(db, eligible, DAY, NOW)
    send(db, lambda: NOW, DAY, post(workers=1), lambda: 1.0)
"""
AFTER = later(NOW, LEASE.total_seconds())  # when what the killed one had taken falls due again


@contextmanager
def delivery(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A delivery in a process of its own; whatever happens it is gone at the end."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", DELIVERY, url], cwd=root, env={**os.environ, "PYTHONPATH": "."})
    try:
        yield process
    finally:
        process.kill()
        process.wait(120)


def prepared(url: str, server: MailServer, people: int) -> None:
    with connect(url) as db:
        staff(db, server.url, credit=tuple(f"c{n}" for n in range(people)))
        restrict(db)


def states(db: Db) -> dict[str, int]:
    return dict(db.rows("SELECT state, count(*) FROM message GROUP BY state"))


def the_rest_arrives(url: str, server: MailServer, people: int, twice: int) -> None:
    """Before the lease is over nobody may take what was taken; then all that was not marked goes, and nothing else:
    no notice is lost, and what came twice came under the same Message-ID."""
    with connect(url) as db:
        left = states(db)["queued"]
        assert send(db, lambda: NOW, DAY, post(), lambda: 1.0).sent <= left - 1
        send(db, lambda: AFTER, DAY, post(), lambda: 1.0)
        assert states(db) == {"sent": people}
        assert db.rows("SELECT count(*) FROM notice WHERE message IS NULL") == [(0,)]
    assert len(server.ids()) == people + twice
    assert len(set(server.ids())) == people
    recipients = {m["Message-ID"]: m["To"] for m in server.mails()}
    assert sorted(recipients.values()) == sorted(f"c{n}@example.com" for n in range(people))


def test_killed_before_the_server_answers(url: str) -> None:
    with mail_server() as server:
        prepared(url, server, people=5)
        with delivery(url) as process:
            server.answers += ["250 OK", "250 OK", lambda: (process.send_signal(signal.SIGKILL), process.wait(120))]
            process.wait(120)
        assert process.returncode == -signal.SIGKILL
        assert len(server.kept) == 3
        with connect(url) as db:
            assert states(db) == {"sent": 2, "queued": 3}
        the_rest_arrives(url, server, people=5, twice=1)


def test_killed_between_the_servers_answer_and_the_mark(url: str) -> None:
    """The table is locked while the server answers: the delivery has its 250 and can't write it down."""
    with mail_server() as server, connect(url) as lock:
        prepared(url, server, people=3)

        held = threading.Event()

        def hold() -> None:
            server.hung_up.clear()
            lock.run("BEGIN IMMEDIATE" if lock.dialect == "sqlite" else "BEGIN")
            if lock.dialect == "postgresql":
                lock.run("LOCK TABLE message IN EXCLUSIVE MODE")
            held.set()

        server.answers += ["250 OK", hold]
        with delivery(url) as process:
            assert held.wait(120)
            assert server.hung_up.wait(120)  # it has said goodbye, hence read the 250
            process.send_signal(signal.SIGKILL)
            process.wait(120)
        if lock.dialect == "postgresql":  # its half of the connection would still carry out an update that it was sent
            lock.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                     "WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
        lock.run("ROLLBACK")
        with connect(url) as db:
            assert states(db) == {"sent": 1, "queued": 2}
        the_rest_arrives(url, server, people=3, twice=1)


def test_an_addressing_that_breaks_half_way_leaves_every_notice_open(url: str) -> None:
    with mail_server() as server:
        prepared(url, server, people=2)

        def broken(db: Db, case: int, on: str) -> list[str]:
            return ["c0", "nobody of that name"]  # the message's foreign key stops the transaction half-way

        with connect(url) as db:
            with pytest.raises(Exception, match=r"(?i)foreign key"):
                address(db, broken, DAY, NOW)
            assert db.rows("SELECT count(*) FROM message") == [(0,)]
            assert db.rows("SELECT count(*) FROM notice WHERE message IS NULL") == [(1,)]
            assert address(db, eligible, DAY, NOW).messages == 2
            assert send(db, lambda: NOW, DAY, post(), lambda: 1.0) == Sent(sent=2)
