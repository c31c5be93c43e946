"""What a mail's link leads to, for the person who opens it: the item as the record has it, what happened since the mail
was written, and what he may decide. The token is no permission: the door says what is his."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from door import store
from door.command import Refused
from door.db import one
from door.fold import State
from models.process import ITEM_ACTS
from portal.case import green
from portal.case.matter import Said, beside, effect, journal
from portal.case.offers import Offer, offers
from portal.case.scope import scope
from portal.case.sight import shown
from portal.house import Asking
from portal.page import spoken, why
from portal.who.asking import NotThere
from portal.words import arrows
from portal.words.reader import Reader
from tasks import books, token
from tasks.inbox import Waiting, those

AS_THINGS_STAND = ("condition", "limit", "held")  # refusals that are about the case, not about him


@dataclass(frozen=True, slots=True)
class Choice:
    """An arrow as it is offered: decided here (`inline`) with these `fields` (needed or not), or in a form of its own
    (`form`), or in either; `says`: what it brings about; `green`: as proposed, with nothing to add; `not_now`: refused as
    things stand, not because of him."""

    name: str
    label: str
    says: str
    refused: str
    inline: bool
    fields: Mapping[str, bool]
    high_risk: bool
    green: bool = False
    form: bool = False
    not_now: bool = False


@dataclass
class View:
    """What one person sees of one item, at one moment. `since`: the instant of the entry that the link was made after."""

    asking: Asking
    link: token.Token
    text: str
    s: State
    borrower: str
    said: list[Said]
    since: str
    waiting: Waiting | None
    choices: list[Choice] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        return Reader(spoken(self.asking.request, self.asking.me.language))

    @property
    def decided(self) -> Said | None:
        """The act that ended what the link was for."""
        return next((e for e in self.said if e.own and e.seq > self.link.seq and e.action not in ITEM_ACTS), None)

    @cached_property
    def changes(self) -> list[Said]:
        """What others did since the link was made without deciding the item: on it, on the case that it comes from, on
        the borrower's other restrictions and orders."""
        done = [e for e in self.said if (e.seq > self.link.seq if e.own else e.at > self.since)]
        done += beside(self.asking, self.s, self.since)
        return sorted((e for e in done if e.person != self.asking.me.id), key=lambda e: e.at)


def view_of(asking: Asking, text: str) -> View | Refused:
    """Raises NotThere where the case is neither his to see nor to decide."""
    house, db = asking.portal.house, asking.db
    link = token.read(text, house.link_secret(), house.now())
    if isinstance(link, Refused):
        return link
    waiting = next(those(db, asking.rules, asking.me.person, asking.day, [link.case]), None)
    found = (waiting.state, waiting.borrower) if waiting else _seen(asking, link.case)
    if found is None:
        if link.person == asking.me.id:
            raise NotThere
        return Refused("link_anothers")
    (s,), borrower = shown(asking, [found[0]]), found[1]
    made = one(db.rows("SELECT recorded_at FROM entry WHERE stream = ? AND seq = ?", s.stream, link.seq))
    view = View(asking, link, text, s, borrower, journal(asking, s), made[0] if made else s.last_at, waiting)
    if waiting is not None and view.decided is None:
        view.choices = [_choice(view, offer) for offer in offers(asking, s, waiting.behalf)]
    return view


def _seen(asking: Asking, case: int) -> tuple[State, str] | None:
    """The case and its borrower's name, where it is nothing that he may decide, if it is his to see."""
    condition, values = scope(asking, of_one=True)
    row = one(asking.db.rows("SELECT coalesce(b.name, '') FROM cases c LEFT JOIN borrower b ON b.id = c.subject "
                             f"WHERE c.id = ? AND {condition}", case, *values))  # fmt: skip
    s = store.read_case(asking.db, case) if row else None
    return (s, str(row[0])) if row and s else None


def _choice(view: View, offer: Offer) -> Choice:
    s, do, say = view.s, offer.do, view.reader.say
    label, refused = (
        arrows.choice(say, s.process, do.name),
        why(view.asking, offer.refused, s.id) if offer.refused else "",
    )
    not_now = offer.refused is not None and offer.refused.code in AS_THINGS_STAND
    if (s.process, do.name) == ("inspection", "impose"):
        fields = {"kind": True, "facility": False, "reason": True}
        says = say("one restriction, which another person confirms")
        return Choice(do.name, label, says, refused, True, fields, offer.high_risk, form=True, not_now=not_now)
    if view.waiting is not None and green.arrows(view.asking, [s]).get(s.id) is do:
        says = say("the automatic check found nothing") if s.step == "check" else say("no finding, L0, as proposed")
        return Choice(do.name, label, says, refused, True, {}, offer.high_risk, green=True, not_now=not_now)
    confirms = (s.process, do.name) == ("control", "confirm")
    says = effect(view.asking, s, books.book(view.asking.db, s.book), view.reader) if confirms else ""
    inline = arrows.inline(do)
    fields = {name: needed for name, needed in arrows.fields(do).items() if name in arrows.INLINE}
    return Choice(do.name, label, says, refused, inline, fields, offer.high_risk, form=not inline, not_now=not_now)
