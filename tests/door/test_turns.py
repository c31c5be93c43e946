"""Writers take turns: one at a time on SQLite, and a turn ends with who had it."""

import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

from door.db import Db, connect

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys, time
from door.db import connect
with connect(sys.argv[1]) as db, db.transaction():
    db.run("UPDATE counter SET value = 99 WHERE name = 'case'")
    print("inside", flush=True)
    time.sleep(60)
"""


def value(db: Db) -> int:
    return int(db.rows("SELECT value FROM counter WHERE name = 'case'")[0][0])


def test_a_writer_killed_inside_its_transaction_leaves_the_turn_to_the_next(url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, url], stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "inside\n"
        holder.kill()
    with connect(url) as db, db.transaction():
        assert value(db) == 0
        db.run("UPDATE counter SET value = 1 WHERE name = 'case'")
        assert value(db) == 1


def test_who_fails_inside_his_turn_gives_it_up(url: str) -> None:
    with connect(url) as first, connect(url) as second:
        try:
            with first.transaction():
                first.run("UPDATE counter SET value = 7 WHERE name = 'case'")
                first.run("UPDATE no_such_table SET value = 7")
        except Exception as e:
            assert "no_such_table" in str(e)  # noqa: PT017 - each driver has its own class
        with second.transaction():
            second.run("UPDATE counter SET value = value + 1 WHERE name = 'case'")
        assert value(first) == 1


def test_nobody_overtakes_a_change_that_is_not_committed(url: str) -> None:
    done = Event()

    def other() -> None:
        with connect(url) as db, db.transaction():
            db.run("UPDATE counter SET value = value * 2 WHERE name = 'case'")
        done.set()

    with connect(url) as db:
        with db.transaction():
            db.run("UPDATE counter SET value = 5 WHERE name = 'case'")
            waits = Thread(target=other)
            waits.start()
            assert not done.wait(0.3)
        waits.join(120)
        assert value(db) == 10
