"""A run: one stage on one date, recorded with all that its decisions depend on, closed with what it wrote."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import orjson

from door.act import act, in_one, note
from door.command import SYSTEM, Clock, Command, Rules
from door.db import Db, one
from door.store import among, lock_cases
from models.policy import Book
from models.process import Form
from models.runs import Count, Decided, Engaged, Related, RunInputs, RunResult, SetAside
from models.tables import EXPERIENCE
from tasks import books, secrets
from tasks.files import keep_conditions
from tasks.house import House
from tasks.topup import chosen

LIBRARIES = ("polars", "pydantic", "orjson", "sqlmodel")
PART = 500  # due rows a transaction, so that people are not locked out
DRAWING = "four_eyes_verification"


class Untimely(Exception):
    """A stage is not run on that date; the message says why, and what to do."""


@dataclass(frozen=True)
class Run:
    """An open run: its id (the case id of its stream), its recorded inputs, and what it works with."""

    id: int
    inputs: RunInputs
    db: Db
    house: House
    clock: Clock
    rules: Rules
    give_way: Callable[[], None]

    @property
    def book(self) -> Book:
        return books.book(self.db, self.inputs.book)

    @property
    def day(self) -> str:
        return self.inputs.as_of.isoformat()


@cache
def code_version() -> str:
    """SHA-256 over the source of what decides: models, processes, door, tasks. A commit says the same, where there
    is a repository; an installed copy has none."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("models", "processes", "door", "tasks"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def library_versions() -> str:
    return " ".join(f"{name}=={version(name)}" for name in LIBRARIES)


def newest_snapshot(db: Db, day: str) -> str:
    """SHA-256 of the newest snapshot not after a day; empty where there is none."""
    found = one(db.rows("SELECT sha256 FROM snapshot WHERE as_of <= ? ORDER BY as_of DESC, taken_at DESC LIMIT 1", day))
    return str(found[0]) if found else ""


def start(db: Db, house: House, stage: str, as_of: date, flow_run: str, work: Callable[[], bool],
          give_way: Callable[[], None]) -> Run | None:  # fmt: skip
    """Opens the run of a stage on a date, or takes up one that was left unfinished, with the inputs recorded then.

    The first run of a date is always recorded; a later one only where there is `work()`. None: nothing to do. Raises
    Untimely for a date to come, and for a draw whose secret everybody knows by now.
    """
    timely(house, as_of)
    if stage == DRAWING and secrets.disclosed(db, as_of):
        raise Untimely(f"The secret that {as_of} is drawn by is disclosed: run {stage} on a date of this quarter, which "
                       "draws all that waits.")  # fmt: skip
    clock, rules = house.clock(as_of), books.rules(db)
    last = one(db.rows("SELECT id, closed_on, state FROM cases WHERE process = 'run' AND subject LIKE ? "
                       "ORDER BY id DESC LIMIT 1", f"{stage}/{as_of}/%"))  # fmt: skip
    if last and last[1] is None:
        payload = orjson.loads(
            db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 1", f"run:{last[0]}")[0][0]
        )
        payload.pop("case")
        run = Run(last[0], RunInputs.model_validate(payload), db, house, clock, rules, give_way)
    else:
        if last and not work():
            return None
        n = db.rows("SELECT count(*) FROM cases WHERE process = 'run' AND subject LIKE ?", f"{stage}/{as_of}/%")[0][0]
        inputs = _inputs(db, house, clock, stage, as_of, str(n + 1))
        subject = f"{stage}/{as_of}/{n + 1}"
        opened = act(db, [Command(SYSTEM, "start", inputs.model_dump(mode="json"), process="run", subject=subject,
                                  slot=f"{stage}/{as_of}")], clock, rules)[0]  # fmt: skip
        if opened.case is None or opened.refused:
            raise RuntimeError(f"The run {subject} could not be opened: {opened.refused}")
        run = Run(opened.case, inputs, db, house, clock, rules, give_way)
    if flow_run:
        _attempt(run, flow_run)
    return run


def timely(house: House, as_of: date) -> None:
    """Raises Untimely for a date that has not come: its run would decide, and disclose, what belongs to a later day."""
    if as_of > (today := house.business_date()):
        raise Untimely(f"{as_of} has not come, today is {today}: name today or an earlier day.")


def _inputs(db: Db, house: House, clock: Clock, stage: str, as_of: date, partition: str) -> RunInputs:
    day = clock.business_date
    hash_ = books.in_force(db, day)
    sampling = books.book(db, hash_).sampling
    secret_hash = secrets.commit(db, house, clock)
    drawing, opening = stage == DRAWING, stage == "scheduled_inspection"
    vendors = _vendors(db, day) if stage == "outsourced_collection" else ()
    return RunInputs(
        stage=stage, as_of=as_of, partition=partition, snapshot=newest_snapshot(db, day), book=hash_,
        conditions=keep_conditions(db, house.snapshots) if opening else "",
        code=code_version(), libraries=library_versions(), secret_hash=secret_hash,
        vendors=vendors, related=_related(db, {i for v in vendors for i in v.inspectors}),
        newcomers=_newcomers(db, sampling.new_first) if drawing else (),
        top_up=chosen(db, as_of, secrets.of_day(db, as_of, secret_hash), sampling.at_least) if drawing else (),
    )  # fmt: skip


def _vendors(db: Db, day: str) -> tuple[Engaged, ...]:
    inspectors: dict[str, list[str]] = {}
    for unit, person in db.rows(
        "SELECT p.unit, p.id FROM person p JOIN role_grant g ON g.person = p.id AND g.role = 'inspector' "
        "AND g.since <= ? AND (g.until IS NULL OR g.until >= ?) WHERE p.until IS NULL OR p.until >= ? ORDER BY p.id",
        day, day, day):  # fmt: skip
        inspectors.setdefault(unit, []).append(person)
    contracts = db.rows("SELECT vendor, product, unit, per_day FROM contract WHERE since <= ? AND until >= ? "
                        "ORDER BY vendor, product, unit", day, day)  # fmt: skip
    return tuple(
        Engaged(vendor=v, product=p, unit=u, per_day=n, inspectors=tuple(inspectors[v]))
        for v, p, u, n in contracts if v in inspectors
    )  # fmt: skip


def _related(db: Db, inspectors: set[str]) -> tuple[Related, ...]:
    where, values = among(db, "person", sorted(inspectors))
    rows = db.rows(f"SELECT person, subject FROM relation WHERE {where} ORDER BY person, subject", values)
    return tuple(Related(inspector=i, borrower=b) for i, b in rows)


def _newcomers(db: Db, first: int) -> tuple[str, ...]:
    """Inspectors and managers with fewer than so many visits or conclusions behind them."""
    rows = db.rows(
        "SELECT DISTINCT g.person FROM role_grant g WHERE g.role IN ('inspector', 'account_manager') AND "
        f"(SELECT count(*) FROM entry e WHERE e.person = g.person AND {EXPERIENCE}) < ? ORDER BY g.person",
        first,
    )
    return tuple(row[0] for row in rows)


def _attempt(run: Run, flow_run: str) -> None:
    """Binds a Prefect flow run to the run. Its stream is named by Prefect's id, so the run's own stream stays a
    function of the bank's records alone."""
    db, clock = run.db, run.clock
    with db.transaction():
        if db.run("INSERT INTO attempt (flow_run, run, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", flow_run, run.id,
                  clock.now()):  # fmt: skip
            said = {"run": run.id, "flow_run": flow_run, "code": code_version(), "stage": run.inputs.stage}
            note(db, f"attempt:{flow_run}", "attempt", SYSTEM, said, clock)


def written(db: Db, run: int) -> tuple[tuple[Count, ...], str]:
    """Counts by action of what a run wrote, and SHA-256 over the hashes, in the order of stream and seq."""
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    collate = ' COLLATE "C"' if db.dialect == "postgresql" else ""
    for action, hash_ in db.rows(f"SELECT action, hash FROM entry WHERE run = ? ORDER BY stream{collate}, seq", run):
        counts[action] += 1
        digest.update(hash_.encode())
    return tuple(Count(action=a, n=n) for a, n in sorted(counts.items())), digest.hexdigest()


def finish(run: Run, due: Sequence[Decided] = ()) -> RunResult:
    """Closes the run with what it wrote and the due rows that started nothing. Raises RuntimeError where somebody else
    took it up meanwhile, and has closed it."""

    def set_aside(part: Sequence[Decided]) -> None:
        lock_cases(run.db, [run.id], run.day)
        _say(run, "set_aside", SetAside(due=_undecided(run.db, part)))

    def close(rest: Sequence[Decided]) -> RunResult:
        lock_cases(run.db, [run.id], run.day)  # who still writes under the run is waited for, and writes no more after
        counts, digest = written(run.db, run.id)
        result = RunResult(counts=counts, digest=digest, due=_undecided(run.db, rest))
        _say(run, "finish", result)
        return result

    *parts, rest = [due[i : i + PART] for i in range(0, len(due), PART)] or [()]
    for part in parts:
        in_one(run.db, partial(set_aside, part))
        run.give_way()
    return in_one(run.db, lambda: close(rest))


def _undecided(db: Db, rows: Sequence[Decided]) -> tuple[Decided, ...]:
    """Those that nobody decided meanwhile who took the run up too."""
    where, values = among(db, "facility", sorted({row.facility for row in rows}))
    decided = set(db.rows(f"SELECT facility, kind, due_on FROM due WHERE {where}", values))
    return tuple(row for row in rows if (row.facility, row.kind, row.due_on.isoformat()) not in decided)


def _say(run: Run, action: str, said: Form) -> None:
    verdict = act(run.db, [Command(SYSTEM, action, said.model_dump(mode="json"), case=run.id)], run.clock, run.rules)[0]
    if verdict.refused:
        raise RuntimeError(f"The run {run.id} could not be closed: {verdict.refused}")
