"""Whoever rules over cases of others: in his lane and his unit, over nothing that he had a part in or is himself; and
what an item in hand is worth once the borrower, or the one who delegated it, has gone."""

import pytest

from door.command import SYSTEM, Refused
from door.eligible import eligible, why_not_me
from tests.door.bank import DAY, HOLDS_MAX, Bank, later


def passes_on(bank: Bank, head: str = "kang", manager: str = "park") -> None:
    """B1 is handed over."""
    case = bank.open("handover", head, "hand_over", said={"manager": manager, "since": bank.day})
    bank.do(manager, "take_over", case)


# -- the system -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "action"), [("draw", "site"), ("screen", "pass"), ("weigh", "close")])
def test_an_automatic_step_is_decided_in_a_run_and_by_nothing_else(quick: Bank, step: str, action: str) -> None:
    case = quick.inspection(step)
    assert quick.refused(SYSTEM, action, case, run=None) == Refused("system_only", {"step": step})
    quick.do(SYSTEM, action, case)


def test_a_deadline_passes_in_a_run_and_by_nothing_else(quick: Bank) -> None:
    order = quick.open("order", "han", "issue")
    assert quick.refused(SYSTEM, "overdue", order, run=None).code == "system_only"


# -- cancel -----------------------------------------------------------------------------------------------------------


def test_who_issued_an_order_does_not_cancel_it_to_lift_his_own_restriction(bank: Bank) -> None:
    control, order = bank.do("han", "impose", bank.inspection("decide")).opened
    bank.do("oh", "confirm", control)
    assert bank.refused("han", "cancel", order) == Refused("four_eyes", {"did": "issue", "person": "han"})
    assert bank.refused("han", "ask_lift", control).code == "condition"
    assert bank.do("seo", "cancel", order).step == "cancelled"


def test_who_waived_the_order_does_not_lift_the_restriction_alone(bank: Bank) -> None:
    """Cancelled, an order is waived: by somebody who had no part in the decision, with a reason; and two lift."""
    control, order = bank.do("han", "impose", bank.inspection("decide")).opened
    bank.do("oh", "confirm", control)
    assert bank.ask("seo", "cancel", order, payload={"reason": ""}).refused.code == "form"  # type: ignore[union-attr]
    bank.do("seo", "cancel", order)
    bank.do("seo", "ask_lift", control)
    assert bank.refused("seo", "lift", control) == Refused("four_eyes", {"did": "ask_lift", "person": "seo"})
    assert bank.do("han", "lift", control).step == "lifted"


@pytest.mark.parametrize("step", ["verify_desk", "decide"])
def test_who_concluded_does_not_end_the_case_once_he_is_credit_manager(bank: Bank, step: str) -> None:
    case = bank.inspection(step)
    bank.transfer("lee", "credit", "credit_manager")
    assert bank.refused("lee", "cancel", case) == Refused("four_eyes", {"did": "collect", "person": "lee"})
    bank.do("han", "cancel", case)


def test_who_concluded_does_not_end_the_order_that_came_of_it(quick: Bank) -> None:
    order = quick.do("han", "impose", quick.inspection("decide")).opened[1]
    quick.transfer("lee", "credit", "credit_manager")
    assert quick.refused("lee", "cancel", order).code == "four_eyes"


def test_an_authority_has_its_say_from_its_own_lane(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.transfer("park", "jongno", "credit_manager")
    refused = Refused("lane", {"lane": "department", "yours": "branch"})
    assert quick.refused("park", "cancel", case) == refused
    assert quick.refused("park", "reassign", case, said={"to": "jung"}) == refused


@pytest.mark.parametrize("action", ["cancel", "comment", "reassign"])
def test_nobody_has_a_say_in_an_inspection_of_himself(quick: Bank, action: str) -> None:
    quick.borrower("han")
    case = quick.inspection("verify_desk", subject="han")
    said = {"to": "jung"} if action == "reassign" else {}
    assert quick.refused("han", action, case, said=said) == Refused("related", {"subject": "han"})


# -- whose unit -------------------------------------------------------------------------------------------------------


def test_a_branch_head_rules_in_his_own_branch(bank: Bank) -> None:
    case = bank.inspection("review")
    refused = Refused("unit", {"unit": "mapo", "yours": "jongno"})
    assert bank.refused("noh", "reassign", case, said={"to": "park"}) == refused
    bank.do("kang", "reassign", case, said={"to": "park"})
    bank.do("park", "conclude", case)


def test_where_the_manager_has_left_the_head_of_the_cases_branch_rules(quick: Bank) -> None:
    case = quick.inspection("review")
    quick.leave("lee", "2026-01-04")
    assert quick.refused("noh", "reassign", case, said={"to": "park"}).code == "unit"
    quick.do("kang", "reassign", case, said={"to": "park"})


def test_once_a_borrower_has_passed_on_the_other_branchs_head_rules(quick: Bank) -> None:
    case = quick.inspection("review")
    passes_on(quick)
    assert quick.refused("kang", "reassign", case, said={"to": "lee"}).code == "unit"
    quick.do("noh", "reassign", case, said={"to": "kang"})


# -- in hand ----------------------------------------------------------------------------------------------------------


def test_what_the_old_manager_took_up_is_the_new_managers(bank: Bank) -> None:
    case = bank.inspection("review")
    bank.do("lee", "hold", case, said={"until": later(DAY, HOLDS_MAX)})
    passes_on(bank)
    assert bank.refused("lee", "conclude", case) == Refused("not_yours", {"owner": "park"})
    assert eligible(bank.db, bank.rules, case, DAY) == ["park"]
    bank.do("park", "claim", case)
    state = bank.state(case)
    assert (state.holder, state.held_until) == ("park", None)
    bank.do("park", "conclude", case)
    assert bank.state(case).hands["conclude"] == ["park"]


def test_what_the_old_manager_put_aside_the_new_one_puts_aside_as_his_own(quick: Bank) -> None:
    case = quick.inspection("review")
    quick.do("lee", "claim", case)
    passes_on(quick)
    quick.do("park", "hold", case)
    assert quick.state(case).holder == "park"


def test_what_an_authority_gave_to_somebody_stays_his(quick: Bank) -> None:
    case = quick.inspection("review")
    quick.do("kang", "reassign", case, said={"to": "kang"})
    passes_on(quick)
    quick.do("kang", "conclude", case)


def test_a_delegate_acts_no_longer_for_a_manager_whose_borrower_has_passed_on(bank: Bank) -> None:
    case = bank.inspection("review")
    bank.do("lee", "delegate", case, said={"to": "kang"})
    passes_on(bank)
    assert bank.refused("kang", "conclude", case) == Refused("not_yours", {"owner": "park"})
    bank.do("park", "conclude", case)


def test_a_delegate_acts_no_longer_for_one_who_has_left_the_bank_or_the_role(bank: Bank) -> None:
    """So neither does he escape the relation that the one who left had declared."""
    case = bank.inspection("review")
    bank.do("lee", "delegate", case, said={"to": "kang"})
    bank.relation("lee", "B1")
    assert bank.refused("kang", "conclude", case).code == "related"
    bank.leave("lee", "2026-01-04")
    gone = Refused("no_deputy", {"absent": "lee", "role": "account_manager"})
    assert bank.refused("kang", "conclude", case) == gone
    assert why_not_me(bank.db, bank.rules, case, "kang", None, DAY) == gone
    assert eligible(bank.db, bank.rules, case, DAY) == []


# -- holds ------------------------------------------------------------------------------------------------------------


def test_days_on_hold_count_on_where_more_time_is_asked_for_and_denied(bank: Bank) -> None:
    order = bank.open("order", "han", "issue")
    bank.do("lee", "hold", order, said={"until": later(DAY, HOLDS_MAX)})
    stood = bank.state(order).due_on
    bank.do("lee", "hand_back", order)
    bank.do("lee", "ask_extension", order)
    bank.do("choi", "deny", order)
    refused = bank.refused("lee", "hold", order, said={"until": later(DAY, 1)})
    assert refused == Refused("hold_too_long", {"left": 0, "asked": 1})
    assert bank.state(order).due_on == stood


def test_who_imposed_does_not_hold_up_the_confirmation_of_it(bank: Bank) -> None:
    control = bank.do("han", "impose", bank.inspection("decide")).opened[0]
    for action in ("hold", "claim", "reject"):
        assert bank.refused("han", action, control).code == "four_eyes"
    bank.do("oh", "confirm", control)


def test_where_nobody_but_the_proposer_is_left_operations_is_told(quick: Bank) -> None:
    for person in ("oh", "seo"):
        quick.leave(person, "2026-01-04")
    assert quick.do("han", "propose", process="control").nobody
