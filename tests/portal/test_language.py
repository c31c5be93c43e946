"""Every word of the portal stands in the catalogue of each language, and the blanks of a sentence with it."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

import portal
from portal.page import CLASSES, LANGUAGES, LEVELS
from tasks import sentences
from tasks.sentences import REFUSALS

HERE = Path(portal.__file__).parent
KEYWORDS = {"say": None, "_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
BLANK = re.compile(r"[{%]\(?(\w+)\)?[s}]")


def said() -> dict[str, str]:
    """Every message with the place where it is said."""
    found = {
        text if isinstance(text, str) else text[0]: f"{file}:{line}"
        for file, line, text, _, _ in extract_from_dir(
            HERE, METHODS, {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}, KEYWORDS)
    }  # fmt: skip
    refusals = [str(text) for _, text, _, _ in extract_from_file("python", sentences.__file__, KEYWORDS)]
    return found | dict.fromkeys([*LEVELS, *filter(None, CLASSES), *REFUSALS.values(), *refusals], "tasks/sentences.py")


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_nothing_is_left_untranslated(language: str) -> None:
    with (HERE / "locale" / language / "LC_MESSAGES" / "portal.po").open("rb") as file:
        catalog = read_po(file, language)
    known: dict[str, Message] = {m.id if isinstance(m.id, str) else m.id[0]: m for m in catalog if m.id}
    missing = {text: place for text, place in said().items() if text not in known or not known[text].string}
    assert missing == {}
    for text in said():
        ids, string = known[text].id, known[text].string
        blanks = set(BLANK.findall(ids if isinstance(ids, str) else " ".join(ids)))
        for form in (string,) if isinstance(string, str) else string:
            assert set(BLANK.findall(form)) <= blanks, text


def test_there_are_hundreds_of_them() -> None:
    assert len(said()) > 150
