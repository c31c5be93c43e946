"""Who holds an item, or may take it, says that he is related to its borrower, in a sentence. It bars him from then on, and
he does not take it back himself: that is for an administrator."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from models.process import USER
from portal.case.file import File, opened
from portal.case.now import for_whom, may_declare
from portal.form.changes import Typed
from portal.house import Asking
from portal.page import show, status_of, why
from portal.who.asking import Form, NotThere, SignedIn
from tasks.relation import declare

router = APIRouter()
MOST = 400  # letters


@router.get("/cases/{case:int}/relation")
def asked(asking: SignedIn, case: int) -> Response:
    file = _of_borrower(asking, case)
    return _barred(file) or _form(file)


@router.post("/cases/{case:int}/relation")
def declared(posted: Form, case: int) -> Response:
    asking = posted.asking
    file = _of_borrower(asking, case)
    if file.s.subject in asking.me.person.related:  # it was sent before
        return RedirectResponse(f"/cases/{case}?did=relation", 303)
    if barred := _barred(file, post=True):
        return barred
    typed = Typed(asking.db, posted.fields(), asking.day, file.reader)
    if not posted.text("says"):
        typed.no("says", typed.say("Say in a sentence how you are related to the borrower."))
    says = typed.text("says", MOST)
    if typed.wrong:
        return _form(file, posted.text("says"), typed.wrong)
    declare(asking.db, asking.rules, asking.clock, asking.me.id, file.s.subject, says)
    return RedirectResponse(f"/cases/{case}?did=relation", 303)


def _of_borrower(asking: Asking, case: int) -> File:
    """Raises NotThere where the case is none of a borrower's, or none for him."""
    file = opened(asking, case)
    if not file.borrower:
        raise NotThere
    return file


def _barred(file: File, post: bool = False) -> Response | None:
    """Why it is not for him to declare one here; to the case itself, where it waits for nobody."""
    asking, s = file.asking, file.s
    if file.process.steps[s.step].kind != USER:
        return RedirectResponse(f"/cases/{s.id}", 303)
    _, refused = for_whom(asking, s, file.process)
    if may_declare(asking, s, refused) or refused is None:
        return None
    return show(
        asking, "step_barred.html", status_of(refused) if post else 200, s=s, who=file.reader.called(s, file.borrower),
        title=file.reader.say("Declare a relation"), gone=False, why=why(asking, refused, s.id), wrote=[], could=[],
        process=s.process)  # fmt: skip


def _form(file: File, says: str = "", wrong: dict[str, str] | None = None) -> Response:
    asking, s = file.asking, file.s
    return show(asking, "relation.html", 422 if wrong else 200, s=s, who=file.reader.called(s, file.borrower), says=says,
                wrong=wrong or {}, most=MOST)  # fmt: skip
