"""Handing one letter over to a person's channel by Apprise, and what the other side said where it refused.

Apprise's own mail makes a new Message-ID at every try (a header given in the URL only stands beside it), turns HTML
to text without the links, writes a long Korean subject as one word beyond what RFC 2047 allows, and tells a failure as
no more than False. So for mail its URL, addresses and MIME parts are used and the last step is ours; every other
service is Apprise's alone.
"""

import contextlib
import email
import logging
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.header import Header
from email.message import Message
from functools import lru_cache
from socket import getfqdn
from typing import Any, cast
from urllib.parse import quote

from apprise import Apprise, NotifyFormat, OverflowMode
from apprise.plugins import url_to_dict
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.common import AppriseEmailException, SecureMailMode

from tasks.letters import Letter

_SECRET = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"[\w-]{40,}\.[\w-]{43}")
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a channel did not take a letter. `final`: it said that it never will."""

    says: str
    final: bool = False


def hand_over(url: str, secrets: Mapping[str, str], message_id: str, letter: Letter) -> Failure | None:
    """Sends the letter to the channel (its URL with {names} of secrets); None when it was taken.

    Never raises: whatever a service's plugin raises is this letter's failure, not the delivery's.
    """
    try:
        missing = sorted(set(_SECRET.findall(url)) - secrets.keys())
        if missing:
            return Failure(f"The channel asks for the secret {missing[0]!r}, which the settings do not have.")
        if url_to_dict(url) is None:  # type: ignore[no-untyped-call]  # before secrets are in: Apprise logs what it can't read
            return Failure("The channel is no URL that Apprise knows.")
        failure = _sent(_SECRET.sub(lambda m: quote(secrets[m[1]], safe=""), url), message_id, letter)
    except Exception as e:
        failure = Failure(f"{type(e).__name__}: {e}")
    return failure and Failure(without_secrets(failure.says, secrets.values()), failure.final)


def without_secrets(text: str, secrets: Any) -> str:
    """The text on one line, with secrets (plain or quoted) and links' tokens blotted out."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote(secret)} - {""}:
            text = text.replace(form, "***")
    return " ".join(_TOKEN.sub("***", text).split())[:500]


def _sent(url: str, message_id: str, letter: Letter) -> Failure | None:
    parsed = url_to_dict(url)  # type: ignore[no-untyped-call]
    if parsed and parsed["schema"] in ("mailto", "mailtos"):
        mail = Mail(message_id, letter.text, parsed)
        if Apprise(servers=mail).notify(letter.html, letter.subject, body_format=NotifyFormat.HTML):
            return None
        return mail.failure or Failure("The mail channel has no valid recipient.", final=True)
    service = Apprise.instantiate(url)
    if service is None:
        return Failure("A part of the channel's URL is missing or wrong.")
    service.overflow_mode = OverflowMode.SPLIT  # between lines, so that no link is cut; else most refuse a long digest
    said: list[str] = []
    service.logger = logging.Logger("channel", logging.WARNING)  # this letter's own: other threads send as well
    service.logger.addHandler(_Kept(said))
    if Apprise(servers=service).notify(letter.text, letter.subject, body_format=NotifyFormat.TEXT):
        return None
    return Failure("; ".join(said) or "The service did not take the message and gave no reason.")


class _Kept(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Mail(NotifyEmail):  # type: ignore[no-untyped-call]
    """Apprise's mail, with our Message-ID, our plain text, and the server's own words where it fails."""

    def __init__(self, message_id: str, text: str, parsed: dict[str, Any]) -> None:
        super().__init__(**parsed)  # type: ignore[no-untyped-call]
        self.message_id, self.text = message_id, text
        self.failure: Failure | None = None

    def send(self, body: str, title: str = "", **_: Any) -> bool:  # type: ignore[override]  # no attachments
        try:
            for part in self.prepare_emails(
                subject=title, body=body, from_addr=self.from_addr, to=self.targets, cc=self.cc, bcc=self.bcc,
                reply_to=self.reply_to, smtp_host=self.smtp_host, notify_format=NotifyFormat.HTML, headers=self.headers,
                names=self.names, pgp=self.pgp, pgp_mode=self.pgp_mode, tzinfo=self.tzinfo,
            ):  # fmt: skip
                self._deliver(cast(list[str], part.to_addrs), self._sealed(part.body, title))
        except smtplib.SMTPRecipientsRefused as e:
            codes = [code for code, _ in e.recipients.values()]
            self.failure = Failure("; ".join(_said(*answer) for answer in e.recipients.values()),
                                   final=min(codes) >= _PERMANENT)  # fmt: skip
        except smtplib.SMTPDataError as e:
            self.failure = Failure(_said(e.smtp_code, e.smtp_error), final=e.smtp_code >= _PERMANENT)
        except smtplib.SMTPResponseException as e:  # sign-in, greeting, sender: the settings' fault, not this letter's
            self.failure = Failure(_said(e.smtp_code, e.smtp_error))
        except (OSError, smtplib.SMTPException) as e:
            self.failure = Failure(f"{self.smtp_host}:{self.port} {type(e).__name__}: {e}")
        except (AppriseEmailException, MessageError, ValueError) as e:
            self.failure = Failure(f"The mail cannot be written ({e}).", final=True)
        return self.failure is None

    def _sealed(self, raw: str, subject: str) -> bytes:
        """The message as it leaves: one Message-ID, the same at every try, and the text as written."""
        message = email.message_from_string(raw)
        for name in ("Message-ID", "Subject"):
            del message[name]
        message["Message-ID"] = f"<{self.message_id}>"
        message["Subject"] = Header(subject, header_name="Subject").encode(maxlinelen=75)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from absent people
        if message.get_content_type() == "multipart/alternative":  # what is signed or encrypted stays as it is
            plain = cast(Message, message.get_payload(0))
            del plain["Content-Transfer-Encoding"]
            plain.set_payload(self.text, "utf-8")
        return message.as_bytes(policy=message.policy.clone(linesep="\r\n", max_line_length=0))  # folded already

    def _deliver(self, recipients: list[str], raw: bytes) -> None:
        host, port, timeout = self.smtp_host, self.port or 0, self.socket_connect_timeout
        server = (
            smtplib.SMTP_SSL(host, port, _own_name(), timeout=timeout, context=_tls(self.verify_certificate))
            if self.secure_mode == SecureMailMode.SSL
            else smtplib.SMTP(host, port, _own_name(), timeout=timeout)
        )
        try:
            if self.secure_mode == SecureMailMode.STARTTLS:
                server.starttls(context=_tls(self.verify_certificate))
            if self.user and self.password:
                server.login(self.user, self.password)
            server.sendmail(str(self.from_addr[1]), recipients, raw)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()  # it has the letter or not; how it says goodbye changes nothing


def _said(code: int, answer: bytes | str) -> str:
    return f"{code} {answer.decode('utf-8', 'replace') if isinstance(answer, bytes) else answer}"


@lru_cache(maxsize=2)
def _tls(verify: bool) -> ssl.SSLContext:
    """Reading the authorities' certificates takes longer than a letter; contexts are made for sharing."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@lru_cache(maxsize=1)
def _own_name() -> str:
    """This machine's name for the greeting; looked up once, since a look-up may take seconds."""
    return getfqdn()
