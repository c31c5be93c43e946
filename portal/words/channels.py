"""By what a person is reached, in words: mail, or a chat."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

Say = Callable[[str], str]


def medium(say: Say, scheme: str) -> str:
    """By the scheme of the channel's address."""
    return say("Mail") if scheme in ("mailto", "mailtos") else say("Chat, {of}").format(of=scheme)


def reached_at(say: Say, url: str) -> str:
    """Of a mail with whom it goes to; never with what it is sent by: "Mail, kim@bank.example"."""
    parts = urlsplit(url)
    if parts.scheme not in ("mailto", "mailtos"):
        return medium(say, parts.scheme)
    host = parts.netloc.rpartition("@")[2]
    to = parse_qs(parts.query).get("to", [f"{parts.username}@{host}" if parts.username else host])
    return f"{medium(say, parts.scheme)}, {', '.join(to)}"
