"""The shape of a process: steps with lane and role, the arrows between them, and who must differ from whom.

A process is data. From one declaration come the guard (door/decide), the items and deadlines (door/fold),
the BPMN file and the checks; nothing else in the house needs to change when a process is added.
"""

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

from pydantic import BaseModel, ConfigDict

START, USER, SERVICE, GATEWAY, END = "start", "user", "service", "gateway", "end"

#: Acts on the item, the same for every process; they never move the case (cancel ends it).
ITEM_ACTS = ("claim", "hand_back", "delegate", "reassign", "hold", "comment", "cancel", "remind")
ONLY_READS = frozenset({"auditor"})  # roles with which alone nobody acts at all, not even to comment
OUTSIDE = frozenset({"vendor"})  # lanes of other houses: their people comment on nothing but what is their own


class Form(BaseModel):
    """A payload. Unknown fields are refused; what JSON can't carry exactly (float) is never declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Form):
    """The payload of an arrow that needs none."""


@dataclass(frozen=True)
class Do:
    """One arrow out of a step.

    `when` is a condition over the case's facts; `limit` is how often the arrow may be taken, after that it leads
    to `over`, or is refused where there is none. `opens` maps payload fields to processes: each element opens a
    case. `rows` maps tables to payload fields: each element becomes a row, filled up with the case's facts by
    column name; an empty field name means one row of facts alone. All in the transaction of the act. `tells`:
    who is told of it besides whoever acts next (`manager`: the responsible one). `stands`: it leads back to a step
    whose deadline is the one that it had when the case last left it, as are the days that it was on hold. `ahead`: days
    in the payload (`until`; `measures.by`: of each) that lie on the business date or after it. A condition may also
    ask for what the arrow's own form says.
    """

    name: str
    to: str
    form: type[Form] = Nothing
    when: str = ""
    bulk: bool = False
    limit: int = 0
    over: str = ""
    opens: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    tells: str = ""
    stands: bool = False
    ahead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """Where a case waits: `user` for a person, `service` for a flow; `gateway` never waits; `end` is final;
    `start` is where a case is before it exists: its arrow opens it, its role may.

    `whose` says whose step it is: a fact (its manager, its inspector) or an action (who recorded it); empty:
    anyone of the role. `due` is the policy key of a timer ("{kind}" is filled from the facts; a payload's own
    `due_on` comes first); `late` is the arrow that the deadlines flow, and nobody else, takes when it has passed;
    without one the item stays and reminders climb the ladder. `of_unit`: only for people of the unit of the subject's
    responsible manager.
    """

    kind: str
    lane: str = ""
    role: str = ""
    does: tuple[Do, ...] = ()
    whose: str = ""
    due: str = ""
    late: str = ""
    of_unit: bool = False

    @cached_property
    def by_name(self) -> Mapping[str, Do]:
        return {do.name: do for do in self.does}


@dataclass(frozen=True)
class Process:
    """A declared process. `facts` are the payload fields that the case remembers (and `<action>_on`: the business date
    on which that action was last done); `apart` are pairs of actions
    that one person (or who stood in for him) may not both have done, in any round, the parent's included.

    `authority` names, lane by lane, the role that reassigns; `cancel` the role that ends a case before its time
    (at the step `cancelled`). `listed` are the facts by which lists of its items are narrowed: an item carries them with
    it. `beside` are facts that conditions ask for and no case remembers: told, when it comes to that, by the rules
    (door/command.py). `stream` names the kind of journal stream. `before` are the hashes of the pages that were
    in force before this one, oldest first: whoever changes a page that is in use adds the hash it had.
    """

    name: str
    start: str
    steps: Mapping[str, Step]
    apart: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    authority: Mapping[str, str] = field(default_factory=dict)
    cancel: str = ""
    stream: str = "case"
    before: tuple[str, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the declaration: stands in every entry, so that it is known under which page it was made."""
        return hashlib.sha256(repr(self._shape()).encode()).hexdigest()[:16]

    def _shape(self) -> Any:
        def do(d: Do) -> Any:
            return (
                d.name,
                d.to,
                _described(d.form),
                d.when,
                d.bulk,
                d.limit,
                d.over,
                sorted(d.opens.items()),
                sorted(d.rows.items()),
                d.tells,
                d.stands,
                d.ahead,
            )

        steps = [
            (n, s.kind, s.lane, s.role, [do(d) for d in s.does], s.whose, s.due, s.late, s.of_unit)
            for n, s in self.steps.items()
        ]
        return (self.name, self.start, steps, self.apart, self.facts, sorted(self.authority.items()), self.cancel)

    @cached_property
    def _forms(self) -> Mapping[str, type[Form]]:
        return {do.name: do.form for step in self.steps.values() for do in step.does}

    def form_of(self, action: str) -> type[Form] | None:
        """The form of an action; arrows of one name share it, from whatever step."""
        return self._forms.get(action)

    @cached_property
    def rivals(self) -> Mapping[str, tuple[str, ...]]:
        """For each action, the actions that somebody else must have done, in the order of the page."""
        found: dict[str, list[str]] = {}
        for a, b in self.apart:
            found.setdefault(a, []).append(b)
            found.setdefault(b, []).append(a)
        return {action: tuple(others) for action, others in found.items()}

    def lanes_of(self, role: str) -> frozenset[str]:
        """In which lanes a role of this process is at home: where its steps are, or those that it has authority in."""
        return self._lanes.get(role, frozenset())

    @cached_property
    def _lanes(self) -> Mapping[str, frozenset[str]]:
        roles = {s.role for s in self.steps.values()} | {self.cancel, *self.authority.values()}
        return {
            role: frozenset(s.lane for s in self.steps.values() if s.role == role and role)
            or frozenset(lane for lane, held in self.authority.items() if held == role)
            for role in roles
        }

    @cached_property
    def counted(self) -> tuple[str, ...]:
        """Processes whose open siblings a condition asks for, as in `open_order == 0`."""
        names = {n for s in self.steps.values() for d in s.does if d.when for n in names_in(d.when)}
        return tuple(sorted(n.removeprefix("open_") for n in names if n.startswith("open_")))

    @cached_property
    def asking(self) -> frozenset[str]:
        """Actions whose condition asks for a fact from beside the case."""
        arrows = [d for s in self.steps.values() for d in s.does if d.when]
        return frozenset(d.name for d in arrows if set(names_in(d.when)) & set(self.beside))

    @cached_property
    def standing(self) -> tuple[str, ...]:
        """Steps whose deadline is remembered when they are left, because an arrow leads back to it."""
        return tuple(sorted({d.to for s in self.steps.values() for d in s.does if d.stands}))

    def check(self) -> list[str]:
        """What is wrong with the declaration, one sentence each; empty if nothing."""
        wrong = []
        known = set(self.steps)
        arrows = [(n, d) for n, s in self.steps.items() for d in s.does]
        for place, do in arrows:
            for target in filter(None, (do.to, do.over)):
                if target not in known:
                    wrong.append(f"{self.name}.{place}.{do.name} leads to {target!r}, which is no step.")
            if do.name in ITEM_ACTS:
                wrong.append(f"{self.name}.{place}: {do.name!r} is the name of an item act; name the arrow otherwise.")
            if do.stands and (do.to not in known or not self.steps[do.to].due):
                wrong.append(f"{self.name}.{place}.{do.name} keeps the deadline of {do.to!r}, which has none.")
            if do.over and not do.limit:
                wrong.append(f"{self.name}.{place}.{do.name} says where the last round leads, but sets no limit.")
            for name in names_in(do.when) if do.when else ():
                told = (*self.facts, *self.beside, *do.form.model_fields)
                if name not in told and not name.startswith("open_"):
                    wrong.append(f"{self.name}.{place}.{do.name} asks for {name!r}, which the case does not remember.")
            if do.form is not self.form_of(do.name):
                wrong.append(f"{self.name}.{place}.{do.name} has another form than the arrow of that name elsewhere.")
        actions = {d.name for _, d in arrows}
        for name, step in self.steps.items():
            if step.kind != END and not step.does:
                wrong.append(f"{self.name}.{name} has no way out.")
            if step.late and step.late not in step.by_name:
                wrong.append(f"{self.name}.{name}: late arrow {step.late!r} is none of its arrows.")
            if step.kind in (START, USER) and not (step.role and step.lane):
                wrong.append(f"{self.name}.{name} is a user step without lane and role.")
            if step.kind == GATEWAY and step.does and step.does[-1].when:
                wrong.append(f"{self.name}.{name}: the last arrow of a gateway is its default and has no condition.")
        reached: set[str] = set()
        todo = [self.start]
        while todo:
            name = todo.pop()
            if name in known and name not in reached:
                reached.add(name)
                todo += [t for d in self.steps[name].does for t in (d.to, d.over) if t]
        wrong += [f"{self.name}.{n} is never reached." for n in sorted(known - reached - {"cancelled"})]
        if self.cancel and "cancelled" not in known:
            wrong.append(f"{self.name} may be cancelled, but has no step 'cancelled'.")
        wrong += [
            f"{self.name} lists {n!r}, which the case does not remember." for n in self.listed if n not in self.facts
        ]
        for pair in self.apart:
            if not any(a in actions for a in pair):
                wrong.append(f"{self.name}: apart {pair} names no action of this process.")
        return wrong


_NODES = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Compare, ast.Eq, ast.NotEq, ast.Lt,
    ast.LtE, ast.Gt, ast.GtE, ast.In, ast.Name, ast.Load, ast.Constant, ast.Tuple,
)  # fmt: skip


@lru_cache(maxsize=256)
def _described(form: type[Form]) -> dict[str, Any]:
    """Forms serve many arrows, and their description is the dearest part of a page's hash."""
    return form.model_json_schema()


@lru_cache(maxsize=256)
def _compiled(text: str) -> tuple[CodeType, tuple[str, ...]]:
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise ValueError(f"condition {text!r}: only names, constants, comparisons, and, or, not")
    names = tuple(sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}))
    return compile(tree, text, "eval"), names


def names_in(text: str) -> tuple[str, ...]:
    """The facts that a condition asks for. Raises ValueError where it is more than names and comparisons."""
    return _compiled(text)[1]


@lru_cache(maxsize=256)
def clauses(text: str) -> tuple[str, ...]:
    """What a condition asks for at once, each by itself: the parts that `and` joins, or the whole."""
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.BoolOp) or not isinstance(tree.op, ast.And):
        return (text,)
    return tuple(ast.unparse(part) for part in tree.values)


def holds(text: str, facts: Mapping[str, Any]) -> bool | None:
    """Does the condition hold? None where a fact it asks for is absent: not evaluated, never silently false."""
    code, names = _compiled(text)
    if any(facts.get(n) is None for n in names):
        return None
    return bool(eval(code, {"__builtins__": {}}, dict(facts)))  # noqa: S307 - names and comparisons only, see _NODES
