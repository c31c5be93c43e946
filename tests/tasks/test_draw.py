"""The draw: who is verified in depth. By lot from a secret that was committed to before, always where the book says so,
and at the quarter's end once for each manager whom chance left out."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from door.audit import audit
from door.command import SYSTEM, Clock
from door.db import Db
from processes import PROCESSES
from tasks import secrets
from tasks.dossier import Dossier
from tasks.draw import draw, lot
from tasks.replay import replay
from tasks.run import Run, Untimely, start
from tasks.topup import chosen
from tasks.work import work
from tests.door.bank import DAY
from tests.tasks.papers import dossier, given
from tests.tasks.works import SECRET, Works, works

PACK = {"how": "outsourced", "visited_on": DAY, "answers": [], "evidence": []}
CONCLUSION = {"level": 0, "class_": 1}


def concluded(
    *findings: tuple[str, str], person: str = "lee", conclusion: dict[str, Any] = CONCLUSION, **more: Any
) -> Dossier:
    found = [{"facility": "L1", "checkpoint": c, "colour": colour} for c, colour in findings]
    return dossier(
        ("submit", PACK, "ahn"), ("pass", {"findings": found}, SYSTEM), ("conclude", conclusion, person), **more
    )


def drawn(d: Dossier, **inputs: Any) -> tuple[str, str, str]:
    """Arrow, rule, probability."""
    action, said = draw(d, given(secret=inputs.pop("secret", SECRET), **inputs))
    return action, said["rule"], said["probability"]


# -- the lot ----------------------------------------------------------------------------------------------------------


def by_hand(secret: str, case: int, round_: int) -> Fraction:
    """HMAC-SHA256 (RFC 2104) by its two hashes, as a fraction of 2^64."""
    key = (
        secret.encode().ljust(64, b"\0")
        if len(secret) <= 64
        else hashlib.sha256(secret.encode()).digest().ljust(64, b"\0")
    )
    inner, outer = bytes(k ^ 0x36 for k in key), bytes(k ^ 0x5C for k in key)
    mac = hashlib.sha256(outer + hashlib.sha256(inner + f"{case}/{round_}".encode()).digest()).hexdigest()
    return Fraction(int(mac[:16], 16), 2**64)


@pytest.mark.parametrize(
    ("secret", "case", "round_"), [(SECRET, 7, 1), (SECRET, 7, 2), ("a" * 64, 2**40, 1), ("k", 0, 9)]
)
def test_the_lot_can_be_drawn_again_by_anybody_who_knows_the_secret(secret: str, case: int, round_: int) -> None:
    assert abs(Fraction(lot(secret, case, round_)) - by_hand(secret, case, round_)) < Fraction(1, 10**20)


def test_secret_case_and_round_each_make_another_lot() -> None:
    lots = {lot(s, c, r) for s in ("a", "b") for c in range(50) for r in (1, 2)}
    assert len(lots) == 200
    assert all(0 <= x < 1 for x in lots)


def test_one_in_ten_is_drawn() -> None:
    """Of 10,000 cases between 910 and 1,090: three standard deviations."""
    found = [drawn(concluded(id=n)) for n in range(10_000)]
    assert {f[1:] for f in found} == {("base", "0.10")}
    assert 910 < sum(f[0] == "site" for f in found) < 1090
    assert all((f[0] == "site") == (by_hand(SECRET, n, 1) < Fraction(1, 10)) for n, f in enumerate(found))


def test_another_round_is_another_draw() -> None:
    rounds = [drawn(concluded(visits={"draw": n}))[0] for n in range(1, 60)]
    assert {"site", "desk"} == set(rounds)
    assert rounds == ["site" if by_hand(SECRET, 7, n) < Fraction(1, 10) else "desk" for n in range(1, 60)]


# -- always -----------------------------------------------------------------------------------------------------------

ALWAYS: dict[str, Callable[[], Dossier]] = {
    "special_mention": lambda: concluded(conclusion={"level": 0, "class_": 2}),
    "red_finding": lambda: concluded(("C1", "r")),
    "high_level": lambda: concluded(conclusion={"level": 3, "class_": 1}),
    "top_exposure_krw": lambda: concluded(amount=10_000_000_000),
    "top_exposure_cny": lambda: concluded(amount=5_000_000_000, currency="CNY"),
    "top_exposure_usd": lambda: concluded(amount=500_000_000, currency="USD"),
    "new_inspector": lambda: concluded(facts={"inspector": "ahn"}),
    "new_manager": lambda: concluded(person="park"),
}


@pytest.mark.parametrize("rule", ALWAYS)
def test_some_are_always_drawn(rule: str) -> None:
    assert drawn(ALWAYS[rule](), newcomers=("ahn", "park")) == ("site", rule, "1")


def test_every_always_rule_of_the_book_is_shown_here() -> None:
    assert [r.id for r in given().books[dossier().state.book].draw_always] == list(ALWAYS)


@pytest.mark.parametrize(
    "case",
    [
        concluded(("C1", "o")), concluded(amount=9_999_999_999), concluded(amount=10_000_000_000, currency="JPY"),
        concluded(facts={"inspector": "bae"}), concluded(conclusion={"level": 2, "class_": 1}),
    ],
)  # fmt: skip
def test_below_these_it_is_left_to_chance(case: Dossier) -> None:
    assert drawn(case, newcomers=("ahn", "park"))[1:] == ("base", "0.10")


def test_whom_the_top_up_chose_is_drawn_and_a_stronger_reason_is_named_first() -> None:
    n = next(n for n in range(100) if by_hand(SECRET, n, 1) > Fraction(1, 10))
    assert drawn(concluded(id=n))[0] == "desk"
    assert drawn(concluded(id=n), top_up=(n,)) == ("site", "top_up", "1")
    assert drawn(concluded(("C1", "r"), id=n), top_up=(n,)) == ("site", "red_finding", "1")


# -- the secret -------------------------------------------------------------------------------------------------------


def draws(bank: Works, quarter: str) -> list[tuple[str, Any, str]]:
    """(action, payload, recorded_at) of the quarter's stream."""
    rows = bank.db.rows(
        "SELECT action, payload, recorded_at FROM entry WHERE stream = ? ORDER BY seq", f"draw:{quarter}"
    )
    return [(action, json.loads(payload), at) for action, payload, at in rows]


def at_the_draw(bank: Works, subject: str, manager: str = "lee") -> int:
    if not bank.db.rows("SELECT 1 FROM responsible WHERE subject = ?", subject):
        bank.bank.borrower(subject, manager)
    case = bank.bank.open("inspection", SYSTEM, "open", subject=subject, book=bank.book, said={"path": "desk"})
    for person, action in ((manager, "collect"), (SYSTEM, "pass"), (SYSTEM, "propose"), (manager, "conclude")):
        bank.bank.do(person, action, case)
    return case


def test_the_secrets_hash_is_journaled_before_anybody_is_drawn_and_itself_when_the_quarter_is_over(
    db: Db, tmp_path: Path
) -> None:
    bank = works(db, tmp_path)
    cases = [at_the_draw(bank, f"B{n}") for n in range(1, 9)]
    bank.stage("four_eyes_verification", "draw")
    ((action, said, committed),) = draws(bank, "2026Q1")
    assert (action, said) == ("committed", {"hash": hashlib.sha256(SECRET.encode()).hexdigest()})
    first = db.rows("SELECT min(recorded_at) FROM entry WHERE action IN ('site', 'desk')")[0][0]
    assert committed < first
    bank.bank.day = "2026-03-31"
    bank.stage("four_eyes_verification", "draw")
    assert len(draws(bank, "2026Q1")) == 1
    bank.bank.day = "2026-04-01"
    bank.stage("four_eyes_verification", "draw")
    assert [a for a, *_ in draws(bank, "2026Q2")] == ["committed"]
    _, (action, said, _) = draws(bank, "2026Q1")
    assert action == "disclosed"
    for case in cases:
        drawn = bank.said(case, "site", "desk")
        in_depth = by_hand(said["secret"], case, 1) < Fraction(drawn["probability"])
        assert bank.bank.state(case).step == ("verify_site" if in_depth else "verify_desk")


def test_a_secret_is_never_kept_without_its_hash_in_the_journal(db: Db, tmp_path: Path) -> None:
    """Killed in between, neither is there; and no quarter's disclosure is lost."""
    bank = works(db, tmp_path)
    bank.begin("escalation")
    before = db.rows("SELECT quarter FROM secret"), draws(bank, "2026Q1")

    def killed(n: int) -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        secrets.commit(db, bank.house, Clock("2026-04-01", bank.house.now, killed))
    assert (db.rows("SELECT quarter FROM secret"), draws(bank, "2026Q1")) == before
    secrets.commit(db, bank.house, Clock("2026-04-01", bank.house.now, bank.house.salts))
    assert [a for a, *_ in draws(bank, "2026Q1")] == ["committed", "disclosed"]
    assert [a for a, *_ in draws(bank, "2026Q2")] == ["committed"]


def test_without_a_committed_secret_nobody_is_drawn(db: Db, tmp_path: Path) -> None:
    works(db, tmp_path)
    with pytest.raises(secrets.NotCommitted, match="The secret of 2026Q1 is missing"):
        secrets.of_day(db, date(2026, 1, 5), secrets.hashed(SECRET))


def test_another_secret_than_was_committed_draws_nobody(db: Db, tmp_path: Path) -> None:
    """Somebody picks one that spares him, before the run or while it is at work."""
    bank = works(db, tmp_path)
    case = at_the_draw(bank, "B1")
    run = bank.begin("four_eyes_verification")
    db.run("UPDATE secret SET secret = '27'")
    with pytest.raises(secrets.NotCommitted, match="is not the one whose hash was journaled"):
        work(run, "draw")
    bank.bank.day = "2026-01-06"
    with pytest.raises(secrets.NotCommitted, match="is not the one whose hash was journaled"):
        bank.begin("four_eyes_verification")
    assert bank.bank.state(case).step == "draw"
    db.run("UPDATE secret SET secret = ?", SECRET)
    assert bank.stage("four_eyes_verification", "draw").total() == 1


def test_a_secret_that_was_never_committed_is_not_taken_for_one(db: Db, tmp_path: Path) -> None:
    bank = works(db, tmp_path)
    db.run("INSERT INTO secret (quarter, secret) VALUES ('2026Q1', '27')")
    with pytest.raises(secrets.NotCommitted, match="whose hash was never journaled"):
        bank.begin("escalation")


def test_a_secret_swapped_after_the_draw_is_named_by_replay_and_once_disclosed_by_the_audit(
    db: Db, tmp_path: Path
) -> None:
    bank = works(db, tmp_path)
    case = at_the_draw(bank, "B1")
    bank.stage("four_eyes_verification", "draw")

    def named() -> list[tuple[str, str]]:
        found = replay(db, bank.house.snapshots, [case]).divergences
        return [(d.stream, d.recorded) for d in found if d.what in ("decision", "secret")]

    assert named() == []
    db.run("UPDATE secret SET secret = '27'")
    assert named() == [(f"case:{case}", secrets.hashed(SECRET))]
    bank.bank.day = "2026-04-01"
    bank.begin("escalation")
    assert [(f.stream, f.seq, f.code) for f in audit(db, PROCESSES, None).faults] == [("draw:2026Q1", 2, "secret")]


def test_by_a_disclosed_secret_nobody_is_drawn_any_more(db: Db, tmp_path: Path) -> None:
    """After an outage the quarter's last day is caught up, but not once everybody knows the secret."""
    bank = works(db, tmp_path)
    at_the_draw(bank, "B1")
    bank.bank.day = "2026-03-31"
    left = bank.begin("four_eyes_verification")
    last, bank.bank.day = bank.today, "2026-04-01"

    def caught_up() -> Run | None:
        return start(db, bank.house, "four_eyes_verification", last, "", lambda: True, lambda: None)

    again = caught_up()
    assert again is not None
    assert again.id == left.id
    bank.begin("escalation")
    with pytest.raises(Untimely, match="The secret that 2026-03-31 is drawn by is disclosed"):
        caught_up()
    assert bank.stage("four_eyes_verification", "draw").total() == 1


def test_a_quarter_is_named_by_year_and_number() -> None:
    days = ("2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30", "2026-09-30", "2026-10-01", "2026-12-31")
    assert [secrets.quarter(d)[4:] for d in days] == ["Q1", "Q1", "Q2", "Q2", "Q3", "Q4", "Q4"]


# -- top-up -----------------------------------------------------------------------------------------------------------

MARCH = date(2026, 3, 2)


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Works:
    """Three conclusions of lee and two of park wait to be drawn on 2 March; nobody is new in the book."""
    bank = works(db, tmp_path)
    bank.bank.day = str(MARCH)
    for subject, manager in (("B1", "lee"), ("B2", "lee"), ("C1", "lee"), ("C2", "park"), ("C3", "park")):
        at_the_draw(bank, subject, manager)
    return bank


def lowest(cases: list[int]) -> int:
    return min(cases, key=lambda c: by_hand(SECRET, c, 1))


def test_at_the_quarters_end_one_of_each_manager_is_chosen_by_lot(bank: Works) -> None:
    cases = bank.cases()
    assert chosen(bank.db, MARCH, SECRET, 1) == (lowest(cases[:3]), lowest(cases[3:]))
    assert len(chosen(bank.db, MARCH, SECRET, 2)) == 4
    assert chosen(bank.db, MARCH, SECRET, 9) == tuple(cases)
    assert chosen(bank.db, MARCH, SECRET, 0) == ()


def test_only_in_a_quarters_last_month_is_it_known_whom_chance_left_out(bank: Works) -> None:
    months = [month for month in range(1, 13) if chosen(bank.db, date(2026, month, 2), SECRET, 1)]
    assert months == [3, 6, 9, 12]


def test_the_run_records_whom_it_chose_and_draws_them(bank: Works) -> None:
    cases = bank.cases()
    run = bank.begin("four_eyes_verification")
    assert run.inputs.top_up == (lowest(cases[:3]), lowest(cases[3:]))
    bank.finish(run)
    bank.stage("four_eyes_verification", "draw")
    assert all(bank.bank.state(case).step == "verify_site" for case in run.inputs.top_up)


def site(bank: Works, case: int) -> None:
    """Drawn on the day, by a run."""
    run = bank.begin("four_eyes_verification")
    bank.bank.do(SYSTEM, "site", case, run=run.id)
    bank.finish(run)


def test_a_manager_who_was_drawn_this_quarter_needs_no_more(bank: Works) -> None:
    cases = bank.cases()
    site(bank, cases[0])
    assert chosen(bank.db, MARCH, SECRET, 1) == (lowest(cases[3:]),)
    assert chosen(bank.db, MARCH, SECRET, 2) == tuple(sorted([lowest(cases[1:3]), *cases[3:]]))


def test_a_draw_of_the_last_quarter_does_not_count_for_this_one_however_late_it_is_verified(bank: Works) -> None:
    cases = bank.cases()
    site(bank, cases[0])
    bank.bank.day = "2026-06-02"
    bank.bank.do("choi", "record", cases[0])
    assert chosen(bank.db, date(2026, 6, 2), SECRET, 1) == (lowest(cases[1:3]), lowest(cases[3:]))


@pytest.mark.parametrize("day", ["2026-10-01", "2026-12-02"])
def test_a_draw_of_this_quarter_counts_however_old_the_case_is(bank: Works, day: str) -> None:
    cases = bank.cases()
    bank.bank.day = day
    site(bank, cases[0])
    assert chosen(bank.db, date(2026, 12, 2), SECRET, 1) == (lowest(cases[3:]),)


# -- who is new -------------------------------------------------------------------------------------------------------


def test_who_has_fewer_than_ten_visits_or_conclusions_behind_him_is_new(db: Db, tmp_path: Path) -> None:
    bank = works(db, tmp_path)
    for n in range(9):
        at_the_draw(bank, f"C{n}")
    run = bank.begin("four_eyes_verification")
    assert run.inputs.newcomers == ("ahn", "bae", "kang", "lee", "park")
    bank.finish(run)
    at_the_draw(bank, "C9")
    assert bank.begin("four_eyes_verification").inputs.newcomers == ("ahn", "bae", "kang", "park")


def test_the_probability_stands_in_the_entry_as_it_was_used() -> None:
    assert Decimal(drawn(concluded())[2]) == given().books[dossier().state.book].sampling.probability
