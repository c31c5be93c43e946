"""This process and a Prefect server: a client of it, and the leave-taking."""

from prefect.client.orchestration import PrefectClient
from prefect.settings import get_current_settings


def connect(api: str) -> PrefectClient:
    """A client whatever profile or environment this process began with; `api` is the address, /api included."""
    secret = get_current_settings().api.auth_string
    return PrefectClient(api, auth_string=secret.get_secret_value() if secret else None)


def drain() -> None:
    """What this process has still to tell the server goes out; a client that finds it gone tries for long."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=10)
