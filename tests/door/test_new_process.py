"""A process that the house has never seen, declared here, goes through door, items, deadlines and BPMN as it is."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from door.command import SYSTEM, Refused
from door.eligible import eligible
from models.forms import Minor, Name, Reason, Text
from models.policy import load
from models.process import END, GATEWAY, SERVICE, START, USER, Do, Form, Process, Step
from models.runs import RunInputs
from processes.bpmn import to_bpmn
from tasks import books
from tasks.deadlines import keep_deadlines
from tasks.house import House
from tasks.run import Run
from tests.door.bank import DAY, Bank, later, rules
from tests.processes.judges import complaints

# -- the declaration ------------------------------------------------------------------------------------------------


class Waiver(Form):
    facility: Name
    covenant: Name
    amount: Minor
    reason: Text


class Order(Form):
    kind: Name
    reason: Text


class Grant(Form):
    until: date
    orders: tuple[Order, ...] = ()


WAIVER = Process(
    "waiver", "start", facts=("facility", "covenant", "amount"),
    steps={
        "start": Step(START, "branch", "account_manager", does=(
            Do("request", "examine", Waiver),)),
        "examine": Step(USER, "department", "post_loan_officer", due="check", does=(
            Do("support", "by_size", Reason),
            Do("ask_back", "amend", Reason, limit=1, over="refused"))),
        "amend": Step(USER, "branch", "account_manager", whose="request", due="collect", late="lapse", does=(
            Do("request", "examine", Waiver),
            Do("lapse", "refused"))),
        "by_size": Step(GATEWAY, does=(
            Do("large", "approve", when="amount > 1000000"),
            Do("small", "tell"))),
        "approve": Step(USER, "department", "credit_manager", due="decide", does=(
            Do("allow", "tell", Grant, opens={"orders": "order"}),
            Do("refuse", "refused", Reason))),
        "tell": Step(SERVICE, "system", "system", does=(
            Do("told", "granted"),)),
        "granted": Step(END),
        "refused": Step(END),
    },
    apart=(("request", "support"), ("request", "allow"), ("request", "refuse"), ("support", "allow"),
           ("support", "refuse")),
    authority={"branch": "branch_head", "department": "credit_manager"},
)  # fmt: skip

# -- how it is driven -----------------------------------------------------------------------------------------------

LARGE = {"facility": "F1", "covenant": "dscr", "amount": 5_000_000, "reason": "one weak quarter"}
WHY = {"reason": "as the file shows"}


@pytest.fixture
def waivers(bank: Bank) -> Bank:
    bank.rules = rules(WAIVER)
    return bank


def asked(bank: Bank, **other: Any) -> int:
    return bank.open("waiver", "lee", "request", payload=LARGE | other)


def test_the_declaration_is_in_order() -> None:
    assert WAIVER.check() == []


def test_it_goes_from_request_to_grant_through_the_door(waivers: Bank) -> None:
    case = asked(waivers)
    assert waivers.do("choi", "support", case, payload=WHY).step == "approve"
    verdict = waivers.do("han", "allow", case, payload={"until": "2026-06-30", "orders": [{"kind": "O11", **WHY}]})
    assert verdict.step == "tell"
    order = waivers.state(verdict.opened[0])
    assert (order.process, order.parent, order.facts["facility"]) == ("order", case, "")
    assert waivers.do(SYSTEM, "told", case).step == "granted"
    assert [e[1:3] for e in waivers.entries(f"case:{case}")] == [
        ("request", "lee"), ("support", "choi"), ("allow", "han"), ("told", SYSTEM),
    ]  # fmt: skip
    assert waivers.do("choi", "support", asked(waivers, amount=1000), payload=WHY).step == "tell"


def test_its_items_are_claimed_delegated_and_kept_apart_like_any_other(waivers: Bank) -> None:
    case = asked(waivers)
    assert eligible(waivers.db, waivers.rules, case, DAY) == ["choi", "jung", "yoon"]
    waivers.do("choi", "delegate", case, said={"to": "jung"})
    waivers.do("jung", "support", case, payload=WHY)
    for person in ("lee", "choi", "jung"):
        waivers.transfer(person, "credit", "credit_manager")
        assert waivers.refused(person, "allow", case, payload={"until": "2026-06-30"}).code == "four_eyes"
    assert eligible(waivers.db, waivers.rules, case, DAY) == ["han", "oh", "seo"]


def test_its_rounds_end_where_the_page_says_and_the_amendment_is_who_asked(waivers: Bank) -> None:
    case = asked(waivers)
    waivers.do("choi", "ask_back", case, payload=WHY)
    assert waivers.refused("park", "request", case, payload=LARGE) == Refused("not_yours", {"owner": "lee"})
    waivers.do("lee", "request", case, payload=LARGE | {"amount": 9})
    assert waivers.state(case).facts["amount"] == 9
    assert waivers.do("choi", "ask_back", case, payload=WHY).step == "refused"


def test_its_deadlines_are_kept_by_the_flow_that_keeps_all_deadlines(waivers: Bank, tmp_path: Path) -> None:
    book = load(Path(__file__).parents[2] / "policies")
    books.keep(waivers.db, book)
    examined, amended = (asked(waivers) for _ in range(2))
    for case in (examined, amended):
        waivers.db.run("UPDATE cases SET book = ? WHERE id = ?", book.hash, case)
    waivers.do("choi", "ask_back", amended, payload=WHY)
    assert waivers.item(amended) == waivers.item(amended) | {"owner": "lee", "due_on": later(DAY, 7)}
    waivers.day = later(DAY, 8)
    inputs = RunInputs(
        stage="deadlines", as_of=date.fromisoformat(waivers.day), code="-", libraries="-", book=book.hash
    )
    run = Run(1, inputs, waivers.db, House(waivers.db.url, tmp_path), waivers.clock(), waivers.rules, lambda: None)
    assert keep_deadlines(run) == {"lapse": 1, "remind": 1}
    assert (waivers.state(amended).step, waivers.state(examined).rung > 0) == ("refused", True)
    assert keep_deadlines(run) == {}


def test_its_bpmn_file_satisfies_every_judge() -> None:
    assert complaints(to_bpmn(WAIVER)) == []
