"""He proves once more that it is he, before an act of weight: by his password, or at the bank's account service where he
signed in there, or has no password here."""

from portal import draft
from portal.house import Answered, Asking
from portal.who import access
from portal.who.asking import Posted, caller_of
from portal.words.reader import Reader


class ProveFirst(Answered):
    """He is to go to the account service first; `next`: the form that he comes back to, with what he wrote."""

    def __init__(self, asking: Asking, next: str) -> None:
        self.asking, self.next = asking, next


def wanted(asking: Asking) -> str:
    """How he is to prove it: "password", "account"; empty where he did some minutes ago."""
    me, portal = asking.me, asking.portal
    if access.proved(portal, me):
        return ""
    there = portal.provider is not None and (me.way == "oidc" or not access.has_password(asking.db, me.id))
    return "account" if there else "password"


def unproved(posted: Posted, reader: Reader, case: int, kept: str, next: str) -> str:
    """Why it is not proved that he himself sits there; empty where it is, now or some minutes ago. What he wrote is
    kept as the draft of that name before he is sent away. Raises ProveFirst."""
    asking, say, password = posted.asking, reader.say, posted.text("password")
    how = wanted(asking)
    if not how:
        return ""
    if how == "account":
        draft.save(asking, case, kept, draft.typed(posted.fields()))
        raise ProveFirst(asking, next)
    if not password:
        return say("Write your password.")
    refused = access.prove(asking.db, asking.portal, asking.me, password, caller_of(asking.request))
    if refused is None:
        return ""
    if refused.code == "too_many":
        until = reader.instant(str(refused.facts["until"]), asking.portal.house.zone)
        return say("Too many attempts. Try again at {at}.").format(at=until)
    return say("The password is not right.")
