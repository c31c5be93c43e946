"""A process drawn for a page, on the layout of its BPMN file: the way that a case has gone, and the token where it stands.

Nothing but shapes with classes, so the page's style sheet colours them in either scheme; names come from the reader's
language. What the picture of the declaration says besides (conditions, rounds, timers) is left to that picture.
"""

from collections.abc import Callable, Collection, Iterator
from html import escape

from models.process import END, GATEWAY, START, USER, Process
from processes.chart import JOIN, OTHER, REMIND, SPLIT, TIMER, WAIT, Chart, chart
from processes.layout import HEADER, Box, Plan, plan
from processes.picture import MARGIN, rounded

Name = Callable[[str], str]
Way = tuple[str, str]  # from a step to a step
_plans: dict[str, tuple[Chart, Plan]] = {}  # by hash of the process: laying out takes longer than drawing
_LETTER = 9.4  # the mean width of a letter as drawn, in the unit of the picture


def to_page(process: Process, here: str, gone: Collection[Way], title: str, step: Name, lane: Name) -> str:
    """SVG to stand in a page. `here`: the present step; `gone`: each way that was taken, gateways between included;
    `step` names steps, and processes that an act opens; `lane` lanes."""
    if process.hash not in _plans:
        graph = chart(process)
        _plans[process.hash] = graph, plan(graph)
    graph, where = _plans[process.hash]
    w, h = where.width + 2 * MARGIN, where.height + 2 * MARGIN
    been = {a for a, _ in gone} | {here}
    flows = {id_: _gone(graph, f.source, f.target, gone, been) for id_, f in graph.flows.items()
             if graph.nodes[f.target].kind != REMIND}  # fmt: skip
    return "".join([
        f'<svg class="bpmn" viewBox="{-MARGIN} {-MARGIN} {w:g} {h:g}" role="img" aria-label="{escape(title)}">',
        *_lanes(where, lane),
        *(_path(where, id_, False) for id_, went in flows.items() if not went),
        *(_path(where, id_, True) for id_, went in flows.items() if went),
        *(part for id_ in graph.nodes for part in _node(graph, id_, where.shapes[id_], here, step)),
        "</svg>",
    ])  # fmt: skip


def passed(process: Process, at: str, action: str, to: str) -> list[Way]:
    """The way of one act through the declaration: by the gateways between two steps where a case can stand."""
    do = process.steps[at].by_name.get(action)
    for first in filter(None, (do.to, do.over) if do else ()):
        if found := _through(process, first, to, ()):
            return list(zip((at, *found), found, strict=False))
    return [(at, to)]


def _through(process: Process, step: str, to: str, before: tuple[str, ...]) -> tuple[str, ...]:
    if step == to:
        return (*before, step)
    if process.steps[step].kind != GATEWAY or step in before:
        return ()
    ways = (_through(process, do.to, to, (*before, step)) for do in process.steps[step].does)
    return next(filter(None, ways), ())


def _gone(graph: Chart, source: str, target: str, gone: Collection[Way], been: Collection[str]) -> bool:
    a, b = graph.nodes[source], graph.nodes[target]
    if b.kind == OTHER:
        return False
    if a.step != b.step:
        return (a.step, b.step) in gone
    return a.step in been if a.kind == JOIN else any(a.step == step for step, _ in gone)


def _lanes(where: Plan, name: Name) -> Iterator[str]:
    for lane, box in where.lanes.items():
        yield f'<rect class="lane" x="{box.x:g}" y="{box.y:g}" width="{box.w:g}" height="{box.h:g}"/>'
        place = f'transform="translate({box.x + HEADER / 2 + 6:g},{box.bottom - 10:g}) rotate(-90)"'
        yield f'<text class="lane-name" font-size="17" {place}>{escape(name(lane))}</text>'


def _path(where: Plan, flow: str, gone: bool) -> str:
    return f'<path class="path{" gone" if gone else ""}" d="{rounded(where.lines[flow])}"/>'


def _node(graph: Chart, id_: str, box: Box, here: str, name: Name) -> Iterator[str]:
    node = graph.nodes[id_]
    token = node.step == here and id_ == f"step_{here}"
    kind = "here" if token else "task"
    if node.kind in (GATEWAY, SPLIT, JOIN):
        corners = f"M{box.cx:g},{box.y:g} L{box.right:g},{box.cy:g} L{box.cx:g},{box.bottom:g} L{box.x:g},{box.cy:g} z"
        yield f'<path class="task" d="{corners}"/>'
    elif node.kind in (TIMER, REMIND):
        return
    elif node.kind in (START, END, WAIT):
        yield f'<circle class="{kind}" cx="{box.cx:g}" cy="{box.cy:g}" r="{box.w / 2:g}"/>'
        yield _text(box.cx, box.bottom + 18, name(node.step))
    else:
        corner = ' rx="12"' if node.kind == USER else ""
        yield f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" width="{box.w:g}" height="{box.h:g}"{corner}/>'
        yield from _lines(box, name(node.name if node.kind == OTHER else node.step))
    if token:
        yield f'<circle class="token" cx="{box.x + 14:g}" cy="{box.y + 14:g}" r="9"/>'


def _lines(box: Box, text: str) -> Iterator[str]:
    """A name of several words stands in two lines where one is too narrow."""
    lines = text.split(" ", 1) if len(text) * _LETTER > box.w else [text]
    for n, line in enumerate(lines):
        yield _text(box.cx, box.cy + 6 + 19 * (n - (len(lines) - 1) / 2), line)


def _text(x: float, y: float, text: str) -> str:
    return f'<text font-size="17" x="{x:g}" y="{y:g}">{escape(text)}</text>'
