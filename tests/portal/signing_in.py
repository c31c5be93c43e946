"""Somebody at a browser who signs in at the bank's account service, and what the record says of it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from html import unescape
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from fastapi.testclient import TestClient

from portal.pages.account import HERE
from portal.provider import Provider
from portal.who import access
from portal.who.asking import COOKIE
from tests.portal.accounts import Accounts, account_service
from tests.portal.conftest import Office


@pytest.fixture
def accounts(office: Office) -> Iterator[Accounts]:
    """The bank's account service, and an account "choi" of a post-loan officer."""
    with account_service() as made:
        made.people["choi"] = office.of("post_loan_officer")
        office.app.state.portal.provider = Provider(made.declared, f"{office.house.portal}{HERE}/back")
        yield made


@dataclass
class Person:
    """Somebody at a browser: what it keeps for the portal, and what for the account service."""

    office: Office
    account: str
    here: TestClient
    there: httpx.Client

    def away(self, path: str) -> str:
        """To the account service and through its form, if it shows one; the path that it sends him back to."""
        sent = self.here.get(path)
        assert sent.status_code == 303, sent.text
        page = self.there.get(sent.headers["location"])
        if page.status_code == 200:
            typed = {k: unescape(v) for k, v in re.findall(r'name="([^"]*)" value="([^"]*)"', page.text)}
            address = page.url.copy_with(query=None)
            page = self.there.post(address, data={**typed, "user": self.account})
        back = urlsplit(page.headers["location"])
        assert f"{back.scheme}://{back.netloc}" == self.office.house.portal
        return f"{back.path}?{back.query}"

    def comes(self, path: str = HERE) -> httpx.Response:
        return self.here.get(self.away(path))

    def post(self, path: str, **fields: object) -> httpx.Response:
        form = access.csrf(self.here.cookies[COOKIE])
        return self.here.post(path, data={"_form": form, **fields})


@pytest.fixture
def person(office: Office) -> Iterator[Callable[[str], Person]]:
    with ExitStack() as browsers:

        def at(account: str) -> Person:
            trusts_nobody = SSLContext(PROTOCOL_TLS_CLIENT)  # and is at hand at once; the service speaks plain HTTP
            there = browsers.enter_context(httpx.Client(trust_env=False, verify=trusts_nobody))
            return Person(office, account, office.browser(), there)

        yield at


def noted(office: Office, stream: str) -> list[tuple[str, dict[str, Any]]]:
    rows = office.db.rows("SELECT action, payload FROM entry WHERE stream = ? ORDER BY seq", stream)
    return [(action, orjson.loads(payload)) for action, payload in rows]


def sessions(office: Office) -> int:
    return int(office.db.rows("SELECT count(*) FROM session")[0][0])
