"""Operations: the bank's day. What each stage did and does next, what waits where, what could not be delivered, whether
the due ledger adds up, what Prefect reported; and the run of a stage, after a look at what it would take."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import accumulate, groupby, pairwise
from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from door.act import note
from door.db import Db
from door.store import among
from models.policy import PolicyError
from portal.house import Asking
from portal.lasting import Lasting, Told
from portal.page import show, spoken
from portal.prefect import BY, FlowRun, NoAnswer, Prefect, Read, because
from portal.ran import Own, beside, ran, seconds, written
from portal.stages import STAGES, Queue, dry_run, missed, queues, titles, waiting
from portal.who.asking import Form, NotThere, SignedIn
from portal.words.automatic import automatic
from portal.words.channels import medium
from portal.words.reader import Reader
from processes import PROCESSES
from tasks.deliver import requeue, unreached
from tasks.ledger import equation
from tasks.services import SERVICES

router = APIRouter()
SEE, RUN = ("operations", "auditor", "administrator"), ("operations",)
SHOWN = 20  # alerts and failed deliveries


@router.get("/operations")
def operations(asking: SignedIn, day: str = "", since: str = "", until: str = "", did: str = "") -> Response:
    then = _day(day)
    if then and then.isoformat() < asking.day:
        return _earlier(asking, then.isoformat())
    return _page(asking, since, until, did=did)


@router.post("/operations/dry")
def dry(posted: Form) -> Response:
    """What a run would take; writes nothing."""
    asking, stage = _operator(posted), posted.text("stage")
    if stage not in STAGES:
        raise NotThere
    house, reader = asking.portal.house, _reader(asking)

    def work(db: Db, told: Told) -> dict[str, Any]:
        try:
            found = dry_run(db, house, asking.day, stage, reader.ngettext, reader.step, partial(told, "due"))
        except (PolicyError, LookupError) as e:
            return {"problem": "no_snapshot" if isinstance(e, LookupError) else "no_book"}
        return {"problem": "", "found": found}

    return Lasting(asking, "operations.html", work, **_values(asking, dry=stage))


@router.post("/operations/run")
def run(posted: Form) -> Response:
    """Asks Prefect for a run of the stage on the business date. Sent twice it is asked once."""
    asking, stage = _operator(posted), posted.text("stage")
    if stage not in STAGES:
        raise NotThere
    prefect = _prefect(asking)
    try:
        if prefect is None:
            raise NoAnswer
        deployment = prefect.read(STAGES).deployments.get(stage)
        if deployment is None:
            return _page(asking, status=409, did="not_deployed", failed=stage)
        flow_run = prefect.start(deployment, {"as_of": asking.day}, (f"{BY}{asking.me.id}",),
                                 f"portal-{asking.day}-{stage}-{posted.text('batch')}")  # fmt: skip
    except NoAnswer:
        return _page(asking, status=503, did="not_started", failed=stage)
    said = {"stage": stage, "as_of": asking.day, "flow_run": flow_run}
    note(asking.db, f"person:{asking.me.id}", "asked_for_run", asking.me.id, said, asking.clock)
    return RedirectResponse("/operations?did=started", 303)


@router.post("/operations/requeue")
def send_again(posted: Form) -> Response:
    """A message that was given up, or all of them, from the first try on."""
    asking, message = _operator(posted), posted.text("message")
    n = requeue(asking.db, asking.portal.house.now(), None if message == "all" else message or "-")
    if n:
        said = {"message": message, "messages": n}
        note(asking.db, f"person:{asking.me.id}", "requeued", asking.me.id, said, asking.clock)
        asking.portal.wake("delivery")
    return RedirectResponse("/operations?did=requeued", 303)


def _operator(posted: Form) -> Asking:
    if not posted.asking.me.has(*RUN):
        raise NotThere
    return posted.asking


def _prefect(asking: Asking) -> Prefect | None:
    api = asking.portal.prefect()
    return Prefect(api) if api else None


def _reader(asking: Asking) -> Reader:
    return Reader(spoken(asking.request, asking.me.language))


def _page(asking: Asking, since: str = "", until: str = "", status: int = 200, **values: Any) -> Response:
    return show(asking, "operations.html", status, **_values(asking, since, until, **values))


def _values(asking: Asking, since: str = "", until: str = "", **values: Any) -> dict[str, Any]:
    if not asking.me.has(*SEE):
        raise NotThere
    db, now, prefect = asking.db, asking.portal.house.now(), _prefect(asking)
    at_steps = queues(db)
    try:
        read = prefect.read(STAGES) if prefect else None
    except NoAnswer:
        read = None
    today = date.fromisoformat(asking.day)
    first, last = _day(since) or today.replace(day=1), _day(until) or today
    first, last = min(first, last, today), min(max(first, last), today)
    stages = _stages(asking, read, at_steps, now)
    return {
        "stages": stages, "going": _going(db, stages, at_steps), "missed": missed(db, asking.day),
        "before": beside(db, asking.day, "<"), "connected": prefect is not None, "answers": read is not None, "now": now,
        "may_run": asking.me.has(*RUN), "queues": at_steps, "steps": _steps(db, today), "since": first.isoformat(),
        "until": last.isoformat(), "outbox": _outbox(db), "alerts": _alerts(db), "automatic": automatic,
        "ledger": equation(db, asking.portal.house, first, last, today), "titles": titles(_reader(asking).say),
        "link": prefect.page if prefect else None, "batch": asking.portal.house.salts(1)[0][:12], "age": _age, "span": _span,
        "reader": _reader(asking), "own_runs": asking.me.has("auditor", "operations"), "did": "", "failed": "", "medium": medium,
        **values,
    }  # fmt: skip


def _earlier(asking: Asking, day: str) -> Response:
    """What the stages did for a business date of the past, by our own records: what waited then is not told."""
    if not asking.me.has(*SEE):
        raise NotThere
    reader = _reader(asking)
    return show(asking, "operations_day.html", day=day, titles=titles(reader.say), own=ran(asking.db, day), reader=reader, span=_span,
                own_runs=asking.me.has("auditor", "operations"), before=beside(asking.db, day, "<"),
                after=beside(asking.db, day, ">"))  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# -- stages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """A line of the page. `late`: seconds by which the next run is over its time (0: it is not)."""

    name: str
    title: str
    what: str
    last: FlowRun | None
    next: FlowRun | None
    own: Own | None
    waits: int | None
    late: float


def _stages(asking: Asking, read: Read | None, at_steps: Sequence[Queue], now: str) -> list[Stage]:
    reader, own, waits = _reader(asking), ran(asking.db), waiting(asking.db, at_steps, asking.day, now)
    found = []
    for name, (title, what) in titles(reader.say).items():
        last, next_ = (read.last.get(name), read.next.get(name)) if read else (None, None)
        late = seconds(next_.expected, now) if next_ and next_.expected else 0.0
        number = waits[name] if name in waits or name in STAGES[1:7] else None
        found.append(Stage(name, title, what, last, next_, own.get(name), number, late if late > 60 else 0.0))
    return found


@dataclass(frozen=True, slots=True)
class Going:
    """A stage at work: its flow run (empty: Prefect does not say, and our record has no end), since when, the name of who
    asked for it (empty: it came by itself), how many are decided, and of how many (None: it is not known before)."""

    stage: str
    flow_run: str
    started: str
    by: str
    done: int
    of: int | None


def _going(db: Db, stages: Sequence[Stage], at_steps: Sequence[Queue]) -> list[Going]:
    """Of how many: what it has decided, and what waits at its steps still."""
    theirs = {s.name: s.last for s in stages if s.last and s.last.under_way and s.last.started}
    where, flow_runs = among(db, "flow_run", [run.id for run in theirs.values()])
    runs: dict[str, int] = dict(db.rows(f"SELECT flow_run, run FROM attempt WHERE {where}", flow_runs))
    done = written(db, list(runs.values()))
    where, persons = among(db, "id", [run.by for run in theirs.values()])
    names: dict[str, str] = dict(db.rows(f"SELECT id, name FROM person WHERE {where}", persons))
    found = []
    for s in stages:
        waits = sum(queue.number for queue in at_steps if SERVICES[queue.step].stage == s.name)
        serves = any(service.stage == s.name for service in SERVICES.values())
        if run := theirs.get(s.name):
            n = done.get(runs.get(run.id, 0), 0)
            found.append(
                Going(s.name, run.id, run.started, names.get(run.by, run.by), n, n + waits if serves else None)
            )
        elif s.last is None and s.own and not s.own.ended:
            n = s.own.entries
            found.append(Going(s.name, "", s.own.started, "", n, n + waits if serves else None))
    return found


def _span(seconds: float, reader: Reader) -> str:
    """41 s, 1 min 12 s, 2 h 22 min, 3 d 4 h; 3일 4시간."""
    n, say = round(seconds), reader.say
    units = ((86400, say("{n} d")), (3600, say("{n} h")), (60, say("{n} min")), (1, say("{n} s")))
    for (size, unit), (smaller, small) in pairwise(units):
        if n >= size:
            rest = n % size // smaller
            return unit.format(n=n // size) + (f" {small.format(n=rest)}" if rest else "")
    return units[-1][1].format(n=n)


def _age(since: str, now: str, reader: Reader) -> str:
    return _span(max(0.0, seconds(since, now)), reader)


# -- what waits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waits:
    """Items at one step, for one role: how many, unclaimed, late; days that the half of them wait at most, and the
    oldest."""

    process: str
    step: str
    role: str
    number: int
    unclaimed: int
    late: int
    half: int
    oldest: int


_ITEMS = """
SELECT process, step, role, since, count(*), sum(CASE WHEN holder IS NULL THEN 1 ELSE 0 END),
       sum(CASE WHEN due_on < ? THEN 1 ELSE 0 END)
  FROM item GROUP BY process, step, role, since ORDER BY process, step, role, since DESC
"""


def _steps(db: Db, today: date) -> list[Waits]:
    found = []
    for (process, step, role), rows in groupby(db.rows(_ITEMS, today.isoformat()), key=lambda row: tuple(row[:3])):
        group = list(rows)  # the youngest first
        ages = [max(0, (today - date.fromisoformat(row[3])).days) for row in group]
        counts = list(accumulate(row[4] for row in group))
        half = ages[bisect_left(counts, (counts[-1] + 1) // 2)]
        found.append(Waits(process, step, role, counts[-1], sum(r[5] for r in group), sum(r[6] for r in group), half,
                           ages[-1]))  # fmt: skip
    order = [(p.name, step) for p in PROCESSES.values() for step in p.steps]
    return sorted(found, key=lambda w: order.index((w.process, w.step)))


def _outbox(db: Db) -> Mapping[str, Any]:
    """What did not go out: given up, or failed and tried again; and how many went today."""
    rows = db.rows(
        "SELECT m.id, p.name, m.channel, m.state, m.tries, m.next_at, m.error FROM message m JOIN person p "
        "ON p.id = m.person WHERE m.state = 'dead' OR (m.state = 'queued' AND m.tries > 0) "
        f"ORDER BY m.state, m.next_at, m.id LIMIT {SHOWN}")  # fmt: skip
    dead, trying = db.rows("SELECT coalesce(sum(CASE WHEN state = 'dead' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN "
                           "state = 'queued' THEN 1 ELSE 0 END), 0) FROM message WHERE state = 'dead' OR "
                           "(state = 'queued' AND tries > 0)")[0]  # fmt: skip
    names = ("id", "name", "channel", "state", "tries", "next_at", "error")
    return {"rows": [dict(zip(names, row, strict=True)) for row in rows], "dead": dead, "trying": trying,
            "sent": db.rows("SELECT count(*) FROM message WHERE state = 'sent'")[0][0], "unreached": unreached(db)}  # fmt: skip


def _alerts(db: Db) -> Sequence[Mapping[str, str]]:
    rows = db.rows(f"SELECT flow_run, what, flow, says, at FROM alert ORDER BY at DESC, flow_run LIMIT {SHOWN}")
    found = [dict(zip(("flow_run", "what", "flow", "says", "at"), row, strict=True)) for row in rows]
    return [{**alert, "says": because(alert["says"])} for alert in found]
