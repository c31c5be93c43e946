"""Where Prefect reports: a run of ours that failed, was lost, is late or does not end. No person, so no session: it
shows the installation's secret."""

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from portal.house import Connection, portal_of
from tasks.alerts import Alert, What, report

router = APIRouter()


class Reported(BaseModel):
    """What an automation sends (deployments/automations.py)."""

    model_config = ConfigDict(extra="forbid")
    what: What
    flow_run: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    flow: Annotated[str, Field(min_length=1, max_length=200)]
    says: Annotated[str, Field(max_length=100_000)] = ""


@router.post("/hooks/prefect")
def prefect(request: Request, db: Connection, said: Reported, authorization: Annotated[str, Header()] = "") -> Response:
    """Taken once, however often it is sent: 201 the first time, 200 after."""
    portal = portal_of(request)
    expected = f"Bearer {portal.house.hook_secret()}"
    if not hmac.compare_digest(_digest(authorization), _digest(expected)):
        return JSONResponse({"detail": "This needs the secret that `postloan deploy` gives to Prefect."}, 401,
                            {"WWW-Authenticate": "Bearer"})  # fmt: skip
    alert = Alert(said.flow_run, said.what, said.flow, said.says[:2000])
    queued = report(db, alert, portal.house.business_date().isoformat(), portal.house.now())
    if queued:
        portal.wake("delivery")
    return JSONResponse({"queued": queued or 0}, 200 if queued is None else 201)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
