"""Why not, to whoever asks: himself as "you", what was done with its day, instants where the bank is, fields as the page
calls them; in his language, whatever the reason."""

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from door.act import _ITEM_FORMS
from door.command import Refused
from models.process import USER
from portal.words.labels import labels
from portal.words.reader import LANGUAGES, Reader
from processes import PROCESSES
from tasks.sentences import CONDITIONS, OF_ONE, REFUSALS, TO_HIM, sentence
from tests.portal.conftest import Office
from tests.portal.links import do, restriction

FACTS: dict[str, Any] = {
    "at": "2026-02-02T15:07:00.123456Z", "expired_at": "2026-02-02T15:07:00Z", "by": "P1", "person": "P1", "owner": "P1",
    "holder": "P1", "absent": "P1", "for": "P1", "to": "P1", "step": "verify_desk", "offered": ["send_back", "conclude"],
    "did": "send_back", "action": "send_back", "role": "account_manager", "lane": "department", "yours": "branch",
    "whose": "manager", "condition": "open_order == 0", "field": "measures.by",
}  # fmt: skip
DAYS = ("day", "today", "until", "latest", "due_on", "concluded_on")
ENGLISH = re.compile(r"[a-z]{2,}|_|UTC|\d{4}-\d\d-\d\d|[{}]")


def facts(text: str) -> dict[str, Any]:
    """Something for each blank of a sentence."""
    blanks = {name for _, name, _, _ in Formatter().parse(text) if name}
    return {name: FACTS.get(name, "2026-02-02" if name in DAYS else "7") for name in blanks}


@pytest.mark.parametrize("code", sorted({*REFUSALS, *TO_HIM}))
@pytest.mark.parametrize("me", ["", "P1"])
def test_every_reason_is_in_the_readers_language_with_days_and_instants_of_his(code: str, me: str) -> None:
    refused = Refused(code, facts(REFUSALS[code]) | facts(TO_HIM.get(code, "")))
    said = Reader("ko").why(refused, {"P1": "김"}, me)
    assert ENGLISH.findall(said.replace("core-banking", "")) == [], said
    english = Reader("en").why(refused, {"P1": "Kim"}, me)
    assert re.findall(r"_|UTC|\d{4}-\d\d-\d\d|[{}]", english) == [], english
    if code in TO_HIM:
        assert [word in english for word in ("Kim", "you", "You")].count(True) == 1, english
        assert ("Kim" in english) == (me == ""), english


def fields(form: type[BaseModel]) -> Iterator[str]:
    def inside(type_: Any) -> Iterator[str]:
        if isinstance(type_, type) and issubclass(type_, BaseModel):
            yield from fields(type_)
        for each in get_args(type_):
            yield from inside(each)

    for name, field in form.model_fields.items():
        yield name
        yield from inside(field.annotation)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_field_that_a_person_fills_in_is_named_as_the_page_labels_it(language: str) -> None:
    """Those of a file are the portal's own to fill in, and so is what was found."""
    reader = Reader(language)
    forms = [do.form for p in PROCESSES.values() for step in p.steps.values() for do in step.does
             if step.kind == USER and do.name != step.late]  # fmt: skip
    forms += [form for name, form in _ITEM_FORMS.items() if name != "remind"]
    own = {"sha256", "shows", "taken_at", "latitude", "longitude", "findings"}
    for name in {name for form in forms for name in fields(form)} - own:
        said = reader.why(Refused("form", {"field": f"{name}.0", "says": "Input should be valid", "of": "Form"}), {})
        assert said.startswith(f"{labels(reader.say)[name]}: "), name
        assert not re.search(r"Input|form Form", said)


def test_every_condition_that_a_person_may_meet_has_its_sentence() -> None:
    """A condition is told whole, or by the part of it that is not so."""
    asked = {do.when for p in PROCESSES.values() for step in p.steps.values() for do in step.does
             if step.kind == USER and do.when and do.name != step.late}  # fmt: skip
    parts = {part for when in asked for part in ([when] if when in CONDITIONS else when.split(" and "))}
    assert parts <= CONDITIONS.keys()


@pytest.mark.parametrize(("language", "says"), [
    ("en", "You proposed the restriction on {day}, so this is for somebody else (four eyes)."),
    ("ko", "{day} 나: 여신제한을 제안함. 이중확인이므로 다른 사람이 해야 합니다."),
])  # fmt: skip
def test_who_proposed_is_told_that_it_was_he_and_when(office: Office, language: str, says: str) -> None:
    case, shin, _ = restriction(office)
    office.at(shin).cookies.set("language", language)
    day = Reader(language).day(office.house.business_date())
    page = office.at(shin).get(f"/cases/{case}").text
    assert says.format(day=day) in page


def test_where_it_was_done_in_the_case_before_it_is_said_too(office: Office) -> None:
    """Who imposed a restriction does not confirm it: what he did stands in the inspection that it came from."""
    row = office.db.rows("SELECT c.id, e.person FROM cases c JOIN cases p ON p.id = c.parent JOIN entry e ON e.stream = p.stream "
                         "WHERE c.process = 'control' AND c.step = 'confirm' AND e.action = 'impose'")  # fmt: skip
    if not row:
        pytest.skip("in these weeks nothing was imposed that waits")
    case, person = row[0]
    assert "You decided on restrictions or orders on " in office.at(person).get(f"/cases/{case}").text


@pytest.mark.parametrize("code", OF_ONE)
def test_one_day_or_month_is_not_spoken_of_as_many(code: str) -> None:
    fact, frame = OF_ONE[code]
    of, as_condition = (code, {}) if code in REFUSALS else ("condition", {"condition": code})
    names = [name for _, name, _, _ in Formatter().parse(frame) if name]
    for n, many in ((1, False), (2, True)):
        said = sentence(Refused(of, {**dict.fromkeys(names, "x"), **as_condition, fact: n}))
        assert re.search(rf"\b{n} (more )?(day|month)", said)
        assert bool(re.search(r"\b(days|months)\b", said)) == many


def test_what_changed_meanwhile_is_told_by_the_clock_of_the_bank(office: Office) -> None:
    case, shin, _ = restriction(office)
    do(office, shin, "comment", case, {"text": "See the photographs."})
    others = [p for p in (office.of("credit_manager", n) for n in range(2)) if p != shin]
    told = {}
    for person in (shin, others[0]):
        form = {"_form": office.form(person), "act": "claim", "seen": "1", "key": f"{person:0>16}"[:16]}
        told[person] = office.at(person).post(f"/cases/{case}", data=form).text
    at = Reader("en").instant(
        office.db.rows("SELECT recorded_at FROM entry WHERE stream = ? AND seq = 2", f"case:{case}")[0][0]
    )
    name = office.db.rows("SELECT name FROM person WHERE id = ?", shin)[0][0]
    assert f"It has changed meanwhile: you acted at {at}, and" in told[shin]
    assert f"It has changed meanwhile: {name} acted at {at}, and" in told[others[0]]
    assert "UTC" not in told[shin] + told[others[0]]
