"""A process as BPMN 2.0 with diagram interchange: for a modeller, an engine, an auditor.

One collaboration with one pool, lanes, tasks with who may do them, exclusive gateways, timers; other processes that
an act opens are closed pools. What BPMN has no shape for stands in the documentation: payload forms, bulk, rounds,
who must differ from whom.

Conditions are names, comparisons, and, or: the case's facts, `action` (the arrow that was chosen) and
`done_<action>` (how often it was taken before). A timer's duration belongs to the policy book, not to the process:
given `timers` (ISO 8601 durations by policy key, as `{"visit": "P10D"}`) it is written out, otherwise the
expression is the policy key as a name (`order.{kind}` is `order_kind`), which the engine must be given.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from models.process import END, GATEWAY, SERVICE, START, USER, Do, Process, Step
from processes import PROCESSES
from processes.chart import JOIN, OTHER, REMIND, SPLIT, TIMER, WAIT, Chart, Flow, Node, chart, words
from processes.layout import Box, Plan, plan
from processes.picture import to_svg

SPACES = {
    "xmlns:bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "xmlns:bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "xmlns:dc": "http://www.omg.org/spec/DD/20100524/DC",
    "xmlns:di": "http://www.omg.org/spec/DD/20100524/DI",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
TAGS = {
    START: "startEvent", USER: "userTask", SERVICE: "serviceTask", GATEWAY: "exclusiveGateway", END: "endEvent",
    JOIN: "exclusiveGateway", SPLIT: "exclusiveGateway", TIMER: "boundaryEvent", REMIND: "endEvent",
    WAIT: "intermediateCatchEvent",
}  # fmt: skip
FINGERPRINT = "Fingerprint in the journal: {}."
EXPRESSION = {"xsi:type": "bpmn:tFormalExpression"}


def to_bpmn(process: Process, timers: Mapping[str, str] | None = None) -> str:
    """The process as BPMN XML text: the same declaration, the same bytes."""
    graph = chart(process)
    root = ET.Element(
        "bpmn:definitions", SPACES | {"id": f"definitions_{process.name}", "targetNamespace": "urn:postloan"}
    )
    pools = _sub(root, "collaboration", id="collaboration")
    _sub(pools, "participant", id="pool", name=words(process.name), processRef=process.name)
    for node in graph.nodes.values():
        if node.kind == OTHER:
            _sub(pools, "participant", id=node.id, name=node.name)
    for flow in graph.flows.values():
        if flow.message:
            _sub(pools, "messageFlow", id=flow.id, sourceRef=flow.source, targetRef=flow.target)
    if any(node.kind == REMIND for node in graph.nodes.values()):
        _sub(root, "message", id="reminder", name="remind")
    _process(root, graph, timers or {})
    _diagram(root, graph, plan(graph))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def files() -> dict[str, str]:
    """What belongs in the folder: file names and contents, for every process a .bpmn and a .svg."""
    found: dict[str, str] = {}
    for name, process in PROCESSES.items():
        found |= {f"{name}.bpmn": to_bpmn(process), f"{name}.svg": to_svg(process)}
    return found


def write(folder: Path) -> list[str]:
    """Writes the files that are absent or out of date and removes those of processes that left; says which."""
    wanted = files()
    folder.mkdir(parents=True, exist_ok=True)
    changed = _differ(folder, wanted)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()
    return changed


def stale(folder: Path) -> list[str]:
    """The files that are absent, differ from a new generation, or belong to no process."""
    return _differ(folder, files())


def unsaid(folder: Path) -> dict[str, str]:
    """By process the fingerprint that its file in the folder names, where the page has another by now and does not
    say (`before`) that it had this one: what was made under it would be unreadable."""
    found = {}
    for name, process in PROCESSES.items():
        text = (folder / f"{name}.bpmn").read_text(encoding="utf-8") if (folder / f"{name}.bpmn").exists() else ""
        was = re.search(FINGERPRINT.format("([0-9a-f]+)"), text)
        if was and was[1] not in (process.hash, *process.before):
            found[name] = was[1]
    return found


def _differ(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    there = {path.name: path for end in ("bpmn", "svg") for path in folder.glob(f"*.{end}")}
    same = {name for name, text in wanted.items() if name in there and there[name].read_bytes() == text.encode()}
    return sorted((wanted.keys() | there.keys()) - same)


def _sub(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag if ":" in tag else f"bpmn:{tag}", attributes)
    element.text = text or None
    return element


def _process(root: ET.Element, graph: Chart, timers: Mapping[str, str]) -> None:
    process = graph.process
    body = _sub(root, "process", id=process.name, name=words(process.name), isExecutable="true")
    says = [FINGERPRINT.format(process.hash)]
    if process.apart:
        pairs = "; ".join(f"{words(a)} and {words(b)}" for a, b in process.apart)
        says.insert(0, f"Different persons, in any round: {pairs}.")
    _sub(body, "documentation", " ".join(says))
    lanes = _sub(body, "laneSet", id="lanes")
    for lane in graph.lanes:
        here = _sub(lanes, "lane", id=f"lane_{lane}", name=words(lane))
        for node in graph.nodes.values():
            if node.kind != OTHER and node.lane == lane:
                _sub(here, "flowNodeRef", node.id)
    sequence = [flow for flow in graph.flows.values() if not flow.message]
    for node in graph.nodes.values():
        if node.kind != OTHER:
            _node(body, graph, node, sequence, timers)
    for flow in sequence:
        element = _sub(body, "sequenceFlow", id=flow.id, sourceRef=flow.source, targetRef=flow.target)
        if flow.name:
            element.set("name", flow.name)
        if flow.condition:
            _sub(element, "conditionExpression", flow.condition, **EXPRESSION)


def _node(body: ET.Element, graph: Chart, node: Node, sequence: list[Flow], timers: Mapping[str, str]) -> None:
    step = graph.process.steps[node.step]
    element = _sub(body, TAGS[node.kind], id=node.id)
    if node.name:
        element.set("name", node.name)
    if node.kind == TIMER:
        element.set("attachedToRef", f"step_{node.step}")
        element.set("cancelActivity", "true" if step.late else "false")
    if node.id == f"step_{node.step}" and (text := _says(step)):
        _sub(element, "documentation", text)
    for flow in sequence:
        if flow.target == node.id:
            _sub(element, "incoming", flow.id)
    for flow in sequence:
        if flow.source == node.id:
            _sub(element, "outgoing", flow.id)
            if flow.default:
                element.set("default", flow.id)
    if node.kind == USER:
        owner = _sub(element, "potentialOwner")
        _sub(_sub(owner, "resourceAssignmentExpression"), "formalExpression", step.role)
    if node.kind in (TIMER, WAIT):
        key = step.due or step.late
        name = re.sub(r"\W+", "_", key).strip("_")
        _sub(_sub(element, "timerEventDefinition"), "timeDuration", timers.get(key, name), **EXPRESSION)
    if node.kind == REMIND:
        _sub(element, "messageEventDefinition", messageRef="reminder")


def _says(step: Step) -> str:
    """What BPMN has no shape for, one line a fact."""
    lines = []
    if step.whose:
        lines.append(f"Whose: {words(step.whose)}.")
    if step.due:
        lines.append(f"Due: policy {step.due}.")
    return "\n".join([*lines, *(_arrow(do) for do in step.does)]) if step.does and step.kind != GATEWAY else ""


def _arrow(do: Do) -> str:
    more = [f"form {do.form.__name__}"]
    if do.when:
        more.append(f"when {do.when}")
    if do.bulk:
        more.append("also in bulk")
    if do.limit:
        more.append(f"at most {do.limit}×" + (f", then to {words(do.over)}" if do.over else ""))
    if do.stands:
        more.append("the deadline stands")
    if do.opens:
        more.append("opens " + ", ".join(f"{words(process)} ({field})" for field, process in do.opens.items()))
    return f"{words(do.name)}: {'; '.join(more)}."


def _diagram(root: ET.Element, graph: Chart, where: Plan) -> None:
    diagram = _sub(root, "bpmndi:BPMNDiagram", id="diagram")
    plane = _sub(diagram, "bpmndi:BPMNPlane", id="plane", bpmnElement="collaboration")

    def shape(id_: str, box: Box, label: Box | None = None, **more: str) -> None:
        element = _sub(plane, "bpmndi:BPMNShape", id=f"{id_}_di", bpmnElement=id_, **more)
        _bounds(element, box)
        if label:
            _bounds(_sub(element, "bpmndi:BPMNLabel"), label)

    shape("pool", where.pool, isHorizontal="true")
    for lane, box in where.lanes.items():
        shape(f"lane_{lane}", box, isHorizontal="true")
    for node in graph.nodes.values():
        more = {"isHorizontal": "true"} if node.kind == OTHER else {}
        if node.kind in (GATEWAY, SPLIT, JOIN):
            more = {"isMarkerVisible": "false" if node.kind == JOIN else "true"}
        shape(node.id, where.shapes[node.id], where.labels.get(node.id), **more)
    for flow in graph.flows.values():
        edge = _sub(plane, "bpmndi:BPMNEdge", id=f"{flow.id}_di", bpmnElement=flow.id)
        for x, y in where.lines[flow.id]:
            _sub(edge, "di:waypoint", x=f"{x:g}", y=f"{y:g}")
        if flow.id in where.labels:
            _bounds(_sub(edge, "bpmndi:BPMNLabel"), where.labels[flow.id])


def _bounds(parent: ET.Element, box: Box) -> None:
    _sub(parent, "dc:Bounds", x=f"{box.x:g}", y=f"{box.y:g}", width=f"{box.w:g}", height=f"{box.h:g}")
