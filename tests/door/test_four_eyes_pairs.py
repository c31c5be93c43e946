"""Every pair of the pages keeps somebody out, and every pair of the procedure stands on its page.

For each pair a search brings one person, through transfer and reassignment, to do the one thing and try the other.
With the whole page the door refuses; without that pair it lets him, and the procedure's own judge says what he broke.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from door.command import SYSTEM
from door.db import Db
from models.process import SERVICE, Do, Process
from processes import PROCESSES
from tests.door.bank import LANES, Bank, found
from tests.door.conftest import lite
from tests.door.procedure import Record, pairs

PAIRS = [(name, pair) for name in PROCESSES for pair in pairs(name)]
X = "min"  # the one who comes to both
OTHERS = 3  # of each role, besides the bank's staff
SEEDS = 12


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, lite_template: Path) -> Iterator[Bank]:
    with lite(lite_template, tmp_path_factory.mktemp("large")) as db:
        yield staffed(db)


def staffed(db: Db) -> Bank:
    bank = found(db)
    bank.hire(X, "credit")
    for role, unit in LANES.items():
        for n in range(OTHERS):
            bank.hire(f"{role}-{n}", unit, role)
    db.run("INSERT INTO book (hash, version, text) VALUES (?, '1', '{}')", "0" * 64)
    return bank


@dataclass
class Search:
    """A walk through one case that has X do one action of the pair, others everything between, and X try the other."""

    bank: Bank
    process: Process
    pair: tuple[str, str]
    chance: Random
    record: Record = field(default_factory=Record)
    did: set[str] = field(default_factory=set)
    refused: int = 0

    def walk(self) -> str | None:
        """The rule that X came to break, None if he was kept from it or never came so far."""
        case = self._open()
        for _ in range(40):
            step = self.process.steps[self.bank.state(case).step]
            if not step.does:
                return None
            arrows = [do.name for do in step.does]
            mine = [name for name in arrows if name in self.pair and name not in self.did]
            person = SYSTEM
            action = mine[0] if mine else self._towards(step.does)
            if step.kind != SERVICE and action != step.late:
                person = X if mine else self._fresh(case, step.role, action)
                self._bring(person, case)
            verdict = self.bank.ask(person, action, case, said=self._said(action))
            if verdict.refused is not None:
                if person == X and verdict.refused.code == "four_eyes":
                    self.refused += 1
                    return None
                if verdict.refused.code not in ("limit", "condition"):
                    raise AssertionError((person, action, verdict.refused))
                continue
            if broken := self._done(case, action, person):
                return broken
        return None

    def _open(self) -> int:
        start = self.process.steps[self.process.start]
        action = start.does[0].name
        parent = self._parent() if self.process.name in ("control", "order") else None
        if parent is not None and "impose" in self.pair:
            self.did.add("impose")
        person = SYSTEM if start.role == SYSTEM else X if action in self.pair else f"{start.role}-0"
        if person == X:
            self._suit(X, start.role)
        said = self._said(action)
        case = self.bank.open(self.process.name, person, action, parent=parent, said=said)
        self.record.opened(case, self.process.name, parent)
        self._done(case, action, person)
        return case

    def _parent(self) -> int:
        """An inspection in which X, or another, imposed."""
        case = self.bank.inspection("decide")
        self.record.opened(case, "inspection")
        person = X if "impose" in self.pair else "han"
        self._suit(X, "credit_manager")
        self.bank.do(person, "impose", case, said={"restrictions": [], "orders": []})
        self.record.put_down(case, "impose", {person})
        return case

    def _done(self, case: int, action: str, person: str) -> str | None:
        if person == X:
            self.did.add(action)
        return self.record.put_down(case, action, {person})

    def _said(self, action: str) -> dict[str, object]:
        if action == "open":
            return {"path": self.chance.choice(("outsourced", "own"))}
        if action == "impose":
            return {"restrictions": [], "orders": []}
        return {"manager": X} if action == "hand_over" and "take_over" in self.pair else {}

    def _suit(self, person: str, role: str) -> None:
        self.bank.transfer(person, LANES[role], role)

    def _bring(self, person: str, case: int) -> None:
        """He holds the step's role in its lane; where the step is another's, the lane's authority gives it to him."""
        state = self.bank.state(case)
        step = self.process.steps[state.step]
        if person == X:
            self._suit(X, step.role)
        if step.whose and person not in (state.owner, state.holder):
            authority = self.process.authority[step.lane]
            given = self.bank.ask(f"{authority}-0", "reassign", case, said={"to": person})
            if given.refused is not None and given.refused.facts.get("code") != "four_eyes":
                raise AssertionError(given.refused)

    def _fresh(self, case: int, role: str, action: str) -> str:
        """Somebody else who may by the procedure."""
        able = [p for p in (f"{role}-{n}" for n in range(OTHERS)) if self.record.breach(case, action, {p}) is None]
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


def search(bank: Bank, process: Process, pair: tuple[str, str]) -> tuple[str | None, int]:
    """The rule that X broke in one of the walks, and how often the door kept him from it."""
    bank = Bank(bank.db, replace(bank.rules, processes={**bank.rules.processes, process.name: process}), bank.day)
    refused = 0
    for seed in range(SEEDS):
        one = Search(bank, process, pair, Random(seed))  # noqa: S311 - a search, no secret
        broken = one.walk()
        refused += one.refused
        if broken or refused:
            return broken, refused
    return None, refused


@pytest.mark.parametrize(
    ("name", "pair"), PAIRS, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_the_door_keeps_the_pair_apart_and_without_it_the_judge_finds_the_breach(
    large: Bank, name: str, pair: tuple[str, str]
) -> None:
    process = PROCESSES[name]
    assert search(large, process, pair) == (None, 1)
    without = replace(process, apart=tuple(p for p in process.apart if set(p) != set(pair)))
    broken, _ = search(large, without, pair)
    assert broken is not None


def test_the_pages_and_the_procedure_name_the_same_pairs() -> None:
    for name, process in PROCESSES.items():
        page = [frozenset(pair) for pair in process.apart]
        assert len(set(page)) == len(page)
        assert set(page) == {frozenset(pair) for pair in pairs(name)}
