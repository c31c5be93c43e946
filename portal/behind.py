"""Is a stage behind that brings work into a list? Asked of our own records at each look at an inbox, so by few rows: what
waits for a flow longer than its schedule allows, and what Prefect reported of the day's stages that is not made up for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from door.store import among
from models.policy import PolicyError
from models.process import USER, Process
from portal.house import Asking
from processes import PROCESSES
from tasks import books
from tasks.services import SERVICES

ALLOWED = timedelta(hours=1)  # the act that leaves a case there wakes the stage, and its schedule does twice an hour
LOOKED_AT = 20  # cases of a step, the oldest first: one that waits too long is among them, if there is one
REPORTED = timedelta(days=4)  # of an older alert something newer has been reported, or done
OPENING, TIGHTENING, DAY = "scheduled_inspection", "deadlines", "lifecycle"


@dataclass(frozen=True, slots=True)
class Behind:
    """The stage; since when (UTC instant) cases wait for it, or when operations was told that it was not done."""

    stage: str
    since: str
    told: bool


def _roles(process: Process, step: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """Who is the next person that a case may come to, from a step on."""
    found = process.steps[step]
    if found.kind == USER:
        return frozenset({found.role})
    to = {target for do in found.does for target in (do.to, do.over) if target} - seen
    return frozenset().union(*(_roles(process, each, seen | {step}) for each in to))


_INSPECTION = PROCESSES["inspection"]
#: By service step, and by the stages that run once a day: whose lists what they do comes into.
_FROM_STEP = {step: _roles(_INSPECTION, step) for step in SERVICES}
_FROM_STAGE = {
    OPENING: frozenset().union(*(_roles(_INSPECTION, do.to) for do in _INSPECTION.steps[_INSPECTION.start].does)),
    TIGHTENING: frozenset().union(*(_roles(p, s.by_name[s.late].to) for p in PROCESSES.values()
                                    for s in p.steps.values() if s.late)),
}  # fmt: skip


def behind(asking: Asking) -> Behind | None:
    """The first, in the order of the day, that is behind with what may come to him."""
    return next(filter(None, (*_undone(asking), *_waiting(asking))), None)


def _waiting(asking: Asking) -> Iterator[Behind]:
    """On days on which nothing is promised nothing is late. The cases of a step are asked for in the order of the index of
    steps: in that of their numbers alone PostgreSQL may look for the few at it through all that there are."""
    steps = [step for step, roles in _FROM_STEP.items() if roles & asking.me.person.roles]
    if not steps:
        return
    oldest = " UNION ALL ".join(
        f"SELECT * FROM (SELECT stream, seq, step FROM cases WHERE process = 'inspection' AND (step, id) > (?, 0) AND step <= ? "
        f"ORDER BY step, id LIMIT {LOOKED_AT}) s{n}" for n in range(len(steps)))  # fmt: skip
    since: dict[str, str] = dict(asking.db.rows(
        f"SELECT w.step, min(e.recorded_at) FROM ({oldest}) w JOIN entry e ON e.stream = w.stream AND e.seq = w.seq "
        "GROUP BY w.step HAVING min(e.recorded_at) < ?", *sorted(steps * 2), _ago(asking, ALLOWED)))  # fmt: skip
    if since and _works(asking, date.fromisoformat(asking.day)):
        yield from (Behind(SERVICES[step].stage, since[step], False) for step in steps if step in since)


def _undone(asking: Asking) -> Iterator[Behind]:
    """Failed, lost, late or without an end, and none of that day or since was closed."""
    stages = [stage for stage, roles in _FROM_STAGE.items() if roles & asking.me.person.roles]
    where, flows = among(asking.db, "flow", [*stages, DAY])
    reported: dict[str, str] = dict(asking.db.rows(
        f"SELECT flow, max(at) FROM alert WHERE {where} AND at > ? GROUP BY flow", flows, _ago(asking, REPORTED)))  # fmt: skip
    for stage in stages if reported else ():
        at = max(reported.get(stage, ""), reported.get(DAY, ""))
        days = _days(asking, at) if at else []
        first, subjects = among(asking.db, "subject", [f"{stage}/{day}/1" for day in days])
        if days and _works(asking, days[-1]) and not asking.db.rows(
            f"SELECT 1 FROM cases WHERE process = 'run' AND {first} AND closed_on IS NOT NULL LIMIT 1", subjects):  # fmt: skip
            yield Behind(stage, at, True)


def _days(asking: Asking, at: str) -> list[date]:
    """Business dates from today back to that of an instant."""
    house = asking.portal.house
    now, then = (datetime.fromisoformat(t).astimezone(ZoneInfo(house.zone)).date() for t in (house.now(), at))
    return [date.fromisoformat(asking.day) - timedelta(days=n) for n in range((now - then).days + 1)]


def _works(asking: Asking, day: date) -> bool:
    """Is the bank open then, as far as it can be told?"""
    try:
        return not books.shut(asking.db, day.isoformat())
    except PolicyError:
        return True


def _ago(asking: Asking, time: timedelta) -> str:
    then = datetime.fromisoformat(asking.portal.house.now()) - time
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
