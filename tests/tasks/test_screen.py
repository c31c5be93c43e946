"""The automatic examination of a package, by example: each return code that it covers, what each leads to, and what
an answer finds."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from door.command import SYSTEM
from door.db import Db
from tasks.replay import replay
from tasks.screen import screen
from tests.tasks.core_bank import BOOK
from tests.tasks.papers import VISITED, answer, asks, dossier, file, given, package, past, sha, vendor
from tests.tasks.works import QUIET, changed, facility, works

Package = dict[str, Any]
ASKED = ("C1", "C4", "C5", "C8", "C12", "S3", "S4")
PHOTOS = ("gate", "sign", "workplace", "stock", "meter", "inspector_with_host", "licence")


def clean(**other: Any) -> Package:
    """Nothing is missing, nothing is found."""
    answers = [
        answer("C1", "normal", "workplace"), answer("C4", "120", "stock"), answer("C5", "100"),
        answer("C8", "nothing", "bureau"), answer("S3", "95", "statements"), answer("S4", "2026-12-31"),
    ]  # fmt: skip
    papers = [file("bureau", "document"), file("statements", "document")]
    return package(answers, [file(p) for p in PHOTOS] + papers, **other)


def own(how: str = "own", **other: Any) -> Package:
    return clean(how=how, interview_signed=False, **other)


def without(package: Package, checkpoint: str) -> Package:
    return package | {"answers": [a for a in package["answers"] if a["checkpoint"] != checkpoint]}


def answered(package: Package, checkpoint: str, **other: Any) -> Package:
    """The package with another answer to a question."""
    assert checkpoint in {a["checkpoint"] for a in package["answers"]}
    return package | {"answers": [{**a, **other} if a["checkpoint"] == checkpoint else a for a in package["answers"]]}


def shown(package: Package, shows: str, **other: Any) -> Package:
    """The package with a file changed; without changes, with that file left out."""
    assert shows in {e["shows"] for e in package["evidence"]}
    kept = [{**e, **other} if e["shows"] == shows else e for e in package["evidence"] if other or e["shows"] != shows]
    return package | {"evidence": kept}


def screened(package: Package, *, person: str = "ahn", given: Any = given(), **case: Any) -> tuple[str, Any]:  # noqa: B008
    case = {"path": "desk" if package["how"] == "desk" else "outsourced"} | case
    action = "submit" if package["how"] == "outsourced" else "collect"
    return screen(dossier((action, package, person), asked=case.pop("asked", [asks(*ASKED)]), **case), given)


def defects(package: Package, **more: Any) -> list[tuple[str, str]]:
    """(return code, where) of all that is wrong."""
    return [(d["code"], d["where"]) for d in screened(package, **more)[1]["defects"]]


def test_a_package_without_fault_passes() -> None:
    nothing = {"defects": [], "findings": []}
    assert screened(clean()) == ("pass", nothing)
    assert screened(own()) == ("pass", nothing)
    assert screened(own("desk")) == ("pass", nothing)


# -- each return code -------------------------------------------------------------------------------------------------


def test_b01_a_mandatory_answer_is_missing() -> None:
    assert defects(without(clean(), "C5")) == [("B01", "L1 C5")]
    assert defects(answered(clean(), "C5", value="")) == [("B01", "L1 C5")]


def test_what_is_not_mandatory_may_be_left_out() -> None:
    assert "C12" not in {a["checkpoint"] for a in clean()["answers"]}
    assert defects(clean() | {"answers": [*clean()["answers"], answer("C12", "a loan for a new oven")]}) == []


def test_b01_each_facility_is_answered_for() -> None:
    both = [asks("C5"), asks("C5", facility="L2")]
    assert defects(clean(), asked=both) == [("B01", "L2 C5")]


def test_b01_the_document_of_an_answer_is_missing() -> None:
    assert defects(answered(clean(), "C8", files=[])) == [("B01", "L1 C8")]
    assert defects(answered(clean(), "C8", files=[sha("gate")])) == [("B01", "L1 C8")]
    assert defects(answered(own("desk"), "C8", files=[])) == [("B01", "L1 C8")]


def test_b01_an_answer_names_a_file_that_was_not_handed_in() -> None:
    assert defects(answered(clean(), "C5", files=[sha("elsewhere")])) == [("B01", "L1 C5")]


def test_b02_the_photo_of_an_answer_is_missing_but_at_the_desk_none_is_taken() -> None:
    assert defects(answered(clean(), "C1", files=[])) == [("B02", "L1 C1")]
    assert defects(answered(own(), "C1", files=[])) == [("B02", "L1 C1")]
    assert defects(answered(own("desk"), "C1", files=[])) == []


@pytest.mark.parametrize("path", ["own", "outsourced"])
def test_b02_where_a_visit_is_prescribed_a_form_filled_in_at_the_desk_is_none(path: str) -> None:
    """Also where the manager visits because no vendor did."""
    assert defects(own("desk"), path=path) == [("B02", "visit")]
    assert screened(own("desk"), path=path)[0] == "recollect"
    assert screened(own(), path=path)[0] == "pass"


@pytest.mark.parametrize("photo", PHOTOS)
def test_b02_a_photo_of_every_vendors_visit_is_missing(photo: str) -> None:
    assert ("B02", photo) in defects(shown(clean(), photo))


def test_b02_collateral_is_photographed_where_it_is_asked_about() -> None:
    with_collateral = clean() | {"answers": [*clean()["answers"], answer("M3", "good", "gate")]}
    found = defects(with_collateral, asked=[asks(*ASKED, "M3")])
    assert found == [("B02", "collateral_1"), ("B02", "collateral_2")]


def test_b02_our_own_visits_need_only_the_photos_of_the_answers() -> None:
    assert defects(shown(own(), "gate")) == []


@pytest.mark.parametrize(("days", "wrong"), [(-2, True), (-1, False), (0, False), (1, False), (2, True)])
def test_b03_a_photo_was_taken_on_another_day_than_the_visit(days: int, wrong: bool) -> None:
    taken = f"{date.fromisoformat(VISITED) + timedelta(days)}T23:00:00Z"
    assert defects(shown(clean(), "gate", taken_at=taken)) == [("B03", "gate")] * wrong
    assert defects(shown(clean(), "bureau", taken_at=taken)) == []


HERE, AWAY = {"latitude": "37.31090", "longitude": "126.83000"}, {"latitude": "37.32990", "longitude": "126.83000"}
LIES = given(premises={"B1": ("37.31090", "126.83000")})


def test_b03_a_photo_was_taken_away_from_the_premises_and_nobody_says_why() -> None:
    said = screened(shown(clean(), "gate", **AWAY), given=LIES)[1]
    assert said["defects"] == [
        {"code": "B03", "where": "gate", "says": "taken 2113 m from the premises, no reason given"}
    ]
    assert defects(shown(own(), "gate", **AWAY), given=LIES) == [("B03", "gate")]
    assert defects(shown(clean(), "gate", **HERE), given=LIES) == []


def test_b03_it_is_no_fault_where_it_is_said_why_or_one_of_the_places_is_not_known_or_it_is_a_paper() -> None:
    assert defects(shown(clean(), "gate", **AWAY, note="the machines stand in the second works"), given=LIES) == []
    assert defects(shown(clean(), "gate", **AWAY)) == []
    assert defects(shown(clean(), "gate", latitude="", longitude=""), given=LIES) == []
    assert defects(shown(clean(), "gate", latitude="somewhere", longitude="nan"), given=LIES) == []
    assert defects(shown(clean(), "bureau", **AWAY), given=LIES) == []


def test_b03_how_far_is_too_far_the_policy_says() -> None:
    for within, wrong in ((2_112, True), (2_113, False)):
        book = changed(collection={"premises_within_m": within})
        lies = given(premises={"B1": ("37.31090", "126.83000")}, book=book)
        assert defects(shown(clean(), "gate", **AWAY), given=lies, book=book) == [("B03", "gate")] * wrong


def test_b04_a_file_was_handed_in_with_another_case_before() -> None:
    used = {sha("gate"): [("2025-11-02T09:00:00.000000Z", 3)]}
    action, said = screened(clean(), given=given(first_uses=used))
    assert action == "integrity"
    assert said["defects"] == [{"code": "B04", "where": "gate", "says": "handed in before with case 3"}]


def test_b04_is_no_reproach_for_the_cases_own_earlier_round_or_for_who_came_first() -> None:
    own_round = [("2026-01-06T09:00:00.000000Z", 7)]
    copied_later = [("2026-01-09T09:00:00.000000Z", 9)]
    for used in (own_round, copied_later, own_round + copied_later):
        assert defects(clean(), given=given(first_uses={sha("gate"): used})) == []


def test_b04_of_two_that_came_at_the_same_instant_one_is_the_copy() -> None:
    at = past(2, "submit", {}).recorded_at
    used = {sha("gate"): [(at, 7), (at, 8)]}
    assert defects(clean(), id=7, given=given(first_uses=used)) == []
    assert defects(clean(), id=8, given=given(first_uses=used)) == [("B04", "gate")]


@pytest.mark.parametrize(
    ("checkpoint", "value"), [("C1", "splendid"), ("C4", "many"), ("C5", "-1"), ("S3", "NaN"), ("S4", "2026-02-30")]
)
def test_b06_an_answer_is_of_the_wrong_type_or_out_of_range_and_then_finds_nothing(checkpoint: str, value: str) -> None:
    _, said = screened(answered(clean(), checkpoint, value=value))
    assert [(d["code"], d["where"]) for d in said["defects"]] == [("B06", f"L1 {checkpoint}")]
    assert said["findings"] == []


def test_b07_a_figure_is_older_than_three_months_and_no_reason_is_given() -> None:
    stale = answered(clean(), "S3", as_of="2025-10-07")
    assert defects(stale) == [("B07", "L1 S3")]
    assert defects(answered(stale, "S3", note="the accountant was ill")) == []
    assert defects(answered(clean(), "S3", as_of="2025-10-08")) == []


@examples(st.dates(date(2023, 1, 1), date(2026, 12, 31)), st.integers(0, 130))
def test_b07_three_months_are_counted_by_the_calendar(visited: date, age: int) -> None:
    """Stale from the day after the same day three months on, or the month's last."""
    figure = visited - timedelta(age)
    month, year = (figure.month + 2) % 12 + 1, figure.year + (figure.month > 9)
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).day
    limit = date(year, month, min(figure.day, last))
    day = str(visited)
    made = clean(visited_on=day) | {"evidence": [file(e["shows"], e["kind"], day) for e in clean()["evidence"]]}
    late = dossier(("submit", answered(made, "S3", as_of=str(figure)), "ahn"), asked=[asks("S3")], opened_on=day,
                   prescribed_on=day)  # fmt: skip
    handed = replace(late.past[1], business_date=day)
    found = screen(replace(late, past=(late.past[0], handed)), given())[1]["defects"]
    assert [d["code"] for d in found] == ["B07"] * (visited > limit)


def test_b11_the_interview_is_not_signed() -> None:
    assert defects(clean(interview_signed=False)) == [("B11", "interview")]


def on(visited: str) -> Package:
    """A package that was collected on another day, its photographs and figures too."""
    made = clean(visited_on=visited)
    made["answers"] = [{**a, "as_of": visited} for a in made["answers"]]
    return made | {"evidence": [file(e["shows"], e["kind"], visited) for e in made["evidence"]]}


def handed_in(package: Package, day: str, **case: Any) -> list[str]:
    """Return codes where the package was handed in on that day."""
    d = dossier(("submit", package, "ahn"), asked=[asks(*ASKED)], **case)
    _, said = screen(replace(d, past=(d.past[0], replace(d.past[1], business_date=day))), given())
    return [x["code"] for x in said["defects"]]


@pytest.mark.parametrize(
    ("visited", "outside"), [("2025-12-20", True), ("2025-12-21", False), ("2026-01-20", False), ("2026-01-21", True)]
)
def test_b12_visited_outside_the_window_about_the_due_date(visited: str, outside: bool) -> None:
    """15 days before and after 5 January, the day of opening and the due date."""
    assert handed_in(on(visited), "2026-01-30") == ["B12"] * outside


def test_b12_nobody_has_visited_tomorrow() -> None:
    assert handed_in(on("2026-01-09"), "2026-01-08") == ["B12"]
    assert handed_in(on("2026-01-09"), "2026-01-09") == []


def test_after_an_outage_the_window_reaches_from_the_due_date_to_days_after_the_opening() -> None:
    """Due on 5 January, opened on 2 March only."""
    late = {"opened_on": "2026-03-02", "prescribed_on": "2026-01-05"}
    assert handed_in(on("2026-03-17"), "2026-03-17", **late) == []
    assert handed_in(on("2026-03-18"), "2026-03-18", **late) == ["B12"]
    assert handed_in(on("2025-12-20"), "2026-03-17", **late) == ["B12"]
    assert handed_in(on("2025-12-21"), "2026-03-17", **late) == []


def test_a_second_round_may_come_after_the_window() -> None:
    assert handed_in(on("2026-01-27"), "2026-01-27") == ["B12"]
    assert handed_in(on("2026-01-27"), "2026-01-27", visits={"visit": 2}) == []
    assert handed_in(on("2026-01-27"), "2026-01-27", visits={"visit": 1, "collect": 1}) == []


def test_b13_the_inspector_is_not_under_contract() -> None:
    action, said = screened(clean(), person="zoe")
    assert action == "integrity"
    assert [d["code"] for d in said["defects"]] == ["B13"]
    assert defects(clean(), given=given(vendors=(vendor("visits", "bae"), vendor("other", "ahn")))) == []
    assert defects(own(), person="lee") == []


# -- what the defects lead to -----------------------------------------------------------------------------------------


def test_what_is_incomplete_goes_back_to_who_collected() -> None:
    assert screened(without(clean(), "C5"))[0] == "incomplete"
    assert screened(without(own(), "C5"))[0] == "recollect"
    assert screened(without(own("desk"), "C5"))[0] == "recollect"


def test_where_honesty_is_in_doubt_there_is_no_second_try() -> None:
    """Whatever else is wrong; a package of our own goes back to its manager all the same."""
    used = given(first_uses={sha("gate"): [("2025-11-02T09:00:00.000000Z", 3)]})
    assert screened(without(clean(), "C5"), given=used)[0] == "integrity"
    assert screened(own(), given=used)[0] == "recollect"


def test_every_defect_is_named_at_once_and_each_once() -> None:
    bad = shown(answered(without(clean(interview_signed=False), "C5"), "C4", value="?"), "sign")
    assert defects(bad) == [("B01", "L1 C5"), ("B02", "sign"), ("B06", "L1 C4"), ("B11", "interview")]
    twice = [asks("C5"), asks("C5", kind="rating")]
    assert defects(without(clean(), "C5"), asked=twice) == [("B01", "L1 C5")]


# -- findings ---------------------------------------------------------------------------------------------------------

FINDS = [
    ("C1", "reduced", "o"), ("C1", "halted", "r"), ("C4", "84", "y"), ("C5", "70", "o"), ("C8", "new_debt", "y"),
    ("C8", "arrears", "o"), ("C8", "bad_debt", "r"), ("S3", "69", "o"), ("S4", "2026-01-07", "o"),
]  # fmt: skip


@pytest.mark.parametrize(("checkpoint", "value", "colour"), FINDS)
def test_an_answer_finds_what_the_template_says(checkpoint: str, value: str, colour: str) -> None:
    """The stock of 84 against 120 at the last inspection is a fall by 30 %."""
    action, said = screened(answered(clean(), checkpoint, value=value), before={("L1", "C4"): "120"})
    assert action == "pass"
    assert said["findings"] == [{"facility": "L1", "checkpoint": checkpoint, "colour": colour}]


def test_a_change_is_found_only_against_an_earlier_answer_about_the_same_facility() -> None:
    fallen = answered(clean(), "C4", value="84")
    assert screened(fallen)[1]["findings"] == []
    assert screened(fallen, before={("L2", "C4"): "120"})[1]["findings"] == []


def test_a_question_asked_for_two_reasons_is_one_finding() -> None:
    twice = [asks("C8"), asks("C8", kind="rating")]
    said = screened(answered(clean(), "C8", value="arrears"), asked=twice)[1]
    assert said["findings"] == [{"facility": "L1", "checkpoint": "C8", "colour": "o"}]


def test_findings_are_kept_beside_defects_and_what_was_not_asked_finds_nothing() -> None:
    bad = answered(clean(interview_signed=False), "C1", value="halted")
    assert [f["colour"] for f in screened(bad)[1]["findings"]] == ["r"]
    assert screened(bad, asked=[asks("C5")])[1]["findings"] == []


ODD = ("", "1e999999", "-1e999999", "1e-999999", "0e999999", "sNaN", "9999-12-31", "0001-01-01", "2026-W02", "١٢", "\0")


@pytest.mark.parametrize("id_", sorted(BOOK.checkpoints))
def test_no_answer_however_odd_stops_the_examination(id_: str) -> None:
    """One package that can't be read would hold up all others of the batch."""
    for value, before in product(ODD, (None, *ODD)):
        odd = shown(clean(), "gate", taken_at=value) | {"answers": [answer(id_, value)]}
        said = screened(odd, asked=[asks(id_)], before={("L1", id_): before} if before is not None else None)[1]
        assert ("B03", "gate") in [(d["code"], d["where"]) for d in said["defects"]]


def test_a_case_at_the_screen_without_a_package_is_a_fault_of_ours() -> None:
    with pytest.raises(LookupError, match="case 7 is to be screened, but holds no package"):
        screen(dossier(), given())


# -- through the door -------------------------------------------------------------------------------------------------


def test_the_same_photo_in_two_cases_is_found_on_the_database(db: Db, tmp_path: Path) -> None:
    """The first case passes, the second is handed back; so is a third that came in the same moment as the second."""
    bank = works(db, tmp_path)
    bank.snapshot(*(facility(f"L{n}", f"B{n}", **QUIET) for n in (1, 2, 3)))
    cases = [bank.bank.open("inspection", SYSTEM, "open", subject=f"B{n}", book=bank.book, said={"path": "own"})
             for n in (1, 2, 3)]  # fmt: skip
    photo = {**file("gate", day="2026-01-05"), "taken_at": "2026-01-05T10:00:00Z"}
    said = {"how": "own", "visited_on": "2026-01-05", "answers": [], "evidence": [photo]}
    for some in (cases[:1], cases[1:]):
        bank.bank.act(*(bank.bank.command("lee", "collect", case, payload=said) for case in some))
    assert bank.stage("outsourced_collection", "screen") == {"pass": 1, "recollect": 2}
    assert bank.bank.state(cases[0]).step == "prepare"
    assert [d["says"] for d in bank.said(cases[2], "recollect")["defects"]] == [
        f"handed in before with case {cases[0]}"
    ]
    bank.bank.do("lee", "collect", cases[1], payload=said | {"evidence": []})
    assert bank.stage("outsourced_collection", "screen") == {"pass": 1}


def test_where_the_premises_lie_the_runs_snapshot_says_so_that_a_replay_finds_the_same(db: Db, tmp_path: Path) -> None:
    """Also after the extract has named another place."""
    bank = works(db, tmp_path)
    lies = {"latitude": "37.31090", "longitude": "126.83000"}
    bank.snapshot(facility("L1", "B1", **QUIET), facility("L2", "B1", **QUIET, **lies), facility("L3", "B2", **QUIET))
    cases = [bank.bank.open("inspection", SYSTEM, "open", subject=f"B{n}", book=bank.book, said={"path": "own"})
             for n in (1, 2)]  # fmt: skip
    said = {"how": "own", "visited_on": "2026-01-05", "answers": []}
    for case in cases:
        photo = file(f"gate{case}", day="2026-01-05") | AWAY
        bank.bank.act(bank.bank.command("lee", "collect", case, payload=said | {"evidence": [photo]}))
    assert bank.stage("outsourced_collection", "screen") == {"pass": 1, "recollect": 1}
    assert bank.said(cases[0], "recollect")["defects"][0]["says"] == "taken 2113 m from the premises, no reason given"
    bank.bank.day = "2026-01-06"
    bank.snapshot(facility("L1", "B1", **QUIET, **AWAY))
    db.run("UPDATE borrower SET latitude = ?, longitude = ? WHERE id = 'B1'", *AWAY.values())
    done = replay(db, bank.house.snapshots, cases)
    assert (done.recomputed, [d for d in done.divergences if d.what == "decision"]) == (2, [])
