"""Every word of the portal stands in the catalogue of each language, and the blanks of a sentence with it."""

import re
from collections import Counter
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po

import portal
from door.command import Refused
from models.process import GATEWAY
from portal.words.reader import CLASSES, LANGUAGES, LEVELS, Reader, raised, unbroken
from processes import PROCESSES
from tasks import found as words_found
from tasks import sentences
from tasks.found import DIFFERS, FAULTS, INSTEAD
from tasks.sentences import CONDITIONS, OF_ONE, REFUSALS, TO_HIM
from tasks.words import LANGUAGES as LANGUAGE_WORDS
from tests.portal.conftest import Office

HERE = Path(portal.__file__).parent
KEYWORDS = {"say": None, "_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
BLANK = re.compile(r"[{%]\(?(\w+)\)?[s}]")


@cache
def said() -> dict[str, str]:
    """Every message with the place where it is said."""
    found = {
        text if isinstance(text, str) else text[0]: f"{file}:{line}"
        for file, line, text, _, _ in extract_from_dir(
            HERE, METHODS, {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}, KEYWORDS)
    }  # fmt: skip
    frames = [str(text) for module in (sentences, words_found)
              for _, text, _, _ in extract_from_file("python", str(module.__file__), KEYWORDS)]  # fmt: skip
    kept = (*LEVELS, *filter(None, CLASSES), *REFUSALS.values(), *TO_HIM.values(), *CONDITIONS.values(), *FAULTS.values(),
            *DIFFERS.values(), *INSTEAD, *(frame for _, frame in OF_ONE.values()))  # fmt: skip
    return found | dict.fromkeys([*kept, *frames], "tasks/")


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


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_step_role_and_process_has_a_name(language: str) -> None:
    words = LANGUAGE_WORDS[language]
    steps = [(p.name, name, step) for p in PROCESSES.values() for name, step in p.steps.items() if step.kind != GATEWAY]
    assert {p for p, _, _ in steps} <= set(words.things)
    assert [(p, name) for p, name, _ in steps if (p, name) not in words.steps and name not in words.places] == []
    assert {step.role for _, _, step in steps} - {"", "system"} <= set(words.roles)
    assert {step.lane for _, _, step in steps} - {""} <= set(words.lanes)


def test_a_refusal_names_steps_roles_and_acts_in_the_readers_language() -> None:
    said = Reader("ko").why(Refused("not_here", {"step": "verify_desk", "offered": ["verify", "disagree"]}), {})
    assert said == "서면 이중확인 단계에서는 할 수 없습니다. 할 수 있는 것: 적정으로 확인, 이견 제출."
    assert Reader("ko").why(Refused("role", {"role": "account_manager"}), {}) == "그 날 담당RM 역할이 있어야 합니다."


def test_a_capital_letter_in_front_changes_no_other() -> None:
    assert [raised(text) for text in ("담당RM", "account manager", "")] == ["담당RM", "Account manager", ""]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_that_is_a_class_is_called_as_the_class(language: str) -> None:
    reader = Reader(language)
    assert [reader.named(f"c{n}") for n in range(1, 6)] == [reader.class_(n) for n in range(1, 6)]


def test_a_telephone_number_is_not_broken() -> None:
    assert unbroken("Kim <owner>, 010-0000-4872") == 'Kim &lt;owner&gt;, <span class="nw">010-0000-4872</span>'


MACHINES = re.compile(r"\bUTC\b|\d{4}-\d\d-\d\d|\b[a-z]+_[a-z_]+\b|\bcatch_up\b")
PAGES = ("/inbox", "/visits", "/cases", "/controls", "/operations", "/audit", "/staff", "/staff/units")


@pytest.mark.parametrize(
    ("office", "role"),
    [*(("sqlite", role) for role in ("account_manager", "post_loan_officer", "credit_manager", "operations", "auditor",
                                     "administrator")),
     ("postgresql", "auditor")],
    indirect=["office"])  # fmt: skip
def test_no_page_shows_an_identifier_a_day_of_the_machines_or_utc(office: Office, role: str) -> None:
    """What stands in <code> is for comparing; addresses and what is typed into fields are no text. Three pages of each kind."""
    person = office.of(role)
    browser, todo, been, seen = office.at(person), list(PAGES), set[str](), Counter[str]()
    browser.cookies.set("language", "ko")
    found = set()
    while todo:
        path = todo.pop(0)
        kind = re.sub(r"\d+|[\w.]*[0-9a-f]{16,}[\w.]*", "N", path)
        if path in been or seen[kind] == 3 or path.endswith("/export"):  # whose lines are for a program
            continue
        been.add(path)
        seen[kind] += 1
        answer = browser.get(path)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        text = re.sub(r"<(script|code|svg|textarea)\b.*?</\1>", "", answer.text, flags=re.S)
        found |= {(path, said.strip()) for said in re.findall(r">([^<>]+)<", text) if MACHINES.search(said)}
        todo += [
            unescape(link)
            for link in dict.fromkeys(re.findall(r'href="(/(?:cases|audit|controls|staff)[^"#?]*)"', text))
        ]
    assert found == set()
    assert len(been) > 5
