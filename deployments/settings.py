"""Which installation a command works for: the global options, else the environment, else var/."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from deployments.mistakes import Mistake

if TYPE_CHECKING:  # the house imports drivers; `--help` needs none
    from door.db import Db
    from portal.provider import Declared
    from tasks.house import House

SCHEMES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


@dataclass(frozen=True)
class Chosen:
    """What the global options say."""

    database: str = ""
    home: Path = Path("var")
    today: date | None = None
    portal: str = ""
    bank: str = ""
    zone: str = ""


_chosen = Chosen()


def choose(chosen: Chosen) -> None:
    """What this process's command works for from now on."""
    global _chosen
    _chosen = chosen


def reached_at(address: str) -> None:
    """Where the portal is served, unless people reach it elsewhere: then the options say where."""
    choose(replace(_chosen, portal=_chosen.portal or address))


def installation() -> "House":
    """The installation that was chosen. Raises Mistake where its database's URL or the portal's is of no known kind, or there is
    no such time zone."""
    from tasks.house import BANK, PORTAL, ZONE, House

    home, day = _chosen.home, _chosen.today
    url = _chosen.database or f"sqlite:///{home / 'postloan.db'}"
    if not url.startswith(SCHEMES):
        raise Mistake(f"{url!r} is no database: write sqlite:///path/to/file.db or postgresql://user@host/name.")
    portal = (_chosen.portal or PORTAL).rstrip("/")
    if not portal.startswith(("http://", "https://")) or len(portal.split("/")) != 3:
        raise Mistake(f"{portal!r} is no address of the portal: write it as https://postloan.bank.example.")
    zone = _chosen.zone or ZONE
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise Mistake(f"{zone!r} is no time zone: write one as Asia/Seoul or Europe/Berlin.") from None
    return House(
        url, home, zone=zone, today=(lambda: day) if day else None, bank=_chosen.bank.strip() or BANK, portal=portal
    )


def accounts() -> "Declared | None":
    """The bank's account service, an OpenID provider, as the environment says: POSTLOAN_OIDC_ISSUER, _CLIENT, _SECRET, and
    _CLAIM, which says a person's staff ID (preferred_username, unless it says otherwise). None where it says nothing. Raises
    Mistake where it says half of it."""
    from portal.provider import Declared

    names = ("ISSUER", "CLIENT", "SECRET", "CLAIM")
    said = {name: os.environ.get(f"POSTLOAN_OIDC_{name}", "").strip() for name in names}
    if not any(said.values()):
        return None
    if missing := [f"POSTLOAN_OIDC_{name}" for name in names[:3] if not said[name]]:
        raise Mistake(f"Of the bank's account service {', '.join(missing)} is missing: set it, or none of them.")
    issuer = urlsplit(said["ISSUER"])
    if issuer.scheme != "https" and not (issuer.scheme == "http" and issuer.hostname in ("127.0.0.1", "localhost")):
        raise Mistake(f"{said['ISSUER']!r} is no issuer: write POSTLOAN_OIDC_ISSUER as https://accounts.bank.example.")
    return Declared(said["ISSUER"], said["CLIENT"], said["SECRET"], said["CLAIM"] or "preferred_username")


@contextmanager
def opened() -> Iterator[tuple["House", "Db"]]:
    """The installation and its database, which must have been made before."""
    from door.db import path_of

    here = installation()
    if here.url.startswith("sqlite") and not path_of(here.url).exists():
        raise Mistake(f"There is no database {path_of(here.url)} yet: run `postloan init` first, or name another with "
                      "--database.")  # fmt: skip
    with here.db() as db:
        db.rows("SELECT 1 FROM cases LIMIT 1")  # says at once that `init` is wanted
        yield here, db


def policies() -> Path:
    """The folder of the policy book: in the working directory, else beside the code."""
    here = Path("policies")
    return here if here.is_dir() else Path(__file__).parent.parent / "policies"
