"""Audit: runs by day and stage, a run replayed in the browser, the record verified and taken out; all of it read-only."""

import re
from pathlib import Path

import orjson
import pytest

from door.db import Db
from door.rebuild import export
from portal.prefect import Prefect, because
from portal.words.reader import Reader
from tests.portal.conftest import ON_ONE, Office
from tests.portal.paged import paged
from tests.tasks.forge import entries, forge, said, without_triggers

RUN = re.compile(r'href="/audit/runs/(\d+)"')


@pytest.fixture
def yoon(office: Office) -> str:
    """The auditor, signed in."""
    person = office.of("auditor")
    office.at(person)
    return person


def last(db: Db, stage: str) -> int:
    return int(db.rows("SELECT max(id) FROM cases WHERE process = 'run' AND subject LIKE ?", f"{stage}/%")[0][0])


def everything(db: Db) -> list[object]:
    return [
        db.rows(f"SELECT count(*) FROM {table}") for table in ("entry", "cases", "item", "due", "message", "notice")
    ]


def test_runs_are_listed_by_day_and_stage(office: Office, yoon: str) -> None:
    page = office.at(yoon).get("/audit").text
    newest = office.db.rows("SELECT id FROM cases WHERE process = 'run' ORDER BY id DESC LIMIT 50")
    assert [int(n) for n in RUN.findall(page)] == [row[0] for row in newest]
    day = office.house.business_date().isoformat()
    found = office.db.rows("SELECT id FROM cases WHERE process = 'run' AND subject LIKE ? ORDER BY id DESC",
                           f"manager_review/{day}/%")  # fmt: skip
    narrowed = office.at(yoon).get(f"/audit?day={day}&stage=manager_review").text
    assert [int(n) for n in RUN.findall(narrowed)] == [row[0] for row in found] != []
    assert "No such run on Sun 2 Jan 2000." in office.at(yoon).get("/audit?day=2000-01-02").text


def test_the_list_is_paged_without_a_gap_or_a_repeat(
    office: Office, yoon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.pages.audit.PAGE", 4)
    found = paged(office.at(yoon), "/audit", RUN)
    assert found == [str(r[0]) for r in office.db.rows("SELECT id FROM cases WHERE process = 'run' ORDER BY id DESC")]


def test_what_a_run_wrote_is_paged_too(office: Office, yoon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.pages.replaying.PAGE", 7)
    run = office.db.rows("SELECT run FROM entry WHERE run IS NOT NULL GROUP BY run HAVING count(*) > 30 LIMIT 1")[0][0]
    found = paged(office.at(yoon), f"/audit/runs/{run}", re.compile(r"<code>([0-9a-f]{8}…[0-9a-f]{4})</code>"))
    assert len(found) == office.db.rows("SELECT count(*) FROM entry WHERE run = ?", run)[0][0]


def test_a_run_shows_its_inputs_and_the_entries_that_it_wrote(office: Office, yoon: str) -> None:
    run = last(office.db, "manager_review")
    page = office.at(yoon).get(f"/audit/runs/{run}").text
    given = said(entries(office.db, f"run:{run}")[0])
    for name in ("snapshot", "book", "secret_hash"):
        assert f'title="{given[name]}"' in page
    assert given["libraries"] in page
    rows = office.db.rows("SELECT e.stream, c.id FROM entry e JOIN cases c ON c.stream = e.stream WHERE e.run = ? "
                          "ORDER BY e.stream LIMIT 3", run)  # fmt: skip
    assert rows
    for stream, case in rows:
        assert f'<a href="/cases/{case}">' in page
        assert f"Case {case}</small>" in page
        assert stream not in page
    assert "No flow run of Prefect is recorded" in page


@pytest.mark.parametrize("stage", ["scheduled_inspection", "outsourced_collection", "manager_review", "deadlines"])
def test_a_run_replayed_comes_out_equal(office: Office, yoon: str, stage: str) -> None:
    run, before = last(office.db, stage), everything(office.db)
    page = office.post(yoon, f"/audit/runs/{run}/replay")
    assert page.status_code == 200  # type: ignore[attr-defined]
    assert "✓ Equal:" in page.text  # type: ignore[attr-defined]
    assert everything(office.db) == before, "looking changes nothing"


def test_a_forged_proposal_stands_beside_what_comes_out_now(office: Office, yoon: str) -> None:
    run = last(office.db, "manager_review")
    stream = office.db.rows("SELECT min(stream) FROM entry WHERE run = ? AND action = 'propose'", run)[0][0]
    without_triggers(office.db)
    entry = next(e for e in entries(office.db, stream) if e.action == "propose" and e.run == run)
    forge(office.db, entry, {**said(entry), "because": "<b>whoever asks</b>"})
    page = office.post(yoon, f"/audit/runs/{run}/replay").text  # type: ignore[attr-defined]
    assert "✕ Not equal:" in page
    assert 'class="answers diff"' in page
    assert "&lt;b&gt;whoever asks&lt;/b&gt;" in page
    assert "<b>whoever asks</b>" not in page
    assert f"{Reader('en').stream(stream)}, {entry.seq}: " in page


def test_without_its_snapshot_a_run_is_said_to_be_beyond_replay(office: Office, yoon: str) -> None:
    run = last(office.db, "scheduled_inspection")
    snapshot = said(entries(office.db, f"run:{run}")[0])["snapshot"]
    Path(office.house.snapshots / f"{snapshot}.parquet").unlink()
    page = office.post(yoon, f"/audit/runs/{run}/replay").text  # type: ignore[attr-defined]
    assert "the snapshot that it was decided on is not here" in page


def test_a_run_that_has_not_ended_can_not_be_replayed_yet(office: Office, yoon: str) -> None:
    run = last(office.db, "deadlines")
    office.db.run("UPDATE cases SET closed_on = NULL WHERE id = ?", run)
    for page in (office.at(yoon).get(f"/audit/runs/{run}"), office.post(yoon, f"/audit/runs/{run}/replay")):
        assert "This run has not ended." in page.text  # type: ignore[attr-defined]


def test_verifying_finds_nothing_in_a_sound_record(office: Office, yoon: str) -> None:
    before = everything(office.db)
    page = office.post(yoon, "/audit/verify").text  # type: ignore[attr-defined]
    assert "✓ No fault" in page
    assert f"{office.db.rows('SELECT count(*) FROM entry')[0][0]:,} entries" in page
    assert everything(office.db) == before


def test_verifying_names_the_entry_that_was_changed(office: Office, yoon: str) -> None:
    without_triggers(office.db)
    stream = office.db.rows("SELECT min(stream) FROM entry WHERE action = 'conclude'")[0][0]
    office.db.run("UPDATE entry SET payload = '{}' WHERE stream = ? AND action = 'conclude'", stream)
    page = office.post(yoon, "/audit/verify").text  # type: ignore[attr-defined]
    assert "✕" in page
    assert f"Case {stream[5:]}, entry" in page
    assert "its payload was changed" in page


def test_in_korean_what_is_wrong_with_the_record_is_said_in_korean(office: Office, yoon: str) -> None:
    without_triggers(office.db)
    stream = office.db.rows("SELECT min(stream) FROM entry WHERE action = 'conclude'")[0][0]
    office.db.run("UPDATE entry SET payload = '{}' WHERE stream = ? AND action = 'conclude'", stream)
    office.at(yoon).cookies.set("language", "ko")
    assert "내용이 바뀌었습니다" in office.post(yoon, "/audit/verify").text  # type: ignore[attr-defined]


def test_an_act_that_would_be_refused_now_is_said_as_its_refusal(office: Office, yoon: str) -> None:
    """The manager's conclusion is put down to him who did not handle it: as its own refusal, in the reader's language."""
    without_triggers(office.db)
    run = last(office.db, "four_eyes_verification")
    stream = office.db.rows("SELECT min(stream) FROM entry WHERE run = ?", run)[0][0]
    entry = next(e for e in entries(office.db, stream) if e.action == "conclude")
    other = office.db.rows(
        "SELECT g.person FROM role_grant g WHERE role = 'account_manager' AND person <> ?", entry.person
    )[0][0]
    forge(office.db, entry, said(entry), person=other)
    page = office.post(yoon, f"/audit/runs/{run}/replay").text  # type: ignore[attr-defined]
    assert "whether it may be done" in page
    assert f"It is {entry.person}&#39;s to do." in page
    office.at(yoon).cookies.set("language", "ko")
    page = office.post(yoon, f"/audit/runs/{run}/replay").text  # type: ignore[attr-defined]
    assert "할 수 있는지" in page


def test_the_export_is_the_journal_line_by_line(office: Office, yoon: str) -> None:
    taken = office.at(yoon).get("/audit/export")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert taken.text.splitlines() == list(export(office.db))
    run = last(office.db, "escalation")
    of_run = [orjson.loads(line) for line in office.at(yoon).get(f"/audit/runs/{run}/export").text.splitlines()]
    assert (
        len(of_run) == office.db.rows("SELECT count(*) FROM entry WHERE run = ? OR stream = ?", run, f"run:{run}")[0][0]
    )


@ON_ONE
@pytest.mark.parametrize("role", ["account_manager", "branch_head", "inspector", "post_loan_officer", "credit_manager"])
def test_who_is_no_auditor_finds_nothing_there(office: Office, role: str) -> None:
    person, run = office.of(role), last(office.db, "deadlines")
    for path in ("/audit", "/audit/export", f"/audit/runs/{run}", f"/audit/runs/{run}/export"):
        assert office.at(person).get(path).status_code == 404, path
    for path in ("/audit/verify", f"/audit/runs/{run}/replay"):
        assert office.post(person, path).status_code == 404, path  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", ["0", "1", "99999999", "-1", "99999999999999999999999"])
def test_what_is_no_run_is_not_there(office: Office, yoon: str, number: str) -> None:
    case = office.db.rows("SELECT id FROM cases WHERE process = 'inspection' LIMIT 1")[0][0]
    for which in (number, case):
        if office.db.rows("SELECT 1 FROM cases WHERE id = ? AND process = 'run'", min(int(which), 2**62)):
            continue
        assert office.at(yoon).get(f"/audit/runs/{which}").status_code == 404
        assert office.post(yoon, f"/audit/runs/{which}/replay").status_code == 404  # type: ignore[attr-defined]


def test_how_a_flow_run_stands_is_said_in_the_readers_words(
    office: Office, yoon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = last(office.db, "manager_review")
    office.db.run("INSERT INTO attempt VALUES ('f1', ?, ?)", run, office.house.now())
    office.app.state.portal.prefect = lambda: "http://127.0.0.1:9/api"
    monkeypatch.setattr(Prefect, "states", lambda prefect, flow_runs: dict.fromkeys(flow_runs, "AwaitingRetry"))
    assert "waits to be tried again" in office.at(yoon).get(f"/audit/runs/{run}").text
    office.at(yoon).cookies.set("language", "ko")
    page = office.at(yoon).get(f"/audit/runs/{run}").text
    assert "재시도 대기" in page
    assert "AwaitingRetry" not in page
    assert because("Flow run encountered an exception: the bureau does not answer") == "the bureau does not answer"
