"""A declaration as a BPMN graph: nodes in lanes and the flows between them. Neither XML nor geometry.

What the declaration says in one word BPMN says in several shapes. A step with several ways out is a task and an
exclusive gateway that asks for the `action`; a limit of rounds is a condition on `done_<action>`, how often the
arrow was taken before; a step with several ways in has a joining gateway before it. A `late` arrow is an
interrupting timer on the task; a deadline without one is a timer that interrupts nothing and sends a reminder.
Acts on the item (`ITEM_ACTS`) are the same everywhere and not drawn; nor is a step that only they reach.
"""

from collections import Counter
from dataclasses import dataclass

from models.process import GATEWAY, START, USER, Process, Step

JOIN, SPLIT, TIMER, REMIND, WAIT, OTHER = "join", "split", "timer", "remind", "wait", "other"

#: Lanes from top to bottom; any other lane comes after these, in the order of the declaration.
LANES = ("system", "vendor", "branch", "department")


@dataclass(frozen=True)
class Node:
    """A shape. `kind` is a step's kind or one of: join and split (gateways before and after a step), timer (on the
    border of the step's task), remind (where a reminder ends), wait (a step that only its deadline ends), other (a
    process that is opened, outside the pool).
    """

    id: str
    kind: str
    name: str
    step: str
    lane: str = ""


@dataclass(frozen=True)
class Flow:
    """An arrow between two nodes by id: a sequence flow, or a `message` to another process.

    `condition` is a condition over facts, `action` and counters; `default` marks a gateway's last way out; `weak` is
    as in Arrow.
    """

    id: str
    source: str
    target: str
    name: str = ""
    condition: str = ""
    default: bool = False
    message: bool = False
    weak: bool = False

    @property
    def trunk(self) -> str:
        """The node at which flows may be drawn as one: those to the same node, messages from the same."""
        return self.source if self.message else self.target

    @property
    def branch(self) -> str:
        """The node at the other end."""
        return self.target if self.message else self.source


@dataclass(frozen=True)
class Arrow:
    """A way out of a step, a limited one being two: `weak` where it is not how the case ordinarily goes on."""

    name: str
    to: str
    condition: str = ""
    weak: bool = False


@dataclass(frozen=True)
class Chart:
    """The graph: lanes from top to bottom, nodes and flows by id in the order of the declaration."""

    process: Process
    lanes: tuple[str, ...]
    nodes: dict[str, Node]
    flows: dict[str, Flow]


def words(name: str) -> str:
    """A name as it is read: `verify_desk` is "verify desk"."""
    return name.replace("_", " ").strip() or name


def arrows(step: Step) -> list[Arrow]:
    """The ways out of a step in the order of the declaration, without the late one, which is its timer's."""
    found = []
    for do in step.does:
        if do.name == step.late:
            continue
        if step.kind == GATEWAY:
            found.append(Arrow(words(do.name), do.to, do.when))
            continue
        asks = f"action == '{do.name}'"
        if do.when:
            asks += f" and ({do.when})" if " or " in do.when else f" and {do.when}"
        limit = f" and done_{do.name} < {do.limit}" if do.limit else ""
        found.append(Arrow(words(do.name), do.to, asks + limit))
        if do.over:
            over = f"{asks} and done_{do.name} >= {do.limit}"
            found.append(Arrow(f"{words(do.name)} ×{do.limit + 1}", do.over, over, weak=True))
    return found


def lates(step: Step) -> list[Arrow]:
    """The arrow that the passing of the deadline takes, if there is one."""
    return [Arrow(words(step.late), step.by_name[step.late].to, weak=True)] if step.late else []


def ways(step: Step) -> list[Arrow]:
    """All ways out of a step."""
    return [*arrows(step), *lates(step)]


def reached(process: Process) -> list[str]:
    """The steps that arrows lead to, in the order of the declaration."""
    found, todo = set(), [process.start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [arrow.to for arrow in ways(process.steps[name])]
    return [name for name in process.steps if name in found]


def lanes_of(process: Process) -> dict[str, str]:
    """The lane of every drawn step. One that names none lies where most of its arrows come from."""
    drawn = reached(process)
    lanes = {name: process.steps[name].lane for name in drawn}
    for _ in drawn:
        for name in drawn:
            if not process.steps[name].lane:
                into = Counter(lanes[s] for s in drawn for a in ways(process.steps[s]) if a.to == name and lanes[s])
                lanes[name] = into.most_common(1)[0][0] if into else ""
    return lanes


def opened(step: Step) -> list[str]:
    """The processes that a step's arrows open."""
    return list(dict.fromkeys(other for do in step.does for other in do.opens.values()))


def chart(process: Process) -> Chart:
    """The graph of a declaration. Ids are made of the declaration's names, so that they stay when it grows.

    The only way out of a step needs neither name nor condition: what it asks stands in the step's documentation.
    """
    lanes = lanes_of(process)
    ways_in = Counter(a.to for name in lanes for a in ways(process.steps[name]))
    nodes: dict[str, Node] = {}
    flows: dict[str, Flow] = {}

    def add(kind: str, step: str, name: str, lane: str = "", id_: str = "") -> None:
        nodes[id_ or f"{kind}_{step}"] = Node(id_ or f"{kind}_{step}", kind, name, step, lane)

    def link(source: str, target: str, arrow: Arrow | None = None, name: str = "", default: bool = False) -> None:
        id_ = "-".join(filter(None, ["flow", source, target, name])).replace(" ×", "-").replace(" ", "_")
        condition = arrow.condition if arrow and name and not default else ""
        message = nodes[target].kind == OTHER
        flows[id_] = Flow(id_, source, target, name, condition, default, message, bool(arrow and arrow.weak))

    for name, lane in lanes.items():
        step = process.steps[name]
        out = arrows(step)
        joins_itself = step.kind == GATEWAY and len(out) == 1
        if ways_in[name] > 1 and not joins_itself:
            add(JOIN, name, "", lane)
        kind = WAIT if step.late and not out else step.kind
        title = out[0].name if kind == START and len(out) == 1 else name
        add(kind, name, words(title), lane, f"step_{name}")
        if step.kind != GATEWAY and len(out) > 1:
            add(SPLIT, name, f"{words(name)}?", lane)
        if kind == USER and (step.due or step.late):
            add(TIMER, name, words(step.late or step.due), lane)
            if not step.late:
                add(REMIND, name, "remind", lane)
        for other in opened(step):
            add(OTHER, other, words(other))

    def into(step: str) -> str:
        return f"join_{step}" if f"join_{step}" in nodes else f"step_{step}"

    for name in lanes:
        step, out, here = process.steps[name], arrows(process.steps[name]), f"step_{name}"
        if f"join_{name}" in nodes:
            link(f"join_{name}", here)
        if f"split_{name}" in nodes:
            link(here, f"split_{name}")
            here = f"split_{name}"
        for arrow in out:
            default = step.kind == GATEWAY and arrow is out[-1]
            link(here, into(arrow.to), arrow, arrow.name if len(out) > 1 else "", default)
        for arrow in lates(step):
            link(f"timer_{name}" if out else here, into(arrow.to), arrow)
        if f"remind_{name}" in nodes:
            link(f"timer_{name}", f"remind_{name}")
        for other in opened(step):
            link(f"step_{name}", f"other_{other}")

    named = list(dict.fromkeys(lanes.values()))
    named.sort(key=lambda lane: LANES.index(lane) if lane in LANES else len(LANES))
    return Chart(process, tuple(named), nodes, flows)
