"""A day of a vendor's inspector, on his phone: a visit with photographs and answers over a bad line, up to the receipt."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Route, expect

from door.store import read_case
from models.policy import Checkpoint
from portal.words.reader import Reader
from tests.portal.browser import PHONE, Served
from tests.portal.conftest import Office
from tests.portal.day import Day
from tests.portal.pictures import PDF, photo
from tests.portal.test_evidence import visit
from tests.portal.test_step import waiting
from tests.portal.test_visit import good, lies, of, shown_there

SENT = 20_000  # milliseconds until a file is sent, though its first answer is lost


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_the_day_of_an_inspector(served: Served, tmp_path: Path) -> None:
    office = served.office
    case, inspector = visit(office)
    ((name,),) = office.db.rows("SELECT b.name FROM borrower b JOIN cases c ON c.subject = b.id WHERE c.id = ?", case)
    day = Day(served, inspector, PHONE)
    page = day.page
    page.context.grant_permissions(["geolocation"])
    lies(office, case, latitude="37.38120", longitude="127.10020")
    page.context.set_geolocation({"latitude": 37.4001, "longitude": 127.1002})
    day.goes_to("Visits")
    day.looks("inspector-visits")
    day.follows(re.compile(re.escape(name)))
    day.looks("inspector-visit")

    takes(day, "Gate", tmp_path, b"<html>")
    expect(beside(day, "Gate")).to_contain_text("neither a picture", timeout=SENT)
    assert uploads(office, case) == 0
    d, book = of(office, case)
    photos, documents = shown_there(d, book)
    all_, needs, done = len(d.questions), len(photos) + len(documents), page.locator("label[for=done]")
    expect(done).to_have_text(f"0 of {all_} answered, 0 of {needs} files")

    expect(page.get_by_label("Why were they taken elsewhere?")).to_be_hidden()
    loses_the_first_answer(day)
    takes(day, "Gate", tmp_path)
    expect(beside(day, "Gate")).to_contain_text("2.1 km from the premises", timeout=SENT)
    expect(page.get_by_label("Why were they taken elsewhere?")).to_be_visible()
    expect(done).to_have_text(f"0 of {all_} answered, 1 of {needs} files")
    expect(beside(day, "Gate")).to_contain_text("Take again")
    again = photo("navy", (640, 480), gps=None)
    takes(day, "Gate", tmp_path, again)
    expect(beside(day, "Gate").locator("img")).to_have_attribute(
        "src", re.compile(sha256(again).hexdigest()), timeout=SENT
    )
    expect(done).to_have_text(f"0 of {all_} answered, 1 of {needs} files")
    assert uploads(office, case) == 1
    page.context.set_geolocation({"latitude": 37.3813, "longitude": 127.1002})
    ((*where, taken),) = office.db.rows(
        "SELECT shows, latitude, longitude, taken_at FROM upload WHERE case_id = ?", case
    )
    assert where == ["gate", "37.40010", "127.10020"]
    assert taken

    page.context.set_offline(True)
    day.writes("Whom you met", "Mr Han, owner")
    page.get_by_role("button", name="Hand in").click()
    expect(page.locator("[data-saved]")).to_contain_text("No line.")
    day.looks("inspector-no-line")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-saved]")).to_contain_text("Draft saved on")
    page.reload()
    expect(page.get_by_label("Whom you met")).to_have_value("Mr Han, owner")

    for shows in photos:
        if shows not in ("gate", "meter"):
            takes(day, named(shows), tmp_path)
    for shows in documents:
        page.get_by_label(re.compile(f"^{named(shows)}\\b")).first.set_input_files(paper(tmp_path, shows))
    expect(page.get_by_text("✓ Sent")).to_have_count(len(photos) + len(documents) - 1, timeout=SENT)
    typed = good(d, book, office.house.business_date().isoformat())
    for n, (facility, id_) in list(enumerate(d.questions))[1:]:
        answers(day, facility, book.checkpoint(id_), typed, n)
    counted = f"{all_ - 1} of {all_} answered, {needs - 1} of {needs} files"
    expect(done).to_have_text(counted)
    assert page.locator("progress").evaluate("bar => bar.max - bar.value") == 2
    page.get_by_label("The interview is signed").check()
    day.presses("Hand in")
    expect(done).to_have_text(counted)
    day.reads("Not handed in: 3 things need you.")
    day.looks("inspector-incomplete")
    day.looks_in_korean("inspector-visit")

    takes(day, "Meter", tmp_path)
    expect(beside(day, "Meter")).to_contain_text("✓ Sent", timeout=SENT)
    day.writes("Why were they taken elsewhere?", "The gate stands on the road below.")
    (facility, id_) = d.questions[0]
    answers(day, facility, book.checkpoint(id_), typed, 0)
    day.presses("Hand in")
    day.reads("Receipt")
    day.looks("inspector-receipt")
    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('postloan.'))") == []
    assert office.woken == ["outsourced_collection"]
    day.follows("Next visit")
    expect(page.get_by_role("heading", name="Visits", exact=True)).to_be_visible()
    day.signs_out()


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_own_visit_of_an_account_manager(served: Served, tmp_path: Path) -> None:
    """On his phone, at a customer of his: what the vendor's inspector would have done, handed in by himself."""
    office = served.office
    s, manager = next((s, person) for s, person in waiting(office, "collect")
                      if s.facts["path"] != "desk" and shown_there(*of(office, s.id))[0])  # fmt: skip
    day = Day(served, manager, PHONE)
    page = day.page
    day.goes_to("Visits")
    day.looks("manager-visits")
    day.at(f"/visits/{s.id}")
    day.looks("manager-visit")
    d, book = of(office, s.id)
    photos, documents = shown_there(d, book)
    for shows in photos:
        takes(day, named(shows), tmp_path)
        expect(beside(day, named(shows))).to_contain_text("✓ Sent", timeout=SENT)
    for shows in documents:
        page.get_by_label(re.compile(f"^{named(shows)}\\b")).first.set_input_files(paper(tmp_path, shows))
    expect(page.get_by_text("✓ Sent")).to_have_count(len(photos) + len(documents), timeout=SENT)
    typed = good(d, book, office.house.business_date().isoformat())
    for n, (facility, id_) in enumerate(d.questions):
        answers(day, facility, book.checkpoint(id_), typed, n)
    day.writes("Whom you met", "Mr Han, owner")
    day.looks("manager-visit-filled")
    day.presses("Hand in")
    day.reads("Receipt")
    day.looks("manager-receipt")
    assert read_case(office.db, s.id).step != "collect"  # type: ignore[union-attr]
    day.at(f"/cases/{s.id}")
    expect(page.get_by_role("region", name="Evidence").get_by_role("img")).to_have_count(len(photos))
    day.looks("case-with-evidence")
    day.signs_out()


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_who_verifies_on_site_photographs_elsewhere_and_says_why(served: Served, tmp_path: Path) -> None:
    office = served.office
    s, officer = next((s, person) for s, person in waiting(office, "verify_site") if shown_there(*of(office, s.id))[0])
    lies(office, s.id, latitude="37.38120", longitude="127.10020")
    day = Day(served, officer, PHONE)
    page = day.page
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 37.4001, "longitude": 127.1002})
    day.at(f"/cases/{s.id}/record")
    expect(page.get_by_text("Account manager", exact=True)).to_be_hidden()  # on a phone the form comes first
    page.get_by_text("What you may know").click()
    expect(page.get_by_text("Account manager", exact=True)).to_be_visible()
    expect(page.get_by_label("Why were they taken elsewhere?")).to_be_hidden()
    what = named(shown_there(*of(office, s.id))[0][0])
    takes(day, what, tmp_path)
    expect(beside(day, what)).to_contain_text("2.1 km from the premises", timeout=SENT)
    expect(page.get_by_label("Why were they taken elsewhere?")).to_be_visible()
    day.chooses("Your own level", f"L{s.facts['level']}")
    day.presses("Record, then compare")
    day.reads("Not decided yet: 1 answer needs you.")
    day.looks("record-elsewhere")
    day.writes("Why were they taken elsewhere?", "The yard lies across the river.")
    day.presses("Record, then compare")
    day.reads("2. The manager's conclusion and the differences")
    day.at(f"/cases/{s.id}")
    page.get_by_text("Recorded on site by").click()
    expect(page.get_by_role("img", name=what)).to_be_visible()
    day.looks("case-recorded")


def named(code: str) -> str:
    return Reader("en").named(code)


def uploads(office: Office, case: int) -> int:
    return int(office.db.rows("SELECT count(*) FROM upload WHERE case_id = ?", case)[0][0])


def at(day: Day, what: str) -> Locator:
    """Where a photograph is taken, or taken again."""
    return day.page.get_by_label(re.compile(f"^Take (the photograph|again): {re.escape(what)}$"))


def takes(day: Day, what: str, folder: Path, content: bytes = b"") -> None:
    """A photograph, with the camera (or what a phone calls one)."""
    file = folder / f"{what}.jpg"
    file.write_bytes(content or photo(f"#{sum(map(ord, what)) * 7919 % 0x1000000:06x}", (640, 480), gps=None))
    at(day, what).set_input_files(file)


def paper(folder: Path, shows: str) -> Path:
    file = folder / f"{shows}.pdf"
    file.write_bytes(PDF + shows.encode())
    return file


def beside(day: Day, what: str):  # type: ignore[no-untyped-def]
    """What is said of a photograph where it is taken."""
    return day.page.get_by_role("listitem").filter(has=at(day, what))


def loses_the_first_answer(day: Day) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.fetch()  # it arrives; its answer does not
            route.abort()

    day.page.route("**/files", lose)


def answers(day: Day, facility: str, asked: Checkpoint, typed: dict[str, str], n: int) -> None:
    """One question of a facility, in words and figures as they stand in the form."""
    label, part = (
        f"{asked.id}. {asked.question}",
        day.page.get_by_role("region", name=re.compile(f"{facility}$|Questions$")),
    )
    if word := typed.get(f"answers.{n}.word"):
        part.get_by_role("group", name=f"{asked.id}: instead of a value").get_by_label(named(word)).check()
    elif asked.type in ("yes_no", "choice"):
        question = part.get_by_role("group", name=re.compile(f"^{re.escape(label)}"))
        question.get_by_label(named(typed[f"answers.{n}"]), exact=True).check()
    else:
        part.get_by_label(re.compile(f"^{re.escape(label)}")).fill(typed[f"answers.{n}"])
