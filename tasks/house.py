"""The edge: which database and folder, what time it is, where randomness comes from. Everything else is passed in."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from door.command import Clock
from door.db import Db, connect
from door.keyfile import make

PORTAL = "http://127.0.0.1:8080"  # where it is served unless something else is said
BANK, ZONE = "Post-loan management", "Asia/Seoul"  # the same of its name and of the time that it keeps


def utc_now() -> str:
    """The recorded instant: UTC, ISO 8601, microseconds, Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def random_salts(n: int) -> list[str]:
    """n salts of 32 hex characters from the operating system."""
    text = os.urandom(16 * n).hex()
    return [text[i : i + 32] for i in range(0, 32 * n, 32)]


@dataclass(frozen=True)
class House:
    """One installation: its database, the folder of its files (snapshots, evidence, keys), its zone and clocks."""

    url: str
    home: Path
    now: Callable[[], str] = utc_now
    salts: Callable[[int], list[str]] = random_salts
    secret: Callable[[], str] = field(default=lambda: os.urandom(32).hex())
    zone: str = ZONE
    today: Callable[[], date] | None = None
    bank: str = BANK
    portal: str = PORTAL

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def anchor_key(self) -> Path:
        """The private key that signs anchors; the public one stands beside it (`.pub`)."""
        return self.home / "keys" / "anchor.key"

    def link_secret(self) -> bytes:
        """The secret of the links in messages, made on first use, readable by its owner alone."""
        path = self.home / "keys" / "links.key"
        if not path.exists():
            make(path, os.urandom(32))
        return path.read_bytes()

    def hook_secret(self) -> str:
        """What Prefect shows to be let in with an alert, made on first use, readable by its owner alone."""
        path = self.home / "keys" / "hook.key"
        if not path.exists():
            make(path, os.urandom(32).hex().encode())
        return path.read_text()

    def page(self, token: str) -> str:
        """The address that a message links to: of the decision, or without a token of the inbox."""
        return f"{self.portal}/d/{token}" if token else f"{self.portal}/inbox"

    def channel_secrets(self) -> dict[str, str]:
        """What channel URLs name in braces ({smtp_password}): POSTLOAN_SECRET_SMTP_PASSWORD and so on."""
        mark = "POSTLOAN_SECRET_"
        return {name.removeprefix(mark).lower(): v for name, v in os.environ.items() if name.startswith(mark)}

    def business_date(self) -> date:
        """Today where the bank is; an installation that simulates says its own."""
        return self.today() if self.today else datetime.now(ZoneInfo(self.zone)).date()

    def clock(self, business_date: date) -> Clock:
        return Clock(business_date.isoformat(), self.now, self.salts)

    @contextmanager
    def db(self) -> Iterator[Db]:
        with connect(self.url) as db:
            yield db


_current: House | None = None


def use(house: House | None) -> None:
    """This process works for that installation from now on (a simulation, a test); None: the environment's again."""
    global _current
    _current = house


def current() -> House:
    """The installation that this process works for: POSTLOAN_DATABASE_URL and POSTLOAN_HOME, by default var/; in a
    simulation POSTLOAN_TODAY is its business date; POSTLOAN_PORTAL is where people reach the portal, POSTLOAN_BANK the name
    that pages and letters give, POSTLOAN_ZONE the time zone that the bank's days and clocks go by."""
    if _current is not None:
        return _current
    home = Path(os.environ.get("POSTLOAN_HOME", "var"))
    url = os.environ.get("POSTLOAN_DATABASE_URL", f"sqlite:///{home / 'postloan.db'}")
    today = date.fromisoformat(text) if (text := os.environ.get("POSTLOAN_TODAY")) else None
    portal, bank, zone = (os.environ.get(f"POSTLOAN_{name}") for name in ("PORTAL", "BANK", "ZONE"))
    return House(url, home, zone=zone or ZONE, today=(lambda: today) if today else None, bank=bank or BANK,
                 portal=portal or PORTAL)  # fmt: skip
