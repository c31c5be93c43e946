"""The exported model runs in an engine of somebody else as the process does in ours."""

import pytest
from SpiffWorkflow.exceptions import WorkflowException
from SpiffWorkflow.util.task import TaskState

from processes import PROCESSES
from processes.inspection import INSPECTION
from processes.order import ORDER
from tests.processes.judges import Engine

AS_PROPOSED = {"level": 0, "proposed_level": 0, "class_": 1, "proposed_class": 1, "reason": ""}
OUTSOURCED = {"path": "outsourced", "how": "outsourced", **AS_PROPOSED}
GOOD = [
    ("dispatch", "assign", "system"), ("visit", "submit", "vendor"), ("screen", "pass", "system"),
    ("check", "check", "department"), ("prepare", "propose", "system"), ("review", "conclude", "branch"),
    ("draw", "desk", "system"), ("verify_desk", "verify", "department"), ("weigh", "close", "system"),
]  # fmt: skip


def reviewed() -> Engine:
    engine = Engine(INSPECTION, OUTSOURCED)
    for step, action, _ in GOOD[:6]:
        engine.act(step, action)
    return engine


def test_a_good_case_goes_through_every_lane_to_its_end() -> None:
    engine = Engine(INSPECTION, OUTSOURCED)
    lanes = []
    for step, action, lane in GOOD:
        assert list(engine.waiting()) == [step]
        lanes.append(engine.waiting()[step].task_spec.lane)
        assert lanes[-1] == lane
        engine.act(step, action)
    assert engine.ended()
    assert set(lanes) == {"system", "vendor", "branch", "department"}


def test_the_gateways_ask_the_facts_of_the_case() -> None:
    own = Engine(INSPECTION, {"path": "desk", "how": "desk"})
    assert list(own.waiting()) == ["collect"]
    own.act("collect", "collect")
    assert own.act("screen", "pass") == ["prepare"]


def test_an_incomplete_package_goes_back_twice_and_then_to_the_manager() -> None:
    engine = Engine(INSPECTION, OUTSOURCED)
    engine.act("dispatch", "assign")
    for _ in range(2):
        engine.act("visit", "submit")
        assert engine.act("screen", "incomplete") == ["visit"]
    engine.act("visit", "submit")
    assert engine.act("screen", "incomplete") == ["collect"]


def test_the_second_disagreement_goes_to_the_credit_manager() -> None:
    engine = reviewed()
    engine.act("draw", "site")
    engine.act("verify_site", "record")
    assert engine.act("compare", "disagree") == ["review"]
    engine.act("review", "conclude")
    engine.act("draw", "desk")
    assert engine.act("verify_desk", "disagree") == ["decide"]
    engine.act("decide", "impose")
    assert engine.ended()


def test_where_nobody_was_met_he_goes_there_once_more_and_no_third_time() -> None:
    engine = reviewed()
    engine.act("draw", "site")
    assert engine.act("verify_site", "nobody_met") == ["revisit"]
    assert engine.act("revisit", "record") == ["compare"]


@pytest.mark.parametrize("action", ["close", "verify", "impose", "no_such_action"])
def test_an_action_that_the_step_does_not_declare_is_refused(action: str) -> None:
    engine = reviewed()
    with pytest.raises(WorkflowException):
        engine.act("draw", action)


def test_a_step_may_not_be_skipped() -> None:
    engine = reviewed()
    assert "weigh" not in engine.waiting()
    with pytest.raises(KeyError):
        engine.act("weigh", "close")


def test_a_condition_that_does_not_hold_closes_its_arrow() -> None:
    engine = Engine(INSPECTION, {"path": "own", "how": "own"})
    engine.act("collect", "collect")
    with pytest.raises(WorkflowException):
        engine.act("screen", "integrity")  # only for a vendor's package


def test_a_missed_deadline_takes_the_case_from_the_inspector_to_the_manager() -> None:
    engine = Engine(INSPECTION, OUTSOURCED, due_now=("visit",))
    engine.act("dispatch", "assign")
    assert engine.time_passes() == ["collect"]


@pytest.mark.parametrize("due_now", [("collect",), ()])
def test_a_deadline_without_a_late_arrow_reminds_and_the_step_stays(due_now: tuple[str, ...]) -> None:
    engine = Engine(INSPECTION, {"path": "own", "how": "own"}, due_now)
    assert engine.time_passes() == ["collect"]
    reminded = engine.flow.get_tasks(spec_name="remind_collect", state=TaskState.COMPLETED)
    assert len(reminded) == len(due_now)
    assert engine.act("collect", "collect") == ["screen"]


def test_an_overdue_order_tightens_and_then_goes_to_workout() -> None:
    engine = Engine(ORDER, {"kind": "O1"}, due_now=("order.{kind}", "order.tightened"))
    for _ in range(2):  # the first deadline; then that of the step it leads to
        engine.time_passes()
    assert list(engine.waiting()) == ["workout"]
    engine.act("workout", "settle")
    assert engine.ended()


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_starts(name: str) -> None:
    process = PROCESSES[name]
    engine = Engine(process, dict.fromkeys(process.facts, "own") | {f"open_{n}": 0 for n in process.counted})
    assert len(engine.waiting()) == 1
