"""A small invented bank that lives some weeks by the plain functions of the stages, its people simulated: what the
flows do without Prefect, so in a few seconds. The tests live by it too."""

from datetime import date, timedelta
from pathlib import Path

from deployments.demo import BEGIN, Days, people_act, put_in_force, take_in
from deployments.portfolio import Portfolio, portfolio, staff
from door.anchor import anchor, signer
from door.db import Db
from tasks.deadlines import any_due, keep_deadlines
from tasks.due import open_due
from tasks.house import House
from tasks.run import Run, finish, start
from tasks.services import SERVICES
from tasks.work import waits, work

WEEKS = 6


def live(url: str, home: Path, seed: int = 7, loans: int = 60, weeks: int = WEEKS) -> House:
    """The bank after its weeks, anchored on the last day."""
    days = Days(seed)
    here = House(url, home, days.now, days.salts, days.secret, today=lambda: days.day)
    with here.db() as db:
        bank = founded(db, here, seed, loans)
        for week in range(weeks):
            days.day = BEGIN + timedelta(weeks=week)
            take_in(db, here, bank, days.day)
            stages(db, here, days.day)
            people_act(db, here, seed, days.day)
        anchor(db, here.clock(days.day), signer(here.anchor_key))
    return here


def founded(db: Db, here: House, seed: int = 7, loans: int = 60, since: date = BEGIN) -> Portfolio:
    """A bank with its staff and its first policy book in force."""
    bank = portfolio(seed, loans, since)
    staff(db, bank)
    put_in_force(db, here)
    return bank


def stages(db: Db, here: House, day: date) -> None:
    """The bank's day: every stage that decides."""
    run = begun(db, here, "scheduled_inspection", day)
    finish(run, open_due(run).elsewhere)
    steps: dict[str, list[str]] = {}
    for step, service in SERVICES.items():
        steps.setdefault(service.stage, []).append(step)
    for stage, its in steps.items():
        if waits(db, *its):
            run = begun(db, here, stage, day)
            for step in its:
                work(run, step)
            finish(run)
    if any_due(db):
        run = begun(db, here, "deadlines", day)
        keep_deadlines(run)
        finish(run)


def begun(db: Db, here: House, stage: str, day: date) -> Run:
    run = start(db, here, stage, day, "", lambda: True, lambda: None)
    if run is None:
        raise AssertionError("there was no run to do")
    return run
