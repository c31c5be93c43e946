"""What people do with an item besides deciding it: claim, hand back, delegate, reassign, hold, comment, cancel; and
who stands in for the absent. Right persons and wrong ones."""

import pytest

from door.command import SYSTEM, Refused
from tests.door.bank import DAY, HOLDS_MAX, Bank, later


def chosen(bank: Bank, case: int) -> list[object]:
    """Holder, hold and deadline of the open item."""
    item = bank.item(case)
    assert item is not None
    return [item["holder"], item["held_until"], item["due_on"]]


# -- claim and hand back --------------------------------------------------------------------------------------------


def test_a_claimed_item_is_the_claimants_alone_until_he_hands_it_back(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    bank.do("choi", "claim", case)
    taken = Refused("taken", {"by": "choi", "at": bank.state(case).last_at})
    for action in ("verify", "claim", "hold", "delegate"):
        assert bank.refused("jung", action, case, said={"to": "yoon"} if action == "delegate" else {}) == taken
    assert chosen(bank, case)[0] == "choi"
    assert bank.refused("jung", "hand_back", case) == Refused("not_holder", {"holder": "choi"})
    bank.do("choi", "hand_back", case)
    assert chosen(bank, case)[0] is None
    bank.do("jung", "verify", case)


def test_claiming_twice_is_refused_and_handing_back_what_is_free_too(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    assert quick.refused("choi", "hand_back", case) == Refused("not_holder", {"holder": None})
    quick.do("choi", "claim", case)
    assert quick.refused("choi", "claim", case).code == "taken"


def test_who_may_not_decide_may_not_claim_hold_or_delegate_either(quick: Bank) -> None:
    case = quick.inspection("verify_desk", path="outsourced")
    quick.transfer("lee", "credit", "post_loan_officer")
    for action in ("claim", "hold", "delegate"):
        said = {"to": "choi"} if action == "delegate" else {}
        assert quick.refused("lee", action, case, said=said) == Refused(
            "four_eyes", {"did": "conclude", "person": "lee"}
        )
        assert quick.refused("park", action, case, said=said).code == "lane"
        assert quick.refused("han", action, case, said=said).code == "role"


def test_an_item_act_moves_no_case_and_is_an_entry_of_its_own(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    before = bank.state(case)
    for action in ("claim", "comment", "hand_back"):
        bank.do("choi", action, case)
    after = bank.state(case)
    assert (after.step, after.visits, after.done) == (before.step, before.visits, before.done)
    assert after.seq == before.seq + 3
    assert [entry[1] for entry in bank.entries(after.stream)[-3:]] == ["claim", "comment", "hand_back"]


@pytest.mark.parametrize("action", ["claim", "hand_back", "delegate", "reassign", "hold", "comment", "remind"])
def test_where_no_person_is_waited_for_there_is_no_item_to_act_on(quick: Bank, action: str) -> None:
    case = quick.inspection("prepare")
    person = SYSTEM if action == "remind" else "choi"
    said = {"to": "jung"} if action in ("delegate", "reassign") else {}
    assert quick.refused(person, action, case, said=said, run=case) == Refused("no_item", {"step": "prepare"})


@pytest.mark.parametrize(("action", "person"), [("cancel", "han"), ("remind", SYSTEM), ("comment", "choi")])
def test_an_item_act_opens_no_case(quick: Bank, action: str, person: str) -> None:
    assert quick.refused(person, action, process="inspection", run=1).code == "not_here"
    assert quick.db.rows("SELECT count(*) FROM cases") == [(0,)]


# -- delegate -------------------------------------------------------------------------------------------------------


def test_who_may_do_it_delegates_to_one_who_may_and_both_then_count_as_having_done_it(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    bank.do("choi", "delegate", case, said={"to": "jung"})
    assert chosen(bank, case)[0] == "jung"
    assert bank.refused("choi", "verify", case).code == "taken"
    bank.do("jung", "verify", case)
    assert bank.entries(f"case:{case}")[-1][1:4] == ("verify", "jung", "choi")
    bank.do(SYSTEM, "escalate", case)
    for person in ("choi", "jung"):
        bank.transfer(person, "credit", "credit_manager")
        assert bank.refused(person, "impose", case) == Refused("four_eyes", {"did": "verify", "person": person})


def test_a_delegate_is_one_who_could_have_come_himself(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.relation("yoon", "B1")
    quick.transfer("lee", "credit", "post_loan_officer")
    for to, code in (("park", "lane"), ("han", "role"), ("yoon", "related"), ("lee", "four_eyes")):
        refused = quick.refused("choi", "delegate", case, said={"to": to})
        assert (refused.code, refused.facts["code"], refused.facts["to"]) == ("not_to_him", code, to)
    assert quick.refused("choi", "delegate", case, said={"to": "ghost"}) == Refused(
        "unknown_person", {"person": "ghost"}
    )
    assert quick.refused("choi", "delegate", case, said={"to": "choi"}).code == "taken"


def test_what_was_delegated_is_not_delegated_further(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "delegate", case, said={"to": "jung"})
    assert quick.refused("jung", "delegate", case, said={"to": "yoon"}) == Refused("no_chain", {"for": "choi"})


def test_the_owner_delegates_his_own_step_to_a_colleague(quick: Bank) -> None:
    case = quick.inspection("review")
    assert quick.refused("park", "delegate", case, said={"to": "kang"}).code == "not_yours"
    quick.do("lee", "delegate", case, said={"to": "park"})
    quick.do("park", "conclude", case)
    assert quick.state(case).hands["conclude"] == ["lee", "park"]


def test_a_delegates_deputy_would_be_a_chain_and_so_would_be_a_delegate_who_stands_in_for_a_third(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "delegate", case, said={"to": "jung"})
    quick.absence("jung", "yoon")
    quick.hire("min", "credit", "post_loan_officer")
    quick.absence("min", "jung")
    assert quick.refused("yoon", "verify", case, on_behalf_of="jung") == Refused("no_chain", {"for": "choi"})
    assert quick.refused("jung", "verify", case, on_behalf_of="min") == Refused("no_chain", {"for": "choi"})
    quick.do("jung", "verify", case)
    assert quick.state(case).hands["verify"] == ["choi", "jung"]


def test_a_credit_manager_to_whom_a_decision_was_delegated_may_impose(bank: Bank) -> None:
    """What he opens with it carries both names, so neither may confirm it."""
    case = bank.inspection("decide")
    bank.do("han", "delegate", case, said={"to": "seo"})
    control, order = bank.do("seo", "impose", case).opened
    assert bank.entries(f"case:{control}")[0][1:4] == ("propose", "seo", "han")
    for person in ("han", "seo"):
        assert bank.refused(person, "confirm", control).code == "four_eyes"
    bank.do("oh", "confirm", control)
    assert bank.state(order).hands["issue"] == ["han", "seo"]


# -- reassign -------------------------------------------------------------------------------------------------------


def test_the_named_authority_of_the_lane_reassigns_and_nobody_else(quick: Bank) -> None:
    visit, review = quick.inspection("visit", path="outsourced"), quick.inspection("review")
    assert quick.refused("kang", "reassign", visit, said={"to": "bae"}) == Refused(
        "role", {"role": "post_loan_officer"}
    )
    assert quick.refused("lee", "reassign", review, said={"to": "park"}) == Refused("role", {"role": "branch_head"})
    quick.do("choi", "reassign", visit, said={"to": "bae"})
    quick.do("kang", "reassign", review, said={"to": "park"})
    assert quick.refused("ahn", "submit", visit).code == "taken"
    quick.do("bae", "submit", visit)
    quick.do("park", "conclude", review)
    assert quick.state(review).hands["conclude"] == ["park"]


def test_the_authority_gives_an_item_only_to_one_who_may_do_it_and_not_to_who_has_it(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.transfer("lee", "credit", "post_loan_officer")
    assert quick.refused("han", "reassign", case, said={"to": "lee"}).facts["code"] == "four_eyes"
    quick.do("han", "reassign", case, said={"to": "jung"})
    assert quick.refused("han", "reassign", case, said={"to": "jung"}).code == "taken"
    assert quick.refused("choi", "verify", case).code == "taken"
    quick.do("jung", "verify", case)


def test_a_reassigned_item_is_on_hold_no_longer_and_whoever_gets_it_is_told(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "hold", case)
    quick.do("han", "reassign", case, said={"to": "jung"})
    assert chosen(quick, case)[:2] == ["jung", None]
    assert quick.notices(case)[-1][1:] == ("item", "jung")
    quick.do("jung", "verify", case)


def test_an_authority_with_a_relation_to_the_borrower_keeps_his_hands_off(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.relation("han", "B1")
    for action in ("reassign", "cancel", "comment"):
        said = {"to": "jung"} if action == "reassign" else {}
        assert quick.refused("han", action, case, said=said) == Refused("related", {"subject": "B1"})
    quick.do("seo", "reassign", case, said={"to": "jung"})


# -- hold -----------------------------------------------------------------------------------------------------------


def test_a_hold_takes_the_item_in_hand_blocks_deciding_and_moves_the_deadline(bank: Bank) -> None:
    case = bank.inspection("verify_desk")
    due = chosen(bank, case)[2]
    until = later(DAY, 3)
    bank.do("choi", "hold", case, said={"until": until})
    assert chosen(bank, case) == ["choi", until, later(str(due), 3)]
    assert bank.refused("choi", "verify", case) == Refused("held", {"until": until, "by": "choi"})
    assert bank.refused("jung", "verify", case).code == "taken"
    bank.day = until
    bank.do("choi", "verify", case)


def test_handing_back_ends_the_hold(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "hold", case)
    quick.do("choi", "hand_back", case)
    assert chosen(quick, case)[:2] == [None, None]
    quick.do("jung", "verify", case)


def test_held_days_count_against_the_maximum_over_all_holds_of_the_item(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    assert quick.refused("choi", "hold", case, said={"until": later(DAY, HOLDS_MAX + 1)}) == Refused(
        "hold_too_long", {"left": HOLDS_MAX, "asked": HOLDS_MAX + 1}
    )
    quick.do("choi", "hold", case, said={"until": later(DAY, 6)})
    quick.do("choi", "hand_back", case)
    assert quick.refused("jung", "hold", case, said={"until": later(DAY, 5)}) == Refused(
        "hold_too_long", {"left": HOLDS_MAX - 6, "asked": 5}
    )
    quick.do("jung", "hold", case, said={"until": later(DAY, 4)})


def test_a_longer_hold_counts_and_moves_the_deadline_by_the_days_added_alone(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    due = str(chosen(quick, case)[2])
    quick.do("choi", "hold", case, said={"until": later(DAY, 6)})
    quick.day = later(DAY, 2)
    quick.do("choi", "hold", case, said={"until": later(DAY, 9)})
    assert chosen(quick, case) == ["choi", later(DAY, 9), later(due, 9)]
    assert quick.refused("choi", "hold", case, said={"until": later(DAY, 11)}) == Refused(
        "hold_too_long", {"left": 1, "asked": 2}
    )
    quick.day = later(DAY, 9)
    quick.do("choi", "hold", case, said={"until": later(DAY, 10)})


def test_a_hold_ends_after_today_and_after_the_hold_it_lengthens(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    assert quick.refused("choi", "hold", case, said={"until": DAY}) == Refused("hold_past", {"until": DAY})
    quick.do("choi", "hold", case, said={"until": later(DAY, 5)})
    assert quick.refused("choi", "hold", case, said={"until": later(DAY, 5)}).code == "hold_past"
    assert quick.refused("choi", "hold", case, said={"until": later(DAY, 4)}).code == "hold_past"


def test_a_new_step_starts_with_no_holder_no_hold_and_no_held_days(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "hold", case, said={"until": later(DAY, HOLDS_MAX)})
    quick.day = later(DAY, HOLDS_MAX)
    quick.do("choi", "disagree", case)
    state = quick.state(case)
    assert (state.step, state.holder, state.held_until, state.held_days) == ("review", None, None, 0)


# -- comment, remind, cancel ----------------------------------------------------------------------------------------


def test_anybody_in_service_comments_but_a_vendors_inspector_on_his_own_visit_alone(quick: Bank) -> None:
    case = quick.inspection("visit", path="outsourced")
    for person in ("ahn", "lee", "choi", "ryu"):
        quick.do(person, "comment", case)
    assert quick.refused("bae", "comment", case) == Refused("not_yours", {"owner": "ahn"})
    assert quick.refused("ghost", "comment", case).code == "unknown_person"
    assert quick.refused("lee", "comment", case, payload={"text": " "}).code == "form"


def test_who_only_audits_reads_and_changes_nothing(quick: Bank) -> None:
    quick.hire("cho", "credit", "auditor")
    case = quick.inspection("verify_desk")
    assert quick.refused("cho", "comment", case) == Refused("reads_only")
    for action in ("claim", "hand_back", "hold", "cancel", "verify"):
        assert quick.refused("cho", action, case).code in ("role", "lane", "not_holder"), action
    quick.grant("cho", "post_loan_officer")
    quick.do("cho", "comment", case)


def test_a_comment_is_its_authors_own_whomever_he_claims_to_speak_for(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("lee", "comment", case, on_behalf_of="choi")
    assert quick.entries(f"case:{case}")[-1][1:4] == ("comment", "lee", None)


def test_reminders_come_from_a_run_of_the_system_alone(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    assert quick.refused("choi", "remind", case, run=case).code == "system_only"
    assert quick.refused(SYSTEM, "remind", case, run=None).code == "system_only"
    quick.do(SYSTEM, "remind", case, said={"to": "jung"}, run=case)
    assert quick.notices(case)[-1][1:] == ("remind", "jung")
    item = quick.item(case)
    assert item is not None
    assert item["rung"] == 1


def test_the_named_authority_cancels_a_case_wherever_it_stands(bank: Bank) -> None:
    review, prepare = bank.inspection("review"), bank.inspection("prepare")
    assert bank.refused("kang", "cancel", review) == Refused("role", {"role": "credit_manager"})
    for case in (review, prepare):
        assert bank.do("han", "cancel", case).step == "cancelled"
        assert (bank.item(case), bank.state(case).closed_on) == (None, DAY)
        assert bank.refused("lee", "conclude", case).code == "ended"
        assert bank.refused("han", "cancel", case).code == "ended"


def test_a_process_without_an_authority_for_it_is_not_cancelled(quick: Bank) -> None:
    control = quick.open("control", "han", "propose")
    assert quick.refused("seo", "cancel", control) == Refused("role", {"role": "nobody"})


# -- substitution ---------------------------------------------------------------------------------------------------


def test_a_deputy_acts_for_the_absent_from_the_first_day_to_the_last(quick: Bank) -> None:
    cases = [quick.inspection("review", subject=subject) for subject in ("B1", "B2")]
    quick.absence("lee", "park", since=later(DAY, 1), until=later(DAY, 2))
    refused = Refused("no_deputy", {"absent": "lee", "role": "account_manager"})
    assert quick.refused("park", "conclude", cases[0], on_behalf_of="lee") == refused
    quick.day = later(DAY, 1)
    assert quick.refused("park", "conclude", cases[0]) == Refused("not_yours", {"owner": "lee"})
    quick.do("park", "conclude", cases[0], on_behalf_of="lee")
    assert quick.entries(f"case:{cases[0]}")[-1][1:4] == ("conclude", "park", "lee")
    quick.day = later(DAY, 3)
    assert quick.refused("park", "conclude", cases[1], on_behalf_of="lee") == refused
    quick.day = later(DAY, 2)
    quick.do("park", "conclude", cases[1], on_behalf_of="lee")


def test_a_deputy_holds_the_role_himself_and_so_does_the_absent(quick: Bank) -> None:
    case = quick.inspection("decide")
    quick.absence("han", "choi")
    assert quick.refused("choi", "no_measure", case, on_behalf_of="han") == Refused("role", {"role": "credit_manager"})
    quick.absence("choi", "seo")
    refused = quick.refused("seo", "no_measure", case, on_behalf_of="choi")
    assert refused == Refused("no_deputy", {"absent": "choi", "role": "credit_manager"})


def test_deputies_form_no_chain(quick: Bank) -> None:
    case = quick.inspection("review")
    quick.absence("lee", "park")
    quick.absence("park", "kang")
    assert quick.refused("kang", "conclude", case, on_behalf_of="lee").code == "no_deputy"
    assert quick.refused("kang", "conclude", case, on_behalf_of="park") == Refused("not_yours", {"owner": "lee"})
    assert quick.refused("park", "delegate", case, said={"to": "kang"}, on_behalf_of="lee") == Refused(
        "no_chain", {"for": "lee"}
    )


def test_what_a_deputy_claims_is_in_the_hands_of_the_absent_and_his_only_as_long_as_he_stands_in(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.absence("choi", "jung", until=later(DAY, 1))
    quick.do("jung", "claim", case, on_behalf_of="choi")
    assert chosen(quick, case)[0] == "choi"
    assert quick.refused("yoon", "verify", case).facts["by"] == "choi"
    assert quick.refused("jung", "verify", case).code == "taken"
    assert quick.refused("jung", "claim", case, on_behalf_of="choi").code == "taken"
    quick.day = later(DAY, 2)
    assert quick.refused("jung", "verify", case, on_behalf_of="choi").code == "no_deputy"
    assert quick.refused("jung", "hand_back", case, on_behalf_of="choi").code == "no_deputy"
    quick.day = later(DAY, 1)
    quick.do("jung", "verify", case, on_behalf_of="choi")
    assert quick.state(case).hands["verify"] == ["choi", "jung"]


def test_a_deputy_hands_back_what_the_absent_holds(quick: Bank) -> None:
    case = quick.inspection("verify_desk")
    quick.do("choi", "hold", case)
    quick.absence("choi", "jung")
    quick.do("jung", "hand_back", case, on_behalf_of="choi")
    quick.do("yoon", "verify", case)


def test_nobody_stands_in_for_himself_or_for_one_who_has_left(quick: Bank) -> None:
    case = quick.inspection("review")
    assert quick.refused("lee", "conclude", case, on_behalf_of="lee").code == "no_deputy"
    quick.absence("lee", "park")
    quick.leave("lee", later(DAY, -1))
    assert quick.refused("park", "conclude", case, on_behalf_of="lee").code == "no_deputy"


# -- nobody ---------------------------------------------------------------------------------------------------------


def test_when_nobody_is_left_who_may_act_it_is_said_in_the_verdict_and_operations_are_told(bank: Bank) -> None:
    case = bank.inspection("draw")
    for person in ("choi", "jung", "yoon"):
        bank.relation(person, "B1")
    verdict = bank.do(SYSTEM, "desk", case)
    assert (verdict.step, verdict.nobody) == ("verify_desk", True)
    assert bank.notices(case)[-1] == (verdict.seq, "nobody", None)


def test_as_long_as_somebody_may_act_himself_or_for_another_it_is_an_ordinary_item(bank: Bank) -> None:
    case = bank.inspection("prepare")
    bank.absence("lee", "park")
    bank.leave("kang", DAY)
    verdict = bank.do(SYSTEM, "propose", case)
    assert not verdict.nobody
    assert bank.notices(case)[-1] == (verdict.seq, "item", None)


def test_four_eyes_may_leave_nobody_when_the_department_has_one_officer(quick: Bank) -> None:
    case = quick.inspection("prepare", path="outsourced")
    for person in ("choi", "jung"):
        quick.leave(person, later(DAY, -1))
    quick.do(SYSTEM, "propose", case)
    quick.do("lee", "conclude", case)
    assert quick.do(SYSTEM, "desk", case).nobody  # yoon checked the package


def test_a_manager_of_nobody_is_nobody(quick: Bank) -> None:
    case = quick.open("inspection", SYSTEM, "open", subject="B9")
    assert quick.notices(case)[-1][1] == "nobody"
