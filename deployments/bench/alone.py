"""One run, alone in its process, so that its memory is its own: `python -m deployments.bench.alone URL HOME [plain]`.

Its last line is JSON: seconds, rss_mb, cases.
"""

import asyncio
import json
import sys
from pathlib import Path

from deployments.bench.bank import AS_OF
from deployments.bench.stopwatch import seconds
from door.db import connect
from tasks import house
from tasks.due import open_due
from tasks.house import House
from tasks.run import finish, start


def _main(url: str, home: str, how: str = "") -> None:
    here = House(url, Path(home), today=lambda: AS_OF)
    house.use(here)
    if how == "plain":
        took = seconds(lambda: _plain(here))
    else:
        from flows.scheduled_inspection import scheduled_inspection

        took = seconds(lambda: asyncio.run(scheduled_inspection(as_of=AS_OF)))
    with connect(url) as db:
        cases = db.rows("SELECT count(*) FROM cases WHERE process = 'inspection'")[0][0]
    sys.stdout.write(json.dumps({"seconds": took, "rss_mb": _peak_mb(), "cases": cases}) + "\n")


def _peak_mb() -> float:
    """The most memory that this process held. (getrusage would count what the parent held when it forked.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _plain(here: House) -> None:
    """What the flow does, without Prefect."""
    with here.db() as db:
        opened = start(db, here, "scheduled_inspection", AS_OF, "", lambda: True, lambda: None)
        if opened is None:
            raise AssertionError("there was no run to do")
        finish(opened, open_due(opened).elsewhere)


if __name__ == "__main__":
    _main(*sys.argv[1:])
