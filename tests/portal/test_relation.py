"""A relation to a borrower, declared by who holds an item of his or may take it, where he reads of the case."""

from door.act import act
from door.command import Command
from door.fold import State
from tasks import books
from tests.portal.conftest import Office
from tests.portal.links import link as link_to
from tests.portal.test_staff import change, entry
from tests.portal.test_step import waiting

WHY = "My brother owns the business."


def claimed(office: Office, step: str = "verify_site") -> tuple[State, str]:
    """A case at a step in somebody's hands."""
    s, person = next((s, person) for s, person in waiting(office, step) if s.holder is None)
    assert office.post(person, f"/cases/{s.id}", act="claim", key="k1").status_code == 303  # type: ignore[attr-defined]
    return s, person


def declares(office: Office, person: str, case: int, says: str = WHY):  # type: ignore[no-untyped-def]
    return office.post(person, f"/cases/{case}/relation", says=says)


def related(office: Office) -> list[tuple[str, str]]:
    return sorted(office.db.rows("SELECT person, subject FROM relation"))


def test_it_is_offered_on_the_case_and_on_the_form_of_who_may_decide(office: Office) -> None:
    s, person = claimed(office)
    link = f'href="/cases/{s.id}/relation">Declare a relation'
    assert link in office.at(person).get(f"/cases/{s.id}").text
    assert link in office.at(person).get(f"/cases/{s.id}/record").text
    assert link not in office.at(office.of("auditor")).get(f"/cases/{s.id}").text
    asked = office.at(person).get(f"/cases/{s.id}/relation").text
    assert "How are you related to the borrower?" in asked
    control, manager = next(waiting(office, "confirm"))
    assert f'href="/cases/{control.id}/relation"' in office.at(manager).get(link_to(office, control.id, manager)).text
    visit, inspector = next(waiting(office, "visit"))
    assert f'href="/cases/{visit.id}/relation"' in office.at(inspector).get(f"/visits/{visit.id}").text


def test_who_declares_it_is_barred_and_reads_who_could_instead(office: Office) -> None:
    s, person = claimed(office)
    before = related(office)
    done = declares(office, person, s.id)
    assert (done.status_code, done.headers["location"]) == (303, f"/cases/{s.id}?did=relation")
    assert related(office) == sorted([*before, (person, s.subject)])
    assert entry(office.db, f"staff:{person}") == ("relation_declared", person, {"subject": s.subject, "says": WHY})
    page = office.at(person).get(done.headers["location"]).text
    assert "Your relation to the borrower is recorded." in page
    assert "acts on none of its cases." in page
    assert "could." in page
    assert "Declare a relation" not in page
    assert "is not for you now" in office.at(person).get(f"/cases/{s.id}/record").text
    assert office.db.rows("SELECT holder FROM item WHERE case_id = ?", s.id) == [(None,)]
    again = declares(office, person, s.id)
    assert (again.status_code, related(office)) == (303, sorted([*before, (person, s.subject)]))


def test_where_nobody_is_left_he_reads_who_can_give_it_to_somebody_else(office: Office) -> None:
    s, manager = next(waiting(office, "review"))
    page = office.at(manager).get(declares(office, manager, s.id).headers["location"]).text
    assert "nobody may do this" in page.lower()
    assert "The head of branch can reassign the item" in page
    assert office.db.rows("SELECT kind FROM notice WHERE case_id = ? ORDER BY seq DESC LIMIT 1", s.id) == [("nobody",)]


def test_in_whose_name_another_does_it_may_declare_too(office: Office) -> None:
    s, manager = next(waiting(office, "review"))
    other = next(p for p in (office.of("account_manager", n) for n in range(9)) if p != manager)
    assert office.at(other).get(f"/cases/{s.id}").status_code == 404
    assert not act(office.db, [Command(manager, "delegate", {"to": other, "reason": "away"}, case=s.id)],
                   office.house.clock(office.house.business_date()), books.rules(office.db))[0].refused  # fmt: skip
    assert 'name="capacity"' in office.at(other).get(f"/cases/{s.id}/conclude").text  # he sees what he is to do
    assert f'href="/cases/{s.id}/relation"' in office.at(manager).get(f"/cases/{s.id}").text
    assert declares(office, manager, s.id).status_code == 303
    assert (manager, s.subject) in related(office)
    assert "is not for you now" in office.at(other).get(f"/cases/{s.id}/conclude").text
    page = office.at(other).get(f"/cases/{s.id}").text
    assert 'value="hand_back"' in page
    assert office.db.rows("SELECT kind FROM notice WHERE case_id = ? ORDER BY seq DESC LIMIT 1", s.id) == [("nobody",)]


def test_without_a_sentence_nothing_is_changed(office: Office) -> None:
    s, person = claimed(office)
    before = related(office)
    for says in ("", "   ", "x" * 401):
        back = declares(office, person, s.id, says)
        assert back.status_code == 422
        assert ("Write it in at most 400 letters." if says.strip() else "Say in a sentence how you are") in back.text
    assert related(office) == before


def test_who_may_not_take_the_item_is_told_why_and_declares_nothing(office: Office) -> None:
    s, _ = claimed(office)
    before = related(office)
    for role in ("operations", "auditor", "account_manager"):
        person = office.of(role)
        if office.at(person).get(f"/cases/{s.id}").status_code == 404:
            continue
        assert "is not for you now" in office.at(person).get(f"/cases/{s.id}/relation").text
        assert declares(office, person, s.id).status_code == 403
    stranger = office.of("inspector")
    assert office.at(stranger).get(f"/cases/{s.id}/relation").status_code == 404
    assert declares(office, stranger, s.id).status_code == 404
    closed = office.db.rows("SELECT id FROM cases WHERE process = 'inspection' AND closed_on IS NOT NULL LIMIT 1")[0][0]
    assert (
        office.at(office.of("credit_manager")).get(f"/cases/{closed}/relation").headers["location"]
        == f"/cases/{closed}"
    )
    assert related(office) == before


def test_an_administrator_alone_takes_it_back_with_an_entry(office: Office) -> None:
    s, person = claimed(office)
    declares(office, person, s.id)
    admin = office.of("administrator")
    page = office.at(admin).get(f"/staff/people/{person}").text
    assert "Relation declared" in page
    assert WHY in page
    assert change(office, person, "end_relation", person=person, subject=s.subject).status_code == 404
    assert change(office, admin, "end_relation", person=person, subject="B-none").status_code == 422
    assert (person, s.subject) in related(office)
    assert change(office, admin, "end_relation", person=person, subject=s.subject).status_code == 303
    assert (person, s.subject) not in related(office)
    assert entry(office.db, f"staff:{person}") == ("relation_ended", admin, {"subject": s.subject})
    assert "Declare a relation" in office.at(person).get(f"/cases/{s.id}").text
