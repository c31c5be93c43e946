"""The computer's clock is set back between two acts: what is recorded later bears a later instant all the same, so that
replay knows what each decision knew."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from door.command import SYSTEM
from door.db import Db
from tasks.replay import all_cases, replay
from tests.tasks.works import Works, works


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    return works(db, tmp_path)


def set_back(bank: Works) -> None:
    bank.bank.tick = count(1).__next__


def refused_again(bank: Works) -> list[str]:
    done = replay(bank.db, bank.house.snapshots, all_cases(bank.db))
    return [d.recomputed for d in done.divergences if d.what == "refused"]


def inspection(bank: Works, to: str) -> int:
    case = bank.bank.open("inspection", SYSTEM, "open", book=bank.book, said={"path": "desk"})
    bank.bring(case, to)
    return case


def lifting(bank: Works) -> None:
    """Lifting is asked for once the order is accepted."""
    control, order = bank.bank.do("han", "impose", inspection(bank, "decide")).opened
    bank.bank.do("oh", "confirm", control)
    bank.bank.do("lee", "done", order)
    bank.bank.do("choi", "accept", order)
    set_back(bank)
    bank.bank.do("han", "ask_lift", control)
    bank.bank.do("oh", "lift", control)


def taking_over(bank: Works) -> None:
    """Whoever took over concludes."""
    case = inspection(bank, "review")
    bank.bank.do("park", "take_over", bank.bank.open("handover", "kang", "hand_over", book=bank.book))
    set_back(bank)
    bank.bank.do("park", "conclude", case)


def going_on(bank: Works) -> None:
    """The same case moves on."""
    case = inspection(bank, "collect")
    set_back(bank)
    bank.bank.do("lee", "collect", case)


@pytest.mark.parametrize("story", [lifting, taking_over, going_on], ids=lambda story: story.__name__)
def test_what_is_recorded_later_bears_a_later_instant(bank: Works, story: Callable[[Works], None]) -> None:
    story(bank)
    assert refused_again(bank) == []
    for (stream,) in bank.db.rows("SELECT stream FROM cases"):
        instants = [at for (at,) in bank.db.rows("SELECT recorded_at FROM entry WHERE stream = ? ORDER BY seq", stream)]
        assert instants == sorted(instants)
