"""A form as a browser without a script sends it: what stands in it, and what somebody types over it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from httpx import Response

from tests.portal.conftest import Office


class _Reader(HTMLParser):
    """The fields of the form that carries `key`, with what is in them; the names of all of them; the errors by field."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.names: set[str] = set()
        self.errors: dict[str, str] = {}
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self._select = self._text = self._error = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {k: v or "" for k, v in attrs}
        self.ids |= {a["id"]} if "id" in a else set()
        if tag == "a" and a.get("href", "").startswith("#"):
            self.links.add(a["href"][1:])
        if tag == "form":
            self._inside = "enctype" in a
        if tag == "p" and a.get("class") == "err":
            self._error = a["id"].removesuffix("-e")
        if not self._inside or not a.get("name") or tag == "button":
            if tag == "option" and self._select and ("selected" in a or self._select not in self.values):
                self.values[self._select] = a["value"]
            return
        self.names.add(a["name"])
        if tag == "select":
            self._select = a["name"]
        elif tag == "textarea":
            self._text, self.values[a["name"]] = a["name"], ""
        elif a.get("type") in ("radio", "checkbox"):
            if "checked" in a:
                self.values[a["name"]] = a["value"]
        elif a.get("type") != "file":
            self.values[a["name"]] = a.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._text = ""
        if tag == "p":
            self._error = ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self.values[self._text] += data
        if self._error:
            self.errors[self._error] = (self.errors.get(self._error, "") + data).removeprefix("Error: ")


@dataclass
class Sent:
    """A page with a form, before somebody."""

    office: Office
    person: str
    address: str
    answer: Response
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        read = _Reader()
        read.feed(self.answer.text)
        self.values, self.names, self.errors = read.values, read.names, read.errors
        self.links, self.ids = read.links, read.ids

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def to(self) -> str:
        return self.answer.headers["location"]

    def send(self, act: str = "decide", files: dict[str, tuple[str, bytes, str]] | None = None, **typed: str) -> "Sent":
        """Types (a name's dots as two underscores) and presses the button."""
        said = self.values | {name.replace("__", "."): value for name, value in typed.items()} | {"act": act}
        parts = [(name, (None, value)) for name, value in said.items()] + list((files or {}).items())
        answer = self.office.at(self.person).post(self.address, files=parts)
        return Sent(self.office, self.person, self.address, answer)


def opened(office: Office, person: str, address: str) -> Sent:
    """The page at the address, followed to where its form is."""
    answer = office.at(person).get(address)
    if answer.status_code == 303:
        address = answer.headers["location"]
        answer = office.at(person).get(address)
    return Sent(office, person, address.partition("?")[0], answer)
