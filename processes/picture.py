"""A process drawn as SVG, on the layout of its BPMN file.

The picture leaves out what the shapes say by themselves: the names of splits (that of the task above) and of timers
that only remind. The way a case goes on is dark; ways back, last rounds and missed deadlines are in a second colour.
"""

from collections.abc import Iterator
from html import escape

from models.process import END, GATEWAY, SERVICE, START, USER, Process
from processes.chart import JOIN, OTHER, REMIND, SPLIT, TIMER, WAIT, Chart, Flow, Node, chart, words
from processes.layout import HEADER, XY, Box, Plan, plan

PAPER, LANES, RULE = "#ffffff", ("#f6f8fa", "#eaf0f5"), "#a9b7c4"
INK, BACK, SOFT = "#1f2d3a", "#b4530a", "#5b6b7a"
FILL = {USER: "#ffffff", SERVICE: "#dfe9f2", START: "#e3f1e4", END: "#f6dfdf", GATEWAY: "#fff6da", SPLIT: "#fff6da"}
MARGIN, BEND = 14, 7
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
STYLE = f"""
text {{ font-family: {FONT}; fill: {INK} }}
.task {{ font-size: 18px; font-weight: 600; text-anchor: middle }}
.role {{ font-size: 11px; fill: {SOFT}; text-anchor: middle }}
.name {{ font-size: 16px; text-anchor: middle; paint-order: stroke; stroke: #f2f5f8; stroke-width: 4px }}
.back {{ fill: {BACK} }}
.lane {{ font-size: 17px; fill: {SOFT}; text-anchor: middle }}
.pool {{ font-size: 18px; font-weight: 600; text-anchor: middle }}
"""


def to_svg(process: Process) -> str:
    """The picture of a process as SVG text: the same declaration, the same bytes."""
    graph = chart(process)
    where = plan(graph)
    w, h = where.width + 2 * MARGIN, where.height + 2 * MARGIN
    view = f"{-MARGIN} {-MARGIN} {w:g} {h:g}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" width="{w:g}" height="{h:g}" role="img">',
        f"<title>{escape(words(process.name))}</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{_tip('ink', INK)}{_tip('back', BACK)}{_tip('soft', SOFT)}</defs>",
        f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{w:g}" height="{h:g}" rx="10" fill="{PAPER}"/>',
        *_pool(process, where),
        *(_flow(flow, where) for flow in sorted(graph.flows.values(), key=lambda f: not leads_back(f, where))),
        *(part for node in graph.nodes.values() for part in _node(graph, node, where.shapes[node.id])),
        *_names(graph, where),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def leads_back(flow: Flow, where: Plan) -> bool:
    """Is this not how the case goes on: back, a last round, a missed deadline?"""
    return not flow.message and (flow.weak or where.shapes[flow.target].cx < where.shapes[flow.source].cx - 1)


def _tip(name: str, colour: str) -> str:
    shape = f'<path d="M0,0 L9,3.5 L0,7 z" fill="{colour}"/>'
    size = 'markerWidth="9" markerHeight="7" refX="8.5" refY="3.5" orient="auto" markerUnits="userSpaceOnUse"'
    return f'<marker id="{name}" {size}>{shape}</marker>'


def _pool(process: Process, where: Plan) -> Iterator[str]:
    for n, (name, lane) in enumerate(where.lanes.items()):
        yield _rect(lane, LANES[n % 2], RULE)
        yield _upright(lane.x + HEADER / 2, lane.cy, words(name), "lane")
        yield f'<path d="M{lane.x + HEADER:g},{lane.y:g} V{lane.bottom:g}" stroke="{RULE}"/>'
    yield _rect(Box(0, where.pool.y, HEADER, where.pool.h), LANES[1], RULE)
    yield _upright(HEADER / 2, where.pool.cy, words(process.name), "pool")


def _upright(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" transform="translate({x + 6:g},{y:g}) rotate(-90)">{escape(text)}</text>'


def _rect(box: Box, fill: str, stroke: str, more: str = "") -> str:
    place = f'x="{box.x:g}" y="{box.y:g}" width="{box.w:g}" height="{box.h:g}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}"{more}/>'


def _flow(flow: Flow, where: Plan) -> str:
    colour, tip = (SOFT, "soft") if flow.message else (BACK, "back") if leads_back(flow, where) else (INK, "ink")
    pen = f'fill="none" stroke="{colour}" stroke-width="1.6"' + (' stroke-dasharray="7 4"' if flow.message else "")
    path = f'<path d="{rounded(where.lines[flow.id])}" {pen} marker-end="url(#{tip})"/>'
    if flow.default:  # the slash across its beginning
        (x, y), (u, v) = where.lines[flow.id][:2]
        x, y = x + (u > x) * 9 - (u < x) * 9, y + (v > y) * 9 - (v < y) * 9
        path += f'<path d="M{x - 4:g},{y + 5:g} L{x + 4:g},{y - 5:g}" {pen}/>'
    return path


def rounded(line: tuple[XY, ...]) -> str:
    """The path of a flow with its bends rounded off."""
    path = f"M{line[0][0]:g},{line[0][1]:g}"
    for (ax, ay), (x, y), (bx, by) in zip(line, line[1:], line[2:], strict=False):
        r = min(BEND, (abs(x - ax) + abs(y - ay)) / 2, (abs(x - bx) + abs(y - by)) / 2)
        enter = (x - r * ((x > ax) - (x < ax)), y - r * ((y > ay) - (y < ay)))
        leave = (x + r * ((bx > x) - (bx < x)), y + r * ((by > y) - (by < y)))
        path += f" L{enter[0]:g},{enter[1]:g} Q{x:g},{y:g} {leave[0]:g},{leave[1]:g}"
    return path + f" L{line[-1][0]:g},{line[-1][1]:g}"


def _node(graph: Chart, node: Node, box: Box) -> Iterator[str]:
    if node.kind in (USER, SERVICE):
        yield _rect(box, FILL[node.kind], INK, ' stroke-width="1.6" rx="9"')
        yield (_person if node.kind == USER else _gear)(box.x + 13, box.y + 13)
        lines = node.name.split(" ", 1) if len(node.name) > 9 else [node.name]
        for n, line in enumerate(lines):
            yield _text("task", box.cx, box.cy + 6 + 19 * (n - (len(lines) - 1) / 2), line)
        if node.kind == USER:
            yield _text(
                "role", box.cx, box.cy + (21 if len(lines) == 1 else 33), words(graph.process.steps[node.step].role)
            )
    elif node.kind == OTHER:
        yield _rect(box, LANES[1], SOFT, ' stroke-width="1.4"')
        yield _text("task", box.cx, box.cy + 6, node.name)
    elif node.kind in (GATEWAY, SPLIT, JOIN):
        corners = f"M{box.cx:g},{box.y:g} L{box.right:g},{box.cy:g} L{box.cx:g},{box.bottom:g} L{box.x:g},{box.cy:g} z"
        yield f'<path d="{corners}" fill="{FILL.get(node.kind, PAPER)}" stroke="{INK}" stroke-width="1.4"/>'
        if node.kind != JOIN:
            yield _stroke(f"M{box.cx - 7:g},{box.cy - 7:g} l14,14 m0,-14 l-14,14", 2.6)
    else:
        yield from _event(graph, node, box)


def _event(graph: Chart, node: Node, box: Box) -> Iterator[str]:
    thick = 3.2 if node.kind in (END, REMIND) else 1.5
    reminds = node.kind == TIMER and f"{REMIND}_{node.step}" in graph.nodes
    dashes = ' stroke-dasharray="4 2.5"' if reminds else ""
    yield _circle(box.cx, box.cy, box.w / 2 - thick / 2, thick, FILL.get(node.kind, PAPER), dashes)
    if node.kind in (TIMER, WAIT):
        yield _circle(box.cx, box.cy, 13.5, 1.3, "none", dashes)
        yield _circle(box.cx, box.cy, 9.5, 1.3)
        yield _stroke(f"M{box.cx:g},{box.cy - 6.5:g} V{box.cy:g} H{box.cx + 5:g}", 1.3)
    if node.kind == REMIND:
        yield f'<rect x="{box.cx - 9:g}" y="{box.cy - 6:g}" width="18" height="12" fill="{INK}"/>'
        yield f'<path d="M{box.cx - 9:g},{box.cy - 6:g} l9,7 l9,-7" fill="none" stroke="{PAPER}" stroke-width="1.4"/>'


def _circle(x: float, y: float, r: float, width: float, fill: str = "none", more: str = "") -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}" stroke="{INK}" stroke-width="{width:g}"{more}/>'


def _stroke(path: str, width: float) -> str:
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="{width:g}"/>'


def _person(x: float, y: float) -> str:
    return _circle(x, y - 3, 3.4, 1.2) + _stroke(f"M{x - 6.5:g},{y + 7:g} c0,-9 13,-9 13,0 z", 1.2)


def _gear(x: float, y: float) -> str:
    return _circle(x, y, 5.6, 3, more=' stroke-dasharray="2.2 2.2"') + _circle(x, y, 3.6, 1.6)


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _names(graph: Chart, where: Plan) -> Iterator[str]:
    for id_, box in where.labels.items():
        flow, node = graph.flows.get(id_), graph.nodes.get(id_)
        if flow:
            yield _text("name back" if leads_back(flow, where) else "name", box.cx, box.bottom - 4, flow.name)
        elif node and node.kind != SPLIT and f"{REMIND}_{node.step}" not in graph.nodes:
            yield _text("name back" if node.kind == TIMER else "name", box.cx, box.bottom - 4, node.name)
