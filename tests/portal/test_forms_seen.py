"""Step forms and visits in Chromium: every state on every screen; typed answers over a reload and a broken line,
photographs sent again under one key, lists by the keyboard."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.portal.browser import (
    DESK,
    PHONE,
    SCREENS_ALL,
    Served,
    assert_accessible,
    assert_nothing_sideways,
    kept,
)
from tests.portal.conftest import Office
from tests.portal.form import opened
from tests.portal.pictures import photo, send
from tests.portal.test_evidence import visit
from tests.portal.test_step import concluded, form, with_finding
from tests.portal.test_visit import good, of, photographed

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
HEARD = 5_000  # milliseconds until something that was sent is answered


def seen(
    served: Served, person: str, address: str, name: str, then: Callable[[Page], object] = lambda page: None
) -> None:
    """The page on every screen; `then`: what is done there before the picture."""
    for screen in SCREENS_ALL:
        page = served.at(person, screen)
        page.goto(address)
        then(page)
        kept(page, f"step-{name}")
        assert_accessible(page)
        assert_nothing_sideways(page)
        page.context.close()


def decide(page: Page) -> None:
    page.locator(".formbar .btn.main").click()
    expect(page.get_by_role("alert").first).to_be_visible()


def test_the_conclusion_empty_with_errors_from_a_draft_and_decided(served: Served) -> None:
    _, page = with_finding(served.office)
    seen(served, page.person, page.address, "conclude")
    seen(served, page.person, page.address, "conclude-errors", decide)
    page.send("draft", capacity="1.08, by the account")
    seen(served, page.person, page.address, "conclude-draft")
    done = page.send(**concluded(page))
    seen(served, page.person, done.to, "conclude-receipt")
    seen(served, served.office.of("post_loan_officer"), page.address, "barred")


@pytest.mark.parametrize(
    ("step", "action"),
    [("decide", "impose"), ("check", "return"), ("check", "check"), ("in_work", "done"), ("confirm", "confirm")],
)
def test_the_other_forms(served: Served, step: str, action: str) -> None:
    _, page = form(served.office, step, action)
    seen(served, page.person, page.address, action)


def test_verifying_blind_then_comparing(served: Served) -> None:
    s, page = form(served.office, "verify_site", "record")
    seen(served, page.person, page.address, "record")
    d, book = of(served.office, s.id)
    level = min(4, int(s.facts["level"]) + 2)
    page.send(own_level=str(level), **good(d, book, served.office.house.business_date().isoformat()))
    seen(served, page.person, f"/cases/{s.id}/verify", "compare")


def test_a_visit_new_incomplete_and_handed_in(served: Served) -> None:
    office = served.office
    case, inspector = visit(office)
    seen(served, inspector, "/visits", "visits")
    seen(served, inspector, f"/visits/{case}", "visit")
    photographed(office, inspector, case, skip="meter")
    d, book = of(office, case)
    typed = good(d, book, office.house.business_date().isoformat())
    seen(served, inspector, f"/visits/{case}", "visit-incomplete", decide)
    send(office, inspector, case, photo("gray", (64, 48)), "p-meter", "meter")
    done = opened(office, inspector, f"/visits/{case}").send(**typed, interview_signed="yes")
    seen(served, inspector, done.to, "visit-receipt")
    seen(served, office.of("auditor"), f"/evidence/{case}/{'0' * 64}", "nothing")


# -- with a script ------------------------------------------------------------------------------------------------------


def uploads(office: Office, case: int) -> int:
    return int(office.db.rows("SELECT count(*) FROM upload WHERE case_id = ?", case)[0][0])


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    file = tmp_path / "gate.jpg"
    file.write_bytes(photo("olive", (640, 480), gps=None))
    return file


def test_what_was_typed_is_there_after_a_reload_and_gone_once_it_is_handed_in(served: Served) -> None:
    office = served.office
    case, inspector = visit(office)
    page = served.at(inspector, PHONE)
    page.goto(f"/visits/{case}")
    page.get_by_label("Whom you met").fill("Mr Han, owner")
    page.get_by_label("Yes").first.check()
    page.reload()
    expect(page.get_by_label("Whom you met")).to_have_value("Mr Han, owner")
    expect(page.get_by_label("Yes").first).to_be_checked()
    photographed(office, inspector, case)
    d, book = of(office, case)
    page.reload()
    for name, value in good(d, book, office.house.business_date().isoformat()).items():
        if name.endswith(".word") or book.checkpoint(d.questions[int(name.split(".")[1])][1]).type in (
            "yes_no",
            "choice",
        ):
            page.locator(f'[name="{name}"][value="{value}"]').check()
        else:
            page.locator(f'[name="{name}"]').fill(value)
    page.get_by_label("The interview is signed").check()
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('postloan.'))") == []


def test_without_a_line_nothing_is_lost_and_the_page_stays(served: Served) -> None:
    case, inspector = visit(served.office)
    page = served.at(inspector, PHONE)
    page.goto(f"/visits/{case}")
    page.context.set_offline(True)
    page.get_by_label("Whom you met").fill("Mr Han")
    page.get_by_role("button", name="Hand in").click()
    expect(page.locator("[data-saved]")).to_contain_text("No line.")
    assert page.url.endswith(f"/visits/{case}")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-saved]")).to_contain_text("Draft saved at")
    assert "Mr Han" in str(served.office.db.rows("SELECT fields FROM draft WHERE case_id = ?", case))


def test_a_photograph_whose_answer_is_lost_is_sent_again_and_is_one(served: Served, gate: Path) -> None:
    office = served.office
    case, inspector = visit(office)
    page = served.at(inspector, PHONE)
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 37.4001, "longitude": 127.1002})
    lost: list[str] = []

    def lose_the_first(route: Route) -> None:
        if not lost:
            lost.append(route.request.url)
            route.fetch()  # it arrives; its answer does not
            route.abort()
        else:
            route.continue_()

    page.route("**/files", lose_the_first)
    page.goto(f"/visits/{case}")
    page.get_by_label("Take the photograph: Gate").set_input_files(gate)
    expect(page.locator("[data-state]").first).to_contain_text("✓ Sent", timeout=4 * HEARD)
    assert lost
    assert uploads(office, case) == 1
    row = office.db.rows("SELECT shows, latitude, longitude, taken_at <> '' FROM upload WHERE case_id = ?", case)[0]
    assert (*row[:3], bool(row[3])) == ("gate", "37.40010", "127.10020", True)


def test_what_is_no_photograph_is_said_beside_it(served: Served, tmp_path: Path) -> None:
    case, inspector = visit(served.office)
    page = served.at(inspector, PHONE)
    page.goto(f"/visits/{case}")
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(b"<html>")
    page.get_by_label("Take the photograph: Gate").set_input_files(odd)
    expect(page.locator("[data-state]").first).to_contain_text("neither a picture", timeout=4 * HEARD)
    assert uploads(served.office, case) == 0


def test_a_list_is_walked_by_the_keyboard_and_the_selection_is_counted(served: Served) -> None:
    officer = served.office.of("post_loan_officer")
    page = served.at(officer, DESK)
    page.goto("/inbox")
    links = page.locator("[data-list] .who a")
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_contain_text("1")
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).not_to_contain_text("1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
