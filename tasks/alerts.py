"""Alerts: what Prefect says of a flow run becomes one row, and a message to everybody of operations.

A stage that fails again and again is shown each time and mailed once an hour.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from door import store
from door.db import Db
from tasks.address import OPERATIONS, message_id, schemes
from tasks.deliver import later

What = Literal["failed", "crashed", "late", "stuck"]
QUIET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Alert:
    """`flow_run`: Prefect's id; `flow`: its name, as `manager_review`; `says`: what Prefect says of it."""

    flow_run: str
    what: What
    flow: str
    says: str


def report(db: Db, alert: Alert, on: str, now: str, domain: str = "postloan") -> int | None:
    """Writes the alert down and queues the messages; how many, None where it was reported before.

    `on` is the business date by which people hold the role operations, `now` the recorded clock."""
    with db.transaction():
        told_lately = bool(db.rows(
            "SELECT 1 FROM alert a JOIN alerted t ON t.flow_run = a.flow_run AND t.what = a.what "
            "WHERE a.flow = ? AND a.what = ? AND a.at > ? LIMIT 1",
            alert.flow, alert.what, later(now, -QUIET.total_seconds())))  # fmt: skip
        if not db.run("INSERT INTO alert (flow_run, what, flow, says, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      alert.flow_run, alert.what, alert.flow, alert.says, now):  # fmt: skip
            return None
        if told_lately:
            return 0
        people = sorted(store.staff(db, OPERATIONS, on))
        channels = schemes(db, people)
        queued = [(message_id(f"{person}/{alert.flow_run}/{alert.what}", channel, [], domain), person, channel)
                  for person in people for channel in sorted(channels.get(person, {""}))]  # fmt: skip
        db.many("INSERT INTO message (id, person, channel, subject, body, state, tries, next_at, error) "
                "VALUES (?, ?, ?, '', '', 'queued', 0, ?, '')", [(*row, now) for row in queued])  # fmt: skip
        db.many("INSERT INTO alerted (message, flow_run, what) VALUES (?, ?, ?)",
                [(id_, alert.flow_run, alert.what) for id_, *_ in queued])  # fmt: skip
        return len(queued)
