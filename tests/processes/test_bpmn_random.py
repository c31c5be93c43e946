"""Any valid declaration becomes a model that the judges accept, with a layout that can be read."""

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from models.process import END, GATEWAY, SERVICE, START, USER, Do, Process, Step
from processes.bpmn import to_bpmn
from processes.picture import to_svg
from tests.processes.judges import complaints
from tests.processes.test_bpmn import misplaced

ENDS = ("done", "dropped")


@st.composite
def declarations(draw: st.DrawFn) -> Process:
    """Small processes: every step leads on to one declared after it, and may lead anywhere besides."""
    names = [f"step_{n}" for n in range(draw(st.integers(1, 7)))]
    lanes = st.sampled_from(["department", "branch", "system", "court", "auditors"])
    steps: dict[str, Step] = {
        "start": Step(START, draw(lanes), "clerk", (Do("open", names[0]),)),
    }
    for n, name in enumerate(names):
        on = draw(st.sampled_from([*names[n + 1 : n + 3], "done"]))
        kind = draw(st.sampled_from([USER, USER, SERVICE, GATEWAY]))
        others = draw(st.lists(st.sampled_from([*names, *ENDS]), min_size=kind == GATEWAY, max_size=3))
        does = []
        for i, to in enumerate(others):
            limit = draw(st.integers(0, 2)) if kind != GATEWAY else 0
            over = draw(st.sampled_from(["", "dropped", name])) if limit else ""
            when = draw(st.sampled_from(["", "open_order == 0", "kind == 'a' or kind == 'b'"]))
            if kind == GATEWAY:  # its arrows have nothing but their conditions to tell them apart
                when = f"kind == 'a' or kind == '{i}'"
            opens = draw(st.sampled_from([{}, {"orders": "order"}])) if kind == USER else {}
            does.append(Do(f"other_{i}", to, when=when, limit=limit, over=over, opens=opens))
        does.append(Do("go_on", on))
        late = draw(st.sampled_from(["", "overdue"])) if kind == USER else ""
        if late:
            does.append(Do(late, draw(st.sampled_from([*names, *ENDS]))))
        due = "a.timer" if late else draw(st.sampled_from(["", "a.timer"])) if kind == USER else ""
        steps[name] = Step(kind, "" if kind == GATEWAY else draw(lanes), "clerk", tuple(does), due=due, late=late)
    return Process("drawn", "start", steps | {end: Step(END) for end in ENDS}, facts=("kind",))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(declarations())
def test_any_valid_declaration_is_accepted_by_the_judges_and_well_laid_out(process: Process) -> None:
    said = [wrong for wrong in process.check() if not wrong.endswith("is never reached.")]
    assert said == []
    xml = to_bpmn(process)
    note(xml)
    assert complaints(xml) == []
    assert misplaced(process) == []
    assert to_svg(process).endswith("</svg>\n")
