"""`postloan program`: a token is shown once and stored as its hash; its coming and going are entries."""

import orjson
import pytest

from door.db import Db
from portal.api.caller import SCOPES, _digest
from tests.conftest import ON_ONE
from tests.deployments.shell import Shell, bank_of


@pytest.fixture
def shell(url: str, tmp_path: object, db: Db) -> Shell:
    shell = Shell(url, tmp_path, "2026-01-05")  # type: ignore[arg-type]
    shell("init")
    bank_of(db)
    return shell


def noted(db: Db) -> list[tuple[str, dict[str, object]]]:
    rows = db.rows("SELECT action, payload FROM entry WHERE stream = 'program:core-banking' ORDER BY seq")
    return [(action, orjson.loads(payload)) for action, payload in rows]


def test_a_token_is_shown_once_and_stored_as_its_hash(shell: Shell, db: Db) -> None:
    said = shell("program", "add", "core-banking", "--scope", "checks:write", "--until", "2026-12-31")
    token = said.out.splitlines()[0].rpartition(" ")[2]
    assert token.startswith("plm_")
    assert db.rows("SELECT token FROM machine") == [(_digest(token),)]
    assert shell("program", "list", "--json").json == [
        {"name": "core-banking", "person": "", "scopes": "checks:write", "until": "2026-12-31"}]  # fmt: skip
    assert "There is a program core-banking already" in shell.wrong(
        "program", "add", "core-banking", "--scope", "act", "--until", "2026-12-31")  # fmt: skip
    shell("program", "end", "core-banking")
    assert not db.rows("SELECT 1 FROM machine")
    assert "There is no program 'core-banking'" in shell.wrong("program", "end", "core-banking")
    added = {"person": "", "scopes": ["checks:write"], "ends_on": "2026-12-31"}
    assert noted(db) == [("program_added", added), ("program_ended", {})]
    assert token not in str(db.rows("SELECT payload FROM entry"))


@ON_ONE
@pytest.mark.parametrize(
    ("words", "says"),
    [(("lee", "--scope", "act", "--until", "2026-12-31"), "none of the staff's IDs"),
     (("no name", "--scope", "act", "--until", "2026-12-31"), "can't be a program's name"),
     (("x", "--scope", "everything", "--until", "2026-12-31"), f"there are {', '.join(SCOPES)}"),
     (("x", "--scope", "act", "-p", "nobody", "--until", "2026-12-31"), "There is no person 'nobody'"),
     (("x", "--scope", "act", "--until", "2026-01-04"), "is over already")])  # fmt: skip
def test_a_mistake_is_one_sentence_and_makes_no_token(shell: Shell, db: Db, words: tuple[str, ...], says: str) -> None:
    assert says in shell.wrong("program", "add", *words)
    assert not db.rows("SELECT 1 FROM machine")
    assert not db.rows("SELECT 1 FROM entry WHERE stream LIKE 'program:%'")
