"""The portal as a server: on loopback, for this machine alone or for a proxy that speaks TLS to the others. It tells
nobody anything, and its log holds no token: neither a link's nor what stands behind a question mark.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvicorn

from deployments.ports import HOST, bound
from flows.wake import wake

if TYPE_CHECKING:
    from fastapi import FastAPI

    from portal.provider import Declared
    from tasks.house import House

PATIENCE_S = 5  # for answers under way, when it is told to stop


def serve(house: "House", port: int, api: Callable[[], str], accounts: "Declared | None" = None) -> None:
    """Serves the house until SIGTERM or SIGINT; `api()` is the address of Prefect's API, empty where there is none;
    `accounts` the bank's account service. Raises Mistake where the port is taken."""
    from portal.app import create

    waker = Waker(api)
    try:
        app = create(house, tuple({HOST, "localhost", urlsplit(house.portal).hostname or HOST}), waker, api, accounts)
        with bound(port) as there:
            server(app, behind_tls=house.portal.startswith("https://"), log=LOG).run(sockets=[there])
    finally:
        waker.close()


def server(app: "FastAPI", behind_tls: bool = False, log: Any = None) -> uvicorn.Server:
    """Only behind a proxy is it believed whom a request says it comes from."""
    return uvicorn.Server(uvicorn.Config(
        app, host=HOST, proxy_headers=behind_tls, server_header=False, log_config=log, access_log=log is not None,
        timeout_graceful_shutdown=PATIENCE_S))  # fmt: skip


class Waker:
    """Wakes stages from a thread of its own, so that no page waits for Prefect; of calls that have not begun yet one a
    stage is made."""

    def __init__(self, api: Callable[[], str]) -> None:
        self._api, self._pool = api, ThreadPoolExecutor(1, "wake")
        self._waiting, self._lock = set[str](), Lock()

    def __call__(self, stage: str) -> None:
        with self._lock:
            if stage in self._waiting:
                return
            self._waiting.add(stage)
        self._pool.submit(self._tell, stage)

    def _tell(self, stage: str) -> None:
        with self._lock:
            self._waiting.discard(stage)
        with suppress(Exception):  # the act is done; the stage's own schedule is the safety net
            if api := self._api():
                asyncio.run(wake(stage, api))

    def close(self) -> None:
        self._pool.shutdown()


class WithoutSecrets(logging.Filter):
    """Leaves of an address in the access log its path, and of a link's path that it was one."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, address, version, status = record.args
            record.args = (client, method, shown(str(address)), version, status)
        return True


def shown(address: str) -> str:
    path = address.partition("?")[0]
    return "/d/…" if path.startswith("/d/") else path


LOG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_secrets": {"()": WithoutSecrets}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "loggers": {
        "uvicorn": {"handlers": ["out"], "level": "INFO", "propagate": False},
        "uvicorn.access": {"handlers": ["out"], "level": "INFO", "filters": ["without_secrets"], "propagate": False},
        "flows.wake": {"handlers": ["out"], "level": "WARNING", "propagate": False},
    },
}
