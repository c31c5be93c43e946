"""A page about what may last minutes: its head comes at once, then how far the work has come, at last what came of it.

It is one answer, sent while a thread makes it; nothing is kept of it anywhere. Who leaves the page ends the work. Only so
many are made at once: more wait for their turn, and no other page waits for them."""

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.responses import StreamingResponse
from starlette.types import Send

from door.db import Db
from portal.guard import numbered
from portal.house import Asking
from portal.page import pieces

Told = Callable[[str, int, int], None]  # with which part of the work, how many of how many
Work = Callable[[Db, Told], Mapping[str, Any]]
STEPS = 50  # of a part of the work that are said
AT_ONCE = 4
_TURNS = CapacityLimiter(AT_ONCE)  # not of the threads that all other pages are made by
#: A proxy before us passes on what there is, too; and the server closes after a defect.
_HEADERS = {"X-Accel-Buffering": "no", "Connection": "close"}


class Lasting(StreamingResponse):
    """The template calls `lasting(line)` where it is to stand how far the work has come, `line` being the macro that says
    it. It gets what `work` gives; where that fails, the `number` of the defect."""

    media_type = "text/html"

    def __init__(self, asking: Asking, template: str, work: Work, **values: Any) -> None:
        super().__init__((), headers=_HEADERS)
        self._portal, self._work = asking.portal, work
        self._page = pieces(asking, template, lasting=self._lasting, **values)
        self._unsent, self._defect = list[str](), list[Exception]()

    async def stream_response(self, send: Send) -> None:
        """Starlette's own cancels this as soon as the browser goes away."""
        self._send = send
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await to_thread.run_sync(self._make, limiter=_TURNS)
        await self._body("", more=False)
        for defect in self._defect:
            raise defect  # the page has said it; this is for the server's log

    def _make(self) -> None:
        for piece in self._page:
            self._unsent.append(piece)
        self._write()

    def _write(self, *more: str) -> None:
        """Sends what there is of the page. Raises where nobody reads it any more."""
        text, self._unsent = "".join((*self._unsent, *more)), []
        from_thread.check_cancelled()
        from_thread.run(self._body, text)

    async def _body(self, text: str, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": more})

    def _lasting(self, line: Callable[[str, int, int], str]) -> Mapping[str, Any]:
        said: tuple[str, int] = ("", 0)

        def told(part: str, n: int, of: int) -> None:
            nonlocal said
            step = (part, STEPS * n // max(of, 1))
            if step != said:
                said = step
                self._write(line(part, n, of))

        self._write()
        try:
            with self._portal.db() as db:
                return self._work(db, told)
        except Exception as defect:
            self._defect.append(defect)
            return {"number": numbered(defect)}
