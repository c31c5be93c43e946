"""A decision from a mail's link: what it shows to whom, what it asks before it decides, and that a repeat is none."""

import re
from dataclasses import replace
from typing import Any

import pytest

from portal.who import access
from portal.words.reader import Reader
from tasks import books
from tasks.gate import check
from tests.portal.conftest import PASSWORD, Office
from tests.portal.links import able, at_the_desk, digest, do, link, restriction, waiting

HIDDEN = re.compile(r'name="(seen|key)" value="([^"]*)"')


def form(page: Any) -> dict[str, str]:
    """What the page's form carries by itself."""
    found = dict(HIDDEN.findall(page.text))
    assert set(found) == {"seen", "key"}, page.text
    return found


def minutes_later(office: Office, minutes: int) -> None:
    portal, now = office.app.state.portal, office.house.now
    portal.house = replace(office.house, now=lambda: access._later(now(), access.timedelta(minutes=minutes)))


def step(office: Office, case: int) -> str:
    return str(office.db.rows("SELECT step FROM cases WHERE id = ?", case)[0][0])


def test_a_restriction_is_confirmed_from_the_mail_and_the_gate_refuses_from_then_on(office: Office) -> None:
    case, shin, facility = restriction(office)
    bae = next(p for p in able(office, case) if p != shin)
    address = link(office, case, bae)
    page = office.at(bae).get(address)
    assert page.status_code == 200
    assert "The site stood still on both visits." in page.text
    assert "the gate refuses drawings from now on" in page.text
    done = office.post(bae, address, decision="confirm", **form(page))
    assert "✓ Confirmed, " in done.text
    assert "The gate refuses drawings from now on." in done.text
    assert step(office, case) == "in_force"
    answer = check(office.db, facility, 1, office.house.clock(office.house.business_date()), books.rules(office.db),
                   office.house.snapshots, person="core", key="1")  # fmt: skip
    assert (answer.outcome, answer.reasons[0].code) == ("refuse", "stopped")


def test_the_same_form_sent_again_gives_the_first_answer_and_no_second_entry(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    address = link(office, case, bae)
    fields = {"decision": "confirm", **form(office.at(bae).get(address))}
    first = office.post(bae, address, **fields)
    entries = office.db.rows("SELECT count(*) FROM entry")
    again = office.post(bae, address, **fields)
    assert "✓ Confirmed" in first.text
    assert "✓ Confirmed" in again.text
    assert office.db.rows("SELECT count(*) FROM entry") == entries


def test_a_decided_link_says_who_decided_and_offers_nothing(office: Office) -> None:
    case, _, _ = restriction(office)
    bae, other = able(office, case)[:2]
    address = link(office, case, bae)
    do(office, other, "confirm", case)
    name = office.db.rows("SELECT name FROM person WHERE id = ?", other)[0][0]
    page = office.at(bae).get(address).text
    assert f"Confirmed by {name}, " in page
    assert 'method="post"' not in page.partition("<main")[2]
    entries = office.db.rows("SELECT count(*) FROM entry")
    assert "Confirmed by" in office.post(bae, address, decision="reject", reason="late", key="k", seen="1").text
    assert office.db.rows("SELECT count(*) FROM entry") == entries


def test_each_link_of_a_digest_leads_to_its_own_item_and_ends_with_it_alone(office: Office) -> None:
    cases = [restriction(office)[0] for _ in range(3)]
    bae, other = able(office, cases[0])[:2]
    links = digest(office, bae)
    do(office, other, "confirm", cases[1])
    assert "Confirmed by" in office.at(bae).get(links[cases[1]]).text
    for case in (cases[0], cases[2]):
        page = office.at(bae).get(links[case])
        assert "✓ Confirmed, " in office.post(bae, links[case], decision="confirm", **form(page)).text
        assert step(office, case) == "in_force"
    again = office.at(bae).get(links[cases[0]]).text
    assert "Confirmed by you, " in again
    assert 'method="post"' not in again.partition("<main")[2]
    minutes_later(office, 15 * 1440)
    office._browsers.clear()  # his session is over by then too
    ended = office.at(bae).get(links[cases[2]])
    assert (ended.status_code, "This link has ended" in ended.text) == (410, True)


def test_before_holding_back_money_the_password_is_asked_again_and_a_wrong_one_decides_nothing(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    access.set_password(office.db, bae, PASSWORD)
    address = link(office, case, bae)
    office.at(bae)
    minutes_later(office, 6)
    page = office.at(bae).get(address)
    assert 'type="password"' in page.text
    fields = {"decision": "confirm", **form(page)}
    for password, says in (("", "Write your password."), ("wrong", "The password is not right.")):
        refused = office.post(bae, address, password=password, **fields)
        assert (refused.status_code, says in refused.text) == (422, True)
        assert step(office, case) == "confirm"
    assert "✓ Confirmed" in office.post(bae, address, password=PASSWORD, **fields).text


def test_to_reject_no_password_is_asked_but_a_reason(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    address = link(office, case, bae)
    office.at(bae)
    minutes_later(office, 6)
    fields = {"decision": "reject", **form(office.at(bae).get(address))}
    refused = office.post(bae, address, **fields)
    assert "Write why, in a sentence or two." in refused.text
    assert 'value="reject" checked' in refused.text
    assert "✓ Rejected" in office.post(bae, address, reason="The site works again.", **fields).text


def test_a_forwarded_link_lets_another_do_what_is_his_and_says_whose_it_was(office: Office) -> None:
    case, shin, _ = restriction(office)
    bae, other = (p for p in able(office, case)[:2])
    names = dict(office.db.rows("SELECT id, name FROM person"))
    address = link(office, case, bae)
    page = office.at(other).get(address)
    assert f"This link was sent to {names[bae]}." in page.text
    assert "You may decide it too" in page.text
    officer = office.at(office.of("post_loan_officer")).get(address).text
    assert f"This link was sent to {names[bae]}." in officer
    assert names[bae] + ", " + names[other] in officer  # who could
    assert "Your decision" not in officer
    proposer = office.at(shin).get(link(office, case, shin)).text
    assert "four eyes" in proposer
    assert 'value="confirm"' not in proposer


def test_who_may_not_see_the_case_learns_nothing_from_a_forwarded_link(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    name, borrower = office.db.rows(
        "SELECT p.name, b.name FROM person p, cases c JOIN borrower b ON b.id = c.subject WHERE p.id = ? AND c.id = ?",
        bae, case)[0]  # fmt: skip
    inspector = office.of("inspector")
    page = office.at(inspector).get(link(office, case, bae))
    assert page.status_code == 404
    assert "It was sent to somebody else" in page.text
    assert name not in page.text
    assert borrower not in page.text
    assert office.at(inspector).get(link(office, case, inspector)).status_code == 404


def test_what_changed_since_the_mail_comes_first_and_must_have_been_read(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    address = link(office, case, bae)
    do(office, office.of("post_loan_officer"), "comment", case, {"text": "Progress is 44 %, not 41 %."})
    page = office.at(bae).get(address)
    text = page.text
    assert 0 < text.index("Progress is 44 %, not 41 %.") < text.index("What takes effect")
    fields = {"decision": "confirm", **form(page)}
    unread = office.post(bae, address, **fields)
    assert unread.status_code == 422
    assert "Read what changed" in unread.text
    assert step(office, case) == "confirm"
    assert "✓ Confirmed" in office.post(bae, address, read="yes", **fields).text


def test_a_new_restriction_or_order_of_the_borrower_since_the_mail_must_have_been_read(office: Office) -> None:
    case, shin, _ = restriction(office)
    bae = next(p for p in able(office, case) if p != shin)
    address = link(office, case, bae)
    assert "Changed since the mail" not in office.at(bae).get(address).text
    other = do(office, shin, "propose", None, {"kind": "K10", "reason": "Sales fell."}, process="control",
               subject=office.db.rows("SELECT subject FROM cases WHERE id = ?", case)[0][0],
               book=books.in_force(office.db, office.house.business_date().isoformat()))  # fmt: skip
    page = office.at(bae).get(address)
    name = office.db.rows("SELECT name FROM person WHERE id = ?", shin)[0][0]
    said = f"Restriction {other} K10: {name} proposed the restriction."
    assert 0 < page.text.index("Changed since the mail") < page.text.index(said) < page.text.index("What takes effect")
    fields = {"decision": "confirm", **form(page)}
    assert office.post(bae, address, **fields).status_code == 422
    assert "✓ Confirmed" in office.post(bae, address, read="yes", **fields).text


def test_what_is_written_since_the_mail_on_the_case_that_it_comes_from_is_read_first(office: Office) -> None:
    parent, _ = waiting(office, "review")
    shin, ((subject, book),) = (
        office.of("credit_manager"),
        office.db.rows("SELECT subject, book FROM cases WHERE id = ?", parent),
    )
    case = do(office, shin, "propose", None, {"kind": "K10", "reason": "Sales fell."}, process="control", subject=subject,
              book=book, parent=parent)  # fmt: skip
    bae = next(p for p in able(office, case) if p != shin)
    address, officer = link(office, case, bae), office.of("post_loan_officer")
    do(office, officer, "comment", parent, {"text": "He rang me."})
    page = office.at(bae).get(address)
    before = page.text.partition("What takes effect")[0]
    assert f"Inspection {parent}: " in before
    assert "wrote: He rang me." in before
    assert office.post(bae, address, decision="confirm", **form(page)).status_code == 422
    do(office, officer, "comment", case, {"text": "I told him."})
    assert "He rang me." not in office.at(bae).get(link(office, case, bae)).text.partition("What takes effect")[0]


def test_what_came_of_the_same_decision_is_nothing_that_changed(office: Office) -> None:
    case, manager = waiting(office, "decide")
    imposed = {"restrictions": [{"kind": "K10", "reason": "Sales fell by half."}], "reason": "Sales fell by half.",
               "orders": [{"kind": "O1", "reason": "Show the figures."}]}  # fmt: skip
    do(office, manager, "impose", case, imposed)
    [(control,)] = office.db.rows("SELECT id FROM cases WHERE parent = ? AND process = 'control'", case)
    bae = able(office, control)[0]
    assert "Changed since the mail" not in office.at(bae).get(link(office, control, bae)).text


def test_what_changes_between_reading_and_deciding_is_not_decided_and_the_reason_is_kept(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    address = link(office, case, bae)
    fields = {"decision": "reject", "reason": "It works again.", **form(office.at(bae).get(address))}
    do(office, office.of("post_loan_officer"), "comment", case, {"text": "Wait."})
    stale = office.post(bae, address, read="yes", **fields)
    assert stale.status_code == 409
    assert "Not decided: It has changed meanwhile" in stale.text
    assert "It works again.</textarea>" in stale.text
    assert step(office, case) == "confirm"
    fresh = {**fields, **form(stale)}
    assert office.post(bae, address, **fresh).status_code == 422  # not read yet
    assert "✓ Rejected" in office.post(bae, address, read="yes", **fresh).text


def test_a_link_that_has_ended_or_was_never_ours_says_so(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    ended = office.at(bae).get(link(office, case, bae, days=-1))
    assert (ended.status_code, "This link has ended" in ended.text) == (410, True)
    good = link(office, case, bae)
    for false in ("/d/abc", good[:-1], good + "A", "/d/%ED%A0%80.x"):
        page = office.at(bae).get(false)
        assert (page.status_code, "This link leads nowhere" in page.text) == (404, True)
        assert office.post(bae, false, decision="confirm").status_code == 404


@pytest.mark.parametrize(("at", "action"), [("review", "conclude"), ("verify_desk", "verify")])
def test_a_green_case_is_decided_from_the_mail_as_proposed(office: Office, at: str, action: str) -> None:
    case, person = waiting(office, at, green=True) if at == "review" else at_the_desk(office, green=True)
    address = link(office, case, person)
    page = office.at(person).get(address)
    assert "no finding, L0, as proposed" in page.text
    done = office.post(person, address, decision=action, **form(page))
    assert "A run takes it on" in done.text
    assert office.woken == ["four_eyes_verification" if at == "review" else "escalation"]
    assert "Next item" in done.text or "Nothing else waits for you." in done.text


def test_a_green_case_concluded_above_its_proposal_is_verified_from_the_mail_with_an_outcome_and_an_own_level(
    office: Office,
) -> None:
    case, officer = at_the_desk(office, green=True, level=2)
    address = link(office, case, officer)
    page = office.at(officer).get(address)
    assert "no finding, L0, as proposed" not in page.text
    missing = office.post(officer, address, decision="verify", **form(page))
    assert "Choose the level that you find yourself." in missing.text
    assert step(office, case) == "verify_desk"


def test_a_package_without_a_finding_is_checked_from_the_mail(office: Office) -> None:
    case, officer = waiting(office, "check")
    address = link(office, case, officer)
    page = office.at(officer).get(address)
    assert "the automatic check found nothing" in page.text
    assert "✓ Package accepted" in office.post(officer, address, decision="check", **form(page)).text


def test_at_the_desk_a_case_with_findings_is_verified_with_outcome_and_own_level(office: Office) -> None:
    case, person = at_the_desk(office, green=False)
    address = link(office, case, person)
    page = office.at(person).get(address)
    assert f'href="/cases/{case}/disagree"' in page.text
    fields = {"decision": "verify", **form(page)}
    missing = office.post(person, address, **fields)
    assert "Choose an outcome." in missing.text
    assert "Choose the level that you find yourself." in missing.text
    assert (
        "✓ Verified"
        in office.post(person, address, outcome="V1", own_level="1", note="One photo is dark.", **fields).text
    )


def test_one_restriction_is_imposed_from_the_mail_and_waits_for_another_to_confirm_it(office: Office) -> None:
    case, manager = waiting(office, "decide")
    address = link(office, case, manager)
    page = office.at(manager).get(address)
    assert re.search(r"<dt>Verified with</dt><dd>V\d [a-z ]+</dd>", page.text)
    assert re.search(r'<dt>Verifier&#39;s level</dt><dd><span class="badge[^"]*">L\d \w+</span></dd>', page.text)
    assert "Class in the books:" not in page.text  # a run's reason that says no more than the facts
    fields = {"decision": "impose", "reason": "Sales fell by half.", **form(page)}
    assert "Choose what is restricted." in office.post(manager, address, **fields).text
    done = office.post(manager, address, kind="K10", **fields)
    assert "The case has ended." in done.text
    [(control, at)] = office.db.rows("SELECT id, step FROM cases WHERE parent = ? AND process = 'control'", case)
    assert f'href="/cases/{control}"' in done.text
    assert at == "confirm"
    assert manager not in able(office, control)
    assert f'href="/cases/{control}"' in office.post(manager, address, kind="K10", **fields).text
    assert len(office.db.rows("SELECT 1 FROM cases WHERE parent = ?", case)) == 1


def test_what_needs_a_form_of_its_own_is_linked(office: Office) -> None:
    case, person = waiting(office, "review", green=False)
    page = office.at(person).get(link(office, case, person)).text
    assert f'href="/cases/{case}/conclude"' in page
    assert 'value="conclude"' not in page


def test_who_verifies_on_site_is_told_nothing_that_the_manager_found(office: Office) -> None:
    case, person = waiting(office, "verify_site")
    page = office.at(person).get(link(office, case, person)).text
    assert f'href="/cases/{case}/record"' in page
    assert not re.search(r"\bL[0-4]\b", page.partition("<main")[2])
    assert "Why</h2>" not in page


def test_not_signed_in_the_link_leads_to_the_sign_in_and_back(office: Office) -> None:
    case, _, _ = restriction(office)
    bae = able(office, case)[0]
    access.set_password(office.db, bae, PASSWORD)
    address, browser = link(office, case, bae), office.browser()
    away = browser.get(address)
    assert (away.status_code, away.headers["location"]) == (303, f"/signin?next={address}")
    assert "Sign in to open the item from your mail." in browser.get(away.headers["location"]).text
    back = browser.post("/signin", data={"username": bae, "password": PASSWORD, "next": address})
    assert back.headers["location"] == address


def test_money_is_written_in_full_with_its_sign() -> None:
    assert Reader("en").money(9_800_000_000, "KRW") == "₩9,800,000,000"
