"""A visit on a phone: what is to be visited, photographs and answers over a bad line, the hand-in and its receipt."""

import hashlib
import re
from datetime import timedelta

import orjson
import pytest

from deployments.bench.weeks import stages
from door import store
from models.policy import Book
from portal.form.typed import figure
from tasks import books
from tasks.dossier import Dossier, dossiers
from tasks.screen import visit_photos
from tests.portal.conftest import ON_ONE, Office
from tests.portal.form import opened
from tests.portal.pictures import PDF, photo, send
from tests.portal.test_evidence import visit

LINK = re.compile(r'href="/visits/(\d+)"')


def of(office: Office, case: int) -> tuple[Dossier, Book]:
    s = store.read_case(office.db, case)
    assert s is not None
    return dossiers(office.db, [s])[0], books.book(office.db, s.book)


def good(d: Dossier, book: Book, visited: str) -> dict[str, str]:
    """An answer to every question that is no finding, as a person types it."""
    said = {}
    tries = (
        "yes",
        "no",
        "1,000",
        "50",
        "100",
        "0",
        "10",
        "0.9",
        "1",
        visited,
        "2026-12-01",
        "2027-06-01",
        "seen and counted",
    )
    for n, (facility, id_) in enumerate(d.questions):
        asked, before = book.checkpoint(id_), (d.answers_before or {}).get((facility, id_))
        for value in (*asked.choices, *([before] if before else []), *tries):
            plain = figure(value) if asked.type == "number" else value
            if not asked.refuses(plain) and not book.finding(id_, plain, before, visited, visited):
                word = asked.type in ("date", "number") and plain in asked.choices
                said[f"answers.{n}" + (".word" if word else "")] = value
                break
        else:
            raise AssertionError(f"no good answer to {id_} is tried")
    return said


def shown_there(d: Dossier, book: Book) -> tuple[list[str], list[str]]:
    """What the prescribed photographs show, and the documents."""
    photos = visit_photos(d, book) if d.state.step == "visit" else []
    asked = [book.checkpoint(id_) for _, id_ in d.questions]
    return (list(dict.fromkeys((*photos, *(p for c in asked for p in c.photos)))),
            list(dict.fromkeys(p for c in asked for p in c.documents)))  # fmt: skip


def lies(office: Office, case: int, **premises: str) -> tuple[str, str, str, str]:
    """Where the case's borrower is visited; changed first, if so."""
    subject = "id = (SELECT subject FROM cases WHERE id = ?)"
    for name, value in premises.items():
        office.db.run(f"UPDATE borrower SET {name} = ? WHERE {subject}", value, case)
    found = office.db.rows(f"SELECT address, contact, latitude, longitude FROM borrower WHERE {subject}", case)[0]
    return (str(found[0]), str(found[1]), str(found[2]), str(found[3]))


def photographed(office: Office, person: str, case: int, skip: str = "", **where: str) -> list[str]:
    """Sends every photograph and document that is prescribed, taken at the premises if not elsewhere; gives their SHA-256."""
    shas = []
    _, _, latitude, longitude = lies(office, case)
    where = {"latitude": latitude, "longitude": longitude} | where
    photos, documents = shown_there(*of(office, case))
    for shows in photos:
        if shows != skip:
            colour = "#" + hashlib.sha256(f"{case}{shows}".encode()).hexdigest()[:6]
            answer = send(office, person, case, photo(colour, (64, 48)), f"p-{shows}", shows, **where)
            shas.append(answer.json()["sha256"])
    for shows in documents:
        answer = send(office, person, case, PDF + f"{case} {shows}".encode(), f"d-{shows}", shows, "document")
        shas.append(answer.json()["sha256"])
    return shas


def handed(office: Office, case: int) -> dict[str, object]:
    row = office.db.rows("SELECT payload FROM entry WHERE stream = ? AND action IN ('submit', 'collect') ORDER BY seq DESC",
                         f"case:{case}")[0]  # fmt: skip
    return dict(orjson.loads(row[0]))


def test_the_list_has_what_is_assigned_to_him_by_deadline_and_nothing_else(office: Office) -> None:
    _, inspector = visit(office)
    mine = office.db.rows(
        "SELECT case_id FROM item WHERE step = 'visit' AND owner = ? ORDER BY due_on, case_id", inspector
    )
    page = office.at(inspector).get("/visits").text
    assert [int(n) for n in LINK.findall(page)] == [n for (n,) in mine]
    assert "New</span>" in page
    idle = next(p for n in range(20) if (p := office.of("inspector", n)) != inspector and not office.db.rows(
        "SELECT 1 FROM item WHERE step = 'visit' AND owner = ?", p))  # fmt: skip
    assert "No visits today." in office.at(idle).get("/visits").text


def test_list_and_visit_say_where_to_go_and_whom_to_ask_for(office: Office) -> None:
    case, inspector = visit(office)
    lies(office, case, address="42 Banwol-ro 18-gil, Ansan", contact="Han, owner")

    def read(path: str) -> str:
        return re.sub(r"</?span[^>]*>", "", office.at(inspector).get(path).text)

    for path in ("/visits", f"/visits/{case}"):
        assert "42 Banwol-ro 18-gil, Ansan. Ask for Han, owner" in read(path)
    lies(office, case, contact="")
    assert "42 Banwol-ro 18-gil, Ansan</p>" in read(f"/visits/{case}")
    lies(office, case, address="")
    assert "The bank's file has no address." in office.at(inspector).get(f"/visits/{case}").text.replace("&#39;", "'")
    assert "Banwol" not in office.at(inspector).get("/visits").text


def test_a_visit_is_handed_in_with_its_files_checked_complete_and_goes_on(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    day = office.house.business_date().isoformat()
    shas = photographed(office, inspector, case)
    page = opened(office, inspector, f"/visits/{case}")
    assert page.text.count("✓ Sent") == len(shas)
    done = page.send(**good(d, book, day), host="Mr Han, owner", interview_signed="yes")
    assert done.status == 303
    receipt = office.at(inspector).get(done.to).text
    assert all(sha in receipt for sha in shas)
    assert (
        office.db.rows("SELECT hash FROM entry WHERE stream = ? ORDER BY seq DESC LIMIT 1", d.state.stream)[0][0]
        in receipt
    )
    assert office.woken == ["outsourced_collection"]
    said = handed(office, case)
    assert (said["how"], said["visited_on"]) == ("outsourced", day)
    assert {e["sha256"] for e in said["evidence"]} == set(shas)  # type: ignore[attr-defined]
    photos = [e for e in said["evidence"] if e["kind"] == "photo"]  # type: ignore[attr-defined]
    assert {(e["latitude"], e["note"]) for e in photos} == {(lies(office, case)[2], "")}
    stages(office.db, office.house, office.house.business_date())
    assert store.read_case(office.db, case).step == "check"  # type: ignore[union-attr]
    assert office.at(inspector).get(f"/visits/{case}").headers["location"] == done.to


def test_photographs_from_elsewhere_are_said_so_and_go_in_with_a_sentence_that_who_reviews_sees(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    lies(office, case, latitude="37.31090", longitude="126.83000")
    assert "Why were they taken elsewhere?" not in visible(office.at(inspector).get(f"/visits/{case}").text)
    photographed(office, inspector, case, latitude="37.31120", longitude="126.83000")
    gate = send(
        office, inspector, case, photo(size=(64, 48)), "far", "gate", latitude="37.32990", longitude="126.83000"
    )
    assert gate.json()["says"].endswith(", 2.1 km from the premises")
    assert gate.json()["far"] is True
    page = opened(office, inspector, f"/visits/{case}")
    assert "Why were they taken elsewhere?" in visible(page.text)
    assert '<span class="warned">2.1 km from the premises</span>' in page.text
    assert "<span>33 m from the premises</span>" in page.text
    typed = good(d, book, office.house.business_date().isoformat()) | {"interview_signed": "yes"}
    back = page.send(**typed)
    assert back.status == 422
    assert back.errors["away"].startswith("Say in a sentence why")
    assert back.send(away="The gate stands on the road below.").status == 303
    photos = [e for e in handed(office, case)["evidence"] if e["kind"] == "photo"]  # type: ignore[attr-defined]
    assert [e["shows"] for e in photos if e["note"] == "The gate stands on the road below."] == ["gate"]
    assert {e["note"] for e in photos if e["shows"] != "gate"} == {""}
    stages(office.db, office.house, office.house.business_date())
    seen = office.at(office.of("post_loan_officer")).get(f"/cases/{case}").text
    assert "2.1 km from the premises" in seen
    assert "“The gate stands on the road below.”" in seen


def test_where_the_premises_or_the_photograph_have_no_position_it_is_said_so(office: Office) -> None:
    case, inspector = visit(office)
    says = "does not say where the premises lie"
    assert says not in office.at(inspector).get(f"/visits/{case}").text
    lies(office, case, latitude="", longitude="")
    sent = send(office, inspector, case, photo(size=(64, 48)), "k1", latitude="37.32990", longitude="126.83000")
    assert "premises" not in sent.json()["says"]
    page = office.at(inspector).get(f"/visits/{case}").text
    assert says in page
    assert "no position" not in page
    lies(office, case, latitude="37.31090", longitude="126.83000")
    send(office, inspector, case, photo("red", (64, 48), gps=None), "k2", "sign")
    page = office.at(inspector).get(f"/visits/{case}").text
    assert "no position" in page
    assert "2.1 km from the premises" in page


def visible(page: str) -> str:
    """Without what is hidden until a script finds that it is asked."""
    return re.sub(r"<div[^>]* hidden>.*?</div>", "", page, flags=re.DOTALL)


def test_what_is_missing_is_named_piece_by_piece_and_what_was_typed_stays(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    photographed(office, inspector, case, skip="meter")
    typed = good(d, book, office.house.business_date().isoformat())
    first = next(name for name in typed if not name.endswith(".word"))
    back = opened(office, inspector, f"/visits/{case}").send(**typed | {first: ""}, host="Mr Han")
    assert back.status == 422
    assert "Not handed in: 2 things need you." in back.text
    assert {"file.photo.meter", first} <= back.links
    assert {"file.photo.meter", first} <= back.ids
    assert back.values["host"] == "Mr Han"
    assert office.db.rows("SELECT 1 FROM entry WHERE stream = ? AND action = 'submit'", d.state.stream) == []


def test_what_can_not_be_completed_is_handed_in_with_the_reason_beside_each(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    photographed(office, inspector, case, skip="meter")
    typed = good(d, book, office.house.business_date().isoformat())
    first = next(name for name in typed if not name.endswith(".word"))
    back = opened(office, inspector, f"/visits/{case}").send(**typed | {first: ""})
    assert back.send(without="yes").status == 422  # it says why, or it does not go
    assert back.send(without="yes", why="the host locked the room").status == 303
    answers = handed(office, case)["answers"]
    noted = [a for a in answers if a["note"] == "the host locked the room"]  # type: ignore[attr-defined]
    assert [a["checkpoint"] for a in answers if not a["value"]] == [d.questions[int(first.split(".")[1])][1]]  # type: ignore[attr-defined]
    assert {a["checkpoint"] for a in noted} >= {a["checkpoint"] for a in answers if not a["value"]}  # type: ignore[attr-defined]


@ON_ONE
@pytest.mark.parametrize(
    ("typed", "says"), [("33 or 34", "write a number"), ("-5", "write a number"), ("NaN", "write a number")]
)
def test_a_figure_that_is_none_is_refused_in_words_beside_it(office: Office, typed: str, says: str) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    n = next(
        n
        for n, (_, id_) in enumerate(d.questions)
        if book.checkpoint(id_).type == "number" and book.checkpoint(id_).low == 0
    )
    back = opened(office, inspector, f"/visits/{case}").send(**{f"answers.{n}": typed})
    assert says in back.errors[f"answers.{n}"]
    assert back.values[f"answers.{n}"] == typed


def test_a_draft_is_saved_quietly_and_the_list_says_how_far_it_is(office: Office) -> None:
    case, inspector = visit(office)
    page = opened(office, inspector, f"/visits/{case}")
    saved = page.send("draft", quiet="yes", **{"answers.0": "yes", "host": "Mr Han"})
    assert saved.status == 200
    assert re.match(r'\{"at":"\d+ \w+, \d\d:\d\d"\}', saved.text)
    assert opened(office, inspector, f"/visits/{case}").values["host"] == "Mr Han"
    listed = office.at(inspector).get("/visits").text
    assert "1 of " in listed
    assert "Draft</span>" in listed


def test_without_a_script_photographs_go_with_the_form_and_typed_answers_stay(office: Office) -> None:
    case, inspector = visit(office)
    page = opened(office, inspector, f"/visits/{case}")
    content = photo(size=(64, 48))
    kept = page.send("draft", {"file.photo.gate": ("g.jpg", content, "image/jpeg")}, host="Mr Han")
    assert kept.status == 303
    again = opened(office, inspector, f"/visits/{case}")
    assert hashlib.sha256(content).hexdigest() in again.text
    assert again.values["host"] == "Mr Han"
    spoiled = again.send("draft", {"file.photo.sign": ("s.jpg", PDF, "image/jpeg")}, host="Mrs Han")
    assert spoiled.status == 422
    assert "A photograph is asked for" in spoiled.errors["file.photo.sign"]
    assert spoiled.values["host"] == "Mrs Han"


def test_a_photograph_is_taken_again(office: Office) -> None:
    case, inspector = visit(office)
    send(office, inspector, case, photo(size=(64, 48)), "k1")
    page = opened(office, inspector, f"/visits/{case}")
    assert "remove.k1" in page.text
    after = page.send("remove.k1", host="Mr Han")
    assert after.values["host"] == "Mr Han"
    assert "remove.k1" not in after.text


def test_a_photograph_that_is_taken_again_stands_in_place_of_the_first(office: Office) -> None:
    case, inspector = visit(office)
    send(office, inspector, case, photo(size=(64, 48)), "k1")
    for _ in range(2):
        send(office, inspector, case, photo("navy", (64, 48)), "k2", instead="k1")
    assert office.db.rows("SELECT key FROM upload WHERE case_id = ?", case) == [("k2",)]


def test_handing_in_twice_makes_one_package_and_leads_to_one_receipt(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    photographed(office, inspector, case)
    typed = good(d, book, office.house.business_date().isoformat())
    page = opened(office, inspector, f"/visits/{case}")
    first, second = page.send(**typed, interview_signed="yes"), page.send(**typed, interview_signed="yes")
    assert first.to == second.to
    assert office.db.rows("SELECT count(*) FROM entry WHERE stream = ? AND action = 'submit'", d.state.stream) == [(1,)]


def test_what_came_back_says_why_and_keeps_the_photographs(office: Office) -> None:
    case, inspector = visit(office)
    d, book = of(office, case)
    shas = photographed(office, inspector, case)
    typed = good(d, book, office.house.business_date().isoformat())
    opened(office, inspector, f"/visits/{case}").send(**typed)  # the interview is not signed
    stages(office.db, office.house, office.house.business_date())
    assert store.read_case(office.db, case).step == "visit"  # type: ignore[union-attr]
    again = opened(office, inspector, f"/visits/{case}")
    assert "It came back." in again.text
    assert "B11" in again.text
    assert again.text.count("✓ Sent") == len(shas)
    listed = office.at(inspector).get("/visits").text
    assert "Returned: B11 interview" in listed
    assert "Again</span>" in listed


def test_a_managers_own_data_are_handed_in_the_same_way(office: Office) -> None:
    case, manager = office.db.rows(
        "SELECT i.case_id, r.manager FROM item i JOIN cases c ON c.id = i.case_id JOIN responsible r ON r.subject = c.subject "
        "WHERE i.step = 'collect' ORDER BY i.case_id LIMIT 1")[0]  # fmt: skip
    d, book = of(office, case)
    assert str(case) in LINK.findall(office.at(manager).get("/visits").text)
    photographed(office, manager, case)
    page = opened(office, manager, f"/cases/{case}/collect")
    assert page.address == f"/visits/{case}"
    done = page.send(**good(d, book, office.house.business_date().isoformat()))
    assert done.status == 303
    assert handed(office, case)["how"] == ("desk" if d.opening["path"] == "desk" else "own")
    stages(office.db, office.house, office.house.business_date())
    assert store.read_case(office.db, case).step == "review"  # type: ignore[union-attr]


def test_another_inspectors_visit_is_not_there(office: Office) -> None:
    case, inspector = visit(office)
    other = next(p for n in range(9) if (p := office.of("inspector", n)) != inspector)
    assert office.at(other).get(f"/visits/{case}").status_code == 404
    assert office.post(other, f"/visits/{case}", act="decide").status_code == 404  # type: ignore[attr-defined]


def test_late_visits_come_first_and_say_by_how_much(office: Office) -> None:
    case, inspector = visit(office)
    late = office.house.business_date() - timedelta(days=3)
    office.db.run("UPDATE item SET due_on = ? WHERE case_id = ?", late.isoformat(), case)
    s = store.read_case(office.db, case)
    assert s is not None
    s.due_on = late.isoformat()
    from door.fold import dump

    office.db.run("UPDATE cases SET state = ? WHERE id = ?", dump(s), case)
    listed = office.at(inspector).get("/visits").text
    assert LINK.findall(listed)[0] == str(case)
    assert "3 d late" in listed
    assert "Late by 3 days." in office.at(inspector).get(f"/visits/{case}").text
