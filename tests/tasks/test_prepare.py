"""What the manager finds on his desk: class by days past due, level by the worst finding, what changed since last time,
and from which of the borrower's inspections that is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from door.command import SYSTEM
from door.db import Db
from tasks.dossier import Dossier, dossiers
from tasks.prepare import prepare
from tasks.replay import replay
from tests.tasks.papers import answer, asks, dossier, given, package
from tests.tasks.works import Works, works

Findings = tuple[tuple[str, str], ...]  # checkpoint, colour


def case(*findings: tuple[str, str], answers: Any = (), **more: Any) -> Dossier:
    """A case that was examined, with these findings about L1."""
    found = [{"facility": "L1", "checkpoint": c, "colour": colour} for c, colour in findings]
    more.setdefault("asked", [asks("C4", "C8")])
    return dossier(
        ("submit", package(answers, ()), "ahn"), ("pass", {"defects": [], "findings": found}, SYSTEM), **more
    )


def proposed(d: Dossier, **dpd: int | None) -> dict[str, Any]:
    """The proposal, days past due by facility (L1: none)."""
    rows = {f: {"facility": f, "dpd": n, "class": 1, "bal": 1} for f, n in ({"L1": 0} | dpd).items()}
    action, said = prepare(d, given(rows=rows))
    assert action == "propose"
    return said


# -- class ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dpd", "class_"),
    [(0, 1), (1, 2), (90, 2), (91, 3), (270, 3), (271, 4), (360, 4), (361, 5), (4000, 5)],
)
def test_the_class_follows_the_days_past_due(dpd: int, class_: int) -> None:
    said = proposed(case(), L1=dpd)
    assert said["proposed_class"] == class_
    assert (f"L1: {dpd} days past due make class {class_}" in said["because"]) == (class_ > 1)


def test_the_worst_facility_makes_the_class() -> None:
    both = case(asked=[asks("C4"), asks("C4", facility="L2")])
    assert proposed(both, L1=20, L2=100)["proposed_class"] == 3
    assert proposed(both, L1=100, L2=20)["proposed_class"] == 3
    assert proposed(case(), L1=20, L9=400)["proposed_class"] == 2


def test_it_is_never_better_than_the_class_in_the_books() -> None:
    said = proposed(case(class_=3), L1=20)
    assert (said["proposed_class"], said["because"]) == (3, "class 3 in the books")
    assert proposed(case(class_=3), L1=300)["proposed_class"] == 4


def test_what_is_not_known_is_said_and_makes_nothing_better_or_worse() -> None:
    """The extract lacks the days, or the facility has left it."""
    for rows in ({"L1": {"dpd": None}}, {}):
        _, said = prepare(case(class_=2), given(rows=rows))
        assert said["proposed_class"] == 2
        assert said["because"] == "class 2 in the books; L1: days past due not evaluated"


# -- level ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "level"),
    [
        ((), 0),
        ((("C4", "y"),), 1),
        ((("C4", "y"), ("C8", "o")), 2),
        ((("C8", "o"), ("C4", "y"), ("C1", "r")), 3),
    ],
)
def test_the_level_follows_the_worst_finding(findings: Findings, level: int) -> None:
    assert proposed(case(*findings))["proposed_level"] == level


def test_every_finding_is_given_as_a_reason_the_worst_first() -> None:
    because = proposed(case(("C4", "y"), ("C1", "r"), ("C8", "o")))["because"]
    assert because == "class 1 in the books; L1 C1: red; L1 C8: orange; L1 C4: yellow"


def test_the_newest_examination_counts_and_what_the_officer_adds_in_his_check() -> None:
    d = case(("C1", "r"))
    second = replace(d.past[2], seq=5, said={"findings": [{"facility": "L1", "checkpoint": "C4", "colour": "y"}]})
    check = replace(d.past[2], seq=6, action="check", person="yoon", said={})
    again = replace(d, past=(*d.past, second, check))
    assert proposed(again)["because"] == "class 1 in the books; L1 C4: yellow"
    saw = {"findings": [{"facility": "L1", "checkpoint": "C8", "colour": "o"},
                        {"facility": "L1", "checkpoint": "C4", "colour": "y"}]}  # fmt: skip
    added = replace(d, past=(*d.past, second, replace(check, said=saw)))
    assert proposed(added)["because"] == "class 1 in the books; L1 C8: orange; L1 C4: yellow"


# -- green ------------------------------------------------------------------------------------------------------------


def test_green_is_without_finding_normal_and_right_at_the_first_round() -> None:
    """Green cases may be concluded and verified in a list."""
    assert proposed(case())["green"]
    assert not proposed(case(("C4", "y")))["green"]
    assert not proposed(case(class_=2))["green"]
    assert not proposed(case(), L1=1)["green"]
    assert not proposed(case(visits={"screen": 2}))["green"]


# -- changes ----------------------------------------------------------------------------------------------------------


def test_answers_that_differ_from_the_last_inspections_are_shown() -> None:
    now = [answer("C4", "100"), answer("C8", "nothing"), answer("C1", "normal")]
    before = {("L1", "C4"): "120", ("L1", "C8"): "nothing", ("L2", "C1"): "halted", ("L1", "S3"): "90"}
    said = proposed(case(answers=now, before=before))
    assert said["changes"] == [{"facility": "L1", "checkpoint": "C4", "before": "120", "now": "100"}]


def test_without_an_earlier_inspection_nothing_has_changed() -> None:
    assert proposed(case(answers=[answer("C4", "100")]))["changes"] == []


def inspected(bank: Works, stock: str, facility: str = "L1", checkpoint: str = "C4", slot: str | None = None) -> int:
    """An inspection of B1 at its screening, with one answer. In a slot of its own it may run beside another."""
    bank.db.run("INSERT INTO facility (id, borrower, product, currency, limit_amt, bal, first_seen, digest) "
                "VALUES (?, 'B1', 'WC', 'KRW', 0, 0, ?, '') ON CONFLICT DO NOTHING", facility, bank.bank.day)  # fmt: skip
    case = bank.bank.open("inspection", SYSTEM, "open", subject="B1", slot=slot, book=bank.book,
                          said={"path": "own", "asks": [asks(checkpoint, facility=facility)]})  # fmt: skip
    said = {"how": "own", "visited_on": bank.bank.day, "answers": [answer(checkpoint, stock, facility=facility)]}
    bank.bank.do("lee", "collect", case, payload=said | {"evidence": []})
    bank.bank.do(SYSTEM, "pass", case)
    return case


def before(bank: Works, case: int) -> dict[tuple[str, str], str]:
    (d,) = dossiers(bank.db, [bank.bank.state(case)])
    return dict(d.answers_before or {})


def test_only_what_was_closed_before_the_case_was_opened_is_its_past(db: Db, tmp_path: Path) -> None:
    """Whatever is closed afterwards changes no decision that was made, or will be made again."""
    bank = works(db, tmp_path)
    first = inspected(bank, "100")
    bank.bring(first, "closed")
    beside, case = inspected(bank, "77"), inspected(bank, "90")
    bank.bring(beside, "closed")
    cancelled = inspected(bank, "55")
    bank.cancel([cancelled])
    assert before(bank, first) == {}
    assert before(bank, case) == {("L1", "C4"): "100"}
    assert bank.stage("manager_review", "prepare") == {"propose": 1}
    assert bank.said(case, "propose")["changes"] == [
        {"facility": "L1", "checkpoint": "C4", "before": "100", "now": "90"}
    ]
    assert before(bank, inspected(bank, "1")) == {("L1", "C4"): "77"}


def test_the_last_answer_to_a_question_is_found_behind_inspections_about_other_things(db: Db, tmp_path: Path) -> None:
    """An inspection of a drawing in between, or of another facility, hides nothing."""
    bank = works(db, tmp_path)
    for stock, facility, checkpoint in (
        ("100", "L1", "C4"),
        ("80", "L1", "C4"),
        ("95", "L1", "U2"),
        ("60", "L2", "C4"),
    ):
        bank.bring(inspected(bank, stock, facility, checkpoint), "closed")
    found = before(bank, inspected(bank, "50"))
    assert found == {("L1", "C4"): "80", ("L1", "U2"): "95", ("L2", "C4"): "60"}


def test_what_was_prepared_on_answers_that_are_erased_is_not_called_a_divergence(db: Db, tmp_path: Path) -> None:
    """Whichever of the earlier inspections they came from."""
    bank = works(db, tmp_path)
    for stock, checkpoint in (("100", "C4"), ("95", "U2")):
        bank.bring(inspected(bank, stock, checkpoint=checkpoint), "closed")
    case = inspected(bank, "50")
    bank.stage("manager_review", "prepare")
    assert bank.said(case, "propose")["changes"]
    assert replay(db, bank.house.snapshots, [case]).recomputed == 1
    db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = ? AND action = 'collect'",
           f"case:{bank.cases()[0]}")  # fmt: skip
    again = replay(db, bank.house.snapshots, [case])
    assert again.recomputed == 0
    assert not [d for d in again.divergences if d.what == "decision"]
