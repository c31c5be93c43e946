"""Evidence: what is taken is told by its content, shown without what its file carries besides, only to whom it may be
shown, and only while it is what was handed in."""

import hashlib
import io
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from door.store import read_case
from portal import files
from tests.portal.conftest import ON_ONE, Office
from tests.portal.pictures import HTML, PDF, SVG, photo, send


def visit(office: Office, n: int = 0) -> tuple[int, str]:
    """A case to be visited, and its inspector."""
    case, owner = office.db.rows("SELECT case_id, owner FROM item WHERE step = 'visit' ORDER BY case_id")[n]
    return int(case), str(owner)


def stored(office: Office, sha256: str) -> Path:
    return office.house.home / "evidence" / sha256[:2] / sha256


# -- by content ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "media"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_a_picture_is_one_by_its_content(format: str, media: str) -> None:
    assert files.kind_of(photo(size=(40, 30), format=format)) == media


@pytest.mark.parametrize(
    ("content", "code"),
    [(HTML, "unknown"), (SVG, "unknown"), (b"", "unknown"), (b"GIF89a" + b"\0" * 40, "unknown"), (b"MZ" + b"\0" * 99, "unknown"),
     (b" %PDF-1.7", "unknown"), (photo(size=(400, 300))[:900], "broken"), (PDF + b"\0" * (10 << 20), "too_large")],
    ids=["html", "svg", "nothing", "gif", "program", "almost a pdf", "cut off", "large"],
)  # fmt: skip
def test_nothing_else_is_taken(content: bytes, code: str) -> None:
    with pytest.raises(files.Unfit) as unfit:
        files.kind_of(content)
    assert unfit.value.code == code


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header_alone() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    with pytest.raises(files.Unfit) as unfit:
        files.kind_of(bomb)
    assert unfit.value.code == "too_large"


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 "])
)
def test_whatever_bytes_come_it_is_a_picture_a_pdf_or_refused(tail: bytes, head: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(files.Unfit):
            assert files.kind_of(head + tail) in ("image/jpeg", "image/png", "image/webp", "application/pdf")
        assert isinstance(files.taken(head + tail, "Asia/Seoul"), files.Taken)


def test_time_and_place_are_read_out_of_the_photograph() -> None:
    assert files.taken(photo(size=(40, 30)), "Asia/Seoul") == files.Taken(
        "2026-02-02T05:07:00Z", "37.56650", "126.97800"
    )
    south = files.taken(photo(size=(40, 30), gps=(-33.9, -70.5), offset=""), "Asia/Seoul")
    assert south == files.Taken("2026-02-02T05:07:00Z", "-33.90000", "-70.50000")
    assert files.taken(photo(size=(40, 30), taken="yesterday", gps=None), "Asia/Seoul") == files.Taken()


def test_what_is_shown_is_drawn_anew_upright_small_and_bare() -> None:
    content = photo(rotated=6)
    seen = Image.open(io.BytesIO(files.shown(content)))
    assert (seen.format, seen.size) == ("JPEG", (1200, 1600))
    assert not seen.getexif()
    assert b"Secret maker" in content
    assert b"Secret maker" not in files.shown(content)
    assert max(Image.open(io.BytesIO(files.shown(content, files.THUMB))).size) == 320


# -- taken in -----------------------------------------------------------------------------------------------------------


def test_one_photograph_one_request_and_a_repeat_under_the_same_key_is_none(office: Office) -> None:
    case, inspector = visit(office)
    content = photo()
    first = send(office, inspector, case, content, "k1")
    assert first.status_code == 200
    assert first.json()["sha256"] == hashlib.sha256(content).hexdigest()
    again = send(office, inspector, case, photo("red"), "k1")
    assert again.json() == first.json()
    assert office.db.rows("SELECT count(*) FROM upload WHERE case_id = ?", case) == [(1,)]
    assert stored(office, first.json()["sha256"]).read_bytes() == content


def test_what_the_phone_says_of_time_and_place_comes_before_the_photograph(office: Office) -> None:
    case, inspector = visit(office)
    send(office, inspector, case, photo(), "k1", taken_at="2026-02-02T06:00:00.5Z", latitude="37.4", longitude="127.1")
    send(office, inspector, case, photo("red"), "k2", shows="sign", taken_at="tomorrow", latitude="91", longitude="x")
    rows = office.db.rows("SELECT taken_at, latitude, longitude FROM upload WHERE case_id = ? ORDER BY key", case)
    assert rows == [
        ("2026-02-02T06:00:00Z", "37.40000", "127.10000"),
        ("2026-02-02T05:07:00Z", "37.56650", "126.97800"),
    ]


@ON_ONE
@pytest.mark.parametrize(("content", "kind", "says"), [
    (HTML, "photo", "neither a picture"), (PDF, "photo", "A photograph is asked for"), (photo()[:3000], "photo", "can't be read"),
    (SVG, "document", "neither a picture")])  # fmt: skip
def test_what_is_not_taken_is_said_and_leaves_nothing(office: Office, content: bytes, kind: str, says: str) -> None:
    case, inspector = visit(office)
    answer = send(office, inspector, case, content, "k1", kind=kind)
    assert answer.status_code == 422
    assert says in answer.json()["says"]
    assert office.db.rows("SELECT 1 FROM upload WHERE case_id = ?", case) == []
    assert not stored(office, hashlib.sha256(content).hexdigest()).exists()


@ON_ONE
@pytest.mark.parametrize(
    "odd", [{"shows": "../../etc"}, {"shows": ""}, {"kind": "program"}, {"key": "a b"}, {"key": "x" * 99}]
)
def test_odd_names_are_not_taken(office: Office, odd: dict[str, str]) -> None:
    case, inspector = visit(office)
    said = {"key": "k1", "shows": "gate", "kind": "photo"} | odd
    assert send(office, inspector, case, photo(), **said).status_code == 422
    assert office.db.rows("SELECT 1 FROM upload WHERE case_id = ?", case) == []


def test_only_who_is_to_hand_it_in_may_send_files(office: Office) -> None:
    case, inspector = visit(office)
    other = next(p for n in range(9) if (p := office.of("inspector", n)) != inspector)
    assert send(office, other, case, photo(), "k1").status_code == 404
    assert send(office, office.of("post_loan_officer"), case, photo(), "k1").status_code == 403
    assert office.db.rows("SELECT 1 FROM upload WHERE case_id = ?", case) == []


# -- shown --------------------------------------------------------------------------------------------------------------


def test_a_photograph_is_shown_redrawn_and_handed_out_whole_and_nothing_in_it_can_run(office: Office) -> None:
    case, inspector = visit(office)
    content = photo()
    address = f"/evidence/{case}/{send(office, inspector, case, content, 'k1').json()['sha256']}"
    browser = office.at(inspector)
    shown, thumb, whole = (browser.get(address + q) for q in ("", "?thumb=1", "?original=1"))
    for answer in (shown, thumb):
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"] == "inline"
        assert b"Secret maker" not in answer.content
    assert len(thumb.content) < len(shown.content)
    assert whole.content == content
    assert whole.headers["content-disposition"].startswith("attachment; filename")
    for answer in (shown, thumb, whole):
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_document_is_only_ever_handed_out(office: Office) -> None:
    case, inspector = visit(office)
    answer = office.at(inspector).post(
        f"/visits/{case}/files", data={"_form": office.form(inspector), "key": "d", "shows": "bill", "kind": "document"},
        files={"file": ('../../bill"\r\nX: y.pdf', PDF, "text/html")}, headers={"accept": "application/json"})  # fmt: skip
    for query in ("", "?thumb=1"):
        given = office.at(inspector).get(f"/evidence/{case}/{answer.json()['sha256']}{query}")
        assert given.headers["content-type"] == "application/pdf"
        assert given.headers["content-disposition"].startswith("attachment")
        assert "x" not in given.headers
        assert given.content == PDF


def test_what_is_larger_than_a_form_may_be_is_said_by_a_page_and_to_the_script_in_words(office: Office) -> None:
    case, inspector = visit(office)
    large = b"\xff\xd8\xff" + bytes(12 << 20)
    said = send(office, inspector, case, large, "k1")
    assert (said.status_code, said.json()) == (413, {
        "says": "It is larger than 10 MB. Take a smaller picture, or split the document."})  # fmt: skip
    page = office.at(inspector).post(f"/visits/{case}/files", files={"file": ("gate.jpg", large)})
    assert (page.status_code, "Nothing was taken: the file is larger than 12 MB." in page.text) == (413, True)
    assert office.db.rows("SELECT count(*) FROM upload") == [(0,)]


def test_bytes_that_were_changed_are_not_shown_and_it_is_said(office: Office) -> None:
    case, inspector = visit(office)
    sha256 = send(office, inspector, case, photo(), "k1").json()["sha256"]
    stored(office, sha256).write_bytes(photo("red"))
    for query in ("", "?thumb=1", "?original=1"):
        answer = office.at(inspector).get(f"/evidence/{case}/{sha256}{query}")
        assert answer.status_code == 409
        assert "is not what was handed in" in answer.text
    stored(office, sha256).unlink()
    assert office.at(inspector).get(f"/evidence/{case}/{sha256}").status_code == 404


def test_a_file_is_his_to_see_only_by_a_case_that_is(office: Office) -> None:
    case, inspector = visit(office)
    sha256 = send(office, inspector, case, photo(), "k1").json()["sha256"]
    s = read_case(office.db, case)
    assert s is not None
    manager = office.db.rows("SELECT manager FROM responsible WHERE subject = ? ORDER BY since DESC", s.subject)[0][0]
    stranger = next(p for n in range(9) if (p := office.of("account_manager", n)) != manager)
    other = next(p for n in range(9) if (p := office.of("inspector", n)) != inspector)
    elsewhere = office.db.rows("SELECT min(id) FROM cases WHERE process = 'inspection' AND id <> ?", case)[0][0]
    for person, at, expected in (
        (inspector, case, 200), (manager, case, 200), (office.of("auditor"), case, 200), (stranger, case, 404),
        (other, case, 404), (office.of("auditor"), elsewhere, 404),
    ):  # fmt: skip
        assert office.at(person).get(f"/evidence/{at}/{sha256}").status_code == expected, person
    auditor = office.at(office.of("auditor"))
    assert auditor.get(f"/evidence/{case}/{'0' * 64}").status_code == 404
    assert auditor.get(f"/evidence/{case}/..%2f..%2fpostloan.db").status_code == 404


def test_who_verifies_blind_is_not_shown_what_others_photographed(office: Office) -> None:
    rows = office.db.rows("SELECT v.case_id, v.sha256 FROM evidence v JOIN cases c ON c.id = v.case_id WHERE "
                          "c.step = 'verify_site' ORDER BY v.case_id")  # fmt: skip
    assert rows
    from door.eligible import eligible
    from tasks import books

    case, sha256 = rows[0]
    officer = eligible(office.db, books.rules(office.db), case, office.house.business_date().isoformat())[0]
    address = f"/evidence/{case}/{sha256}"
    assert "is not kept here" not in office.at(officer).get(address).text
    assert office.at(officer).get(address).status_code == 404
    absent = office.at(office.of("auditor")).get(address)
    assert "is not kept here" in absent.text
