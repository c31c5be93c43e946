"""Screen: the automatic examination of a package. Its defects are the return codes of the book (vendors.yaml)."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from models.policy import Book, Checkpoint
from tasks.dossier import PACKAGES, Dossier, Past
from tasks.given import Given
from tasks.premises import metres

Defect = tuple[str, str, str]  # return code, where, what


def screen(d: Dossier, given: Given) -> tuple[str, dict[str, Any]]:
    """Pass; or back to who collected, with every defect found; or, where the book allows no second try (a photo used
    before, an inspector not approved), to the bank's own visit."""
    package = d.last(*PACKAGES)
    if package is None:
        raise LookupError(f"case {d.state.id} is to be screened, but holds no package")
    book = given.book(d)
    said = {(a["facility"], a["checkpoint"]): a for a in package.payload["answers"]}
    visited = package.payload["visited_on"]
    defects: list[Defect] = []
    findings = []
    for facility, id_ in d.questions:
        checkpoint, answer = book.checkpoint(id_), said.get((facility, id_))
        defects += _answer(book, checkpoint, answer, f"{facility} {id_}", package.payload)
        if answer and answer["value"] and not checkpoint.refuses(answer["value"]):
            before = (d.answers_before or {}).get((facility, id_))
            colour = book.finding(id_, answer["value"], before, answer["as_of"], visited)
            if colour:
                findings.append({"facility": facility, "checkpoint": id_, "colour": colour})
    defects += _visit(d, book, package, given)
    payload = {
        "defects": [{"code": c, "where": w, "says": s} for c, w, s in sorted(set(defects))],
        "findings": findings,
    }
    if not defects:
        return "pass", payload
    outsourced = package.payload["how"] == "outsourced"
    if outsourced and any(not book.return_codes[code].second_try for code, _, _ in defects):
        return "integrity", payload
    return ("incomplete" if outsourced else "recollect"), payload


def _answer(
    book: Book, checkpoint: Checkpoint, answer: dict[str, Any] | None, where: str, package: Mapping[str, Any]
) -> Iterator[Defect]:  # fmt: skip
    if answer is None or not answer["value"]:
        if checkpoint.mandatory:
            yield "B01", where, "no answer"
        return
    if reason := checkpoint.refuses(answer["value"]):
        yield "B06", where, reason
    handed = {e["sha256"]: e["kind"] for e in package["evidence"]}
    kinds = {handed.get(file) for file in answer["files"]}
    if checkpoint.mandatory:
        if checkpoint.documents and "document" not in kinds:
            yield "B01", where, "no document"
        if checkpoint.photos and package["how"] != "desk" and "photo" not in kinds:
            yield "B02", where, "no photo"
    if None in kinds:
        yield "B01", where, "a file is named that was not handed in"
    if answer["as_of"] and not answer["note"]:
        oldest = _months_before(package["visited_on"], book.collection.stale_months)
        if answer["as_of"] < oldest:
            yield "B07", where, f"figure of {answer['as_of']}, no reason given"


def _visit(d: Dossier, book: Book, package: Past, given: Given) -> Iterator[Defect]:
    said, rules = package.payload, book.collection
    visited = date.fromisoformat(said["visited_on"])
    prescribed = date.fromisoformat(d.opening["prescribed_on"])
    opened = date.fromisoformat(d.opening["opened_on"])
    first = min(prescribed, opened) - timedelta(rules.window_before_days)
    last = max(prescribed, date.fromisoformat(d.state.opened_on)) + timedelta(rules.window_after_days)
    reopened = d.state.visits.get("visit", 0) + d.state.visits.get("collect", 0) > 1
    if not first <= visited or (visited > last and not reopened) or said["visited_on"] > package.business_date:
        yield "B12", "visit", f"visited on {visited}, the window is {first} to {last}"
    if said["how"] == "desk" and d.opening["path"] != "desk":
        yield "B02", "visit", "done at the desk, where the premises are to be visited"
    lie = given.premises.get(d.state.subject, ("", ""))
    for file in said["evidence"]:
        if file["kind"] == "photo" and not _about(file["taken_at"], visited):
            yield "B03", file["shows"], f"taken {file['taken_at'][:10]}, visited {visited}"
        away = metres(lie, (file.get("latitude", ""), file.get("longitude", ""))) if file["kind"] == "photo" else None
        if away is not None and away > rules.premises_within_m and not file.get("note"):
            yield "B03", file["shows"], f"taken {away} m from the premises, no reason given"
        uses = given.first_uses.get(file["sha256"], ())
        others = [case for at, case in uses if case != d.state.id and (at, case) < (package.recorded_at, d.state.id)]
        if others:
            yield "B04", file["shows"], f"handed in before with case {others[0]}"
    if said["how"] != "outsourced":
        return
    shown = {file["shows"] for file in said["evidence"] if file["kind"] == "photo"}
    needs = visit_photos(d, book)
    for photo in needs:
        if photo not in shown:
            yield "B02", photo, "no photo"
    if not said["interview_signed"]:
        yield "B11", "interview", "not signed"
    approved = {i for v in given.inputs.vendors for i in v.inspectors}
    if package.person not in approved:
        yield "B13", "inspector", f"{package.person} is not an inspector under contract"


def visit_photos(d: Dossier, book: Book) -> list[str]:
    """The photos of every vendor visit; those of collateral where collateral is asked about at all."""
    about = book.additions.get("collateral", ())
    collateral = any(id_ in about for _, id_ in d.questions)
    return [p for p in book.collection.photos if collateral or not p.startswith("collateral")]


def _about(instant: str, day: date) -> bool:
    """Does it lie within a day of that day? An instant that can't be read does not."""
    try:
        return abs((date.fromisoformat(instant[:10]) - day).days) <= 1
    except ValueError:
        return False


def _months_before(day: str, months: int) -> str:
    year, month = divmod(int(day[:4]) * 12 + int(day[5:7]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}-{day[8:]}"
