"""What was sent when the sign-in had ended: nothing of it is done, and nothing of it is lost. A step's form keeps it as its
draft; of any other it is kept for a day, looked at and sent again."""

import re
from datetime import datetime, timedelta

import orjson
from starlette.datastructures import FormData

from door.db import one
from portal import draft
from portal.house import Asking

HERE = "/unsent"
FIELD = "unsent"  # of a form that is sent again: which one it was
DAYS = 1
_NO_CASE = 0
_STEP = re.compile(r"/cases/(\d{1,15})/([a-z_]{1,40})")
_VISIT = re.compile(r"/visits/(\d{1,15})")
_NOTHING = re.compile(r"/(signout|preferences|unsent|visits/\d+/files)")  # there is nothing typed in these


def keep(asking: Asking, form: FormData, token: str) -> str:
    """Where he finds it again. `token` is the field that is of the old sign-in. Raises TooLarge."""
    path = asking.request.url.path
    sent = [(n, v) for n, v in form.multi_items() if isinstance(v, str) and n not in (token, "password", FIELD)]
    if found := _STEP.fullmatch(path) or _VISIT.fullmatch(path):
        action = found[2] if found.re is _STEP else _collecting(asking, int(found[1]))
        draft.save(asking, int(found[1]), action, draft.typed(dict(sent)))
        return path
    if _NOTHING.fullmatch(path) or not sent:
        return "/inbox"
    old = datetime.fromisoformat(asking.portal.house.now()) - timedelta(days=DAYS)
    asking.db.run(
        "DELETE FROM draft WHERE case_id = ? AND saved_at < ?", _NO_CASE, old.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    )
    draft.save(asking, _NO_CASE, path, {"sent": orjson.dumps(sent).decode()})
    return HERE


def drop(asking: Asking, path: str) -> None:
    if path:
        draft.drop(asking, _NO_CASE, path)


def kept(asking: Asking) -> list[tuple[str, list[tuple[str, str]], str]]:
    """Path, fields, and when it was sent; the last first."""
    rows = asking.db.rows("SELECT action, fields, saved_at FROM draft WHERE person = ? AND case_id = ? ORDER BY saved_at DESC",
                          asking.me.id, _NO_CASE)  # fmt: skip
    return [(path, [(n, v) for n, v in orjson.loads(orjson.loads(fields)["sent"])], at) for path, fields, at in rows]


def _collecting(asking: Asking, case: int) -> str:
    step = one(asking.db.rows("SELECT step FROM cases WHERE id = ?", case))
    return "collect" if step and step[0] == "collect" else "submit"
