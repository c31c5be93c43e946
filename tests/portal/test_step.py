"""Step forms: generated from what each arrow asks, nothing typed is lost, nothing is decided on a state that was not seen,
and what weighs much asks the password once more."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import orjson

from deployments.actors import Actors
from door import store
from door.act import act
from door.command import Command
from door.eligible import eligible
from door.fold import State
from models.process import USER
from portal.who import access
from portal.words.reader import Reader
from tasks import books
from tests.portal.conftest import PASSWORD, Office
from tests.portal.form import Sent, opened
from tests.portal.pictures import photo, send
from tests.portal.test_visit import lies, of, shown_there, visible

RECEIPT = re.compile(r"^/cases/\d+/\w+/\d+$")


def day(office: Office) -> str:
    return office.house.business_date().isoformat()


def waiting(office: Office, step: str) -> Iterator[tuple[State, str]]:
    """Cases at a step, each with somebody who may do it."""
    for (id_,) in office.db.rows("SELECT case_id FROM item WHERE step = ? ORDER BY case_id", step):
        s = store.read_case(office.db, id_)
        able = eligible(office.db, books.rules(office.db), id_, day(office))
        if s is not None and able:
            yield s, able[0]


def form(office: Office, step: str, action: str) -> tuple[State, Sent]:
    s, person = next(waiting(office, step))
    return s, opened(office, person, f"/cases/{s.id}/{action}")


def concluded(page: Sent, **more: str) -> dict[str, str]:
    """What a manager types who accepts everything that was found."""
    later = (page.office.house.business_date() + timedelta(days=14)).isoformat()
    said = {"capacity": "1.08, by the account", "willingness": "good", "repayment_source": "sales",
            "measures__0__code": "A04", "measures__0__by": later}  # fmt: skip
    for name in page.names:
        if re.match(r"responses\.\d+\.accepted", name):
            said |= {name: "yes", name.replace("accepted", "why"): "seen there"}
    return said | more


def said(office: Office, s: State) -> dict[str, object]:
    """The payload of the case's newest entry."""
    rows = office.db.rows("SELECT payload FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1", s.stream)
    return dict(orjson.loads(rows[0][0]))


def entries(office: Office, s: State) -> int:
    return int(office.db.rows("SELECT count(*) FROM entry WHERE stream = ?", s.stream)[0][0])


def with_finding(office: Office) -> tuple[State, Sent]:
    for s, person in waiting(office, "review"):
        page = opened(office, person, f"/cases/{s.id}/conclude")
        if "responses.0.accepted" in page.names:
            return s, page
    raise AssertionError("no case with a finding waits for a conclusion")


def test_every_arrow_of_a_person_has_its_form_with_every_field_of_its_payload(office: Office) -> None:
    rules, seen = books.rules(office.db), 0
    for process in rules.processes.values():
        for step_name, step in process.steps.items():
            if step.kind != USER:
                continue
            for s, person in list(waiting(office, step_name))[:1]:
                if s.process != process.name:
                    continue
                for do in step.does:
                    if do.name == step.late:
                        continue
                    page = opened(office, person, f"/cases/{s.id}/{do.name}")
                    assert page.status == 200, (step_name, do.name)
                    if "is not for you now" in page.text:
                        continue
                    seen += 1
                    asked = {name.partition(".")[0] for name in page.names}
                    given = {"defects", "evidence", "responses", "findings", "how", "files", "answers"}
                    missing = {n for n in do.form.model_fields if n not in given | asked}
                    if step_name == "compare":
                        missing -= {"note", "own_level"}  # one reason for both, and the level that was recorded
                    if do.name == "impose":
                        asked |= {"restrictions", "orders"}
                    assert missing == set(), (step_name, do.name)
                    assert "style=" not in page.text
    assert seen >= 12


def test_to_whom_it_was_delegated_gets_his_receipt_though_the_case_is_no_longer_his(office: Office) -> None:
    s, manager = next(waiting(office, "review"))
    other = next(p for p in (office.of("account_manager", n) for n in range(9)) if p != manager)
    clock = office.house.clock(office.house.business_date())
    given = Command(manager, "delegate", {"to": other, "reason": "away"}, case=s.id)
    assert not act(office.db, [given], clock, books.rules(office.db))[0].refused
    page = opened(office, other, f"/cases/{s.id}/conclude")
    done = page.send(**concluded(page))
    assert "Receipt" in office.at(other).get(done.to).text
    assert office.at(other).get(f"/cases/{s.id}").status_code == 404
    assert office.at(manager).get(done.to).status_code == 404


def test_a_manager_concludes_and_gets_a_receipt_that_names_the_entry(office: Office) -> None:
    s, page = with_finding(office)
    done = page.send(**concluded(page))
    assert done.status == 303
    assert RECEIPT.match(done.to)
    receipt = office.at(page.person).get(done.to).text
    head = office.db.rows("SELECT hash FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1", s.stream)[0][0]
    assert head in receipt
    assert f"Inspection {s.id}, entry {entries(office, s)}" in receipt
    assert re.search(r"Concluded on \d+ \w{3}, \d\d:\d\d\.", receipt)
    payload = said(office, s)
    assert payload["level"] == s.facts["proposed_level"]
    assert payload["measures"][0]["owner"] == page.person  # type: ignore[index]
    assert payload["responses"][0]["accepted"] is True  # type: ignore[index]
    assert "four_eyes_verification" in office.woken
    assert office.at(office.of("auditor")).get(done.to).status_code == 404


def test_each_error_stands_beside_its_field_and_above_with_a_link_to_it_and_nothing_typed_is_lost(
    office: Office,
) -> None:
    s, page = with_finding(office)
    before = entries(office, s)
    back = page.send(**concluded(page, capacity="", measures__0__by="2020-01-01", responses__0__accepted="",
                                 repayment_source="sales & rent <own>"))  # fmt: skip
    assert back.status == 422
    assert set(back.errors) == {"capacity", "measures.0.by", "responses.0.accepted"}
    assert back.errors["measures.0.by"].startswith("Choose a day from")
    assert '<a href="#measures.0.by">Action 1: Choose a day from' in back.text
    assert set(back.errors) <= back.links
    assert set(back.errors) <= back.ids
    assert 'role="alert"' in back.text
    assert back.values["repayment_source"] == "sales & rent <own>"
    assert back.values["measures.0.code"] == "A04"
    assert entries(office, s) == before
    done = back.send(**concluded(back, capacity="1.1"))
    assert done.status == 303


def test_a_level_below_what_was_proposed_is_only_taken_with_a_reason(office: Office) -> None:
    _, page = with_finding(office)
    back = page.send(**concluded(page, level="0"))
    assert set(back.errors) == {"reason"}
    assert back.send(reason="the meter was changed").status == 303


def test_an_action_is_added_without_a_script_and_an_empty_one_is_none(office: Office) -> None:
    s, page = with_finding(office)
    assert "measures.1.code" not in page.names
    more = page.send("more.measures", **concluded(page))
    assert more.status == 200
    assert "measures.1.code" in more.names
    assert more.values["capacity"] == "1.08, by the account"
    third = more.send("more.measures", measures__1__code="A02")
    back = third.send()
    assert set(back.errors) == {"measures.1.by"}
    later = (office.house.business_date() + timedelta(days=20)).isoformat()
    assert back.send(measures__1__by=later).status == 303
    assert [m["code"] for m in said(office, s)["measures"]] == ["A04", "A02"]  # type: ignore[attr-defined]


def test_a_draft_is_kept_on_the_server_for_him_alone_and_gone_once_it_is_decided(office: Office) -> None:
    s, page = with_finding(office)
    kept = page.send("draft", capacity="half written")
    assert kept.status == 303
    again = opened(office, page.person, page.address)
    assert again.values["capacity"] == "half written"
    assert "is filled in." in again.text
    assert opened(office, page.person, f"{page.address}?empty=true").values["capacity"] == ""
    assert again.send(**concluded(again)).status == 303
    assert office.db.rows("SELECT 1 FROM draft WHERE case_id = ?", s.id) == []


def test_a_refused_form_stays_as_a_draft_without_password_or_token(office: Office) -> None:
    s, page = form(office, "decide", "impose")
    page.send(reason="grave", password="never kept")  # noqa: S106
    (fields,) = office.db.rows("SELECT fields FROM draft WHERE case_id = ?", s.id)[0]
    assert orjson.loads(fields)["reason"] == "grave"
    assert "never kept" not in fields
    assert office.form(page.person) not in fields


def test_what_changed_while_he_wrote_is_said_before_anything_is_decided_and_his_text_is_kept(office: Office) -> None:
    s, page = with_finding(office)
    officer = office.of("post_loan_officer")
    said_ = Command(officer, "comment", {"text": "an instalment came in"}, case=s.id)
    assert (
        act(office.db, [said_], office.house.clock(office.house.business_date()), books.rules(office.db))[0].refused
        is None
    )
    before = entries(office, s)
    back = page.send(**concluded(page))
    assert back.status == 409
    assert "Not decided:" in back.text
    assert "commented." in back.text
    assert back.values["capacity"] == "1.08, by the account"
    assert entries(office, s) == before
    assert back.send().status == 303


def test_what_a_run_did_meanwhile_is_told_as_a_runs(office: Office) -> None:
    _, page = with_finding(office)
    back = page.send(**concluded(page) | {"seen": "0"})
    assert back.status == 409
    assert "A run prepared the case for the review." in back.text


def test_the_same_form_sent_twice_is_decided_once_and_leads_to_the_same_receipt(office: Office) -> None:
    s, page = with_finding(office)
    before = entries(office, s)
    first, second = page.send(**concluded(page)), page.send(**concluded(page))
    assert (first.status, second.status) == (303, 303)
    assert first.to == second.to
    assert entries(office, s) == before + 1


def test_who_may_not_is_told_why_and_who_could_and_keeps_what_he_wrote(office: Office) -> None:
    s, page = with_finding(office)
    officer = office.of("post_loan_officer")
    barred = opened(office, officer, page.address)
    assert barred.status == 200
    assert "is not for you now" in barred.text
    assert "could." in barred.text
    tried = office.post(officer, page.address, capacity="not mine", act="decide", seen=str(s.seq), key="k9")
    assert tried.status_code == 403  # type: ignore[attr-defined]
    assert "not mine" in tried.text  # type: ignore[attr-defined]
    typed = {"answers.3": "1.2", "answers.3.word": "none", "responses.0.why": "because", "seen": str(s.seq)}
    kept = office.post(officer, page.address, act="decide", key="k9", **typed).text  # type: ignore[attr-defined]
    assert re.findall(r"<dt>(.*?)</dt>", kept) == ["Answers", "Answers", "Why"]
    stranger = office.of("inspector")
    assert office.at(stranger).get(page.address).status_code == 404
    assert office.at(officer).get(f"/cases/{s.id}/nonsense").status_code == 404
    assert office.at(officer).get(f"/cases/{s.id}/pass").status_code == 404  # a run's


def test_what_weighs_much_asks_the_password_once_more_and_decides_only_with_it(office: Office) -> None:
    s, page = form(office, "confirm", "confirm")
    access.set_password(office.db, page.person, PASSWORD)
    portal, now = office.app.state.portal, office.house.now()
    portal.house = replace(office.house, now=lambda: access._later(now, timedelta(minutes=6)))
    page = opened(office, page.person, page.address)
    assert "password" in page.names
    back = page.send()
    assert (back.status, set(back.errors)) == (422, {"password"})
    wrong = back.send(password="wrong")  # noqa: S106
    assert wrong.errors["password"] == "The password is not right."  # noqa: S105
    assert wrong.values["password"] == ""
    assert store.read_case(office.db, s.id).step == "confirm"  # type: ignore[union-attr]
    assert wrong.send(password=PASSWORD).status == 303
    assert store.read_case(office.db, s.id).step == "in_force"  # type: ignore[union-attr]


def test_the_credit_manager_restricts_and_orders_in_one_decision(office: Office) -> None:
    s, page = form(office, "decide", "impose")
    nothing = page.send(reason="above the line")
    assert set(nothing.errors) == {"restrictions.0.kind"}
    limited = nothing.send(restrictions__0__kind="K3", restrictions__0__reason="stock is gone")
    assert set(limited.errors) == {"restrictions.0.cap"}
    done = limited.send(restrictions__0__cap="120,000,000", orders__0__kind="O9", orders__0__reason="by Friday")
    assert done.status == 303
    receipt = office.at(page.person).get(done.to).text
    opened_ = [int(n) for n in re.findall(r'href="/cases/(\d+)">Case', receipt)]
    assert {store.read_case(office.db, n).process for n in opened_} == {"control", "order"}  # type: ignore[union-attr]
    cap = said(office, s)["restrictions"][0]["cap"]  # type: ignore[index]
    assert cap == 120_000_000 * (1 if s.facts["currency"] == "KRW" else 100)


def test_a_package_goes_back_with_codes_and_places(office: Office) -> None:
    s, page = form(office, "check", "return")
    back = page.send(reason="look again")
    assert set(back.errors) == {"defects.0.code", "defects.0.where"}
    assert back.send(defects__0__code="B02", defects__0__where="meter").status == 303
    assert said(office, s)["defects"] == [{"code": "B02", "where": "meter", "says": ""}]


def test_an_officer_adds_a_finding_that_the_machine_could_not_see(office: Office) -> None:
    s, page = form(office, "check", "check")
    more = page.send("more.findings")
    question = re.search(r'<select[^>]*name="findings.0.checkpoint".*?<option value="(\w+)">', more.text, re.S)
    facility = re.search(r'<select[^>]*name="findings.0.facility".*?<option value="([^"]+)">', more.text, re.S)
    assert question
    assert facility
    done = more.send(findings__0__facility=facility[1], findings__0__checkpoint=question[1], findings__0__colour="o")
    assert done.status == 303
    assert said(office, s)["findings"] == [{"facility": facility[1], "checkpoint": question[1], "colour": "o"}]


def test_the_other_processes_arrows_are_asked_generically(office: Office) -> None:
    s, page = form(office, "in_work", "ask_extension")
    back = page.send(until="soon", reason="the office is closed")
    assert back.errors == {"until": "Choose a day."}
    until = (date.fromisoformat(day(office)) + timedelta(days=5)).isoformat()
    assert back.send(until=until).status == 303
    assert said(office, s) == {"until": until, "reason": "the office is closed"}


# -- verifying on site --------------------------------------------------------------------------------------------------


def test_who_records_on_site_is_shown_nothing_of_the_managers(office: Office) -> None:
    s, page = form(office, "verify_site", "record")
    (payload,) = [orjson.loads(p) for (p,) in office.db.rows(
        "SELECT payload FROM entry WHERE stream = ? AND action = 'conclude' ORDER BY seq DESC LIMIT 1", s.stream)]  # fmt: skip
    assert "You verify blind." in page.text
    assert "<dt>Premises</dt>" in page.text
    assert payload["capacity"] not in page.text
    assert "Last inspection" not in page.text
    assert "own_level" not in page.values
    assert not re.search(r'class="badge L\d', page.text)


def test_photographs_of_who_verifies_taken_elsewhere_go_in_with_a_sentence_that_who_reads_the_case_sees(
    office: Office,
) -> None:
    s, page = next((s, opened(office, person, f"/cases/{s.id}/record")) for s, person in waiting(office, "verify_site")
                   if shown_there(*of(office, s.id))[0])  # fmt: skip
    assert "Why were they taken elsewhere?" not in visible(page.text)
    lies(office, s.id, latitude="37.31090", longitude="126.83000")
    there, far = shown_there(*of(office, s.id))[0][0], "37.32990"
    send(office, page.person, s.id, photo(size=(64, 48)), "k1", there, latitude=far, longitude="126.83000")
    page = opened(office, page.person, page.address)
    assert '<span class="warned">2.1 km from the premises</span>' in page.text
    assert "Why were they taken elsewhere?" in visible(page.text)
    back = page.send(own_level="2")
    assert back.status == 422
    assert back.errors["away"].startswith("Say in a sentence why")
    assert back.send(away="The yard lies across the river.").status == 303
    assert [e["note"] for e in said(office, s)["evidence"]] == ["The yard lies across the river."]  # type: ignore[attr-defined]
    seen = office.at(page.person).get(f"/cases/{s.id}").text
    assert "2.1 km from the premises" in seen
    assert "“The yard lies across the river.”" in seen


def test_recorded_the_own_facts_stand_beside_the_managers_and_the_outcome_is_proposed(office: Office) -> None:
    s, page = form(office, "verify_site", "record")
    level = int(s.facts["level"])
    higher = min(4, level + 2)
    done = page.send(own_level=str(higher))
    assert done.to == f"/cases/{s.id}/verify"
    compared = opened(office, page.person, done.to)
    assert f"Proposed from the differences: {'V4' if higher - level == 2 else 'V3'}" in compared.text
    assert "Your facts beside the manager" in compared.text
    without = compared.send(outcome="V4")
    assert set(without.errors) == {"reason"}
    decided = without.send(reason="stock is less than half", **{"inadequate.N3": "yes"})
    assert decided.to.startswith(f"/cases/{s.id}/disagree/")
    payload = said(office, s)
    assert (payload["outcome"], payload["own_level"], payload["inadequate"]) == ("V4", higher, ["N3"])


def test_who_met_nobody_goes_there_a_second_time_by_the_books_deadline_as_blind_as_the_first(office: Office) -> None:
    s, person = next((s, who) for s, who in waiting(office, "verify_site") if "disagree" not in s.done)
    page = opened(office, person, f"/cases/{s.id}/nobody_met")
    until = books.book(office.db, s.book).deadline("revisit", day(office), s.facts["calendar"])
    assert f"is then set for you, until {Reader('en').day(until)}." in page.text
    bare = page.send()
    assert set(bare.errors) == {"reason"}
    gone = bare.send(reason="The gate was shut, no light.")
    assert gone.to.startswith(f"/cases/{s.id}/nobody_met/")
    assert bare.send(reason="The gate was shut, no light.").to == gone.to  # once more, the same
    assert said(office, s) == {"reason": "The gate was shut, no light."}
    assert office.db.rows("SELECT step, owner, due_on FROM item WHERE case_id = ?", s.id) == [
        ("revisit", page.person, until)]  # fmt: skip
    assert "Receipt" in office.at(page.person).get(gone.to).text
    assert "The gate was shut" not in office.at(office.of("inspector")).get(f"/cases/{s.id}").text
    again = opened(office, page.person, f"/cases/{s.id}/record")
    assert "You verify blind." in again.text
    compared = opened(office, page.person, again.send(own_level="0").to)
    assert "V6 where nobody was met the second time either: say in the reason what you saw." in compared.text
    assert compared.send(outcome="V6", reason="Shut again.").to.startswith(f"/cases/{s.id}/disagree/")
    assert (said(office, s)["outcome"], store.read_case(office.db, s.id).step) == ("V6", "review")  # type: ignore[union-attr]


def test_the_staff_of_the_demo_goes_there_a_second_time_too(office: Office) -> None:
    s, page = form(office, "verify_site", "nobody_met")
    page.send(reason="The gate was shut.")
    today, rules = office.house.business_date(), books.rules(office.db)
    for seed in range(3):  # some of them are busy today
        Actors(office.db, seed, today, office.house.clock(today), rules).work(1)
    found = store.read_case(office.db, s.id)
    assert found is not None
    assert found.done["record"] == s.done.get("record", 0) + 1


def test_to_agree_after_comparing_takes_no_reason(office: Office) -> None:
    s, page = form(office, "compare", "disagree")
    decided = page.send(outcome="V0", reason="as found")
    assert decided.to.startswith(f"/cases/{s.id}/verify/")
    assert said(office, s)["note"] == "as found"
