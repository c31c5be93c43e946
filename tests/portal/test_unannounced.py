"""Verification is unannounced: until its outcome neither the account manager nor his branch nor the vendor is told whether a
conclusion is verified at the desk or on site, how far that has come, and in whose hands it is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from difflib import ndiff
from typing import Any

import pytest

from deployments.bench.weeks import begun
from door import store
from door.command import SYSTEM
from door.eligible import eligible
from door.fold import State
from tasks import books
from tasks.gate import VERIFYING
from tasks.run import finish
from tests.portal.conftest import ON_ONE, Office
from tests.portal.links import do, link, waiting

CHANGING = re.compile(r'(name="(?:_form|key|batch)" value=)"[^"]*"')
COMMENT = re.compile(r'\s*<form class="form no-print".*?</form>', re.S)
STRIP = re.compile(r'<ol class="strip">(.*?)</ol>', re.S)
ROW = re.compile(r'<td role="cell" class="stp">([^<]*)<')


@dataclass
class Verified:
    """A conclusion on its way through the verification; `readers`: to whom it is not announced; `link`: the manager's, to
    what he concluded."""

    office: Office
    id: int
    manager: str
    readers: list[str]
    link: str

    @property
    def s(self) -> State:
        found = store.read_case(self.office.db, self.id)
        assert found is not None
        return found

    def run(self, action: str) -> None:
        office = self.office
        run = begun(office.db, office.house, "four_eyes_verification", office.house.business_date())
        said = {"round": self.s.visits["draw"], "rule": "base", "probability": "1"}
        do(office, SYSTEM, action, self.id, said, run=run.id)
        finish(run)

    def conclude(self) -> None:
        facts = self.s.facts
        do(self.office, self.manager, "conclude", self.id, {
            "level": facts["proposed_level"], "class_": facts["proposed_class"], "capacity": "It pays from its till.",
            "willingness": "good", "repayment_source": "sales",
            "measures": [{"code": "A01", "owner": self.manager, "by": later(self.office)}]})  # fmt: skip

    def officer(self) -> str:
        return eligible(self.office.db, books.rules(self.office.db), self.id, day(self.office))[0]

    def answers(self, person: str) -> dict[str, str]:
        """All that tells of the case, by address, without what differs between two requests of one page."""
        case, browser = self.id, self.office.at(person)
        steps = [f"?q={case}&process=inspection&step={step}" for step in VERIFYING]
        asked = [f"/cases/{case}", f"/cases/{case}?answers=changed", f"/cases/{case}/export", f"/cases/{case}?at=2",
                 f"/cases/{case}?on={day(self.office)}", f"/cases?q={case}", f"/cases?q={case}&process=inspection",
                 *(f"/cases{each}" for each in steps), *(f"/cases/{case}/{action}" for action in
                 ("record", "verify", "disagree", "nobody_met", "conclude", "relation", "cancel")), f"/visits/{case}",
                 f"/api/v1/cases/{case}", *(f"/api/v1/cases?after={case - 1}&limit=1{each.replace('?', '&')}" for each in ("", *steps)),
                 "/inbox", "/api/v1/items", self.link]  # fmt: skip
        got = {path: browser.get(path) for path in asked}
        found = {path: _plain(f"{answer.status_code} {answer.text}") for path, answer in got.items()}
        for act in ("claim", "hand_back", "delegate", "hold", "reassign", "decide"):
            said = {"act": act, "to": person, "until": "2099-01-01", "reason": "mine"}
            for way in ({}, {"sent": "yes", "seen": 1, f"seen.{case}": 1}):
                for path, more in ((f"/cases/{case}", {}), ("/inbox", {"item": case})):
                    found[f"{path} {act} {way}"] = _plain(self.post(person, path, **said, **way, **more))
        for n, (action, payload) in enumerate((("record", {"own_level": 0, "visited_on": day(self.office)}), ("claim", {}),
                                               ("verify", {"outcome": "V0", "own_level": 0}), ("hand_back", {}),
                                               ("nobody_met", {"reason": "shut"}), ("conclude", {}))):  # fmt: skip
            for seen in (None, self.s.seq, 1):
                asks = {"action": action, "payload": payload, "seen": seen}
                found[f"API {action} {seen == 1} {seen is None}"] = self.act(
                    person, asks, f"{case}.{n}.{seen}.key"
                ).text
        return found

    def post(self, person: str, path: str, **said: object) -> str:
        answer = self.office.post(person, path, **said)
        return f"{answer.status_code} {answer.text}"  # type: ignore[attr-defined]

    def act(self, person: str, asks: dict[str, Any], key: str) -> Any:
        headers = {"X-Form-Token": self.office.form(person), "Idempotency-Key": key}
        return self.office.at(person).post(f"/api/v1/cases/{self.id}/acts", json=asks, headers=headers)

    def page(self, person: str) -> str:
        return self.office.at(person).get(f"/cases/{self.id}").text


def _plain(page: str) -> str:
    return COMMENT.sub("", CHANGING.sub(r"\1", page))


def day(office: Office) -> str:
    return office.house.business_date().isoformat()


@pytest.fixture
def case(office: Office) -> Verified:
    """A case that a vendor's inspector collected, and the manager has just concluded."""
    rules = books.rules(office.db)
    for (id_,) in office.db.rows("SELECT id FROM cases WHERE process = 'inspection' AND step = 'review' ORDER BY id"):
        s = store.read_case(office.db, id_)
        assert s is not None
        manager = store.managers(office.db, [s.subject], day(office))[s.subject]
        if (
            "submit" in s.hands
            and manager in eligible(office.db, rules, s.id, day(office))
            and "conclude" not in s.done
        ):
            break
    else:
        raise AssertionError("no case waits for its first conclusion")
    head = office.db.rows("SELECT g.person FROM role_grant g JOIN person p ON p.id = g.person JOIN borrower b ON b.unit = p.unit "
                          "WHERE g.role = 'branch_head' AND b.id = ?", s.subject)[0][0]  # fmt: skip
    made = Verified(office, s.id, manager, [manager, head, s.hands["submit"][-1]], link(office, s.id, manager))
    made.conclude()
    assert made.s.step == "draw"
    return made


def to_the_desk(v: Verified) -> Iterator[str]:
    v.run("desk")
    yield "verify_desk"
    officer = v.officer()
    do(v.office, officer, "comment", v.id, {"text": "read at the desk"})
    do(v.office, officer, "hold", v.id, {"until": later(v.office), "reason": "away"})
    yield "verify_desk"


def to_the_site(v: Verified) -> Iterator[str]:
    v.run("site")
    officer = v.officer()
    do(v.office, officer, "claim", v.id)
    yield "verify_site"
    do(v.office, officer, "nobody_met", v.id, {"reason": "the door was shut"})
    yield "revisit"
    do(v.office, officer, "record", v.id, {"own_level": 2, "visited_on": day(v.office)})
    yield "compare"


def differing(before: str, after: str) -> list[str]:
    return (
        [line for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"] if before != after else []
    )


def later(office: Office) -> str:
    return (office.house.business_date() + timedelta(days=2)).isoformat()


@ON_ONE
@pytest.mark.parametrize("way", [to_the_desk, to_the_site])
def test_until_the_outcome_nothing_that_they_are_answered_tells_how_it_is_verified(
    case: Verified, way: Callable[[Verified], Iterator[str]]
) -> None:
    """Each answer is at every step of either way what it was before anything was drawn."""
    before = {person: case.answers(person) for person in case.readers}
    for step in way(case):
        assert case.s.step == step
        for person in case.readers:
            for path, said in case.answers(person).items():
                assert differing(before[person][path], said) == [], (step, person, path)


@pytest.mark.parametrize("way", [to_the_desk, to_the_site])
def test_the_manager_finds_it_at_the_verification_whichever_of_its_steps_he_asks_for(
    case: Verified, way: Callable[[Verified], Iterator[str]]
) -> None:
    browser = case.office.at(case.manager)
    for _ in way(case):
        for step in VERIFYING:
            found = browser.get(f"/cases?q={case.id}&process=inspection&step={step}").text
            assert ROW.findall(found) == ["Verification"]
            assert re.findall(r'<option value="([a-z_]+)" selected>', found) == ["inspection", "draw"]
            told = browser.get(f"/api/v1/cases?after={case.id - 1}&limit=1&step={step}").json()["items"][0]
            assert (told["id"], told["step"], told["due_on"]) == (case.id, "draw", None)
        options = re.findall(r'<option value="([a-z_]+)"[^>]*>([^<]*)</option>', found)
        assert [name for id_, name in options if id_ in VERIFYING] == ["Verification"]
        assert ROW.findall(browser.get(f"/cases?q={case.id}&process=inspection&step=weigh").text) == []


@ON_ONE
@pytest.mark.parametrize(("language", "says", "by", "why"), [
    ("en", "Verification", "by the department",
     "The department verifies this conclusion. How and by whom is told with the outcome."),
    ("ko", "이중확인", "여신관리부", "여신관리부에서 이 점검의견을 이중확인합니다. 방법과 담당자는 결과와 함께 알립니다."),
])  # fmt: skip
def test_to_the_manager_it_stands_at_one_step_with_the_department(
    case: Verified, language: str, says: str, by: str, why: str
) -> None:
    case.office.at(case.manager).cookies.set("language", language)
    for _ in to_the_site(case):
        page = case.page(case.manager)
        strip = STRIP.search(page)
        assert strip
        here = re.search(r'aria-current="step"><b>([^<]*)</b><span>([^<]*)', strip[1])
        assert here
        assert here.groups() == (says, by)
        assert len(re.findall("<li", strip[1].partition("aria-current")[2])) == 3  # weighed, decided, closed
        assert why in page
        assert re.search(r'<rect class="here"[^>]*/><text[^>]*>' + says, page)
        officers = link(case.office, case.id, case.officer())  # who passes his mail on passes on no more than his name
        for path in (f"/cases/{case.id}/conclude", officers):
            told = case.office.at(case.manager).get(path).text
            assert why in told
            assert not re.search("on site|Compare|Second visit|현장 이중확인|비교", told)


@ON_ONE
def test_before_he_concludes_one_step_lies_ahead_of_him_and_the_department_sees_the_draw(office: Office) -> None:
    id_, manager = waiting(office, "review")
    for person, ahead in ((manager, ["Verification", "Weigh", "Decide", "Closed"]),
                          (office.of("auditor"), ["Draw", "Verify at desk", "Weigh", "Decide", "Closed"])):  # fmt: skip
        strip = STRIP.search(office.at(person).get(f"/cases/{id_}").text)
        assert strip
        assert re.findall("<b>([^<]*)</b>", strip[1].partition("aria-current")[2])[1:] == ahead


@ON_ONE
def test_the_department_and_who_oversees_it_see_every_step_as_it_is(case: Verified) -> None:
    office = case.office
    for step in to_the_site(case):
        for person in (case.officer(), office.of("auditor"), office.of("operations"), office.of("credit_manager")):
            name = {"verify_site": "Verify on site", "compare": "Compare", "revisit": "Second visit"}[step]
            assert f'aria-current="step"><b>{name}</b>' in case.page(person)
            assert ROW.findall(office.at(person).get(f"/cases?q={case.id}&step={step}").text) == [name]
            assert ROW.findall(office.at(person).get(f"/cases?q={case.id}&step=draw").text) == []
            told = office.at(person).get(f"/api/v1/cases/{case.id}").json()
            assert (told["step"], told["seq"], told["due_on"]) == (step, case.s.seq, case.s.due_on)
        assert "to be verified on site" in case.page(office.of("auditor"))


@ON_ONE
@pytest.mark.parametrize("outcome", ["verify", "disagree"])
def test_with_the_outcome_all_of_it_is_his_to_read(case: Verified, outcome: str) -> None:
    office = case.office
    *_, step = to_the_site(case)
    assert step == "compare"
    officer = case.officer()
    hidden = case.page(case.manager)
    said = (
        {"outcome": "V0", "own_level": 2}
        if outcome == "verify"
        else {"outcome": "V4", "own_level": 2, "reason": "stock gone"}
    )
    do(office, officer, outcome, case.id, said)
    page, name = case.page(case.manager), office.db.rows("SELECT name FROM person WHERE id = ?", officer)[0][0]
    for says in ("to be verified on site", "the door was shut", name):
        assert (says in page, says in hidden) == (True, False), says
    assert office.at(case.manager).get(f"/api/v1/cases/{case.id}").json()["seq"] == case.s.seq
    if outcome == "disagree":  # and what he concludes then is again verified unannounced, the round before it told
        case.conclude()
        before = case.answers(case.manager)
        assert "the door was shut" in before[f"/cases/{case.id}"]
        case.run("desk")
        do(office, case.officer(), "claim", case.id)
        for path, told in case.answers(case.manager).items():
            assert differing(before[path], told) == [], path


@ON_ONE
def test_what_he_writes_meanwhile_is_recorded_and_numbered_as_if_nothing_else_had_been(case: Verified) -> None:
    office, seq = case.office, case.s.seq
    *_, _ = to_the_site(case)
    assert (
        office.post(case.manager, f"/cases/{case.id}", act="comment", sent="yes", text="I was there.").status_code
        == 303
    )  # type: ignore[attr-defined]
    told = case.act(
        case.manager, {"action": "comment", "payload": {"text": "And again."}, "seen": seq}, "comment.key"
    ).json()
    assert (told["step"], told["seq"]) == ("draw", seq + 2)
    page = case.page(case.manager)
    assert re.findall(r'<span class="seq">(\d+)</span>', page) == [str(n) for n in range(seq + 2, 0, -1)]
    assert "I was there." in page
    assert "each follows the one before it" in page
    assert "I was there." in case.page(office.of("auditor"))


@pytest.mark.parametrize("role", ["post_loan_officer", "operations"])
def test_who_sees_more_by_another_role_does_not_see_it_of_his_own_customers(case: Verified, role: str) -> None:
    office = case.office
    office.db.run("INSERT INTO role_grant (person, role, since) VALUES (?, ?, ?)", case.manager, role, "2020-01-01")
    others = office.db.rows("SELECT id, subject FROM cases WHERE step = 'verify_site' ORDER BY id")
    other = next(id_ for id_, subject in others
                 if store.managers(office.db, [subject], day(office))[subject] != case.manager)  # fmt: skip
    browser = office.at(case.manager)
    before = case.answers(case.manager)
    for step in to_the_site(case):
        for path, told in case.answers(case.manager).items():
            assert differing(before[path], told) == [], (step, path)
    for id_, step, found in (
        (other, "verify_site", 1),
        (other, "draw", 0),
        (case.id, "verify_site", 1),
        (case.id, "draw", 1),
    ):
        assert len(ROW.findall(browser.get(f"/cases?q={id_}&step={step}").text)) == found, (id_, step)
    assert 'aria-current="step"><b>Verify on site</b>' in browser.get(f"/cases/{other}").text
