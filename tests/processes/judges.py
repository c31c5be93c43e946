"""Judges of our BPMN that no one here wrote: the OMG schemas, bpmn-io's checks and lint rules, an engine."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import SpiffWorkflow
import xmlschema
from bpmn_io import BpmnModdle, check
from bpmn_io.lint import Linter
from bpmn_io.lint.config.recommended import CONFIG
from bpmn_io.lint.resolver import StaticResolver
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser, BpmnValidator, full_tag
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.specs.defaults import ManualTask
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from models.process import Process
from processes.bpmn import to_bpmn


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(SpiffWorkflow.__file__).parent / "bpmn/parser/schema/BPMN20.xsd")


@cache
def rules() -> StaticResolver:
    """The recommended rules of bpmnlint, all of them."""
    names = {rule: "global_" if rule == "global" else rule.replace("-", "_") for rule in CONFIG["rules"]}
    found = {f"rule:bpmnlint/{r}": import_module(f"bpmn_io.lint.rules.{n}").factory for r, n in names.items()}
    return StaticResolver(found | {"config:bpmnlint/recommended": CONFIG})


def complaints(xml: str) -> list[str]:
    """Everything that schema, reference check and lint rules (warnings included) have against the file."""
    found = [f"schema: {error.reason}" for error in schema().iter_errors(xml)]
    report = check(xml)
    found += [f"check: {error}" for error in report.errors]
    found += [f"check: {warning.message}" for warning in report.warnings]
    assert report.ok or found
    root = BpmnModdle().from_xml(xml).root_element
    lint = Linter(resolver=rules()).lint(root, {"extends": "bpmnlint:recommended"})  # a new one: rules have memory
    return found + [f"{rule}: {said['id']}: {said['message']}" for rule, reports in lint.items() for said in reports]


class Parser(BpmnParser):  # type: ignore[misc]
    """Automatic steps wait, so that the test takes them as it takes a person's."""

    OVERRIDE_PARSER_CLASSES = {full_tag("serviceTask"): (TaskParser, ManualTask)}  # noqa: RUF012


class Engine:
    """A process in SpiffWorkflow. Who drives it keeps the counters of rounds, as the door does."""

    def __init__(self, process: Process, facts: Mapping[str, Any], due_now: tuple[str, ...] = ()) -> None:
        keys = {step.due for step in process.steps.values() if step.due}
        timers = {key: "'PT0S'" if key in due_now else "'PT72H'" for key in keys}  # the engine evaluates Python
        parser = Parser(validator=BpmnValidator())
        parser.add_bpmn_str(to_bpmn(process, timers).encode())
        self.flow = BpmnWorkflow(parser.get_spec(process.name))
        self.facts = {f"done_{do.name}": 0 for step in process.steps.values() for do in step.does} | dict(facts)
        self.flow.get_next_task(state=TaskState.READY).data.update(self.facts)
        self.flow.do_engine_steps()

    def waiting(self) -> dict[str, Task]:
        """The tasks that wait, by step."""
        tasks = self.flow.get_tasks(state=TaskState.READY, manual=True)
        return {task.task_spec.bpmn_id.removeprefix("step_"): task for task in tasks}

    def act(self, step: str, action: str, **facts: Any) -> list[str]:
        """Takes an arrow out of a step that waits; which steps wait now. KeyError where the step doesn't wait."""
        task = self.waiting()[step]
        self.facts.update(facts)
        task.data.update(self.facts, action=action)
        task.run()
        self.flow.do_engine_steps()
        self.facts[f"done_{action}"] = self.facts.get(f"done_{action}", 0) + 1
        return list(self.waiting())

    def time_passes(self) -> list[str]:
        self.flow.refresh_timers()
        self.flow.do_engine_steps()
        return list(self.waiting())

    def ended(self) -> bool:
        return bool(self.flow.completed)
