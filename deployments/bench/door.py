"""The door against its floors: rows inserted by the driver alone, and commits that change one row."""

from collections.abc import Iterable
from statistics import median

from deployments.bench.process import RULES, STEPS, accepted, clock, decisions, openings
from deployments.bench.size import Size
from deployments.bench.stopwatch import seconds
from door.act import act
from door.db import Db, Row
from door.fold import CASE_COLUMNS, ITEM_COLUMNS
from door.journal import COLUMNS

FAR = 10_000_000  # prebuilt rows get ids that the counter will not reach
WRITTEN = (
    ("cases", CASE_COLUMNS), ("entry", COLUMNS), ("item", ITEM_COLUMNS),
    ("notice", ("case_id", "seq", "kind", "person", "at")),
)  # fmt: skip


def opens(db: Db, size: Size) -> dict[str, float]:
    """Cases opened in a list, against the same rows prebuilt and inserted."""
    accepted(act(db, openings(size.bulk), clock(), RULES))
    rows = {table: db.rows(f"SELECT {', '.join(names)} FROM {table}") for table, names in WRITTEN}
    floors, doors = [], []
    for k in range(1, size.rounds + 1):
        prebuilt = [(table, names, _moved(table, rows[table], FAR * k)) for table, names in WRITTEN]
        floors.append(seconds(lambda prebuilt=prebuilt: _insert(db, prebuilt)))
        commands = openings(size.bulk, k * size.bulk)
        doors.append(seconds(lambda commands=commands: accepted(act(db, commands, clock(), RULES))))
    return {"opens_ratio": _ratio(floors, doors), "opens_per_s": size.bulk / median(doors),
            "floor_opens_per_s": size.bulk / median(floors)}  # fmt: skip


def _moved(table: str, rows: Iterable[Row], by: int) -> list[Row]:
    """The same rows for other cases."""
    if table == "entry":
        return [(f"case:{int(row[0][5:]) + by}", *row[1:]) for row in rows]
    if table == "cases":
        return [(row[0] + by, row[1], f"case:{row[0] + by}", *row[3:]) for row in rows]
    return [(row[0] + by, *row[1:]) for row in rows]


def _insert(db: Db, prebuilt: Iterable[tuple[str, tuple[str, ...], list[Row]]]) -> None:
    with db.transaction():
        for table, names, rows in prebuilt:
            db.insert(table, names, rows)


def decide(db: Db, size: Size) -> dict[str, float]:
    """Single decisions, each with a key and its own commit, against empty commits."""
    cases = accepted(act(db, openings(size.singles * size.rounds), clock(), RULES))
    floors, doors = [], []
    for k in range(size.rounds):
        floors.append(seconds(lambda: _empty_commits(db, size.singles)))
        part = decisions("am", "collect", cases[k * size.singles : (k + 1) * size.singles], keyed=True)
        doors.append(seconds(lambda part=part: [accepted(act(db, [c], clock(), RULES)) for c in part]))
    return {"decisions_ratio": _ratio(floors, doors), "decisions_per_s": size.singles / median(doors),
            "empty_commits_per_s": size.singles / median(floors)}  # fmt: skip


def bulk(db: Db, size: Size) -> dict[str, float]:
    """Decisions in long lists, a list a commit."""
    lists = []
    for k in range(max(1, size.rounds // 2)):
        cases = accepted(act(db, openings(size.bulk, k * size.bulk), clock(), RULES))
        for person, action in STEPS:
            commands = decisions(person, action, cases)
            lists.append(seconds(lambda commands=commands: accepted(act(db, commands, clock(), RULES))))
    return {"bulk_decisions_per_s": size.bulk / median(lists)}


def lifecycles(db: Db, size: Size) -> dict[str, float]:
    """Whole lives, a commit a step; and in bulk, a commit a step of a list."""
    _empty_commits(db, size.singles)  # warm
    n, floors, doors, lists = max(1, size.singles // 2), [], [], []
    for _ in range(size.rounds):
        floors.append(seconds(lambda: _empty_commits(db, size.singles)))
        doors.append(seconds(lambda: [_live(db) for _ in range(n)]))
    for k in range(size.rounds):
        lists.append(seconds(lambda k=k: live_together(db, size.cases, k)))
    return {
        "lifecycles_per_s": n / median(doors),
        "lifecycles_ratio": median(f / size.singles * n / d for f, d in zip(floors, doors, strict=True)),
        "bulk_lifecycles_per_s": size.cases / median(lists),
        "lifecycles_empty_commits_per_s": size.singles / median(floors),
    }


def _live(db: Db) -> None:
    (case,) = accepted(act(db, openings(1), clock(), RULES))
    for person, action in STEPS:
        accepted(act(db, decisions(person, action, [case], keyed=True), clock(), RULES))


def live_together(db: Db, n: int, k: int) -> None:
    cases = accepted(act(db, openings(n, n * k), clock(), RULES))
    for person, action in STEPS:
        accepted(act(db, decisions(person, action, cases), clock(), RULES))


def _empty_commits(db: Db, n: int) -> None:
    for _ in range(n):
        db.run("UPDATE counter SET value = value + 1 WHERE name = 'case'")


def _ratio(floors: list[float], doors: list[float]) -> float:
    return median(f / d for f, d in zip(floors, doors, strict=True))
