"""Where the shapes of a chart lie: columns in the order of the process, rows in lanes. No geometry yet.

A column is how far a step is from the start. A step takes three rows of its lane: its joining gateway above it,
its own, its splitting gateway below it; rows that nothing uses vanish. An automatic step that hands over to
another lane stands in the column of the step that it feeds, so that the picture stays narrow.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.process import GATEWAY, SERVICE
from processes.chart import JOIN, OTHER, REMIND, SPLIT, Arrow, Chart, ways

ABOVE, HERE, BELOW = 0, 1, 2
_PART = {JOIN: ABOVE, REMIND: ABOVE, SPLIT: BELOW}


@dataclass(frozen=True)
class Grid:
    """Cells by node id as (column, row); a timer is in the cell of its task, a reminder in that of the join. `lanes`
    holds the lane of each row, the empty name for the row below the pool, where other processes stand."""

    cells: dict[str, tuple[int, int]]
    lanes: tuple[str, ...]
    columns: int


def grid(chart: Chart) -> Grid:
    """Every node of the chart in its cell; only timers and reminders share a cell with another node."""
    steps = {node.step: node.lane for node in chart.nodes.values() if node.kind != OTHER}
    column = _columns(chart, steps)
    row = _rows(chart, steps, column)
    places = {
        node.id: (column[node.step], (chart.lanes.index(node.lane), row[node.step], _PART.get(node.kind, HERE)))
        for node in chart.nodes.values()
        if node.kind != OTHER
    }
    used = sorted({place for _, place in places.values()})
    cells = {id_: (col, used.index(place)) for id_, (col, place) in places.items()}
    lanes = [chart.lanes[lane] for lane, _, _ in used]
    taken: set[int] = set()
    for flow in chart.flows.values():
        if flow.message and flow.target not in cells:
            col = cells[flow.source][0]
            while col in taken:
                col += 1
            taken.add(col)
            cells[flow.target] = (col, len(lanes))
    return Grid(cells, (*lanes, "") if taken else tuple(lanes), 1 + max(col for col, _ in cells.values()))


def _forward(chart: Chart, steps: Iterable[str]) -> dict[str, list[str]]:
    """From which steps the process comes on to a step: without arrows that lead back (on a cycle, against the order
    of the declaration), and without weak ones where others lead there."""
    order = {name: n for n, name in enumerate(steps)}
    out: dict[str, list[Arrow]] = {name: ways(chart.process.steps[name]) for name in order}
    after: dict[str, set[str]] = {}
    for name in order:
        todo, after[name] = [name], set()
        while todo:
            fresh = {a.to for a in out[todo.pop()]} - after[name]
            after[name] |= fresh
            todo += sorted(fresh)
    into: dict[str, list[str]] = {}
    for name in order:
        arrows = [(n, a) for n in order for a in out[n] if a.to == name]
        ahead = [(n, a) for n, a in arrows if n != name and not (order[name] < order[n] and n in after[name])]
        strong = [n for n, a in ahead if not a.weak]
        into[name] = strong or [n for n, _ in ahead]
    return into


def _columns(chart: Chart, steps: dict[str, str]) -> dict[str, int]:
    into = _forward(chart, steps)
    found = {chart.process.start: 0}

    def width(source: str, target: str) -> int:
        feeds = chart.process.steps[source].kind in (SERVICE, GATEWAY) and steps[source] != steps[target]
        return 0 if feeds else 1

    def depth(name: str) -> int:
        if name not in found:
            found[name] = max([1, *(depth(source) + width(source, name) for source in into[name])])
        return found[name]

    for name in steps:
        depth(name)
    for name in steps:  # where arrows lead back alone: just before what it leads on to
        if not into[name] and name != chart.process.start:
            found[name] = max(1, min(found[way.to] for way in ways(chart.process.steps[name])) - 1)
    return found


def _rows(chart: Chart, steps: dict[str, str], column: dict[str, int]) -> dict[str, int]:
    """The row of a step within its lane: that of the step before it, or the first that is free in its column."""
    into = _forward(chart, steps)
    found: dict[str, int] = {}
    taken: set[tuple[str, int, int]] = set()
    for name in sorted(steps, key=lambda n: column[n]):
        before = [found[n] for n in into[name] if n in found and steps[n] == steps[name]]
        row = before[0] if before else 0
        if (steps[name], column[name], row) in taken:
            row = next(r for r in range(len(steps)) if (steps[name], column[name], r) not in taken)
        found[name] = row
        taken.add((steps[name], column[name], row))
    return found
