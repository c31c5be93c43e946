"""A bank as large as wanted: the invented one of the demo, its borrowers copied, so many of them with something due."""

from datetime import date
from math import ceil

import polars as pl

from deployments.portfolio import portfolio, staff
from deployments.settings import policies
from door.act import act
from door.command import Command
from door.db import Db
from models.policy import load as load_book
from tasks import books
from tasks.due import applied, rows_due
from tasks.files import keep, keep_conditions
from tasks.house import House
from tasks.intake import intake
from tasks.mapping import load as load_mapping

AS_OF = date(2026, 1, 5)
SEED, LOANS = 1, 2000


def bank(db: Db, here: House, facilities: int, due: int) -> None:
    """Staff, a book in force, and a snapshot of `facilities` facilities; about `due` borrowers have something due."""
    made = portfolio(SEED, LOANS, AS_OF)
    staff(db, made)
    _book(db, here)
    extract = made.write(AS_OF, here.home / "extract.csv")
    mapping = load_mapping(policies() / "mappings" / "core_banking.yaml")
    model = pl.read_parquet(intake(db, extract, mapping, AS_OF, here.snapshots, here.now()).snapshot_file)
    in_force = books.in_force(db, AS_OF.isoformat())
    book = books.book(db, in_force)
    plan = rows_due(db, applied(here.snapshots, newest(db), keep_conditions(db, here.snapshots), book), book, AS_OF)
    wanted = set(plan.filter(pl.col("outcome") == "start")["borrower"])
    busy, idle = model.filter(pl.col("borrower").is_in(wanted)), model.filter(~pl.col("borrower").is_in(wanted))
    working = copies(busy, due / len(wanted))
    resting = copies(idle, max(0, facilities - len(working)) / len(idle))
    snapshot = pl.concat([working, resting]).sort("facility")
    store(db, here, snapshot, model["borrower"].to_list(), AS_OF)


def copies(rows: pl.DataFrame, times: float) -> pl.DataFrame:
    """The rows so many times over (the last time in part), each time of other borrowers; the first time themselves."""
    borrowers = rows["borrower"].unique(maintain_order=True)
    found = []
    for k in range(ceil(times)):
        part = borrowers.head(round(len(borrowers) * min(1.0, times - k)))
        copy = rows.filter(pl.col("borrower").is_in(part.implode()))
        mark = pl.lit(f".{k}" if k else "")
        found.append(copy.with_columns(pl.col("facility") + mark, pl.col("borrower") + mark))
    return pl.concat(found) if found else rows.clear()


def store(db: Db, here: House, snapshot: pl.DataFrame, known: list[str], as_of: date) -> None:
    """The snapshot and the reference rows of its facilities, as an import leaves them."""
    name = keep(snapshot, here.snapshots)
    day, new = as_of.isoformat(), snapshot.filter(~pl.col("borrower").is_in(known))
    each = new.unique("borrower", keep="first", maintain_order=True)
    with db.transaction():
        db.insert("borrower", ("id", "name", "unit"), each.select("borrower", "borrower_name", "unit").rows())
        db.insert("responsible", ("subject", "since", "manager", "case_id"),
                  [(b, day, m, None) for b, m in each.select("borrower", "manager").rows()])  # fmt: skip
        db.insert("facility", ("id", "borrower", "product", "currency", "limit_amt", "bal", "first_seen", "digest"),
                  [(*row, day, "") for row in new.select(
                      "facility", "borrower", "product", "currency", "limit_amt", "bal").rows()])  # fmt: skip
        db.insert("snapshot", ("sha256", "as_of", "source", "mapping", "rows", "total_bal", "taken_at"),
                  [(name, day, "", "", len(snapshot), int(snapshot["bal"].sum()), "9")])  # fmt: skip


def newest(db: Db) -> str:
    return str(db.rows("SELECT sha256 FROM snapshot ORDER BY taken_at DESC LIMIT 1")[0][0])


def _book(db: Db, here: House) -> None:
    """The policy book in force: proposed by one editor, approved by another."""
    book = load_book(policies())
    books.keep(db, book)
    first, second, *_ = (
        row[0] for row in db.rows("SELECT person FROM role_grant WHERE role = 'policy_editor' ORDER BY person")
    )
    clock, rules = here.clock(AS_OF), books.rules(db)
    said = {"book": book.hash, "effective_from": AS_OF.isoformat(), "reason": "The first book."}
    proposed = act(db, [Command(first, "propose_book", said, process="policy", subject="policy", book=book.hash)],
                   clock, rules)[0]  # fmt: skip
    act(db, [Command(second, "approve_book", case=proposed.case)], clock, rules)
