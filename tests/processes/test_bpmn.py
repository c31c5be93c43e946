"""The committed BPMN files: as the processes are now, clean by every judge, nothing on top of anything."""

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from models.process import END, START, USER, Do, Process, Step
from processes import PROCESSES, bpmn
from processes.bpmn import to_bpmn
from processes.chart import TIMER, chart
from processes.layout import Box, plan
from processes.picture import to_svg
from tests.processes.judges import complaints

FOLDER = Path(__file__).parents[2] / "docs" / "bpmn"
NS = {"b": "http://www.omg.org/spec/BPMN/20100524/MODEL"}


@cache
def drawn(name: str) -> str:
    return to_bpmn(PROCESSES[name])


def elements(process: Process, path: str) -> list[ET.Element]:
    text = drawn(process.name) if PROCESSES.get(process.name) is process else to_bpmn(process)
    return ET.fromstring(text).findall(path, NS)  # noqa: S314 - our own


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bank of two processes: how a folder is kept doesn't depend on how many are drawn."""
    for name in set(PROCESSES) - {"order", "control"}:
        monkeypatch.delitem(PROCESSES, name)


def misplaced(process: Process) -> list[str]:
    """Shapes that meet, or lie outside their lane; lines that run through a shape or are not upright or level."""
    graph = chart(process)
    where = plan(graph)
    found = []
    attached = {f"{TIMER}_{node.step}": f"step_{node.step}" for node in graph.nodes.values()}
    for (a, x), (b, y) in combinations(where.shapes.items(), 2):
        if x.overlap(y) and b not in (attached.get(a), attached.get(b), a) and attached.get(b) != a:
            found.append(f"{a} lies on {b}")
    for node in graph.nodes.values():
        box, lane = where.shapes[node.id], where.lanes.get(node.lane)
        if lane and box.overlap(lane) < box.w * box.h - 1e-6:
            found.append(f"{node.id} leaves its lane")
    for flow in graph.flows.values():
        for (x, y), (u, v) in pairwise(where.lines[flow.id]):
            if x != u and y != v:
                found.append(f"{flow.id} is slanting")
            stroke = Box(min(x, u), min(y, v), max(abs(x - u), 0.01), max(abs(y - v), 0.01))
            for id_, box in where.shapes.items():
                inner = Box(box.x + 1, box.y + 1, box.w - 2, box.h - 2)
                ends = (flow.source, flow.target, attached.get(flow.source), attached.get(flow.target))
                if id_ not in ends and inner.overlap(stroke):
                    found.append(f"{flow.id} runs through {id_}")
    return found


def test_the_committed_files_are_those_of_the_processes_as_they_are_now() -> None:
    assert bpmn.stale(FOLDER) == [], "run: postloan bpmn --write"


def test_what_is_out_of_date_is_named_and_written_anew(tmp_path: Path, two: None) -> None:
    assert bpmn.write(tmp_path) == sorted(f"{name}.{end}" for name in PROCESSES for end in ("bpmn", "svg"))
    assert bpmn.stale(tmp_path) == []
    (tmp_path / "order.svg").write_text("<svg/>")
    (tmp_path / "gone.bpmn").write_text("a process that left")
    assert bpmn.write(tmp_path) == ["gone.bpmn", "order.svg"]
    assert not (tmp_path / "gone.bpmn").exists()
    assert bpmn.stale(tmp_path) == []


def test_the_fingerprint_that_a_changed_page_had_is_known_from_its_file_until_the_page_names_it(
    tmp_path: Path, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpmn.write(tmp_path)
    assert bpmn.unsaid(tmp_path) == {}
    old = PROCESSES["order"]
    changed = replace(old, cancel="")
    monkeypatch.setitem(PROCESSES, "order", changed)
    assert bpmn.stale(tmp_path) == ["order.bpmn"]
    assert bpmn.unsaid(tmp_path) == {"order": old.hash}
    monkeypatch.setitem(PROCESSES, "order", replace(changed, before=(old.hash,)))
    assert bpmn.unsaid(tmp_path) == {}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_every_judge_finds_nothing(process: Process) -> None:
    assert complaints(drawn(process.name)) == []


def test_the_judges_do_find_something() -> None:
    good = drawn("control")
    assert complaints(
        good.replace("<bpmn:startEvent", "<bpmn:startMagic").replace("</bpmn:startEvent", "</bpmn:startMagic")
    )
    assert complaints(good.replace('processRef="control"', 'processRef="nowhere"'))
    assert complaints(good.replace('targetRef="step_lifted"', 'targetRef="step_nowhere"'))
    assert complaints(good.replace('name="confirm?"', ""))


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_every_node_names_just_the_flows_that_lead_in_and_out(process: Process) -> None:
    """None of the judges compares them."""
    flows = elements(process, ".//b:sequenceFlow")
    for end, tag in (("targetRef", "incoming"), ("sourceRef", "outgoing")):
        said = {
            (node.get("id"), ref.text)
            for node in elements(process, "b:process/*")
            for ref in node.findall(f"b:{tag}", NS)
        }
        assert said == {(flow.get(end), flow.get("id")) for flow in flows}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_no_shape_lies_on_another_or_leaves_its_lane_and_no_line_runs_through_a_shape(process: Process) -> None:
    assert misplaced(process) == []


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_every_arrow_of_the_declaration_is_drawn(process: Process) -> None:
    flows = {(f.get("sourceRef"), f.get("name")) for f in elements(process, ".//b:sequenceFlow")}
    for name, step in process.steps.items():
        for do in step.does:
            if do.name == step.late:
                assert (f"timer_{name}", None) in flows
            elif len(step.does) - bool(step.late) == 1 and not do.over:
                assert (f"step_{name}", None) in flows
            else:
                source = f"step_{name}" if step.kind == "gateway" else f"split_{name}"
                assert (source, do.name.replace("_", " ")) in flows


def test_lanes_lie_from_the_system_down_to_the_department() -> None:
    lanes = [lane.get("name") for lane in elements(PROCESSES["inspection"], ".//b:lane")]
    assert lanes == ["system", "vendor", "branch", "department"]
    refs = [ref.text for ref in elements(PROCESSES["inspection"], ".//b:flowNodeRef")]
    assert len(refs) == len(set(refs))


def test_a_task_says_who_may_do_it_and_what_must_be_handed_in() -> None:
    [task] = elements(PROCESSES["inspection"], ".//b:userTask[@id='step_review']")
    assert task.findtext(".//b:formalExpression", None, NS) == "account_manager"
    assert "conclude: form Conclusion; when level >= proposed_level" in task.findtext("b:documentation", "", NS)


def test_processes_that_an_act_opens_are_closed_pools_with_a_message() -> None:
    pools = elements(PROCESSES["inspection"], ".//b:participant")
    assert {p.get("name"): p.get("processRef") for p in pools} == {
        "inspection": "inspection",
        "control": None,
        "order": None,
    }
    messages = elements(PROCESSES["inspection"], ".//b:messageFlow")
    assert {(m.get("sourceRef"), m.get("targetRef")) for m in messages} == {
        ("step_decide", "other_control"),
        ("step_decide", "other_order"),
    }


def test_a_timer_is_the_policy_key_until_durations_are_given() -> None:
    path = ".//b:boundaryEvent[@id='timer_in_work']//b:timeDuration"
    [key] = elements(PROCESSES["order"], path)
    assert key.text == "order_kind"
    given = ET.fromstring(to_bpmn(PROCESSES["order"], {"order.{kind}": "P30D"})).find(path, NS)  # noqa: S314
    assert given is not None
    assert given.text == "P30D"


def test_a_step_that_only_its_deadline_ends_is_a_waiting_event() -> None:
    process = Process("pause", "start", {
        "start": Step(START, "branch", "clerk", (Do("begin", "rest"),)),
        "rest": Step(USER, "branch", "clerk", (Do("over", "done"),), due="rest", late="over"),
        "done": Step(END),
    })  # fmt: skip
    assert process.check() == []
    assert complaints(to_bpmn(process)) == []
    assert [e.get("id") for e in elements(process, ".//b:intermediateCatchEvent")] == ["step_rest"]


def test_the_same_declaration_gives_the_same_bytes() -> None:
    process = PROCESSES["inspection"]
    again = Process(**{name: getattr(process, name) for name in process.__dataclass_fields__})
    assert to_bpmn(again) == to_bpmn(process)
    assert to_svg(again) == to_svg(process)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_the_picture_names_every_step_once_or_more(process: Process) -> None:
    picture = ET.fromstring(to_svg(process))  # noqa: S314 - our own
    said = " ".join(text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text"))
    for node in chart(process).nodes.values():
        if node.id == f"step_{node.step}":
            assert node.name in said
