"""Files handed in for a case, taken in one at a time: each under a key of its sender's, so that a repeat is none."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import UploadFile

from door.db import one
from portal import files
from portal.house import Asking
from portal.words.reader import Reader

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,79}$")  # as models/forms.Name
KEY = re.compile(r"^[A-Za-z0-9._:-]{1,80}$")
MOST = 200  # files that one person keeps ready for one case
NAMED = ("sha256", "kind", "shows", "taken_at", "latitude", "longitude")  # of a file, in a package
_COLUMNS = "key, sha256, kind, shows, name, taken_at, latitude, longitude, at"


@dataclass(frozen=True, slots=True)
class File:
    """A file that was taken in: `kind` photo or document, `shows` what it shows; when and where it was made, as the
    phone or the picture itself says (empty: neither does); `at`: when it came here."""

    key: str
    sha256: str
    kind: str
    shows: str
    name: str
    taken_at: str
    latitude: str
    longitude: str
    at: str


def ready(asking: Asking, case: int) -> list[File]:
    """What the person has taken in for the case, in the order in which it came."""
    return [File(*row) for row in asking.db.rows(
        f"SELECT {_COLUMNS} FROM upload WHERE person = ? AND case_id = ? ORDER BY at, key", asking.me.id, case)]  # fmt: skip


def take(asking: Asking, case: int, sent: UploadFile, key: str, kind: str, shows: str, taken_at: str = "", latitude: str = "",
         longitude: str = "") -> File:  # fmt: skip
    """Keeps a file. The same key again gives the first answer, whatever is sent with it; without one, the same file again
    is a repeat. Raises files.Unfit."""
    if not NAME.match(shows) or kind not in ("photo", "document") or (key and not KEY.match(key)):
        raise files.Unfit("unknown")
    if key and (before := _before(asking, case, key)):
        return before
    content = sent.file.read(files.LARGEST + 1)
    key = key or hashlib.sha256(shows.encode() + b"\0" + content).hexdigest()[:40]
    media = files.kind_of(content)
    if kind == "photo" and media == files.PDF:
        raise files.Unfit("no_picture")
    if len(ready(asking, case)) >= MOST:
        raise files.Unfit("too_many")
    house = asking.portal.house
    says = files.taken(content, house.zone) if kind == "photo" else files.Taken()
    at, where = _instant(taken_at), (_degrees(latitude, 90), _degrees(longitude, 180))
    if not all(where):
        where = says.latitude, says.longitude
    sha256 = files.keep(house.home / "evidence", content)
    made = File(key, sha256, kind, shows, _named(sent.filename or ""), at or says.at, *where, house.now())
    written = asking.db.run(
        f"INSERT INTO upload (person, case_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        asking.me.id, case, *astuple(made))  # fmt: skip
    return made if written else _before(asking, case, key) or made


def stranger(asking: Asking, case: int, said: Mapping[str, Any]) -> str:
    """The place in a payload that names a file which he has not handed in for the case, or otherwise than it was taken in;
    empty: there is none. What is no file at all is the form's to refuse."""
    there = [asdict(each) for each in ready(asking, case)]
    for n, one_ in enumerate(_list(said.get("evidence"))):
        named = {"latitude": "", "longitude": "", **one_} if isinstance(one_, dict) else None
        if named is not None and not any(all(each[x] == named.get(x) for x in NAMED) for each in there):
            return f"evidence.{n}"
    hashes = {each["sha256"] for each in there}
    for n, sha256 in enumerate(_list(said.get("files"))):
        if sha256 not in hashes:
            return f"files.{n}"
    return ""


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def drop(asking: Asking, case: int, key: str) -> None:
    """Not to be handed in after all. The bytes stay: another package may hold them."""
    asking.db.run("DELETE FROM upload WHERE person = ? AND case_id = ? AND key = ?", asking.me.id, case, key)


def says(reader: Reader, unfit: files.Unfit) -> str:
    """Why a file was not taken, and what to do."""
    say = reader.say
    return {
        "too_large": say("It is larger than 10 MB. Take a smaller picture, or split the document."),
        "unknown": say("It is neither a picture (JPEG, PNG, WebP) nor a PDF. Send it as one of these."),
        "broken": say("The picture can't be read to its end. Take it again."),
        "no_picture": say("That is a document. A photograph is asked for here."),
        "too_many": say("So many files are not handed in with one case. Remove some first."),
    }[unfit.code]  # fmt: skip


def _before(asking: Asking, case: int, key: str) -> File | None:
    found = one(asking.db.rows(f"SELECT {_COLUMNS} FROM upload WHERE person = ? AND case_id = ? AND key = ?",
                               asking.me.id, case, key))  # fmt: skip
    return File(*found) if found else None


def _named(name: str) -> str:
    """A file's name without a way and without what can't be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:120]


def _instant(text: str) -> str:
    """The phone's own time as a UTC instant; empty where it is none."""
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _degrees(text: str, most: int) -> str:
    try:
        value = Decimal(text[:24])
    except InvalidOperation:
        return ""
    return f"{value:.5f}" if value.is_finite() and abs(value) <= most else ""
