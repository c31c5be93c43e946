"""A process drawn as SVG from the layout of its BPMN file."""

from html import escape

from models.process import END, GATEWAY, SERVICE, START, USER, Process
from processes.chart import JOIN, OTHER, REMIND, SPLIT, TIMER, WAIT, chart
from processes.layout import HEADER, LINE_HEIGHT, XY, Box, plan

EDGE = 16  # around the picture
FONT = "font-family=\"'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif\""


def to_svg(process: Process) -> str:
    graph = chart(process)
    where = plan(graph)
    w, h = where.width + 2 * EDGE, where.height + 2 * EDGE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-EDGE} {-EDGE} {w:g} {h:g}" width="{w:g}" height="{h:g}" {FONT}>',
        '<defs><marker id="a" markerWidth="10" markerHeight="8" refX="9" refY="4" orient="auto"><path d="M0,0 L10,4 L0,8 z" fill="#444"/></marker></defs>',
        f'<rect x="{-EDGE}" y="{-EDGE}" width="{w:g}" height="{h:g}" fill="#fff"/>',
    ]
    for n, (name, b) in enumerate(where.lanes.items()):
        out.append(f'<rect x="{b.x:g}" y="{b.y:g}" width="{b.w:g}" height="{b.h:g}" fill="{("#f7f7f7","#eef2f5")[n%2]}" stroke="#999"/>')
    for f in graph.flows.values():
        d = "M" + " L".join(f"{x:g},{y:g}" for x, y in where.lines[f.id])
        dash = "6 4" if f.message else ""
        out.append(f'<path d="{d}" fill="none" stroke="#444" stroke-width="1.4" marker-end="url(#a)" stroke-dasharray="{dash}"/>')
    for n in graph.nodes.values():
        b = where.shapes[n.id]
        if b.w == b.h == 50:
            out.append(f'<path d="M{b.cx:g},{b.y:g} L{b.right:g},{b.cy:g} L{b.cx:g},{b.bottom:g} L{b.x:g},{b.cy:g} z" fill="#fff" stroke="#333"/>')
        elif b.w == 36:
            out.append(f'<circle cx="{b.cx:g}" cy="{b.cy:g}" r="18" fill="#fff" stroke="#333"/>')
        else:
            out.append(f'<rect x="{b.x:g}" y="{b.y:g}" width="{b.w:g}" height="{b.h:g}" rx="8" fill="#fff" stroke="#333"/><text x="{b.cx}" y="{b.cy}" text-anchor="middle">{escape(n.name)}</text>')
    for i, b in where.labels.items():
        name = (graph.flows.get(i) or graph.nodes.get(i)).name
        out.append(f'<text x="{b.x:g}" y="{b.bottom-4:g}" font-size="14">{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out)
