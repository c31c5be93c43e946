"""The door as a whole, on both databases: what an act writes, all or nothing, and what becomes of what it refuses."""

from dataclasses import replace
from typing import Any

import pytest

from door import store
from door.audit import audit
from door.command import SYSTEM, Command, Refused
from door.fold import load
from models.forms import Reason
from models.process import END, GATEWAY, START, USER, Do, Form, Process, Step
from processes.control import CONTROL
from processes.inspection import INSPECTION
from tests.door.bank import DAY, DAYS, Bank, later, rules


def counts(bank: Bank) -> list[int]:
    """How many cases, items, notices and entries of cases there are."""
    return [bank.db.rows(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("cases", "item", "notice", "entry WHERE stream LIKE 'case:%'")]  # fmt: skip


def said(bank: Bank, person: str) -> list[Any]:
    """What stands in a person's own stream."""
    return bank.db.rows("SELECT payload FROM entry WHERE stream = ? ORDER BY seq", f"person:{person}")


# -- what an act writes ---------------------------------------------------------------------------------------------


def test_an_act_writes_entry_case_item_and_notice_together(bank: Bank) -> None:
    case = bank.open("inspection", SYSTEM, "open")
    bank.do("lee", "collect", case)
    verdict = bank.do(SYSTEM, "pass", case)
    assert (verdict.step, verdict.seq) == ("prepare", 3)
    assert bank.item(case) is None
    verdict = bank.do(SYSTEM, "propose", case)
    rows = bank.db.rows("SELECT step, seq, head FROM cases WHERE id = ?", case)
    assert rows == [("review", 4, verdict.hash)]
    assert bank.item(case) == {
        "step": "review", "role": "account_manager", "lane": "branch", "owner": None, "whose": "manager",
        "holder": None, "due_on": later(DAY, DAYS["review"]), "held_until": None, "round": 1, "rung": 0,
    }  # fmt: skip
    assert bank.notices(case) == [(1, "item", None), (4, "item", None)]
    assert [e[:4] for e in bank.entries(f"case:{case}")] == [
        (1, "open", SYSTEM, None), (2, "collect", "lee", None), (3, "pass", SYSTEM, None), (4, "propose", SYSTEM, None),
    ]  # fmt: skip


def test_an_empty_list_does_nothing(bank: Bank) -> None:
    before = counts(bank)
    assert bank.act() == []
    assert counts(bank) == before


def test_a_list_gives_each_command_its_verdict_and_refuses_only_the_bad_ones(bank: Bank) -> None:
    cases = [bank.inspection("review", subject=f"B{n}") for n in (1, 2)]
    ended = bank.inspection("closed")
    verdicts = bank.act(
        bank.command("lee", "conclude", cases[0]),
        bank.command("choi", "conclude", cases[1]),
        bank.command("lee", "conclude", ended),
        bank.command("lee", "conclude", cases[1], said={"level": 9}),
        Command("lee", "conclude", case=10**9),
        bank.command("lee", "conclude", cases[1]),
    )
    assert [v.refused.code if v.refused else v.step for v in verdicts] == [
        "draw", "lane", "ended", "form", "no_case", "draw",
    ]  # fmt: skip
    assert [v.case for v in verdicts] == [cases[0], cases[1], ended, cases[1], 10**9, cases[1]]


def test_the_same_case_twice_in_one_list_is_decided_one_after_the_other(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    first, second = bank.act(bank.command("choi", "verify", case), bank.command("jung", "verify", case))
    assert (first.step, first.refused) == ("weigh", None)
    assert second.refused is not None
    assert (second.refused.code, second.refused.facts["by"]) == ("not_here", "choi")
    last, end = bank.act(bank.command(SYSTEM, "escalate", case), bank.command("han", "no_measure", case))
    assert (last.seq + 1, end.seq, bank.state(case).seq) == (end.seq, end.seq, end.seq)


def test_a_list_long_enough_for_the_bulk_paths_writes_what_single_acts_write(bank: Bank) -> None:
    one = bank.inspection("review")
    opened = bank.act(*[bank.command(SYSTEM, "open", process="inspection")] * 250)
    cases = [v.case for v in opened]
    for person, action in (("lee", "collect"), (SYSTEM, "pass"), (SYSTEM, "propose")):
        bank.act(*[bank.command(person, action, case) for case in cases])
    columns = "process, step, role, lane, round, since, due_on, owner, whose, holder, held_until, rung"
    assert bank.db.rows(f"SELECT DISTINCT {columns} FROM item WHERE case_id <> ?", one) == bank.db.rows(
        f"SELECT {columns} FROM item WHERE case_id = ?", one
    )
    last = bank.state(cases[-1] or 0)
    assert replace(last, id=one, stream="", head="", last_at="") == replace(
        bank.state(one), stream="", head="", last_at=""
    )
    assert bank.db.rows("SELECT DISTINCT step, seq FROM cases") == [("review", 4)]
    bank.act(*[bank.command("lee", "conclude", case) for case in cases])
    assert bank.db.rows("SELECT count(*) FROM item") == [(1,)]


def test_a_failure_of_the_database_leaves_nothing_behind(bank: Bank) -> None:
    """A due row that another case already answers: the ledger's key stops the whole list."""
    due = {"facility": "F1", "kind": "regular", "due_on": DAY, "outcome": "started"}
    bank.open("inspection", SYSTEM, "open", said={"due": [due]})
    before = counts(bank)
    good = bank.command(SYSTEM, "open", process="inspection")
    with pytest.raises(Exception, match=r"(?i)unique"):
        bank.act(good, bank.command(SYSTEM, "open", process="inspection", said={"due": [due]}))
    assert counts(bank) == before
    assert bank.act(good)[0].refused is None


# -- refused --------------------------------------------------------------------------------------------------------


def test_a_refused_attempt_stands_in_the_persons_stream_and_leaves_the_case_untouched(bank: Bank) -> None:
    case = bank.inspection("review")
    before = bank.db.rows("SELECT * FROM cases WHERE id = ?", case)
    bank.refused("choi", "conclude", case)
    bank.refused("choi", "conclude", case)
    assert bank.db.rows("SELECT * FROM cases WHERE id = ?", case) == before
    assert [e[:3] for e in bank.entries("person:choi")] == [(1, "refused", "choi"), (2, "refused", "choi")]
    assert '"code":"lane"' in said(bank, "choi")[0][0]
    heads = bank.db.rows("SELECT name, seq, head FROM stream WHERE name = 'person:choi'")
    assert heads == bank.db.rows("SELECT stream, seq, hash FROM entry WHERE stream = 'person:choi' AND seq = 2")


@pytest.mark.parametrize("person", ["ghost", "lee"])
def test_an_unknown_case_process_or_person_is_refused_and_recorded(bank: Bank, person: str) -> None:
    assert bank.refused(person, "conclude", payload={}, process="nothing").code == "no_case"
    assert bank.act(Command(person, "conclude", case=77))[0].refused == Refused("no_case", {"case": 77, "process": ""})
    code = "unknown_person" if person == "ghost" else "lane"
    assert bank.refused(person, "propose", process="control").code == code
    assert len(bank.entries(f"person:{person}")) == 3


def test_a_case_below_a_parent_that_does_not_exist_is_refused(bank: Bank) -> None:
    assert bank.refused("han", "propose", process="control", parent=77) == Refused(
        "no_case", {"case": 77, "process": "control"}
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"level": 5}, "level"), ({"level": None}, "level"), ({"measures": []}, "measures"),
        ({"measures": [{"code": "A1", "owner": "lee", "by": DAY}]}, "measures.0.code"), ({"mood": "good"}, "mood"),
        ({"capacity": "\ud800"}, "capacity"), ({"willingness": 3.5}, "willingness"),
    ],
)  # fmt: skip
def test_a_payload_that_does_not_fit_its_form_is_refused_with_the_field(
    quick: Bank, wrong: dict[str, Any], field: str
) -> None:
    case = quick.inspection("review")
    refused = quick.refused("lee", "conclude", case, said=wrong)
    assert (refused.code, refused.facts["field"], refused.facts["of"]) == ("form", field, "Conclusion")


def test_the_payload_of_an_item_act_is_checked_by_its_own_form(quick: Bank) -> None:
    case = quick.inspection("review")
    assert quick.refused("lee", "hold", case, payload={"until": "soon", "reason": "x"}).facts["field"] == "until"
    assert quick.refused("lee", "delegate", case).facts["field"] == "to"
    assert quick.refused("lee", "claim", case, payload={"why": "x"}).facts["field"] == "why"


# -- opening --------------------------------------------------------------------------------------------------------


def test_only_the_role_of_the_start_opens_a_case(bank: Bank) -> None:
    assert bank.refused("choi", "open", process="inspection").code == "system_only"
    assert bank.refused("choi", "propose", process="control").code == "role"
    assert bank.refused("han", "confirm", process="control").code == "not_here"
    assert counts(bank) == [0, 0, 0, 0]


def test_a_slot_holds_one_open_case_of_a_process(bank: Bank) -> None:
    case = bank.open("inspection", SYSTEM, "open", slot="B1")
    assert bank.refused(SYSTEM, "open", process="inspection", slot="B1") == Refused(
        "slot", {"slot": "B1", "case": case}
    )
    bank.open("inspection", SYSTEM, "open", slot="B2")
    bank.open("control", "han", "propose", slot="B1")
    bank.do("han", "cancel", case)
    bank.open("inspection", SYSTEM, "open", slot="B1")


def test_a_slot_is_taken_within_one_list_too(bank: Bank) -> None:
    opening = bank.command(SYSTEM, "open", process="inspection", slot="B1")
    first, second = bank.act(opening, opening)
    assert second.refused == Refused("slot", {"slot": "B1", "case": first.case})


def test_a_case_starts_with_what_its_opening_entry_says(bank: Bank) -> None:
    case = bank.open("inspection", SYSTEM, "open", slot="B1", said={"path": "outsourced", "amount": 7})
    state = bank.state(case)
    assert (state.subject, state.slot, state.book, state.opened_on) == ("B1", "B1", "book", DAY)
    assert (state.facts["path"], state.facts["amount"]) == ("outsourced", 7)
    assert "due" not in state.facts


# -- children -------------------------------------------------------------------------------------------------------


def test_imposing_opens_controls_and_orders_in_the_same_act(bank: Bank) -> None:
    case = bank.inspection("decide")
    verdict = bank.do("han", "impose", case)
    assert verdict.step == "closed"
    control, order = (bank.state(child) for child in verdict.opened)
    assert (control.process, control.step, control.parent, control.subject) == ("control", "confirm", case, "B1")
    assert (order.process, order.step, order.parent, order.subject) == ("order", "in_work", case, "B1")
    assert (control.book, order.book) == ("book", "book")
    assert [bank.entries(s.stream)[0][1:3] for s in (control, order)] == [("propose", "han"), ("issue", "han")]
    assert [bank.notices(s.id)[0][1] for s in (control, order)] == ["item", "item"]


def test_a_child_remembers_its_own_facts_and_those_of_its_parent_that_its_process_asks_for(bank: Bank) -> None:
    control, order = bank.do("han", "impose", bank.inspection("decide")).opened
    facts = bank.state(control).facts
    assert {n: facts.get(n) for n in ("kind", "cap", "calendar", "unit", "currency", "level", "own_level")} == {
        "kind": "K1", "cap": 0, "calendar": "KR", "unit": "mapo", "currency": "KRW", "level": 0, "own_level": None,
    }  # fmt: skip
    assert bank.state(order).facts["calendar"] == "KR"


STAFFED_ELSEWHERE = replace(
    CONTROL, steps={**CONTROL.steps, "start": replace(CONTROL.steps["start"], role="chief_credit_officer")}
)


def test_where_a_child_is_not_allowed_nothing_is_written_at_all(bank: Bank) -> None:
    bank = Bank(bank.db, replace(bank.rules, processes={**bank.rules.processes, "control": STAFFED_ELSEWHERE}))
    case = bank.inspection("decide")
    before, seq = counts(bank), bank.state(case).seq
    assert bank.refused("han", "impose", case) == Refused("role", {"role": "chief_credit_officer"})
    assert (counts(bank), bank.state(case).seq, bank.state(case).step) == (before, seq, "decide")
    assert bank.do("han", "impose", case, said={"restrictions": []}).step == "closed"


class Part(Form):
    n: int


class Parts(Form):
    parts: tuple[Part, ...]
    calendar: str = "KR"


TASK = Process(
    "task", "start", facts=("n", "calendar"),
    steps={"start": Step(START, "department", "credit_manager", does=(
               Do("set", "sort", Part),)),
           "sort": Step(GATEWAY, does=(
               Do("home", "work", when="calendar == 'KR'"),
               Do("abroad", "gone"))),
           "work": Step(USER, "department", "post_loan_officer", does=(
               Do("finish", "gone"),)),
           "gone": Step(END)},
)  # fmt: skip
PLAN = Process(
    "plan", "start", facts=("calendar",),
    steps={"start": Step(START, "department", "credit_manager", does=(
               Do("draw_up", "open", Parts, opens={"parts": "task"}),)),
           "open": Step(USER, "department", "credit_manager", does=(
               Do("end", "gone", Reason),)),
           "gone": Step(END)},
)  # fmt: skip


@pytest.mark.parametrize(("calendar", "step"), [("KR", "work"), ("CN", "gone")])
def test_a_case_may_open_others_as_it_is_opened_itself_and_they_find_their_way_by_what_they_inherit(
    quick: Bank, calendar: str, step: str
) -> None:
    quick.rules = rules(TASK, PLAN)
    payload = {"parts": [{"n": 1}, {"n": 2}], "calendar": calendar}
    verdict = quick.do("han", "draw_up", process="plan", payload=payload)
    children = [quick.state(child) for child in verdict.opened]
    assert [(c.parent, c.step, c.facts["n"]) for c in children] == [(verdict.case, step, 1), (verdict.case, step, 2)]


class Loose(Form):
    parts: tuple[Reason, ...]


def test_a_child_that_does_not_fit_its_own_opening_form_is_not_opened(quick: Bank) -> None:
    draw_up = Do("draw_up", "open", Loose, opens={"parts": "task"})
    start = replace(PLAN.steps["start"], does=(draw_up,))
    quick.rules = rules(TASK, replace(PLAN, steps={**PLAN.steps, "start": start}))
    refused = quick.refused("han", "draw_up", process="plan", payload={"parts": [{"reason": "no number"}]})
    assert (refused.code, refused.facts["field"], refused.facts["of"]) == ("form", "n", "Part")
    assert counts(quick) == [0, 0, 0, 0]


# -- deadlines ------------------------------------------------------------------------------------------------------


def test_the_deadline_of_a_step_comes_from_its_timer_the_book_and_the_facts(bank: Bank) -> None:
    asked: list[tuple[Any, ...]] = []

    def deadline(book: str, timer: str, day: str, facts: Any) -> str:
        asked.append((book, timer, day, facts["kind"], facts["calendar"]))
        return later(day, 1)

    bank.rules = replace(bank.rules, deadline=deadline)
    verdict = bank.do("han", "impose", bank.inspection("decide"))
    assert asked[-2:] == [("book", "control.confirm", DAY, "K1", "KR"), ("book", "order.{kind}", DAY, "O1", "KR")]
    assert [bank.state(child).due_on for child in verdict.opened] == [later(DAY, 1)] * 2
    assert bank.db.rows("SELECT due_on FROM entry WHERE action = 'issue'") == [(later(DAY, 1),)]


def test_a_payloads_own_date_comes_before_the_timer(bank: Bank) -> None:
    order = bank.do("han", "impose", bank.inspection("decide")).opened[1]
    bank.do("lee", "done", order)
    bank.do("choi", "not_accepted", order, said={"due_on": "2026-02-20"})
    assert bank.state(order).due_on == "2026-02-20"


def test_a_date_meant_for_another_step_sets_no_deadline_where_the_last_round_leads_over(bank: Bank) -> None:
    order = bank.do("han", "impose", bank.inspection("decide")).opened[1]
    for _ in range(3):
        bank.do("lee", "done", order)
        bank.do("choi", "not_accepted", order, said={"due_on": "2026-02-20"})
    assert (bank.state(order).step, bank.state(order).due_on) == ("tightened", later(DAY, 3))


def test_the_date_that_a_manager_asks_for_is_no_deadline_of_the_officer_who_answers(quick: Bank) -> None:
    order = quick.do("han", "impose", quick.inspection("decide")).opened[1]
    quick.do("lee", "ask_extension", order, said={"until": "2026-12-31"})
    assert quick.state(order).due_on == later(DAY, 3)
    quick.do("choi", "grant", order, said={"due_on": "2026-02-20"})
    assert quick.state(order).due_on == "2026-02-20"


def test_more_time_that_is_denied_leaves_the_deadline_as_it_stood(bank: Bank) -> None:
    order = bank.do("han", "impose", bank.inspection("decide")).opened[1]
    bank.do("lee", "hold", order, said={"until": later(DAY, 2)})
    stood = bank.state(order).due_on
    assert stood == later(DAY, 62)
    for day in (3, 63):  # before it, and after it
        bank.day = later(DAY, day)
        bank.do("lee", "ask_extension", order, said={"until": later(bank.day, 30)})
        assert bank.refused("choi", "deny", order, said={"due_on": "2027-01-01"}).code == "form"
        bank.do("choi", "deny", order)
        assert (bank.state(order).due_on, bank.item(order)["due_on"]) == (stood, stood)
    more = {"until": later(bank.day, 30)}
    bank.do("lee", "ask_extension", order, said=more)
    bank.do("choi", "grant", order, said={"due_on": later(bank.day, 20)})
    bank.do("lee", "ask_extension", order, said=more)
    bank.do("choi", "deny", order)
    assert bank.state(order).due_on == later(bank.day, 20)
    assert audit(bank.db, bank.rules.processes, None).faults == []


def test_a_step_without_a_timer_has_no_deadline(quick: Bank) -> None:
    assert quick.state(quick.inspection("prepare")).due_on is None


def test_a_key_that_no_database_keeps_is_refused_and_the_rest_of_the_list_is_done(bank: Bank) -> None:
    case, other = bank.inspection("review"), bank.inspection("review", "B2")
    for key in ("a\0b", "k" * 201):
        bad, good = bank.act(bank.command("lee", "comment", case, key=key), bank.command("lee", "comment", other))
        assert (bad.refused.code, bad.refused.facts["field"]) == ("form", "key") if bad.refused else False
        assert good.refused is None


def test_what_somebody_says_by_the_megabyte_is_cut_in_the_record_of_the_refusal(quick: Bank) -> None:
    case = quick.inspection("review")
    before = len(quick.entries("person:lee"))
    assert quick.refused("lee", "comment", case, payload={"text": "seen", "x" * 3_000_000: 1}).code == "form"
    assert quick.refused("lee", "y" * 3_000_000, case).code == "not_here"
    rows = quick.db.rows("SELECT payload FROM entry WHERE stream = 'person:lee' ORDER BY seq")
    assert len(rows) == before + 2
    assert all(len(payload) < 2_000 for (payload,) in rows)


# -- what conditions count ------------------------------------------------------------------------------------------


def test_siblings_opened_and_closed_in_the_same_list_are_counted(bank: Bank) -> None:
    case = bank.inspection("decide")
    control, order = bank.do("han", "impose", case).opened
    bank.do("seo", "confirm", control)
    bank.do("lee", "done", order)
    accepted, asked = bank.act(bank.command("choi", "accept", order), bank.command("oh", "ask_lift", control))
    assert (accepted.refused, asked.refused) == (None, None)
    another = bank.command("han", "issue", process="order", parent=case)
    opened, lifted = bank.act(another, bank.command("seo", "lift", control))
    assert opened.refused is None
    assert lifted.refused == Refused("condition", {"condition": "open_order == 0"})


# -- memory ---------------------------------------------------------------------------------------------------------


def test_a_case_loaded_again_is_the_case_that_was_written(bank: Bank) -> None:
    case = bank.inspection("compare", path="outsourced")
    bank.do("choi", "hold", case)
    columns = "id, process, stream, subject, slot, parent, book, step, seq, head, opened_on, closed_on, state"
    row = bank.db.rows(f"SELECT {columns} FROM cases WHERE id = ?", case)[0]
    assert load(row) == store.read_case(bank.db, case)
    state = bank.state(case)
    assert (state.owner, state.holder, state.held_days) == ("choi", "choi", 3)
    assert state.visits["review"] == 1
    assert state.hands["submit"] == ["ahn"]


def test_every_entry_names_the_page_it_was_made_under(quick: Bank) -> None:
    quick.inspection("closed")
    assert quick.db.rows("SELECT DISTINCT process FROM entry") == [(INSPECTION.hash,)]
