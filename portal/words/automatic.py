"""What a run gave as its reason, in the reader's words. The journal keeps it as the run wrote it; what is of none of the forms
below is shown as it stands."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from door.db import Db
from door.store import among
from models.policy import Book
from portal.words.reader import Reader, names_of

NOBODY: Mapping[str, str] = {}
_DAY = r"\d{4}-\d\d-\d\d"


def automatic(text: str, reader: Reader, book: Book | None = None, names: Mapping[str, str] = NOBODY) -> str:
    """`book`: of the case, for the questions that are named; `names`: of persons, vendors and units (`whom`)."""
    said = "; ".join(_read(part, reader, book, names) for part in text.split("; "))
    return said[:1].upper() + said[1:]


def whom(db: Db, texts: Iterable[str]) -> dict[str, str]:
    """The names of the persons, vendors and units in what runs gave as their reasons, by their ids."""
    ids = sorted({word.strip(":;,") for text in texts for word in text.split()})
    where, values = among(db, "id", ids)
    return {**dict(db.rows(f"SELECT id, name FROM unit WHERE {where}", values)), **names_of(db, ids)} if ids else {}


def adds(text: str) -> bool:
    """Does a reason say more than the facts beside it: that the class is the one in the books?"""
    return not re.fullmatch(r"class \d in the books", text)


def _read(part: str, reader: Reader, book: Book | None, names: Mapping[str, str]) -> str:
    for form, says in _forms(reader.say):
        if found := form.fullmatch(part):
            words = {name: _worded(name, value, reader, book, names) for name, value in found.groupdict().items()}
            return says.format(**words)
    return part


def _worded(name: str, value: str, reader: Reader, book: Book | None, names: Mapping[str, str]) -> str:
    match name:
        case "class_":
            return reader.class_(int(value))
        case "level":
            return reader.say(value)
        case "day" | "first" | "last":
            return reader.day(value)
        case "code":
            asked = book.checkpoints.get(value) if book else None
            return f"{value} {asked.question}" if asked else value
        case "vendor" | "unit" | "id":
            return reader.say("every branch") if value == "*" else names.get(value, value)
        case "each":
            return ", ".join(_read(one, reader, book, names) for one in value.split(", "))
        case "words":
            return ", ".join(reader.named(word) for word in value.split(", "))
    return value


@cache
def _forms(say: Callable[[str], str]) -> list[tuple[re.Pattern[str], str]]:
    """As tasks/prepare.py, tasks/dispatch.py, tasks/grid.py, tasks/due.py, tasks/screen.py and the book's questions write."""
    return [(re.compile(form), says) for form, says in (
        (r"class (?P<class_>\d) in the books", say("class in the books: {class_}")),
        (r"(?P<id>\S+): days past due not evaluated", say("facility {id}: days past due not evaluated")),
        (r"(?P<id>\S+): 1 days past due make class (?P<class_>\d)", say("facility {id}: 1 day past due, so {class_}")),
        (r"(?P<id>\S+): (?P<n>\d+) days past due make class (?P<class_>\d)", say("facility {id}: {n} days past due, so {class_}")),
        (r"(?P<id>\S+) (?P<code>\S+): (?P<level>yellow|orange|red)", say("facility {id}, {code}: {level}")),
        (r"no vendor under contract for (?P<product>.+) in (?P<unit>\S+)", say("no vendor under contract for {product} in {unit}")),
        (r"no inspector may go: (?P<each>.+)", say("no inspector may go: {each}")),
        (r"(?P<id>\S+) is related", say("{id} is related to the borrower")),
        (r"(?P<id>\S+) made the last 1 visits", say("{id} made the last visit")),
        (r"(?P<id>\S+) made the last (?P<n>\d+) visits", say("{id} made the last {n} visits")),
        (r"(?P<vendor>\S+) covers (?P<product>.+) in (?P<unit>\S+)", say("{vendor} covers {product} in {unit}")),
        (r"catch_up: latest", say("missed, and only the latest is made up for")),
        (r"catch_up: skip", say("missed, and not made up for")),
        (r"same borrower", say("joined with another of the borrower")),
        (r"open inspection", say("joined with an inspection that was open")),
        (r"no answer", say("no answer")),
        (r"no document", say("no document")),
        (r"no photo", say("no photograph")),
        (r"not signed", say("not signed")),
        (r"a file is named that was not handed in", say("a file is named that was not handed in")),
        (rf"figure of (?P<day>{_DAY}), no reason given", say("figure of {day}, no reason given")),
        (rf"visited on (?P<day>{_DAY}), the window is (?P<first>{_DAY}) to (?P<last>{_DAY})",
         say("visited on {day}; it was to be from {first} to {last}")),
        (r"done at the desk, where the premises are to be visited", say("done at the desk, where the premises are to be visited")),
        (rf"taken (?P<day>{_DAY}), visited (?P<last>{_DAY})", say("taken on {day}, visited on {last}")),
        (r"handed in before with case (?P<id>\d+)", say("handed in before with case {id}")),
        (r"(?P<id>\S+) is not an inspector under contract", say("{id} is no inspector under contract")),
        (r"'(?P<value>.*)' is none of (?P<words>.+)", say("“{value}” is none of these: {words}")),
        (r"'(?P<value>.*)' is no date \(YYYY-MM-DD\)", say("“{value}” is no day")),
        (r"'(?P<value>.*)' is no number", say("“{value}” is no number")),
        (r"(?P<value>\S+) is below (?P<n>\S+)", say("{value} is below {n}")),
        (r"(?P<value>\S+) is above (?P<n>\S+)", say("{value} is above {n}")),
        (r"the answer is empty", say("the answer is empty")),
    )]  # fmt: skip
