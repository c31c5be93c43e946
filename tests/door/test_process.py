"""The shape of a process: what a declaration is told when it is wrong, and what the bank's own pages hold."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import SQLModel

import models.tables  # noqa: F401 - fills the metadata
from models.forms import Reason
from models.process import END, GATEWAY, START, USER, Do, Form, Nothing, Process, Step, holds, names_in
from processes import PROCESSES
from tests.door.bank import LANES, UNITS, says

GOOD = Process(
    "good", "start", facts=("n",), cancel="head", authority={"branch": "head"},
    steps={"start": Step(START, "branch", "clerk", does=(Do("ask", "sort"),)),
           "sort": Step(GATEWAY, does=(Do("many", "look", when="n > 1"), Do("few", "gone"))),
           "look": Step(USER, "branch", "clerk", late="lapse", does=(
               Do("pass", "gone", Reason), Do("lapse", "gone"), Do("again", "look", limit=2, over="gone"))),
           "gone": Step(END), "cancelled": Step(END)},
    apart=(("ask", "pass"),),
)  # fmt: skip


def changed(step: str = "look", **more: Any) -> Process:
    """The good process with one step changed."""
    return replace(GOOD, steps={**GOOD.steps, step: replace(GOOD.steps[step], **more)})


def does(*arrows: Do) -> Process:
    """The good process with other arrows at its desk."""
    return changed(does=arrows, late="")


WRONG = [
    (does(Do("pass", "nowhere", Reason)), "good.look.pass leads to 'nowhere', which is no step."),
    (does(Do("pass", "gone", Reason, limit=1, over="nowhere")), "good.look.pass leads to 'nowhere', which is no step."),
    (does(Do("claim", "gone")), "good.look: 'claim' is the name of an item act; name the arrow otherwise."),
    (does(Do("pass", "gone", Reason, stands=True)), "good.look.pass keeps the deadline of 'gone', which has none."),
    (does(Do("pass", "gone", over="gone")), "good.look.pass says where the last round leads, but sets no limit."),
    (does(Do("pass", "gone", when="m > 1")), "good.look.pass asks for 'm', which the case does not remember."),
    (does(Do("ask", "gone", Reason)), "good.start.ask has another form than the arrow of that name elsewhere."),
    (changed(does=(), late=""), "good.look has no way out."),
    (changed(late="pass_by"), "good.look: late arrow 'pass_by' is none of its arrows."),
    (changed(role=""), "good.look is a user step without lane and role."),
    (changed("start", lane=""), "good.start is a user step without lane and role."),
    (changed("sort", does=(Do("many", "look", when="n > 1"),)),
     "good.sort: the last arrow of a gateway is its default and has no condition."),
    (replace(GOOD, steps={**GOOD.steps, "attic": Step(END)}), "good.attic is never reached."),
    (replace(GOOD, steps={n: s for n, s in GOOD.steps.items() if n != "cancelled"}),
     "good may be cancelled, but has no step 'cancelled'."),
    (replace(GOOD, listed=("n", "colour")), "good lists 'colour', which the case does not remember."),
    (replace(GOOD, apart=(("sign", "seal"),)), "good: apart ('sign', 'seal') names no action of this process."),
]  # fmt: skip


@pytest.mark.parametrize(("process", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_a_wrong_declaration_is_told_what_is_wrong(process: Process, sentence: str) -> None:
    assert sentence in process.check()


def test_a_right_declaration_is_told_nothing() -> None:
    assert GOOD.check() == []


# -- conditions -----------------------------------------------------------------------------------------------------


def test_a_condition_holds_does_not_or_cannot_be_told() -> None:
    assert holds("n > 1 and colour in ('red', 'blue')", {"n": 2, "colour": "red"}) is True
    assert holds("n > 1 and not colour == 'red'", {"n": 2, "colour": "red"}) is False
    assert holds("n > 1 or colour == 'red'", {"n": 2}) is None
    assert holds("n > 1", {"n": None}) is None
    assert holds("n == 0", {"n": 0}) is True


def test_a_condition_names_its_facts() -> None:
    assert names_in("n > 1 and (colour == 'red' or open_order == 0)") == ("colour", "n", "open_order")


@pytest.mark.parametrize("text", ["n + 1 > 2", "f(n)", "n.real", "n[0]", "(lambda: 1)()", "[n for n in m]", "n := 1"])
def test_a_condition_is_names_and_comparisons_and_nothing_else(text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        names_in(text)


# -- the hash -------------------------------------------------------------------------------------------------------


class Longer(Form):
    reason: str
    more: int = 0


@pytest.mark.parametrize(
    "other",
    [
        does(*GOOD.steps["look"].does[:2]), changed(role="head"), changed(due="soon"), changed(whose="ask"),
        changed(lane="department"), changed(late=""), replace(GOOD, apart=()), replace(GOOD, facts=("n", "m")),
        replace(GOOD, cancel=""), replace(GOOD, authority={}),
        does(Do("pass", "gone", Longer), *GOOD.steps["look"].does[1:]),
        does(replace(GOOD.steps["look"].does[0], bulk=True), *GOOD.steps["look"].does[1:]),
        does(replace(GOOD.steps["look"].does[0], opens={"n": "good"}), *GOOD.steps["look"].does[1:]),
    ],
)  # fmt: skip
def test_whatever_changes_the_page_changes_its_hash(other: Process) -> None:
    assert other.hash != GOOD.hash
    assert replace(GOOD).hash == GOOD.hash


# -- the bank's pages -----------------------------------------------------------------------------------------------

EACH = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES.keys())


@EACH
def test_the_banks_page_is_in_order(process: Process) -> None:
    assert process.check() == []
    assert PROCESSES[process.name] is process


@EACH
def test_every_user_step_has_a_deadline_and_somebody_who_may_give_it_to_another(process: Process) -> None:
    for name, step in process.steps.items():
        if step.kind == USER:
            assert step.due, name
            assert step.lane in process.authority, name


@EACH
def test_a_step_belongs_to_the_manager_to_a_fact_or_to_who_did_an_action(process: Process) -> None:
    known = {"", "manager", *process.facts, *(do.name for step in process.steps.values() for do in step.does)}
    assert {step.whose for step in process.steps.values()} <= known


@EACH
def test_roles_live_in_the_lane_that_the_page_gives_them(process: Process) -> None:
    for step in process.steps.values():
        if step.role and step.role != "system":
            assert UNITS[LANES[step.role]] == step.lane


@EACH
def test_what_is_kept_apart_is_done_in_the_process_or_in_one_that_opens_it(process: Process) -> None:
    """A misspelt action would keep nobody out."""
    near = [process, *(p for p in PROCESSES.values() if process.name in _opened(p))]
    actions = {do.name for p in near for step in p.steps.values() for do in step.does}
    assert {action for pair in process.apart for action in pair} <= actions


def _opened(process: Process) -> set[str]:
    return {name for step in process.steps.values() for do in step.does for name in do.opens.values()}


@EACH
def test_cases_and_rows_come_from_fields_of_the_form_and_go_to_tables_that_exist(process: Process) -> None:
    for step in process.steps.values():
        for do in step.does:
            assert {*do.opens, *filter(None, do.rows.values())} <= do.form.model_fields.keys()
            assert set(do.opens.values()) <= PROCESSES.keys()
            assert do.rows.keys() <= SQLModel.metadata.tables.keys()


@EACH
def test_every_payload_of_these_tests_fits_its_form(process: Process) -> None:
    for step in process.steps.values():
        for do in step.does:
            if process.name != "run" and do.form is not Nothing:
                named = {"subject": "B1"} if "subject" in do.form.model_fields else {}
                assert do.form.model_validate(says(process, do.name) | named)
