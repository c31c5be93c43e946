"""Files handed in by a program, one a request: under the same rules as on the page of the visit."""

import hashlib
from typing import Annotated, Literal

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field

from models.forms import Name
from portal import files, handed
from portal.api import forms as f
from portal.api.caller import HandsIn, Key, Problem, refusal, seen
from portal.pages.visit import taking
from portal.who.asking import NotThere
from portal.words.reader import Reader

STATUS = {"too_large": 413, "unknown": 415, "no_picture": 415, "broken": 422, "too_many": 409}
TROUBLE = {413: {"description": "It is too large."}, 415: {"description": "It is neither a picture nor a PDF."}}

router = APIRouter(responses={n: {"model": f.Trouble, "content": {"application/problem+json": {}}, **says}
                              for n, says in TROUBLE.items()})  # fmt: skip
Text = Annotated[str, Field(max_length=40)]


@router.post("/cases/{case}/evidence")
def hand_in(caller: HandsIn, key: Key, case: int, file: UploadFile, kind: Annotated[Literal["photo", "document"], Field()],
            shows: Annotated[Name, Field()], taken_at: Text = "", latitude: Text = "", longitude: Text = "") -> f.File:  # fmt: skip
    """Takes one file in: a picture (JPEG, PNG, WebP) or a PDF, by its content, of at most 10 MB. What it answers stands in
    the package's `evidence` as it is. When and where a photograph was taken is as said here, else as it says itself."""
    seen(caller, case)
    asking = caller.person
    try:
        view = taking(asking, case)
    except NotThere:
        raise Problem(409, "no_files", f"No file belongs to case {case} as it stands.") from None
    if view.refused is not None:
        raise refusal(view.refused)
    try:
        kept = handed.take(asking, case, file, key, kind, shows, taken_at, latitude, longitude)
    except files.Unfit as unfit:
        raise Problem(STATUS[unfit.code], unfit.code, handed.says(Reader("en"), unfit)) from None
    file.file.seek(0)
    if (kept.sha256, kept.kind, kept.shows) != (hashlib.sha256(file.file.read()).hexdigest(), kind, shows):
        raise Problem(409, "key_reused", f"The key {key} was used for something else before: choose another.")
    return f.File(sha256=kept.sha256, kind=kind, shows=kept.shows, taken_at=kept.taken_at, latitude=kept.latitude,
                  longitude=kept.longitude)  # fmt: skip
