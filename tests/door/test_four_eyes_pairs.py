"""Every pair of the pages keeps somebody out, and every pair of the procedure stands on its page.

For each pair a search brings one person, through transfer and reassignment, to do the one thing and try the other, in
a walk of the same machine that walks at random (test_four_eyes). With the whole page the door refuses; without that
pair it lets him, and what the machine holds of every step fails. On SQLite alone: the machine itself walks on both.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from door.command import SYSTEM
from models.process import SERVICE, Do, Process
from processes import PROCESSES
from tests.door.bank import LANES
from tests.door.conftest import lite
from tests.door.procedure import pairs
from tests.door.test_four_eyes import Walk, machine

PAIRS = [(name, pair) for name in PROCESSES for pair in pairs(name)]
X = "min"  # the one who comes to both
SEEDS = 12


@pytest.fixture(scope="module")
def walk(lite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Walk]]:
    with lite(lite_template, tmp_path_factory.mktemp("pairs")) as db:
        walk = machine(db)
        walk.bank.hire(X, "credit")
        yield walk


@dataclass
class Search:
    """A walk through one case that has X do one action of the pair, others everything between, and X try the other."""

    walk: Walk
    process: Process
    pair: tuple[str, str]
    chance: Random
    did: set[str] = field(default_factory=set)

    def kept_out(self) -> bool:
        """Was X kept from the other action? False where he never came so far. The machine's assertion fails where he
        did it."""
        case = self._open()
        for _ in range(40):
            step = self.process.steps[self.walk.bank.state(case).step]
            if not step.does:
                return False
            mine = [do.name for do in step.does if do.name in self.pair and do.name not in self.did]
            person = SYSTEM
            action = mine[0] if mine else self._towards(step.does)
            if step.kind != SERVICE and action != step.late:
                person = X if mine else self._fresh(case, step.role, action)
                if not self._bring(person, case) and person == X:
                    return True
            refused = self._act(case, action, person)
            if refused == "four_eyes" and person == X:
                return True
            if refused not in ("", "limit", "condition"):
                raise LookupError(person, action, refused)
        return False

    def _open(self) -> int:
        walk, start = self.walk, self.process.steps[self.process.start]
        walk.staff(self.chance, self.chance.choice(("outsourced", "own")), busy=0)
        if self.process.name == "inspection":
            return walk.cases[0]
        action = start.does[0].name
        parent = self._imposed() if self.process.name in ("control", "order") else None
        person = X if action in self.pair else self.walk.one_of(self.chance, start.role)
        if person == X:
            self._suit(start.role)
            self.did.add(action)
        walk.open(self.process.name, action, person, parent=parent, said=self._said(action))
        return walk.cases[-1]

    def _imposed(self) -> int:
        """An inspection in which X, or another, imposed."""
        case = self.walk.bank.inspection("decide")
        self.walk.start(case, "inspection", "open", {SYSTEM})
        self._suit("credit_manager")
        self._act(case, "impose", X if "impose" in self.pair else "han")
        return case

    def _act(self, case: int, action: str, person: str) -> str:
        """What the machine hears of as of any other; the code of a refusal."""
        verdict = self.walk.bank.ask(person, action, case, said=self._said(action))
        self.walk.tell(case, action, person, None, verdict)
        if verdict.refused is not None:
            return verdict.refused.code
        if person == X:
            self.did.add(action)
        return ""

    def _said(self, action: str) -> dict[str, object]:
        if action == "impose":
            return {"restrictions": [], "orders": []}
        return {"manager": X} if action == "hand_over" and "take_over" in self.pair else {}

    def _suit(self, role: str) -> None:
        self.walk.bank.transfer(X, LANES[role], role)

    def _bring(self, person: str, case: int) -> bool:
        """He holds the step's role in its lane; where the step is another's, the lane's authority gives it to him. False
        where it may not, because of what he did."""
        state = self.walk.bank.state(case)
        step = self.process.steps[state.step]
        if person == X:
            self._suit(step.role)
        if step.whose and person not in (state.owner, state.holder):
            authority = self.walk.one_of(self.chance, self.process.authority[step.lane])
            given = self.walk.bank.ask(authority, "reassign", case, said={"to": person})
            if given.refused is not None and given.refused.facts.get("code") != "four_eyes":
                raise LookupError(given.refused)
            return given.refused is None
        return True

    def _fresh(self, case: int, role: str, action: str) -> str:
        """Somebody else who may by the procedure."""
        able = [p for p, held in self.walk.roles.items()
                if held == role and self.walk.record.breach(case, action, {p}) is None]  # fmt: skip
        return self.chance.choice(able)

    def _towards(self, does: tuple[Do, ...]) -> str:
        """Mostly the arrow that leads nearest to what X has still to do, sometimes another."""
        if self.chance.random() < 0.2:
            return self.chance.choice(does).name
        return min(does, key=lambda do: (self._far(do.to), self.chance.random())).name

    def _far(self, place: str) -> int:
        """Steps from a place to the next that offers what X has not done yet."""
        todo, seen = deque([(place, 0)]), {place}
        while todo:
            name, far = todo.popleft()
            does = self.process.steps[name].does
            if any(do.name in self.pair and do.name not in self.did for do in does):
                return far
            for target in {t for do in does for t in (do.to, do.over) if t} - seen:
                seen.add(target)
                todo.append((target, far + 1))
        return 99


def search(walk: type[Walk], process: Process, pair: tuple[str, str]) -> bool:
    """Was X kept from doing both, in one of the walks?"""
    rules = walk.bank.rules
    walk.bank.rules = replace(rules, processes={**rules.processes, process.name: process})
    try:
        return any(Search(walk(), process, pair, Random(seed)).kept_out() for seed in range(SEEDS))  # noqa: S311
    finally:
        walk.bank.rules = rules


@pytest.mark.parametrize(
    ("name", "pair"), PAIRS, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_the_door_keeps_the_pair_apart_and_without_it_the_machine_fails(
    walk: type[Walk], name: str, pair: tuple[str, str]
) -> None:
    process = PROCESSES[name]
    assert search(walk, process, pair)
    without = replace(process, apart=tuple(p for p in process.apart if set(p) != set(pair)))
    with pytest.raises(AssertionError) as broken:
        search(walk, without, pair)
    assert broken.traceback[-1].name == "tell"


def test_the_pages_and_the_procedure_name_the_same_pairs() -> None:
    for name, process in PROCESSES.items():
        page = [frozenset(pair) for pair in process.apart]
        assert len(set(page)) == len(page)
        assert set(page) == {frozenset(pair) for pair in pairs(name)}
