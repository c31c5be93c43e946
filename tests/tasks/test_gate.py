"""The gate, rule by rule as in the bank's procedure: what each restriction does to a payment, what an inspection that
is late does, and that in doubt nothing is paid. Every answer stands in the journal."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from door.audit import audit
from door.command import SYSTEM
from door.db import Db, connect
from door.journal import COLUMNS, ZERO, intact, seal
from models.tables import KINDS
from tasks import books
from tasks.gate import MOST, Answer, check
from tasks.owed import _owed, _read
from tests.door.bank import DAY, inspection, later
from tests.door.conftest import lite
from tests.tasks.core_bank import BOOK, Lender, open_bank

#: Restrictions by what they do to a payment, each shown below.
STOPS, CALLED, LIMITS, CONSENT, ELSEWHERE = ("K1", "K6"), ("K9", "K10"), ("K3",), ("K2", "K7"), ("K4", "K5", "K8")


@pytest.fixture
def bank(db: Db, tmp_path: Path) -> Lender:
    """F1 and F2 are B1's, F3 and F4 B2's, F5 B3's; han and seo are credit managers."""
    return open_bank(db, tmp_path)


@pytest.fixture
def quick(lite_template: Path, tmp_path: Path) -> Iterator[Lender]:
    """The same on SQLite alone, for rules that the database has no part in."""
    with lite(lite_template, tmp_path) as db:
        yield open_bank(db, tmp_path)


def ask(bank: Lender, facility: str = "F1", amount: Any = 1_000, key: str = "") -> Answer:
    return check(bank.db, facility, amount, bank.clock(), bank.rules, bank.snapshots, person="core",
                 key=key or f"k{bank.tick()}")  # fmt: skip


def codes(answer: Answer) -> list[str]:
    assert (answer.outcome == "refuse") == (answer.allowed == 0)
    return [r.code for r in answer.reasons]


def proposed(
    bank: Lender, kind: str, facility: str = "", cap: int = 0, subject: str = "B1", book: str = BOOK.hash
) -> int:
    said = {"kind": kind, "facility": facility, "cap": cap}
    return bank.open("control", "han", "propose", said=said, subject=subject, book=book)


def restricted(bank: Lender, kind: str, facility: str = "", cap: int = 0) -> int:
    case = proposed(bank, kind, facility, cap)
    bank.do("seo", "confirm", case)
    return case


def inspected(bank: Lender, to: str = "collect", facility: str = "F1", due_on: str = DAY) -> int:
    """An open inspection of the facility, brought to a step today."""
    row = {"facility": facility, "kind": "special", "due_on": due_on, "outcome": "started"}
    case = bank.open("inspection", SYSTEM, "open", subject="B1", book=BOOK.hash,
                     payload=inspection("own", due=[row]))  # fmt: skip
    usual = {"collect": ("lee", "collect"), "screen": (SYSTEM, "pass"), "prepare": (SYSTEM, "propose"),
             "review": ("lee", "conclude"), "draw": (SYSTEM, "desk"), "verify_desk": ("choi", "verify"),
             "weigh": (SYSTEM, "close")}  # fmt: skip
    while (step := bank.state(case).step) != to:
        bank.do(*usual[step], case)
    return case


def decided(bank: Lender, facility: str, *due: str) -> None:
    """Regular inspections skipped, as the schedule's run records it."""
    rows = [{"facility": facility, "kind": "regular", "due_on": d, "outcome": "skipped", "reason": "catch_up: latest"}
            for d in due]  # fmt: skip
    bank.open("inspection", SYSTEM, "open", book=BOOK.hash, payload=inspection("own", due=rows))


# -- restrictions ---------------------------------------------------------------------------------------------------


def test_without_a_restriction_all_of_it_is_paid(quick: Lender) -> None:
    answer = ask(quick)
    assert (answer.outcome, answer.allowed, answer.reasons, answer.repeated) == ("allow", 1_000, (), False)


@pytest.mark.parametrize("kind", STOPS)
def test_a_stop_on_one_facility_leaves_the_others_alone(quick: Lender, kind: str) -> None:
    case = restricted(quick, kind, "F1")
    (reason,) = ask(quick, "F1").reasons
    assert (reason.code, reason.facts["case"], reason.facts["kind"]) == ("stopped", case, kind)
    assert ask(quick, "F2").outcome == "allow"


def test_a_stop_that_names_no_facility_binds_all_of_the_borrower_and_nobody_else(quick: Lender) -> None:
    restricted(quick, "K1")
    assert [ask(quick, f).outcome for f in ("F1", "F2", "F3")] == ["refuse", "refuse", "allow"]


@pytest.mark.parametrize("kind", CALLED)
def test_a_called_loan_binds_all_of_the_borrower_whatever_facility_it_names(quick: Lender, kind: str) -> None:
    restricted(quick, kind, "F1")
    assert [ask(quick, f).outcome for f in ("F1", "F2", "F3")] == ["refuse", "refuse", "allow"]


@pytest.mark.parametrize("kind", LIMITS)
def test_a_limit_allows_up_to_its_cap(quick: Lender, kind: str) -> None:
    restricted(quick, kind, "F1", cap=400)
    answer = ask(quick, "F1", 1_000)
    assert (answer.outcome, answer.allowed, codes(answer)) == ("limit", 400, ["limited"])
    assert (answer.reasons[0].facts["cap"], answer.reasons[0].facts["paid"]) == (400, 0)


def test_a_limit_is_on_what_is_paid_in_all_however_it_is_split(bank: Lender) -> None:
    ask(bank, "F1", 10_000)  # before it is in force
    restricted(bank, "K3", "F1", cap=500)
    assert [ask(bank, "F1", 200).allowed for _ in range(4)] == [200, 200, 100, 0]
    answer = ask(bank, "F1", 1)
    assert (answer.outcome, answer.reasons[0].code, answer.reasons[0].facts["paid"]) == ("refuse", "limited", 500)
    assert ask(bank, "F2", 900).outcome == "allow"


def test_what_was_refused_or_repeated_takes_nothing_off_a_limit(quick: Lender) -> None:
    restricted(quick, "K3", "F1", cap=500)
    for _ in range(3):
        assert ask(quick, "F1", 300, key="one").allowed == 300
    ask(quick, "F1", 100, key="one")  # another payment under the same number
    stop = restricted(quick, "K1", "F1")
    assert ask(quick, "F1", 200).allowed == 0
    quick.do("han", "ask_lift", stop)
    quick.do("seo", "lift", stop)
    assert ask(quick, "F1", 300).allowed == 200


def test_a_limit_of_the_borrower_is_on_all_his_facilities_together(quick: Lender) -> None:
    restricted(quick, "K3", cap=500)
    assert [ask(quick, f, 200).allowed for f in ("F1", "F2", "F1", "F2")] == [200, 200, 100, 0]
    assert ask(quick, "F3", 900).outcome == "allow"


def test_a_new_limit_begins_anew_while_the_old_one_goes_on(quick: Lender) -> None:
    restricted(quick, "K3", "F1", cap=700)
    ask(quick, "F1", 600)
    restricted(quick, "K3", "F1", cap=300)
    answer = ask(quick, "F1", 500)
    assert (answer.allowed, [r.facts["paid"] for r in answer.reasons]) == (100, [600, 0])


def test_a_limit_under_which_nobody_can_read_what_was_paid_refuses(quick: Lender) -> None:
    restricted(quick, "K3", "F1", cap=400)
    ask(quick, "F1", 100)
    quick.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = 'gate:F1'")
    assert codes(ask(quick, "F1", 100)) == ["control_unreadable"]


def test_a_restriction_on_a_facility_that_is_nobodys_binds_all_of_the_borrower(quick: Lender) -> None:
    restricted(quick, "K1", "F2")
    quick.db.run("UPDATE cases SET state = replace(state, '\"F2\"', '\"F9\"') WHERE process = 'control'")
    assert [codes(ask(quick, f)) for f in ("F1", "F2", "F3")] == [["stopped"], ["stopped"], []]


def test_a_limit_of_nothing_pays_nothing(quick: Lender) -> None:
    restricted(quick, "K3", "F1", cap=0)
    assert codes(ask(quick)) == ["limited"]


@pytest.mark.parametrize("kind", CONSENT)
def test_consent_is_the_credit_managers_so_the_gate_refuses(quick: Lender, kind: str) -> None:
    restricted(quick, kind, "F1")
    assert codes(ask(quick)) == ["consent"]


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_binds_elsewhere_does_not_bind_at_the_gate(quick: Lender, kind: str) -> None:
    restricted(quick, kind)
    assert ask(quick).outcome == "allow"


def test_every_kind_of_the_book_is_shown_here() -> None:
    assert sorted((*STOPS, *CALLED, *LIMITS, *CONSENT, *ELSEWHERE)) == sorted(BOOK.restrictions)


def test_of_several_the_strictest_wins_and_all_are_named(bank: Lender) -> None:
    restricted(bank, "K3", "F1", cap=700)
    restricted(bank, "K3", "F1", cap=300)
    assert ask(bank, "F1", 1_000).allowed == 300
    assert ask(bank, "F1", 300).allowed == 0
    restricted(bank, "K2", "F1")
    restricted(bank, "K10")
    assert codes(ask(bank, "F1", 1_000)) == ["limited", "limited", "consent", "stopped"]
    assert codes(ask(bank, "F1", 200)) == ["limited", "consent", "stopped"]


# -- from the proposal to the lifting -------------------------------------------------------------------------------


def test_a_restriction_binds_from_its_confirmation_until_it_is_lifted(bank: Lender) -> None:
    case = proposed(bank, "K1", "F1")
    outcomes = [ask(bank).outcome]
    for person, action in (("seo", "confirm"), ("han", "renew"), ("han", "ask_lift"), ("seo", "refuse_lift"),
                           ("han", "ask_lift"), ("seo", "lift")):  # fmt: skip
        bank.do(person, action, case)
        outcomes.append(ask(bank).outcome)
    assert outcomes == ["allow", "refuse", "refuse", "refuse", "refuse", "refuse", "allow"]


def test_a_rejected_restriction_does_not_bind(quick: Lender) -> None:
    quick.do("seo", "reject", proposed(quick, "K10"))
    assert ask(quick).outcome == "allow"


def test_a_control_goes_by_its_own_book_though_another_is_in_force_by_now(quick: Lender) -> None:
    restricted(quick, "K1", "F1")
    mild = {**orjson.loads(BOOK.text), "version": "mild"}
    mild["restrictions"]["K1"]["gate"] = "none"
    book = type(BOOK).from_text(orjson.dumps(mild).decode())
    books.keep(quick.db, book)
    version = {"book": book.hash, "effective_from": DAY, "reason": "milder"}
    case = quick.open("policy", "ryu", "propose_book", payload=version, subject="book", book=book.hash)
    quick.do("oh", "approve_book", case)
    assert books.in_force(quick.db, DAY) == book.hash
    assert ask(quick, "F1").outcome == "refuse"
    quick.do("seo", "confirm", proposed(quick, "K1", "F2", book=book.hash))
    assert ask(quick, "F2").outcome == "allow"


# -- inspections ----------------------------------------------------------------------------------------------------


def test_an_inspection_overdue_beyond_the_grace_refuses(bank: Lender) -> None:
    case = inspected(bank, "review")
    bank.day = later(DAY, BOOK.gate.overdue_days)
    assert ask(bank).outcome == "allow"
    bank.day = later(bank.day, 1)
    answer = ask(bank)
    assert codes(answer) == ["overdue"]
    assert answer.reasons[0].facts == {"case": case, "due_on": DAY, "days": 30}
    assert ask(bank, "F2").outcome == "allow"


def test_a_conclusion_unverified_beyond_the_grace_refuses(bank: Lender) -> None:
    case = inspected(bank, "review")
    bank.day = concluded_on = later(DAY, 25)
    bank.do("lee", "conclude", case)
    last = later(concluded_on, BOOK.gate.unverified_days)
    for day, said in ((last, []), (later(last, 1), ["unverified"])):
        bank.day = day
        assert codes(ask(bank)) == said
    bank.do(SYSTEM, "desk", case)  # when it was drawn does not matter
    answer = ask(bank)
    assert codes(answer) == ["unverified"]
    assert answer.reasons[0].facts == {"case": case, "concluded_on": concluded_on, "days": 20}


def test_a_verified_inspection_does_not_stop_a_payment_though_it_is_not_closed(quick: Lender) -> None:
    case = inspected(quick, "weigh")
    quick.day = later(DAY, 100)
    assert ask(quick).outcome == "allow"
    quick.do(SYSTEM, "close", case)
    assert ask(quick).outcome == "allow"


def test_a_conclusion_sent_back_counts_from_the_due_date_again(quick: Lender) -> None:
    quick.do("choi", "disagree", inspected(quick, "verify_desk"))
    quick.day = later(DAY, 30)
    assert ask(quick).outcome == "allow"
    quick.day = later(DAY, 31)
    assert codes(ask(quick)) == ["overdue"]


def test_what_the_book_prescribes_and_nobody_opened_refuses_beyond_the_grace(bank: Lender) -> None:
    bank.day = later("2026-04-05", BOOK.gate.overdue_days)
    assert ask(bank).outcome == "allow"
    bank.day = later(bank.day, 1)
    answer = ask(bank)
    assert codes(answer) == ["unopened"]
    assert answer.reasons[0].facts == {"kind": "regular", "due_on": "2026-04-05", "days": 30}
    decided(bank, "F1", "2026-04-05")
    assert ask(bank).outcome == "allow"
    assert codes(ask(bank, "F2")) == ["unopened"]


def test_one_skipped_on_record_is_not_waited_for(quick: Lender) -> None:
    decided(quick, "F1", "2026-04-05")
    quick.day = "2026-05-20"
    assert ask(quick).outcome == "allow"


def test_an_outage_of_the_schedule_never_opens_the_gate(quick: Lender) -> None:
    """From the first inspection missed, on every day of a year: though of several missed only the latest will be asked
    for, until that is decided they are all owed."""
    for days in range(121, 500, 7):
        quick.day = later(DAY, days)
        assert set(codes(ask(quick))) == {"unopened"}, quick.day


def test_a_special_inspection_that_was_ordered_is_waited_for(quick: Lender) -> None:
    quick.open("order", "han", "issue", said={"kind": "O2", "facility": "F1"}, book=BOOK.hash)
    quick.day = "2026-02-20"
    assert [r.facts["kind"] for r in ask(quick).reasons] == ["special"]
    assert ask(quick, "F2").outcome == "allow"


def test_without_a_snapshot_that_has_the_facility_nothing_is_paid(quick: Lender) -> None:
    quick.db.run("INSERT INTO facility (id, borrower, product, currency, limit_amt, bal, first_seen, digest) "
                 "VALUES ('F6', 'B1', 'WC', 'KRW', 1, 0, '2020-01-01', '')")  # fmt: skip
    assert codes(ask(quick, "F6")) == ["no_snapshot"]
    for file in quick.snapshots.glob("*.parquet"):
        file.write_bytes(b"")
    _read.cache_clear()
    _owed.cache_clear()
    assert codes(ask(quick)) == ["no_snapshot"]
    quick.db.run("DELETE FROM snapshot")
    assert codes(ask(quick)) == ["no_snapshot"]


def test_a_cancelled_inspection_is_not_done_until_a_later_one_is(bank: Lender) -> None:
    first = inspected(bank, "review")
    bank.do("han", "cancel", first)
    bank.day = later(DAY, 30)
    assert ask(bank).outcome == "allow"
    bank.day = later(DAY, 31)
    answer = ask(bank)
    assert codes(answer) == ["cancelled"]
    assert answer.reasons[0].facts == {"case": first, "due_on": DAY, "days": 30}
    second = inspected(bank, "verify_desk", due_on=bank.day)
    assert codes(ask(bank)) == ["cancelled"]
    bank.do("choi", "verify", second)
    assert ask(bank).outcome == "allow"


def test_an_entry_that_the_case_does_not_know_of_proves_no_conclusion(quick: Lender) -> None:
    case = inspected(quick, "verify_desk")
    quick.day = later(DAY, 21)
    assert codes(ask(quick)) == ["unverified"]
    s = quick.state(case)
    entry = seal(s.stream, s.seq + 1, "conclude", "lee", None, "account_manager", "draw", 1, None, None, None, None,
                 quick.day, f"{quick.day}T00:00:00.000000Z", s.head, "0" * 32, "{}")  # fmt: skip
    quick.db.insert("entry", COLUMNS, [entry])
    assert codes(ask(quick)) == ["unverified"]


# -- in doubt, nothing is paid --------------------------------------------------------------------------------------


def test_an_unknown_facility_is_refused_and_journaled_however_it_is_spelt(bank: Lender) -> None:
    for facility in ("F9", "", "f1", "F1 ", "x" * 10_000, "F1\0", "F1'--", "\ud800", "여신"):
        assert codes(ask(bank, facility)) == ["facility_unknown"]
    assert faults(bank) == []


def test_what_is_no_amount_is_refused_as_a_mistake(bank: Lender) -> None:
    for amount in (0, -1, -MOST, MOST + 1, 10**40, 10.5, True, "100", None):
        answer = ask(bank, amount=amount)
        assert codes(answer) == ["amount"]
        assert answer.reasons[0].facts == {"amount": str(amount)}
    assert ask(bank, amount=MOST).allowed == MOST
    assert faults(bank) == []


def test_before_a_book_is_in_force_nothing_is_paid(quick: Lender) -> None:
    quick.day = later(DAY, -1)
    assert codes(ask(quick)) == ["no_book"]


def test_a_book_that_is_not_what_its_hash_says_refuses(quick: Lender, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.db.run("UPDATE book SET text = ? WHERE hash = ?", BOOK.text.replace("no drawing", "any drawing"), BOOK.hash)
    monkeypatch.setattr(books, "_compiled", {})
    assert codes(ask(quick)) == ["no_book"]


@pytest.mark.parametrize("state", ["", "{}", "[]", "null", '["",  "", {}, {}, {}, {"kind": "K99", "facility": ""}]',
                                   '["", "", {}, {}, {}, {"kind": "K3", "facility": "", "cap": null}]'])  # fmt: skip
def test_a_control_that_cannot_be_read_refuses(quick: Lender, state: str) -> None:
    case = restricted(quick, "K4")
    quick.db.run("UPDATE cases SET state = ? WHERE id = ?", state, case)
    answer = ask(quick)
    assert codes(answer) == ["control_unreadable"]
    assert answer.reasons[0].facts == {"case": case}


def test_a_control_whose_book_is_missing_refuses(quick: Lender) -> None:
    case = restricted(quick, "K4")
    quick.db.run("UPDATE cases SET book = ? WHERE id = ?", "0" * 64, case)
    assert codes(ask(quick)) == ["control_unreadable"]


def test_a_control_at_a_step_that_nobody_declared_binds(quick: Lender) -> None:
    case = restricted(quick, "K1")
    quick.db.run("UPDATE cases SET step = 'elsewhere' WHERE id = ?", case)
    assert codes(ask(quick)) == ["stopped"]


def test_a_conclusion_that_is_not_in_the_journal_refuses(quick: Lender) -> None:
    case = inspected(quick)
    quick.db.run("UPDATE cases SET step = 'verify_desk' WHERE id = ?", case)
    assert codes(ask(quick)) == ["inspection_unreadable"]


def test_what_the_database_raises_is_raised_and_nothing_is_answered(bank: Lender) -> None:
    bank.db.run("DROP TABLE due")
    with pytest.raises((sqlite3.Error, psycopg.Error)):
        ask(bank)
    assert stream(bank, "gate:F1") == []


# -- once, and in the journal ---------------------------------------------------------------------------------------


def test_the_same_key_for_the_same_gets_the_first_answer_again(bank: Lender) -> None:
    restricted(bank, "K3", "F1", cap=400)
    first = ask(bank, key="payment 7")
    restricted(bank, "K10")
    again = ask(bank, key="payment 7")
    assert again.repeated
    assert not first.repeated
    assert (again.outcome, again.allowed, again.seq, again.hash) == ("limit", 400, first.seq, first.hash)
    assert again.reasons == first.reasons
    assert len(stream(bank, "gate:F1")) == 1
    assert ask(bank, key="payment 8").outcome == "refuse"


def test_the_same_key_for_something_else_is_refused(bank: Lender) -> None:
    ask(bank, "F1", 100, key="payment 7")
    for facility, amount in (("F1", 101), ("F2", 100), ("F9", 100), ("F1", -100)):
        assert codes(ask(bank, facility, amount, key="payment 7")) == ["key_reused"]
    assert ask(bank, "F1", 100, key="payment 7").repeated


def test_another_who_asks_has_keys_of_his_own(quick: Lender) -> None:
    ask(quick, "F1", 100, key="1")
    other = check(quick.db, "F2", 5, quick.clock(), quick.rules, quick.snapshots, person="cards", key="1")
    assert (other.outcome, other.repeated) == ("allow", False)


def test_nobody_of_the_staff_asks_so_a_payments_number_takes_nobodys_key(quick: Lender) -> None:
    case = inspected(quick, "verify_desk")
    answer = check(quick.db, "F1", 5, quick.clock(), quick.rules, quick.snapshots, person="choi", key="mine")
    assert codes(answer) == ["staff"]
    quick.do("choi", "verify", case, key="mine")
    assert faults(quick) == []


def test_an_answer_whose_payload_was_erased_is_not_given_again(quick: Lender) -> None:
    ask(quick, key="1")
    quick.db.run("UPDATE entry SET payload = NULL, salt = NULL WHERE stream = 'gate:F1'")
    assert codes(ask(quick, key="1")) == ["key_reused"]


def test_every_answer_is_an_entry_of_the_facilitys_chain(bank: Lender) -> None:
    waiting = proposed(bank, "K1", "F1")
    answers = [ask(bank, "F1", 100)]
    binding = restricted(bank, "K3", "F1", cap=40)
    answers += [ask(bank, "F1", 100), ask(bank, "F1", -5)]
    rows = stream(bank, "gate:F1")
    assert all(intact(row) for row in rows)
    assert [row[COLUMNS.index("prev")] for row in rows] == [ZERO, answers[0].hash, answers[1].hash]
    assert [row[COLUMNS.index("hash")] for row in rows] == [a.hash for a in answers]
    assert [row[COLUMNS.index("action")] for row in rows] == ["allow", "limit", "refuse"]
    assert {row[COLUMNS.index("person")] for row in rows} == {"core"}
    said = [orjson.loads(row[COLUMNS.index("payload")]) for row in rows]
    assert [(s["amount"], s["allowed"]) for s in said] == [(100, 100), (100, 40), (-5, 0)]
    assert said[0]["controls"] == [{"case": waiting, "seq": 1, "step": "confirm", "paid": 0}]
    assert said[1]["controls"] == [{"case": waiting, "seq": 1, "step": "confirm", "paid": 0},
                                   {"case": binding, "seq": 2, "step": "in_force", "paid": 40}]  # fmt: skip
    assert said[1]["reasons"] == [{"code": "limited", "facts": {"case": binding, "kind": "K3", "cap": 40, "paid": 0,
                                                                "says": "limit cut to what is used"}}]  # fmt: skip
    assert faults(bank) == []


def test_the_gate_changes_nothing_but_its_own_stream(bank: Lender, url: str) -> None:
    restricted(bank, "K1", "F1")
    tables = sorted(set(KINDS) - {"entry", "stream"})
    with connect(url) as other:
        before = [other.rows(f"SELECT * FROM {t}") for t in tables]
        ask(bank, "F1")
        ask(bank, "F2")
        assert [other.rows(f"SELECT * FROM {t}") for t in tables] == before


def stream(bank: Lender, name: str) -> list[Any]:
    return bank.db.rows(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE stream = ? ORDER BY seq", name)


def faults(bank: Lender) -> list[Any]:
    """What an audit of the whole journal and the tables finds."""
    return audit(bank.db, bank.rules.processes, None).faults
