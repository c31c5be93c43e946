"""What is said where the program has failed, or nothing is there: to whoever asks, in his language, with his menu."""

import logging
import re
from typing import Any, NoReturn

import httpx
import pytest

from door.db import Unreachable
from portal.api import app as api
from portal.house import Portal
from portal.pages import batch, inbox
from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.browser import serving
from tests.portal.conftest import Office

HEADERS = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "permissions-policy",
           "cross-origin-opener-policy", "cross-origin-resource-policy", "cache-control")  # fmt: skip


class Defect(Exception):
    pass


def broken(*_: Any, **__: Any) -> NoReturn:
    raise Defect


def signed_in(office: Office, address: str, language: str = "en") -> httpx.Client:
    cookie = access.admit(office.db, office.app.state.portal, office.of("auditor"), "127.0.0.1", "password")
    return httpx.Client(base_url=address, cookies={COOKIE: cookie, "language": language})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_defect_is_a_page_with_a_number_that_stands_in_the_log(
    office: Office, language: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inbox, "show", broken)
    with serving(office) as address, signed_in(office, address, language) as browser, caplog.at_level(logging.ERROR):
        answer, whole = browser.get("/inbox"), browser.get("/signin")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    (number,) = re.findall(r"<code>(e-[0-9a-f]{6})</code>", answer.text)
    assert [n for n in HEADERS if answer.headers.get(n) != whole.headers[n]] == []
    assert {"en": "Nothing was changed.", "ko": "바뀐 것은 없습니다."}[language] in answer.text
    assert ('href="/cases"' in answer.text, f'lang="{language}"' in answer.text) == (True, True)
    assert [number in caplog.text, "Defect" in answer.text] == [True, False]


def test_of_what_was_sent_it_is_not_said_that_nothing_was_changed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "those", broken)
    with serving(office) as address, signed_in(office, address) as browser:
        answer = browser.post(
            "/inbox", data={"_form": access.csrf(browser.cookies[COOKIE]), "act": "claim", "item": "1"}
        )
    assert (answer.status_code, "Nothing was changed" in answer.text) == (500, False)
    assert "look at the case before you send it once more" in answer.text


def test_to_a_program_a_defect_is_a_problem_with_its_number(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api, "scope", broken)
    with serving(office) as address, signed_in(office, address) as browser, caplog.at_level(logging.ERROR):
        answer = browser.get("/api/v1/cases")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["x-frame-options"] == "DENY"
    said = answer.json()
    assert (said["code"], said["number"] in said["detail"], said["number"] in caplog.text) == ("defect", True, True)


@pytest.mark.parametrize("path", ["/nowhere", "/cases/999999999", "/static/nothing.css"])
def test_who_is_signed_in_is_told_in_his_language_and_with_his_menu_that_nothing_is_there(
    office: Office, path: str
) -> None:
    browser = office.at(office.of("auditor"))
    browser.cookies.set("language", "ko")
    answer = browser.get(path)
    assert (answer.status_code, "이 주소에는 아무것도 없습니다." in answer.text) == (404, True)
    assert 'href="/audit"' in answer.text
    if path != "/cases/999999999":
        assert 'href="/audit"' not in office.browser().get(path).text


def test_that_the_database_is_away_is_said_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Portal) -> NoReturn:
        raise Unreachable

    browser = office.at(office.of("auditor"))
    monkeypatch.setattr(Portal, "db", away)
    answer = browser.get("/inbox")
    assert (answer.status_code, "the database does not answer" in answer.text) == (503, True)
    assert "has been told" not in answer.text


@pytest.mark.parametrize(
    "path", ["/staff?after=%00", "/cases?q=%00", "/audit/streams/%00", "/api/v1/cases?after=%00", "/static/%00"]
)
def test_an_address_with_a_sign_that_no_database_keeps_is_not_served(office: Office, path: str) -> None:
    answer = office.at(office.of("auditor")).get(path)
    assert (answer.status_code, "This address is not served here." in answer.text) == (400, True)


def test_nor_is_such_a_form_taken_of_anybody(office: Office) -> None:
    for sent in ({"username": "\0", "password": "x"}, {"username": "x", "password": "x", "next": "\0"}):
        assert office.browser().post("/signin", data=sent).status_code == 400
    auditor = office.of("auditor")
    assert office.post(auditor, "/staff", change="\0").status_code == 400  # type: ignore[attr-defined]
