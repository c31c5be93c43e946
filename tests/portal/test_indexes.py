"""No page and no decision reads a large table from end to end: what it really sends is explained by the database itself,
so a new query is looked at without being named here."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlmodel import SQLModel

import models.access  # noqa: F401 - its tables are looked at too
from door.db import Db
from tests.portal.conftest import Office
from tests.portal.links import at_the_desk, link
from tests.portal.test_decision import form

#: Tables that grow with the bank's cases and customers.
LARGE = {"cases", "item", "entry", "evidence", "due", "responsible", "borrower", "facility", "condition", "notice", "told",
         "message", "upload", "draft", "session", "stream"}  # fmt: skip
NAMED = re.compile(
    r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(?!WHERE|SET|ON|JOIN|CROSS|LEFT|ORDER|GROUP)(\w+))?", re.I
)
READ = re.compile(r"^(?:SCAN|SEARCH) (\w+)([^(]*)(?:\((.*)\))?")  # SQLite: of which, how, by which columns
#: Columns by which alone much is found.
COMMON = {"process", "step", "role", "due_on", "since", "closed_on", "action", "whose"}
BOUNDED = {
    "item_pool": "role",
    "due_day": "due_on",
}  # by them one finds as much, but so many in their order, or a period
ROLES = ("account_manager", "branch_head", "inspector", "post_loan_officer", "credit_manager", "auditor")
FILTERS = ("", "tab=claimed", "tab=held", "step=review", "unit=mapo", "due=late", "due=today", "due=week", "level=1", "class=2",
           "after=2026-01-20.5", "after=9999-12-31.5", "level=2&class=2&due=late&unit=mapo")  # fmt: skip


class Listener:
    """What is sent to the database while it listens, each statement once; and which of it reads a large table whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: dict[str, tuple[Any, ...]] = {}
        heard, rows, run, many = self.heard, Db.rows, Db.run, Db.many

        def hears_rows(db: Db, sql: str, *params: Any) -> list[Any]:
            heard.setdefault(sql, params)
            return rows(db, sql, *params)

        def hears_run(db: Db, sql: str, *params: Any) -> int:
            heard.setdefault(sql, params)
            return run(db, sql, *params)

        def hears_many(db: Db, sql: str, its: Any) -> None:
            for params in its[:1]:
                heard.setdefault(sql, params)
            many(db, sql, its)

        monkeypatch.setattr(Db, "rows", hears_rows)
        monkeypatch.setattr(Db, "run", hears_run)
        monkeypatch.setattr(Db, "many", hears_many)

    def whole(self, db: Db) -> list[str]:
        """The statements that read a large table whole, each with where. Joins are explained as they are made for few
        rows: a small bank's tables the planner of PostgreSQL would rather read whole."""
        found, heard = [], dict(self.heard)
        if db.dialect == "postgresql":
            for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                db.run(f"SET enable_{way} = off")
        for sql, params in heard.items():
            found += [f"{where}: {' '.join(sql.split())}" for where in _whole(db, sql, params)]
        return found


def _whole(db: Db, sql: str, params: tuple[Any, ...]) -> Iterator[str]:
    if db.dialect == "sqlite":
        named = NAMED.findall(sql)
        called = {table: table for table, _ in named} | {alias: table for table, alias in named if alias}
        for *_, says in db.rows(f"EXPLAIN QUERY PLAN {sql}", *params):
            access = READ.match(says)
            if (
                access
                and not any(index in access[2] for index in BOUNDED)
                and _much(called.get(access[1], ""), access[3] or "")
            ):
                yield str(says)
        return
    ((plan,),) = db.rows(f"EXPLAIN (FORMAT JSON) {sql}", *params)
    begins: dict[str, set[str]] = {}
    for table, index in db.rows(
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE ?", "% WHERE %"
    ):
        begins.setdefault(table, set()).add(re.sub(r".*?\((\w+).*", r"\1", index))
    yield from _nodes((plan if isinstance(plan, list) else orjson.loads(plan))[0]["Plan"], begins)


def _nodes(node: dict[str, Any], begins: dict[str, set[str]]) -> Iterator[str]:
    """Of few rows the planner may take another index than of many: what it filters by counts where an index begins so."""
    kind, table = node["Node Type"], node.get("Relation Name", "")
    by = node.get("Index Cond") or node.get("Recheck Cond", "")
    others = " ".join(begins.get(table, set()) & set(re.findall(r"\w+", node.get("Filter", "")))) if by else ""
    if "Scan" in kind and not _bounded(node.get("Index Name", ""), by) and _much(table, f"{by} {others}"):
        yield f"{kind} on {table} by {by or 'nothing'}"
    for below in node.get("Plans", ()):
        yield from _nodes(below, begins)


def _bounded(index: str, by: str) -> bool:
    return any(name in index and column in by for name, column in BOUNDED.items())


def _much(table: str, by: str) -> bool:
    """Is much of a large table read, by that condition?"""
    if table not in LARGE:
        return False
    columns = set(SQLModel.metadata.tables[table].columns.keys())
    sought = re.sub(r"'[^']*'|due_on, ?case_id|\w+ IS (NOT )?NULL", "", by)
    return set(re.findall(r"\w+", sought)) & columns <= COMMON


@pytest.fixture
def listener(office: Office, monkeypatch: pytest.MonkeyPatch) -> Listener:
    for role in ROLES:
        office.at(office.of(role))  # signed in before anybody listens
    return Listener(monkeypatch)


def read(office: Office, person: str, path: str) -> None:
    answer = office.at(person).get(path)
    assert answer.status_code == 200, (path, answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_the_inbox_is_read_by_indexes_with_each_filter_and_from_each_place(
    office: Office, listener: Listener, role: str
) -> None:
    for filter_ in FILTERS:
        read(office, office.of(role), f"/inbox?{filter_}")
    assert listener.whole(office.db) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_case_page_is_read_by_indexes(office: Office, listener: Listener, role: str) -> None:
    person = office.of(role)
    listed = re.findall(r'href="/cases/(\d+)"', office.at(person).get("/cases").text)
    every = [id_ for (id_,) in office.db.rows("SELECT min(id) FROM cases GROUP BY process, step")]
    listener.heard.clear()
    statuses = [office.at(person).get(f"/cases/{case}").status_code for case in (*listed[:3], *every)]
    assert 200 in statuses
    assert listener.whole(office.db) == []


def test_a_decision_from_its_link_to_the_answer_goes_by_indexes(office: Office, listener: Listener) -> None:
    case, officer = at_the_desk(office, green=False)
    address = link(office, case, officer)
    office.at(officer)
    listener.heard.clear()
    page = office.at(officer).get(address)
    done = office.post(officer, address, decision="verify", outcome="V0", own_level="1", note="As the record says.",
                       **form(page))  # fmt: skip
    assert "✓" in done.text  # type: ignore[attr-defined]
    assert listener.whole(office.db) == []


@pytest.mark.parametrize(
    ("indexes", "role", "path"),
    [("item_pool item_owner", "post_loan_officer", "/inbox"), ("responsible_manager", "account_manager", "/inbox"),
     ("item_owner", "inspector", "/inbox"), ("case_subject", "auditor", "/cases/{inspection}"),
     ("due_case due_day", "auditor", "/cases/{inspection}")],
)  # fmt: skip
def test_without_an_index_it_is_told(office: Office, listener: Listener, indexes: str, role: str, path: str) -> None:
    inspection = office.db.rows("SELECT min(id) FROM cases WHERE process = 'inspection' AND step = 'closed'")[0][0]
    for index in indexes.split():
        office.db.run(f"DROP INDEX {index}")
    listener.heard.clear()
    read(office, office.of(role), path.format(inspection=inspection))
    assert listener.whole(office.db) != []


@pytest.mark.parametrize("index", ["", "due_day"])
def test_the_due_ledger_of_a_period_is_counted_by_its_index(office: Office, listener: Listener, index: str) -> None:
    """What waits is counted whole, the ledger is not."""
    moon = office.of("operations")
    office.at(moon)
    if index:
        office.db.run(f"DROP INDEX {index}")
    listener.heard.clear()
    read(office, moon, "/operations")
    assert bool([found for found in listener.whole(office.db) if re.search("FROM (due|entry)", found)]) == bool(index)
