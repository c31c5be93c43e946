"""The demo's mail server: takes what the delivery flow sends and leaves each letter as a file to be opened."""

from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deployments import ports


class Mailbox:
    """A real SMTP server on loopback, on a free port; letters as `<n>-<to>.eml` in a folder, which may be emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n = folder, 0
        self.port = ports.free()
        self._controller = Controller(self, hostname=ports.HOST, port=self.port)

    @property
    def address(self) -> str:
        return f"{ports.HOST}:{self.port}"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.n += 1
        to = envelope.rcpt_tos[0].partition("@")[0]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{self.n:05d}-{to}.eml").write_bytes(bytes(envelope.content or b""))
        return "250 taken"

    def __enter__(self) -> "Mailbox":
        self._controller.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._controller.stop()
