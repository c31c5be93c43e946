"""The password once more, before an act of weight."""

from portal import access
from portal.house import Asking
from portal.page import Reader


def unproved(asking: Asking, reader: Reader, password: str) -> str:
    """Why it is not proved that he himself sits there; empty where it is, now or some minutes ago."""
    say = reader.say
    if access.proved(asking.portal, asking.me):
        return ""
    if not password:
        return say("Write your password.")
    client = asking.request.client
    refused = access.prove(asking.db, asking.portal, asking.me, password, client.host if client else "")
    if refused is None:
        return ""
    if refused.code == "too_many":
        until = reader.instant(str(refused.facts["until"]), asking.portal.house.zone)
        return say("Too many attempts. Try again at {at}.").format(at=until)
    return say("The password is not right.")
