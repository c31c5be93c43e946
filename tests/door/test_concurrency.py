"""People at the door at once, in processes of their own: one wins, nothing is lost, and nobody waits for ever."""

from typing import Any

from door.command import SYSTEM, Command, Verdict
from door.journal import COLUMNS, ZERO, intact
from models.process import END, START, USER, Do, Process, Step
from tests.door.bank import Bank, rules
from tests.door.crew import Crew, Job


def codes(verdicts: list[Verdict]) -> list[str]:
    return [v.refused.code if v.refused else "done" for v in verdicts]


def chained(bank: Bank) -> bool:
    """Does every stream run from 1 without gap or fork, each entry whole, and does every case end at its head?"""
    heads: dict[str, tuple[int, str]] = {}
    for row in bank.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry ORDER BY stream, seq"):
        e: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
        if not intact(row) or (e["seq"] - 1, e["prev"]) != heads.get(e["stream"], (0, ZERO)):
            return False
        heads[e["stream"]] = (e["seq"], e["hash"])
    said = bank.db.rows("SELECT stream, seq, head FROM cases UNION ALL SELECT name, seq, head FROM stream")
    return {stream: (seq, head) for stream, seq, head in said} == heads


def many(bank: Bank, n: int) -> list[int]:
    """n inspections that wait for collection."""
    opened = bank.act(*[bank.command(SYSTEM, "open", process="inspection")] * n)
    return [v.case for v in opened if v.case is not None]


def to_verify(bank: Bank, n: int) -> list[int]:
    """n inspections that wait for verification at the desk."""
    cases = many(bank, n)
    for person, action in (("lee", "collect"), (SYSTEM, "pass"), (SYSTEM, "propose"), ("lee", "conclude"),
                           (SYSTEM, "desk")):  # fmt: skip
        bank.act(*[bank.command(person, action, case) for case in cases])
    return cases


def test_of_two_people_on_one_item_exactly_one_wins_and_the_other_is_told_who_and_when(bank: Bank, crew: Crew) -> None:
    cases = to_verify(bank, 50)
    rounds = {person: Job([[bank.command(person, "verify", case)] for case in cases]) for person in ("choi", "jung")}
    verdicts = dict(zip(rounds, crew.at_once(bank.db.url, *rounds.values()), strict=True))
    for case, choi, jung in zip(cases, verdicts["choi"], verdicts["jung"], strict=True):
        assert sorted(codes([choi, jung])) == ["done", "not_here"]
        state, lost = bank.state(case), choi.refused or jung.refused
        assert lost is not None
        assert (lost.facts["by"], lost.facts["at"]) == (state.last_person, state.last_at)
        assert state.last_person == ("choi" if choi.refused is None else "jung")
        assert (state.seq, state.hands["verify"]) == (7, [state.last_person])
    assert chained(bank)


def test_of_two_who_claim_at_once_one_has_it(bank: Bank, crew: Crew) -> None:
    cases = to_verify(bank, 10)
    one, two = crew.at_once(
        bank.db.url, *[Job([[bank.command(p, "claim", c)] for c in cases]) for p in ("choi", "jung")]
    )
    for case, choi, jung in zip(cases, one, two, strict=True):
        assert sorted(codes([choi, jung])) == ["done", "taken"]
        assert bank.state(case).holder == ("choi" if choi.refused is None else "jung")


def test_of_two_openings_of_one_slot_at_once_one_is_refused(bank: Bank, crew: Crew) -> None:
    rounds = [[bank.command(SYSTEM, "open", process="inspection", slot=f"S{n}")] for n in range(20)]
    for one, two in zip(*crew.at_once(bank.db.url, Job(rounds), Job(rounds)), strict=True):
        assert sorted(codes([one, two])) == ["done", "slot"]
        lost, won = (one, two) if one.refused else (two, one)
        assert lost.refused is not None
        assert lost.refused.facts["case"] == won.case
    assert chained(bank)


def test_writers_on_cases_of_their_own_lose_nothing(bank: Bank, crew: Crew) -> None:
    """Decisions, openings and refusals, in lists and one by one."""
    cases = many(bank, 120)
    openings = [bank.command(SYSTEM, "open", process="inspection")] * 3

    def job(mine: list[int]) -> Job:
        lists = [mine[:20], mine[20:40], *([case] for case in mine[40:])]
        return Job([[*(bank.command("lee", "collect", c) for c in some), bank.command("lee", "verify", some[0]), *openings]
                    for some in lists])  # fmt: skip

    jobs = [job(cases[:60]), job(cases[60:])]
    verdicts = [v for mine in crew.at_once(bank.db.url, *jobs) for v in mine]
    asked = [c for one in jobs for some in one.rounds for c in some]
    assert len(verdicts) == len(asked)
    assert codes(verdicts) == ["not_here" if c.action == "verify" else "done" for c in asked]
    opened = [v.case for c, v in zip(asked, verdicts, strict=True) if c.action == "open"]
    assert len(set(opened)) == len(opened) == 3 * 22 * 2
    assert bank.db.rows("SELECT step, seq, count(*) FROM cases GROUP BY step, seq ORDER BY step") == [
        ("collect", 1, len(opened)), ("screen", 2, 120),
    ]  # fmt: skip
    assert bank.db.rows("SELECT seq FROM stream WHERE name = 'person:lee'") == [(2 * 22,)]
    assert chained(bank)


def test_lists_in_opposite_order_end_well(bank: Bank, crew: Crew) -> None:
    cases = many(bank, 40)
    forth = Job([[bank.command("choi", "comment", case) for case in cases]] * 5)
    back = Job([[bank.command("jung", "comment", case) for case in reversed(cases)]] * 5)
    for verdicts in crew.at_once(bank.db.url, forth, back):
        assert codes(verdicts) == ["done"] * 200
    assert bank.db.rows("SELECT DISTINCT seq FROM cases") == [(11,)]
    assert chained(bank)


def test_a_child_and_its_parent_taken_from_both_ends_end_well(bank: Bank, crew: Crew) -> None:
    """Whoever acts on a control locks its inspection too, after it; a list locks the older case first."""
    case = bank.inspection("decide")
    control, order = bank.do("han", "impose", case).opened
    bank.do("seo", "confirm", control)
    child = Job([[bank.command("oh", "renew", control)]] * 6)
    both = Job([[Command("han", "issue", bank.command("han", "issue", process="order").payload, process="order",
                         subject="B1", parent=case, book="book"), bank.command("han", "comment", order)]] * 6)  # fmt: skip
    for verdicts in crew.at_once(bank.db.url, child, both):
        assert set(codes(verdicts)) == {"done"}
    assert bank.db.rows("SELECT count(*) FROM cases WHERE parent = ?", case) == [(2 + 6,)]
    assert chained(bank)


def guard(name: str, other: str) -> Process:
    """One of two guards of a room: either may go home as long as the other is there."""
    return Process(
        name, "start",
        steps={"start": Step(START, "department", "credit_manager", does=(Do("come", "there"),)),
               "there": Step(USER, "department", "credit_manager", does=(Do("go", "home", when=f"open_{other} == 1"),)),
               "home": Step(END)},
    )  # fmt: skip


def test_what_a_condition_counts_among_the_siblings_still_holds_when_the_act_is_written(bank: Bank, crew: Crew) -> None:
    """Two that may each end while the other is open never both end."""
    guards = (guard("left", "right"), guard("right", "left"))
    bank.rules = rules(*guards)
    rounds: dict[str, list[list[Command]]] = {"han": [], "seo": []}
    for n in range(20):
        room = bank.open("inspection", SYSTEM, "open", subject=f"B{n}")
        for process, person in (("left", "han"), ("right", "seo")):
            case = bank.open(process, person, "come", parent=room, payload={})
            rounds[person].append([bank.command(person, "go", case)])
    jobs = [Job(some, guards) for some in rounds.values()]
    for left, right in zip(*crew.at_once(bank.db.url, *jobs), strict=True):
        assert sorted(codes([left, right])) == ["condition", "done"]
    assert chained(bank)
