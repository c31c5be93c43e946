"""A client of the Prefect server at an address, whatever profile or environment this process began with."""

from prefect.client.orchestration import PrefectClient
from prefect.settings import get_current_settings


def connect(api: str) -> PrefectClient:
    """`api` is the address up to and including /api."""
    secret = get_current_settings().api.auth_string
    return PrefectClient(api, auth_string=secret.get_secret_value() if secret else None)
