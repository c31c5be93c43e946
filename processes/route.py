"""Ways for the flows of a grid: which gaps between columns and rows each flow takes, and side by side with which.

The maze has a point for every cell and for every gap: point (x, y) is a cell where both are odd (cell (x//2, y//2)),
a gap where one is even. A flow may pass gaps and empty cells, never another shape. Flows that lead to the same
place may share a way and are drawn as one there; all others get tracks of their own.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from processes.chart import OTHER, REMIND, TIMER, Chart, Flow
from processes.grid import Grid

Point = tuple[int, int]
Way = tuple[Point, ...]
RIGHT, LEFT, DOWN, UP = (1, 0), (-1, 0), (0, 1), (0, -1)

#: What a step through the maze costs, and what more: a bend, a crossing, each flow beside it in a gap or (squeezed)
#: at a shape, and leaving or entering a shape against the direction of reading. Ways that are shared cost less.
STEP = {RIGHT: 3.0, LEFT: 3.0, DOWN: 2.0, UP: 2.0}
BEND, CROSSING, BESIDE, SQUEEZED, AGAINST = 5.0, 2.0, 0.3, 5.0, 4.0
SHARED = 0.85


class Maze:
    """The maze of a grid, with the ways taken so far."""

    def __init__(self, chart: Chart, grid: Grid) -> None:
        self.chart, self.grid = chart, grid
        floor = grid.lanes.index("") if "" in grid.lanes else len(grid.lanes)  # sequence flows stay in the pool
        self.size = {
            False: (2 * grid.columns + 1, 2 * floor + 1),
            True: (2 * grid.columns + 1, 2 * len(grid.lanes) + 1),
        }
        self.shapes: dict[Point, str] = {}
        self.walls: set[tuple[Point, Point]] = set()
        self.reminders: set[tuple[Point, Point]] = set()  # whoever goes here crosses the way to a reminder
        for id_, (column, row) in grid.cells.items():
            here = (2 * column + 1, 2 * row + 1)
            kind = chart.nodes[id_].kind
            if kind == REMIND:  # stands at the right of its cell
                right = (here[0] + 1, here[1])
                self.walls |= {(here, right), (right, here)}
                below, corner = (here[0], here[1] + 1), (here[0] + 1, here[1] + 1)
                self.reminders |= {(below, corner), (corner, below)}
            elif kind != TIMER:
                self.shapes[here] = id_
        self.used: defaultdict[tuple[Point, Point], list[Flow]] = defaultdict(list)

    def center(self, node: str) -> Point:
        column, row = self.grid.cells[node]
        return (2 * column + 1, 2 * row + 1)

    def way(self, flow: Flow) -> Way:
        """The cheapest way for a flow, as the points where it begins, bends and ends; and takes it."""
        start, goal = self.center(flow.source), self.center(flow.target)
        late = self.chart.nodes[flow.source].kind == TIMER
        if late:  # leaves the right corner of its task, so that it begins in the gap and goes up or down
            start = (start[0] + 1, start[1])
        floor = self.size[flow.message]
        queue = [(self._least(start, goal), 0.0, start, (0, 0), (0, 0))]
        before: dict[tuple[Point, Point], tuple[Point, Point]] = {}  # point and heading: the heading and point before
        while queue:
            _, cost, here, heading, last = heapq.heappop(queue)
            if (here, heading) in before:
                continue
            before[here, heading] = (here[0] - heading[0], here[1] - heading[1]), last
            if here == goal:
                return self._take(flow, here, heading, before)
            for move in (RIGHT, DOWN, LEFT, UP):
                there = (here[0] + move[0], here[1] + move[1])
                if (move[0] and (late and here == start)) or move == (-heading[0], -heading[1]):
                    continue
                if not (0 <= there[0] < floor[0] and 0 <= there[1] < floor[1]):
                    continue
                if (here, there) in self.walls or (there != goal and there in self.shapes):
                    continue
                paid = cost + self._price(flow, here, there, heading, move, goal)
                heapq.heappush(queue, (paid + self._least(there, goal), paid, there, move, heading))
        raise ValueError(f"{flow.id}: no way")

    def _least(self, here: Point, goal: Point) -> float:
        return SHARED * (STEP[RIGHT] * abs(here[0] - goal[0]) + STEP[DOWN] * abs(here[1] - goal[1]))

    def _take(
        self, flow: Flow, here: Point, heading: Point, before: Mapping[tuple[Point, Point], tuple[Point, Point]]
    ) -> Way:
        way = [here]
        while heading != (0, 0):
            there, last = before[here, heading]
            self.used[min(here, there), max(here, there)].append(flow)
            way.append(there)
            here, heading = there, last
        return _bends(tuple(reversed(way)))

    def _price(self, flow: Flow, here: Point, there: Point, heading: Point, move: Point, goal: Point) -> float:
        price = STEP[move] + CROSSING * ((here, there) in self.reminders)
        beside = self.used[min(here, there), max(here, there)]
        if any(f.trunk == flow.trunk and f.branch != flow.branch for f in beside):
            price *= SHARED
        elif beside:
            tight = (here[0] % 2 and move[1]) or (here[1] % 2 and move[0])
            price += (SQUEEZED if tight else BESIDE) * len(beside)
        if heading == move:
            price += CROSSING * self._across(flow, here, move)
        elif heading != (0, 0):
            price += BEND
        elif move in (LEFT, UP) and self.chart.nodes[flow.source].kind != TIMER:
            price += AGAINST
        if there == goal and move in (LEFT, UP):
            price += 2 * AGAINST
        return price

    def _across(self, flow: Flow, here: Point, move: Point) -> int:
        """How many ways run straight across that of a flow at a point."""
        a, b = (here[0] - move[1], here[1] - move[0]), (here[0] + move[1], here[1] + move[0])
        one, other = self.used[min(a, here), max(a, here)], self.used[min(b, here), max(b, here)]
        return len({f.trunk for f in one if f in other} - {flow.trunk})


def _bends(way: Way) -> Way:
    """A way without the points where it goes straight on."""
    kept = [way[0]]
    for before, here, after in zip(way, way[1:], way[2:], strict=False):
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1]):
            kept.append(here)
    return (*kept, way[-1])


@dataclass
class Run:
    """A straight stretch of one flow, or of several with the same trunk, on one line of the maze. `ends` are
    its ends along the line: where, on which side of the stretch (-1 low, 1 high), and where the way turns there
    (-1, 1; 0 at a shape)."""

    flows: set[str]
    branches: set[str]
    trunk: str
    ends: list[tuple[float, int, int]] = field(default_factory=list)
    track: int = 0
    tracks: int = 1

    @property
    def low(self) -> float:
        return min(at for at, _, _ in self.ends)

    @property
    def high(self) -> float:
        return max(at for at, _, _ in self.ends)

    def meets(self, other: "Run") -> bool:
        return self.low <= other.high and other.low <= self.high

    def faces(self, other: "Run") -> bool:
        """Do both begin where they would look like one line straight across?"""
        return any(a == b and t == -u != 0 for a, _, t in self.ends for b, _, u in other.ends)


Line = tuple[int, int]  # 0 for a vertical line at x, 1 for a horizontal one at y; and x or y


def tracks(ways: Mapping[str, Way], chart: Chart) -> dict[Line, list[Run]]:
    """All stretches by line, each with its track (0 … tracks-1) among those that it lies beside."""
    lines: defaultdict[Line, list[Run]] = defaultdict(list)
    for id_, way in ways.items():
        flow = chart.flows[id_]
        for n, (a, b) in enumerate(pairwise(way)):
            axis = 0 if a[0] == b[0] else 1
            turns = (way[n - 1][axis] - a[axis] if n else 0, way[n + 2][axis] - b[axis] if n + 2 < len(way) else 0)
            late = n == 0 and chart.nodes[flow.source].kind == TIMER
            run = Run({id_}, {flow.branch}, flow.trunk)
            for here, other, turn in ((a, b, -1 if late else turns[0]), (b, a, turns[1])):
                side = -1 if here[1 - axis] < other[1 - axis] else 1
                inset = 0.0 if turn else -0.5 * side  # at a shape: what touches on its other side does not meet
                run.ends.append((here[1 - axis] + inset, side, (turn > 0) - (turn < 0)))
            lines[axis, a[axis]].append(run)
    found: dict[Line, list[Run]] = {}
    for line in sorted(lines, key=lambda line: (line[1] % 2 == 0, line)):
        runs = _bundled(lines[line])
        for group in _groups(runs):
            _order(group, line, found)
        found[line] = runs
    return found


def _bundled(runs: list[Run]) -> list[Run]:
    bundles: list[Run] = []
    for run in sorted(runs, key=lambda r: (r.low, -r.high, sorted(r.flows))):
        for other in bundles:
            apart = other.branches & run.branches or other.faces(run)
            if other.trunk == run.trunk and other.meets(run) and not apart:
                other.flows |= run.flows
                other.branches |= run.branches
                other.ends += run.ends
                break
        else:
            bundles.append(run)
    return bundles


def _groups(runs: list[Run]) -> list[list[Run]]:
    groups: list[list[Run]] = []
    for run in runs:
        near = [g for g in groups if any(run.meets(other) for other in g)]
        groups = [g for g in groups if g not in near] + [[run, *(r for g in near for r in g)]]
    return groups


def _order(group: list[Run], line: Line, found: Mapping[Line, list[Run]]) -> None:
    """Gives tracks so that few stretches cross: neighbours change places as long as that helps."""
    group.sort(key=lambda r: (sum(_crossings(r, o, line, found) - _crossings(o, r, line, found) for o in group), r.low))
    for _ in group:
        for i in range(len(group) - 1):
            a, b = group[i], group[i + 1]
            if _crossings(b, a, line, found) < _crossings(a, b, line, found):
                group[i], group[i + 1] = b, a
    for i, run in enumerate(group):
        run.track = max((o.track + 1 for o in group[:i] if o.meets(run)), default=0)
    for run in group:
        run.tracks = 1 + max(o.track for o in group)


def _crossings(a: Run, b: Run, line: Line, found: Mapping[Line, list[Run]]) -> int:
    """How often a and b cross where a lies before (left of, above) b."""
    if a is b or not a.meets(b):
        return 0
    count = 0
    for at, side, turn in a.ends:
        same = [t for where, s, t in b.ends if where == at and s == side]
        if turn in same and turn:
            count += _nested_wrongly(a, b, line, at, side, turn, found)
        elif b.low <= at <= b.high and turn == 1:
            count += 1
    for at, side, turn in b.ends:
        same = [t for where, s, t in a.ends if where == at and s == side]
        if a.low <= at <= a.high and turn == -1 and turn not in same:
            count += 1
    return count


def _nested_wrongly(
    a: Run, b: Run, line: Line, at: float, side: int, turn: int, found: Mapping[Line, list[Run]]
) -> int:
    """Both turn the same way at the same place: does the order of their tracks there, if known, make them cross?"""
    there = found.get((1 - line[0], int(at)), [])
    of_a = [r.track for r in there if r.flows & a.flows]
    of_b = [r.track for r in there if r.flows & b.flows]
    if not of_a or not of_b or of_a[0] == of_b[0]:
        return 0
    return int((of_a[0] < of_b[0]) != (side * turn == -1))


def routed(chart: Chart, grid: Grid) -> dict[str, Way]:
    """A way for every flow but those from a timer to its reminder, which are straight up; short ones first."""
    maze = Maze(chart, grid)

    def length(flow: Flow) -> tuple[bool, int, str]:
        (a, b), (c, d) = maze.center(flow.source), maze.center(flow.target)
        return chart.nodes[flow.target].kind == OTHER, 3 * abs(a - c) + 2 * abs(b - d), flow.id

    flows = [f for f in chart.flows.values() if chart.nodes[f.target].kind != REMIND]
    return {flow.id: maze.way(flow) for flow in sorted(flows, key=length)}
