"""What the portal writes itself is its own: sessions, drafts, uploads. Cases, items and journal are changed by the door
alone, and the staff by what is noted with an entry."""

import re
from collections.abc import Iterator
from pathlib import Path

import models.access
import models.reference  # noqa: F401 - their tables are looked at too
import portal
from models.tables import KINDS

HERE = Path(portal.__file__).parent
WRITTEN = re.compile(
    r"\b(?:INSERT INTO|DELETE FROM|UPDATE)\s+(?!SET\b)([a-z_{]\w*)|\.insert\(\s*\"(\w+)\"|\bCOPY (\w+)"
)
STAFF = "changes.py"  # gives the statements to tasks/roster.py, which runs them in one transaction with their entry
#: The only ways from here to the journal.
DOORS = {"act", "note"}
PAST_THEM = re.compile(
    r"\bdoor\.(?:record|known|rebuild import (?!export))|\bstore\.(?:write_|update_|lock_|ids\b)|\bfrom door\.act import ([\w, ]+)"
)


def written() -> Iterator[tuple[str, str]]:
    """File and table of each statement that writes."""
    for file in sorted(HERE.rglob("*.py")):
        for found in WRITTEN.finditer(file.read_text()):
            yield file.name, next(filter(None, found.groups()))


def test_the_portal_writes_no_table_that_the_journal_gives() -> None:
    found = list(written())
    assert len(found) > 20
    for file, table in found:
        assert KINDS[table] == ("reference" if file == STAFF else "operational"), (file, table)


def test_the_portal_comes_to_the_journal_by_the_door_alone() -> None:
    for file in sorted(HERE.rglob("*.py")):
        for found in PAST_THEM.finditer(file.read_text()):
            assert found[1], (file.name, found[0])
            assert set(found[1].split(", ")) <= DOORS, (file.name, found[0])


def test_a_statement_that_writes_is_seen_however_it_is_put() -> None:
    for text, table in (('db.run("UPDATE cases SET step = ?")', "cases"), ("DELETE FROM\n  due WHERE", "due"),
                        ('db.insert("item", names, rows)', "item"), ('f"INSERT INTO {table} (x)"', "{table"),
                        ("COPY entry FROM STDIN", "entry")):  # fmt: skip
        found = WRITTEN.search(text)
        assert found, text
        assert next(filter(None, found.groups())) == table
    assert not WRITTEN.search("ON CONFLICT (key) DO UPDATE SET failures = 1")
