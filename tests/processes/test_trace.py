"""The picture on a page: the token where the case stands, the way that it has gone, nothing but classes."""

import xml.etree.ElementTree as ET

import pytest

from models.process import GATEWAY, Process
from processes import PROCESSES
from processes.chart import chart, reached
from processes.trace import passed, to_page

ALL = [pytest.param(p, id=p.name) for p in PROCESSES.values()]


def drawn(process: Process, here: str, gone: set[tuple[str, str]] | None = None) -> ET.Element:
    return ET.fromstring(to_page(process, here, gone or set(), f"at {here}", lambda n: n, lambda n: n))  # noqa: S314


@pytest.mark.parametrize("process", ALL)
def test_the_token_stands_at_the_step_and_nowhere_else(process: Process) -> None:
    for step in reached(process):
        if process.steps[step].kind != GATEWAY:
            picture = drawn(process, step)
            assert picture.get("aria-label") == f"at {step}"
            kinds = [e.get("class") for e in picture]
            assert (kinds.count("here"), kinds.count("token")) == (1, 1), step


@pytest.mark.parametrize("process", ALL)
def test_it_has_no_style_of_its_own_and_every_step_by_name(process: Process) -> None:
    picture = drawn(process, process.start)
    assert not [e for e in picture.iter() if e.tag == "style" or {"style", "fill", "stroke"} & set(e.attrib)]
    said = " ".join(e.text or "" for e in picture.iter() if e.tag == "text").split()
    assert {n for n in reached(process) if process.steps[n].kind != GATEWAY} <= set(said)


@pytest.mark.parametrize("process", ALL)
def test_the_way_of_an_act_leads_along_flows_of_the_chart(process: Process) -> None:
    graph = chart(process)
    flows = {(graph.nodes[f.source].step, graph.nodes[f.target].step) for f in graph.flows.values()}
    for at in reached(process):
        for do in process.steps[at].does if process.steps[at].kind != GATEWAY else ():
            for to in reached(process):
                way = passed(process, at, do.name, to)
                if way != [(at, to)]:
                    assert set(way) <= flows, (at, do.name, to)
                    assert (way[0][0], way[-1][1]) == (at, to)


def test_what_was_gone_through_a_gateway_is_marked_with_it() -> None:
    process = PROCESSES["inspection"]
    way = passed(process, "start", "open", "collect")
    assert way == [("start", "by_path"), ("by_path", "collect")]
    gone = [e for e in drawn(process, "collect", set(way)) if e.get("class") == "path gone"]
    assert len(gone) == 3  # into the gateway, on to the join before the step, and from there to it
    assert not [e for e in drawn(process, "start") if e.get("class") == "path gone"]
