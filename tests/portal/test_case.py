"""The case page: what each may see of it and do on it, why not, and how it stood before."""

import json
import re
from collections.abc import Iterator

import orjson
import pytest

from door import store
from door.act import act
from door.command import Command, Verdict
from door.eligible import eligible
from door.fold import State, dump
from models.process import USER
from portal.case.sight import BLIND
from portal.who import access
from tasks import books
from tests.portal.conftest import PASSWORD, Office

STRIP = re.compile(r'<ol class="strip">(.*?)</ol>', re.S)
SEEN = re.compile(r'name="seen" value="(\d+)"')


def day(office: Office) -> str:
    return office.house.business_date().isoformat()


def case_at(office: Office, step: str, n: int = 0) -> State:
    found = office.db.rows("SELECT id FROM cases WHERE step = ? ORDER BY id", step)
    s = store.read_case(office.db, found[n][0])
    assert s is not None
    return s


def payloads(office: Office, s: State, *actions: str) -> Iterator[dict[str, object]]:
    for action, payload in office.db.rows("SELECT action, payload FROM entry WHERE stream = ? ORDER BY seq", s.stream):
        if action in actions:
            yield orjson.loads(payload)


@pytest.fixture
def drawn(office: Office) -> State:
    """A case that waits to be verified on site; made from one in the draw where none was drawn."""
    if office.db.rows("SELECT 1 FROM cases WHERE step = 'verify_site'"):
        return case_at(office, "verify_site")
    s = case_at(office, "draw")
    run = office.db.rows("SELECT max(id) FROM cases WHERE process = 'run'")[0][0]
    through(office, Command("system", "site", {"round": 1, "rule": "base", "probability": "1"}, case=s.id, run=run))
    found = store.read_case(office.db, s.id)
    assert found is not None
    assert found.step == "verify_site"
    return found


def test_every_kind_of_case_at_every_step_has_its_page(office: Office) -> None:
    auditor = office.of("auditor")
    for id_, process, step in office.db.rows("SELECT min(id), process, step FROM cases GROUP BY process, step"):
        page = office.at(auditor).get(f"/cases/{id_}")
        assert page.status_code == 200, (process, step)
        assert page.text.count('aria-current="step"') == 1, (process, step)
        assert "style=" not in page.text
        assert "each follows the one before it" in page.text


def test_what_is_not_his_is_not_there(office: Office) -> None:
    inspector = office.of("inspector")
    other = office.db.rows("SELECT c.id FROM cases c WHERE c.process = 'inspection' AND c.step = 'review' AND c.stream NOT IN "
                           "(SELECT stream FROM entry WHERE person = ?) LIMIT 1", inspector)[0][0]  # fmt: skip
    assert office.at(inspector).get(f"/cases/{other}").status_code == 404
    assert office.post(inspector, f"/cases/{other}", act="claim").status_code == 404  # type: ignore[attr-defined]
    assert office.at(office.of("auditor")).get("/cases/999999999999999999999").status_code == 404


def test_who_may_is_offered_the_arrows_and_who_may_not_is_told_why_and_who_could(office: Office) -> None:
    s = case_at(office, "check")
    rules = books.rules(office.db)
    manager = store.managers(office.db, [s.subject], day(office))[s.subject]
    able = eligible(office.db, rules, s.id, day(office))
    offered = office.at(able[0]).get(f"/cases/{s.id}").text
    assert f'href="/cases/{s.id}/check"' in offered
    refused = office.at(manager).get(f"/cases/{s.id}").text
    assert f'href="/cases/{s.id}/check"' not in refused
    assert "is not for you." in refused
    could = office.db.rows("SELECT name FROM person WHERE id = ?", able[0])[0][0]
    assert f"{could}" in refused
    assert "could." in refused


def test_the_strip_shows_the_steps_done_and_the_token(office: Office) -> None:
    s = case_at(office, "check")
    page = office.at(office.of("auditor")).get(f"/cases/{s.id}").text
    strip = STRIP.search(page)
    assert strip
    here = re.search(r'aria-current="step"><b>([^<]*)', strip[1])
    assert here
    assert here[1] == "Check"
    assert "<b>Visit</b>" in strip[1].partition("aria-current")[0]
    assert "<b>Closed</b>" in strip[1].partition("aria-current")[2]
    assert '<rect class="here"' in page
    assert 'class="path gone"' in page


def test_an_inspector_sees_neither_level_nor_class_nor_conclusion(office: Office) -> None:
    ((inspector, id_),) = office.db.rows(
        "SELECT e.person, c.id FROM entry e JOIN cases c ON c.stream = e.stream WHERE e.action = 'submit' AND "
        "EXISTS (SELECT 1 FROM entry k WHERE k.stream = e.stream AND k.action = 'conclude') ORDER BY c.id LIMIT 1")  # fmt: skip
    s = store.read_case(office.db, id_)
    assert s is not None
    concluded = next(payloads(office, s, "conclude"))
    page = office.at(inspector).get(f"/cases/{id_}")
    assert page.status_code == 200
    assert 'class="badge' not in page.text
    assert str(concluded["capacity"]) not in page.text
    assert "concluded" not in page.text
    assert "Account manager" not in page.text
    assert office.at(inspector).get(f"/cases/{id_}/export").status_code == 404
    assert office.at(inspector).get(f"/cases/{id_}?at=2").status_code == 404


def test_who_verifies_blind_sees_nothing_of_the_manager_until_he_has_recorded_his_own(
    office: Office, drawn: State
) -> None:
    rules = books.rules(office.db)
    officer = eligible(office.db, rules, drawn.id, day(office))[0]
    concluded = list(payloads(office, drawn, "conclude"))[-1]
    packages = list(payloads(office, drawn, "submit", "collect"))
    proposed = list(payloads(office, drawn, "propose"))[-1]
    secrets = [str(concluded[name]) for name in ("capacity", "repayment_source", "reason") if concluded[name]]
    secrets += [part for part in str(proposed["because"]).split("; ") if "in the books" not in part]
    secrets += [e["sha256"] for p in packages for e in p["evidence"]]  # type: ignore[attr-defined]
    page = office.at(officer).get(f"/cases/{drawn.id}").text
    assert "You see this case blind." in page
    for secret in secrets:
        assert secret not in page
    assert not re.search(r'class="badge( L\d)?">L\d', page)
    assert "data-l=" not in page
    assert office.at(officer).get(f"/cases/{drawn.id}/export").status_code == 404
    assert office.at(officer).get(f"/cases/{drawn.id}?at={drawn.seq - 1}").status_code == 404

    facts = office.at(officer).get(f"/api/v1/cases/{drawn.id}").json()["facts"]
    assert not {"level", "class_", "proposed_level", "green"} & set(facts)

    listed = office.at(officer).get(f"/cases?q={drawn.id}").text
    assert f'href="/cases/{drawn.id}"' in listed
    assert ">blind<" in listed

    own = {"own_level": 0, "visited_on": day(office)}
    (verdict,) = through(office, Command(officer, "record", own, case=drawn.id))
    assert verdict.refused is None, verdict.refused
    assert str(concluded["capacity"]) in office.at(officer).get(f"/cases/{drawn.id}").text
    assert office.at(officer).get(f"/cases/{drawn.id}/export").status_code == 200


def through(office: Office, *commands: Command) -> list[Verdict]:
    """The door, past the pages."""
    return act(office.db, commands, office.house.clock(office.house.business_date()), books.rules(office.db))


def test_others_see_a_case_that_is_verified_blind_as_it_is(office: Office, drawn: State) -> None:
    concluded = list(payloads(office, drawn, "conclude"))[-1]
    for person in (office.of("auditor"), drawn.hands["conclude"][-1]):
        assert str(concluded["capacity"]) in office.at(person).get(f"/cases/{drawn.id}").text
    assert drawn.step in BLIND


def test_the_auditor_sees_the_case_after_any_entry_and_its_whole_record(office: Office) -> None:
    auditor, s = office.of("auditor"), case_at(office, "closed")
    entries = office.db.rows("SELECT seq, step, hash, payload FROM entry WHERE stream = ? ORDER BY seq", s.stream)
    record = office.at(auditor).get(f"/cases/{s.id}/export")
    assert record.headers["content-disposition"].startswith("attachment")
    lines = [json.loads(line) for line in record.text.splitlines()]
    assert [(e["seq"], e["step"], e["hash"], e["payload"]) for e in lines] == entries
    for seq, _, hash_, _ in entries[:-1]:
        page = office.at(auditor).get(f"/cases/{s.id}?at={seq}").text
        assert f"This is the case after entry {seq} of {s.seq}." in page
        assert f"hash {hash_}" in page
        assert f"?at={seq + 1}" in page
        assert "Nothing: this is how it stood then." in page
    assert office.at(auditor).get(f"/cases/{s.id}?at={s.seq + 1}").status_code == 404
    assert office.at(auditor).get(f"/cases/{s.id}?at=0").status_code == 404


def test_nothing_is_said_to_be_as_it_should_be_before_the_automatic_check(office: Office) -> None:
    stream, seq = office.db.rows("SELECT stream, seq FROM entry WHERE action = 'collect' ORDER BY stream, seq")[0]
    (case,) = office.db.rows("SELECT id FROM cases WHERE stream = ?", stream)[0]
    page = office.at(office.of("auditor")).get(f"/cases/{case}?at={seq}")
    assert "None yet: the automatic check of the package is still to come." in page.text
    assert "every answer is as it should be" not in page.text


def test_answers_stand_beside_the_last_ones_and_what_changed_is_marked(office: Office) -> None:
    found = office.db.rows("SELECT c.id FROM cases c JOIN entry e ON e.stream = c.stream AND e.action = 'propose' "
                           "WHERE e.payload LIKE '%\"before\"%' ORDER BY c.id")  # fmt: skip
    assert found
    s = store.read_case(office.db, found[0][0])
    assert s is not None
    changes = list(payloads(office, s, "propose"))[-1]["changes"]
    page = office.at(office.of("auditor")).get(f"/cases/{s.id}").text
    assert page.count('class="num chg"') == len(changes)  # type: ignore[arg-type]
    only = office.at(office.of("auditor")).get(f"/cases/{s.id}?answers=changed").text
    assert only.count('class="num chg"') == len(changes)  # type: ignore[arg-type]
    assert only.count('data-l="Last"') < page.count('data-l="Last"')


def test_he_claims_comments_puts_aside_and_hands_back_on_the_page(office: Office) -> None:
    s = case_at(office, "check")
    officer = eligible(office.db, books.rules(office.db), s.id, day(office))[0]
    path = f"/cases/{s.id}"
    assert office.post(officer, path, act="claim", seen=s.seq, key="k1").status_code == 303  # type: ignore[attr-defined]
    assert "You hold this item." in office.at(officer).get(path).text
    empty = office.post(officer, path, act="comment", sent="yes", text=" ")
    assert (empty.status_code, "Write your comment." in empty.text) == (422, True)  # type: ignore[attr-defined]
    office.post(officer, path, act="comment", sent="yes", text="seen & <b>noted</b>")
    assert "seen &amp; &lt;b&gt;noted&lt;/b&gt;" in office.at(officer).get(path).text
    asks = office.post(officer, path, act="hold")
    assert (asks.status_code, 'name="until"' in asks.text) == (200, True)  # type: ignore[attr-defined]
    past = office.post(officer, path, act="hold", sent="yes", until="2001-01-01", reason="away", key="k2")
    assert (past.status_code, 'value="2001-01-01"' in past.text) == (409, True)  # type: ignore[attr-defined]
    assert office.post(officer, path, act="hand_back", key="k3").status_code == 303  # type: ignore[attr-defined]
    assert [row[0] for row in office.db.rows("SELECT action FROM entry WHERE stream = ? AND seq > ? ORDER BY seq", s.stream,
                                             s.seq)] == ["claim", "comment", "hand_back"]  # fmt: skip


def test_what_changed_meanwhile_is_said_and_nothing_is_done(office: Office) -> None:
    s = case_at(office, "check")
    first, second = eligible(office.db, books.rules(office.db), s.id, day(office))[:2]
    office.post(first, f"/cases/{s.id}", act="claim", seen=s.seq)
    told = office.post(second, f"/cases/{s.id}", act="claim", seen=s.seq)
    assert (told.status_code, "Nothing was changed." in told.text) == (409, True)  # type: ignore[attr-defined]
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", s.id) == [(first,)]


def test_an_authority_reassigns_to_whom_the_door_accepts(office: Office) -> None:
    s = case_at(office, "check")
    able = set(eligible(office.db, books.rules(office.db), s.id, day(office)))
    head = next(p for (p,) in office.db.rows("SELECT person FROM role_grant WHERE role = 'credit_manager' ORDER BY person")
                if "Reassign…" in office.at(p).get(f"/cases/{s.id}").text)  # fmt: skip
    asks = office.post(head, f"/cases/{s.id}", act="reassign")
    offered = re.findall(r'<option value="([^"]+)"', asks.text)  # type: ignore[attr-defined]
    assert set(offered) == able
    done = office.post(head, f"/cases/{s.id}", act="reassign", sent="yes", to=offered[0], reason="his branch")
    assert done.status_code == 303  # type: ignore[attr-defined]
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", s.id) == [(offered[0],)]
    page = office.at(offered[0]).get(f"/cases/{s.id}").text
    assert "reassigned the item to" in page


def test_who_could_take_an_arrow_is_asked_of_that_arrow_alone(office: Office) -> None:
    """Who verified it in an earlier round may return the package, and not check it: he is not named as one who could."""
    s = case_at(office, "check")
    *barred, free = eligible(office.db, books.rules(office.db), s.id, day(office))
    s.hands["verify"] = barred
    office.db.run("UPDATE cases SET state = ? WHERE id = ?", dump(s), s.id)
    assert set(barred) <= set(eligible(office.db, books.rules(office.db), s.id, day(office)))
    name = dict(office.db.rows("SELECT id, name FROM person"))
    for path in (f"/cases/{s.id}", f"/cases/{s.id}/check"):
        page = office.at(barred[0]).get(path).text
        assert f"{name[free]} could." in page
        assert not any(f"{name[p]} could" in page or f"{name[p]}, " in page for p in barred[1:])


def test_a_user_step_that_nobody_may_do_says_so(office: Office) -> None:
    s = case_at(office, "check")
    office.db.run("DELETE FROM role_grant WHERE role = 'post_loan_officer'")
    page = office.at(office.of("auditor")).get(f"/cases/{s.id}").text
    assert "Nobody may do this: Check." in page
    assert "Operations is told by the next day at the latest." in page
    assert "The credit manager can reassign the item; the administrator can grant the role or name a deputy." in page
    assert books.rules(office.db).processes[s.process].steps[s.step].kind == USER


def test_cancelling_asks_the_password_again(office: Office) -> None:
    manager = office.of("credit_manager")
    ((id_,),) = office.db.rows("SELECT c.id FROM cases c WHERE c.process = 'inspection' AND c.step IN ('visit', 'collect') "
                               "ORDER BY c.id LIMIT 1")  # fmt: skip
    access.set_password(office.db, manager, PASSWORD)
    office.at(manager)
    office.db.run("UPDATE session SET proved_at = '2020-01-01T00:00:00.000000Z' WHERE person = ?", manager)
    said: dict[str, object] = {"act": "cancel", "sent": "yes", "reason": "opened twice"}
    for password, says in (("", "Write your password."), ("wrong", "The password is not right.")):
        answer = office.post(manager, f"/cases/{id_}", **said, password=password)
        assert (answer.status_code, says in answer.text) == (422, True)  # type: ignore[attr-defined]
    assert office.db.rows("SELECT closed_on FROM cases WHERE id = ?", id_) == [(None,)]
    assert office.post(manager, f"/cases/{id_}", **said, password=PASSWORD).status_code == 303  # type: ignore[attr-defined]
    assert office.db.rows("SELECT step FROM cases WHERE id = ?", id_) == [("cancelled",)]


def test_a_restriction_that_holds_back_no_payment_says_why_the_gate_lets_them_through(office: Office) -> None:
    seen, says = 0, "This restriction does not hold back payments, so the gate lets them through."
    auditor = office.at(office.of("auditor"))
    for id_, subject in office.db.rows("SELECT id, subject FROM cases WHERE process = 'control' AND step = 'in_force'"):
        s = store.read_case(office.db, id_)
        assert s is not None
        seen += (passes := books.book(office.db, s.book).restrictions[s.facts["kind"]].gate == "none")
        assert (says in auditor.get(f"/cases/{id_}").text) >= passes
        inspections = office.db.rows("SELECT id FROM cases WHERE process = 'inspection' AND subject = ?", subject)
        assert all((says in auditor.get(f"/cases/{each}").text) >= passes for (each,) in inspections)
    assert seen
