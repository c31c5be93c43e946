"""Evidence shown again, within what a person may see of the case."""

import re
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response

from door.db import one
from door.fold import State
from portal import files
from portal.case.file import opened
from portal.case.sight import sight
from portal.house import Asking
from portal.page import show
from portal.who.asking import NotThere, SignedIn

router = APIRouter()
SHA256 = re.compile(r"^[0-9a-f]{64}$")
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"  # whatever it is, nothing in it runs


@router.get("/evidence/{case:int}/{sha256}")
def file(asking: SignedIn, case: int, sha256: str, thumb: Annotated[bool, Query()] = False,
         original: Annotated[bool, Query()] = False) -> Response:  # fmt: skip
    """A picture as it is drawn anew, small with `thumb`; as it was handed in with `original`, which is never shown in
    the page, and so is a document. What is stored is checked against its SHA-256 first."""
    if not SHA256.match(sha256):
        raise NotThere
    name = _of(asking, opened(asking, case).s, sha256)
    folder = asking.portal.house.home / "evidence"
    try:
        content = files.read(folder, sha256)
        media = files.kind_of(content)
        if media != files.PDF and not original:
            return _answer(files.shown(content, files.THUMB if thumb else files.SHOWN), "image/jpeg", "inline", "")
    except FileNotFoundError:
        return show(asking, "evidence.html", 404, what="absent", case=case, sha256=sha256)
    except (files.Altered, files.Unfit):
        return show(asking, "evidence.html", 409, what="altered", case=case, sha256=sha256)
    ending = {files.PDF: ".pdf", "image/png": ".png", "image/webp": ".webp"}.get(media, ".jpg")
    return _answer(content, media, "attachment", name or f"{sha256[:12]}{ending}")


def _of(asking: Asking, s: State, sha256: str) -> str:
    """The name of a file of this case. Raises NotThere where it is none, or none that he may see: an inspector
    sees his own, and so does who verifies blind."""
    seen, me = sight(asking, s), asking.me.id
    own = "" if seen.judged else " AND u.person = ?"
    values = () if seen.judged else (me,)
    found = one(asking.db.rows(f"SELECT u.name FROM upload u WHERE u.case_id = ? AND u.sha256 = ?{own} "
                               "ORDER BY u.at LIMIT 1", s.id, sha256, *values))  # fmt: skip
    if found is None and seen.judged:
        found = one(asking.db.rows("SELECT '' FROM evidence WHERE sha256 = ? AND case_id = ? LIMIT 1", sha256, s.id))
    if found is None:
        raise NotThere
    return str(found[0])


def _answer(content: bytes, media: str, how: str, name: str) -> Response:
    headers = {"Content-Security-Policy": _SANDBOX, "Content-Disposition": how}
    if name:
        headers["Content-Disposition"] = f"{how}; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media, headers=headers)
