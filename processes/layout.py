"""The geometry of a chart: boxes, lines and labels in pixels, origin at the top left, y downwards.

Gaps are as wide as the tracks in them need, columns and rows as their widest shape; so no two shapes meet, every
shape lies in its lane, and no line runs through a shape.
"""

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise

from models.process import END, GATEWAY, SERVICE, START, USER
from processes.chart import JOIN, OTHER, REMIND, SPLIT, TIMER, WAIT, Chart
from processes.grid import Grid, grid
from processes.route import Line, Run, Way, routed, tracks

TASK, DIAMOND, CIRCLE, POOL = (100, 80), (50, 50), (36, 36), (110, 50)
SIZE = {
    START: CIRCLE, END: CIRCLE, WAIT: CIRCLE, TIMER: CIRCLE, REMIND: CIRCLE, USER: TASK, SERVICE: TASK,
    GATEWAY: DIAMOND, SPLIT: DIAMOND, JOIN: DIAMOND, OTHER: POOL,
}  # fmt: skip
HEADER = 30  # the band with the name, of the pool and of each lane
GAP = (15, 21)  # from a shape to the first track beside it, across and down: down there are timers on the border
FREE = (26, 28)  # a gap without tracks
TRACK, SPREAD, BORDER = 12, 12, 22  # between tracks; of tracks at a shape to both sides; from a row to the border
LETTER, LINE_HEIGHT = 7.8, 18  # a label's mean letter and line, as drawn
NAME = 70  # room for the names of the ways out of a gateway that stands alone

XY = tuple[float, float]


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    w: float
    h: float

    @property
    def cx(self) -> float:
        return self.x + self.w / 2

    @property
    def cy(self) -> float:
        return self.y + self.h / 2

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        w = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        if w <= 0:
            return 0.0
        h = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return w * h if h > 0 else 0.0


@dataclass(frozen=True)
class Plan:
    """Where everything lies: shapes and labels by node id, lines and labels by flow id, lanes by name."""

    shapes: dict[str, Box]
    lines: dict[str, tuple[XY, ...]]
    labels: dict[str, Box]
    lanes: dict[str, Box]
    pool: Box
    width: float
    height: float


@dataclass(frozen=True)
class Strip:
    """A column, a row or a gap: where it begins and ends, where its line runs, where a border lies in it."""

    low: float
    middle: float
    high: float
    border: float


def plan(chart: Chart) -> Plan:
    """The layout of a chart: the same chart, the same plan."""
    cells = grid(chart)
    ways = routed(chart, cells)
    runs = tracks(ways, chart)
    rows = cells.lanes
    borders = {r for r in range(len(rows)) if r == 0 or rows[r] != rows[r - 1]}
    xs = _strips([_width(chart, cells, x) for x in range(cells.columns)], runs, 0, 2 * HEADER)
    ys = _strips([_height(chart, cells, y) for y in range(len(rows))], runs, 1, 0, borders, below="" in rows)
    shapes = {}
    for id_, (column, row) in cells.cells.items():
        kind, x, y = chart.nodes[id_].kind, xs[2 * column + 1].middle, ys[2 * row + 1].middle
        if kind in (TIMER, REMIND):
            x += TASK[0] / 2
        if kind == TIMER:
            y += TASK[1] / 2 if f"{REMIND}_{chart.nodes[id_].step}" not in chart.nodes else -TASK[1] / 2
        w, h = SIZE[kind]
        shapes[id_] = Box(x - w / 2, y - h / 2, w, h)
    lines = {id_: _line(chart, id_, ways.get(id_, ()), shapes, xs, ys, runs) for id_ in chart.flows}
    edges = [ys[2 * r].border for r in sorted(borders)]
    named = [(rows[r], a, b) for r, a, b in zip(sorted(borders), edges, [*edges[1:], ys[-1].high], strict=True)]
    right = xs[-1].high
    lanes = {name: Box(HEADER, a, right - HEADER, b - a) for name, a, b in named if name}
    pool = Box(0, 0, right, max(lane.bottom for lane in lanes.values()))
    return Plan(shapes, lines, _labels(chart, shapes, lines), lanes, pool, right, ys[-1].high)


def _width(chart: Chart, cells: Grid, column: int) -> float:
    kinds = {chart.nodes[id_].kind for id_, (c, _) in cells.cells.items() if c == column}
    wide = {TIMER: TASK[0] + CIRCLE[0], GATEWAY: DIAMOND[0] + NAME}
    return max([0, *(max(SIZE[k][0], wide.get(k, 0)) for k in kinds)])


def _height(chart: Chart, cells: Grid, row: int) -> float:
    return max(SIZE[chart.nodes[id_].kind][1] for id_, (_, r) in cells.cells.items() if r == row)


def _strips(
    sizes: list[float],
    runs: Mapping[Line, list[Run]],
    axis: int,
    start: float,
    borders: Set[int] = frozenset(),
    below: bool = False,
) -> list[Strip]:
    """The strips of one axis, gaps and cells in turn. A gap holds its tracks and, before or after them, a border:
    before, so that the tracks belong to the lane that begins there; after, where what is `below` is no lane."""
    strips: list[Strip] = []
    at = start
    for n in range(2 * len(sizes) + 1):
        if n % 2:
            strips.append(Strip(at, at + sizes[n // 2] / 2, at + sizes[n // 2], at))
        else:
            beside = max([0, *(run.tracks for run in runs.get((axis, n), ()))])
            inner = 2 * GAP[axis] + (beside - 1) * TRACK if beside else FREE[axis]
            outside = below and n == 2 * len(sizes) - 2
            ahead = BORDER if n // 2 in borders and n and not outside else 0
            after = BORDER + GAP[axis] if outside else 0
            end = at + ahead + inner + after
            strips.append(Strip(at, at + ahead + inner / 2, end, end - GAP[axis] if outside else at + ahead))
        at = strips[-1].high
    return strips


def _line(
    chart: Chart,
    id_: str,
    way: Way,
    shapes: Mapping[str, Box],
    xs: list[Strip],
    ys: list[Strip],
    runs: Mapping[Line, list[Run]],
) -> tuple[XY, ...]:
    flow = chart.flows[id_]
    source, target = shapes[flow.source], shapes[flow.target]
    if not way:  # from a timer up to its reminder
        return ((source.cx, source.y), (target.cx, target.bottom))
    axes = [0 if a[0] == b[0] else 1 for a, b in pairwise(way)]
    places = [_place(id_, axis, a, b, (xs, ys)[axis], runs) for axis, a, b in zip(axes, way, way[1:], strict=False)]
    points = [
        (places[n - 1], places[n]) if axes[n - 1] == 0 else (places[n], places[n - 1]) for n in range(1, len(places))
    ]
    late = chart.nodes[flow.source].kind == TIMER
    if late:
        first: tuple[XY, ...] = ((source.right, source.cy), (places[0], source.cy))
    else:
        first = (_dock(chart.nodes[flow.source].kind, source, axes[0], places[0], way[0], way[1]),)
    last = _dock(chart.nodes[flow.target].kind, target, axes[-1], places[-1], way[-1], way[-2])
    return (*first, *points, last)


def _place(id_: str, axis: int, a: XY, b: XY, strips: list[Strip], runs: Mapping[Line, list[Run]]) -> float:
    """The coordinate of a stretch: its line's middle, moved to its track."""
    n = int(a[axis])
    low, high = sorted((a[1 - axis], b[1 - axis]))
    run = next(r for r in runs[axis, n] if id_ in r.flows and r.low - 0.5 <= low and high <= r.high + 0.5)
    between = min(TRACK, 2 * SPREAD / max(1, run.tracks - 1)) if n % 2 else TRACK
    return strips[n].middle + (run.track - (run.tracks - 1) / 2) * between


def _dock(kind: str, box: Box, axis: int, at: float, here: XY, there: XY) -> XY:
    """Where a line that leaves a shape towards `there` meets its border."""
    off = abs(at - (box.cx, box.cy)[axis])
    half = (box.h, box.w)[axis] / 2
    if SIZE[kind] == DIAMOND:
        half -= off
    elif SIZE[kind] == CIRCLE:
        half = math.sqrt(half**2 - off**2)
    ahead = half if there[1 - axis] > here[1 - axis] else -half
    return (at, box.cy + ahead) if axis == 0 else (box.cx + ahead, at)


def _labels(chart: Chart, shapes: Mapping[str, Box], lines: Mapping[str, tuple[XY, ...]]) -> dict[str, Box]:
    """A place for every name that isn't written inside its shape, where it covers the least; flows choose first."""
    found: dict[str, Box] = {}
    strokes = {
        id_: [Box(min(a, u), min(b, v), abs(a - u) + 1, abs(b - v) + 1) for (a, b), (u, v) in pairwise(line)]
        for id_, line in lines.items()
    }

    def cover(box: Box, own: str) -> float:
        solid = sum(box.overlap(other) for other in (*shapes.values(), *found.values()))
        crossed = sum(box.overlap(stroke) for id_ in strokes if id_ != own for stroke in strokes[id_])
        return 4 * solid + 5 * crossed + 1e4 * (box.x < 2 * HEADER)

    def put(id_: str, name: str, spots: Iterator[XY]) -> None:
        boxes = enumerate(Box(x, y, LETTER * len(name), LINE_HEIGHT) for x, y in spots)
        found[id_] = min(boxes, key=lambda ranked: (cover(ranked[1], id_) + 20 * ranked[0], ranked[0]))[1]

    for flow in chart.flows.values():
        if flow.name:
            put(flow.id, flow.name, _beside(lines[flow.id], LETTER * len(flow.name)))
    for node in sorted(chart.nodes.values(), key=lambda n: n.kind in (SPLIT, TIMER, REMIND)):
        if node.name and SIZE[node.kind] in (CIRCLE, DIAMOND):
            put(node.id, node.name, _around(shapes[node.id], LETTER * len(node.name)))
    return found


def _beside(line: tuple[XY, ...], w: float) -> Iterator[XY]:
    """Spots for a flow's name: above and below, or right and left of its first stretches, near where it leaves."""
    for (x, y), (u, v) in pairwise(line[:4]):
        if y == v:
            for dx in (14, 3, 24):
                left = x + dx if u > x else x - w - dx
                yield left, y - LINE_HEIGHT - 1
                yield left, y + 2
        else:
            for dy in (12, 3, 24):
                top = y + dy if v > y else y - LINE_HEIGHT - dy
                yield x + 4, top
                yield x - w - 4, top


def _around(box: Box, w: float) -> Iterator[XY]:
    """Spots for a shape's name: below, above, then at its corners."""
    yield box.cx - w / 2, box.bottom + 2
    yield box.cx - w / 2, box.y - LINE_HEIGHT - 2
    for x in (box.cx + 14, box.cx - w - 14):
        yield x, box.y - LINE_HEIGHT + 6
        yield x, box.bottom - 6
    yield box.right + 3, box.cy - LINE_HEIGHT / 2
    yield box.x - w - 3, box.cy - LINE_HEIGHT / 2
