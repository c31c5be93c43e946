"""The policy's questions as fields: what is asked of each facility, what was answered last time, which evidence belongs to
it; and the answers with their files, as a package carries them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from models.policy import Book, Checkpoint
from portal.case.answers import unit, written
from portal.case.sight import Sight
from portal.form.fields import Choices, Field, Need, Section
from portal.handed import File
from portal.words.reader import Reader
from tasks.dossier import Dossier
from tasks.screen import visit_photos

RECORD, SUBMIT, DONE = "record", "submit", "done"


def questions(d: Dossier, book: Book, reader: Reader, action: str, sight: Sight) -> Iterator[Section]:
    """A section for each facility. Who records blind answers what he can, and is told no earlier answer; an inspector only
    those that his are compared with."""
    say, before = reader.say, {} if action == RECORD else d.answers_before or {}
    since = d.earlier[0].closed_on if d.earlier else None
    several = len({facility for facility, _ in d.questions}) > 1
    n = 0
    for facility, keys in groupby(d.questions, lambda q: q[0]):
        fields = []
        for _, id_ in keys:
            asked, last = book.checkpoint(id_), before.get((facility, id_))
            told = last is not None and (sight.judged or _compared(asked))
            fields.append(Field(
                f"answers.{n}", f"{id_}. {asked.question}", "answer", asked.mandatory and action != RECORD,
                _words(asked, reader) if asked.type in ("yes_no", "choice") else (), _help(asked, last, since, told, d.currency, reader),
                unit(asked, d, reader), asked=asked, facility=facility, dated=_dated(asked), files=(*asked.photos, *asked.documents),
                words=_words(asked, reader) if asked.type in ("date", "number") else ()))  # fmt: skip
            n += 1
        title = say("Facility {id}").format(id=facility) if several else say("Questions")
        yield Section(title, tuple(fields), say("Answer what you have verified yourself.") if action == RECORD else "")


def _words(asked: Checkpoint, reader: Reader) -> Choices:
    """The words that are answers: yes and no, the choices, those that a test names."""
    if asked.type == "yes_no":
        return (("yes", reader.say("Yes")), ("no", reader.say("No")))
    tests = (*asked.yellow, *asked.orange, *asked.red) if asked.type != "choice" else ()
    found = dict.fromkeys((*asked.choices, *(t for t in tests if t[0].isalpha() and not asked.refuses(t))))
    return tuple((word, reader.named(word)) for word in found)


def _help(asked: Checkpoint, last: str | None, since: str | None, told: bool, currency: str, reader: Reader) -> str:
    """What was answered last time, and how nothing is said in a text."""
    say, parts = reader.say, []
    if told and last is not None:
        answer = written(asked, last, currency, reader)
        parts.append(say("Last inspection, {day}: {answer}.").format(day=reader.day(since), answer=answer))
    if asked.type == "text" and "none" in (*asked.yellow, *asked.orange, *asked.red):
        parts.append(say("Where there is none, write: none"))
    if asked.type == "text" and asked.mandatory is False:
        parts.append(say("In your own words."))
    return " ".join(parts)


def _compared(asked: Checkpoint) -> bool:
    return any(t.startswith(("fall", "rise")) for t in (*asked.yellow, *asked.orange, *asked.red))


def _dated(asked: Checkpoint) -> bool:
    """Is it a figure of a day of its own: of a paper, or one whose age is tested?"""
    aged = any(t.startswith("age") for t in (*asked.yellow, *asked.orange, *asked.red))
    return asked.type == "number" and (bool(asked.documents) or aged)


def needs(action: str, d: Dossier | None, book: Book, reader: Reader) -> tuple[Need, ...]:
    """Photographs and documents, each once: those of every vendor visit, and those of the questions."""
    if action == DONE:
        return (Need("document", "proof", reader.say("Proof"), needed=False),)
    if d is None or action not in (SUBMIT, "collect", RECORD):
        return ()
    asked = [book.checkpoint(id_) for id_ in dict.fromkeys(id_ for _, id_ in d.questions)]
    visit = visit_photos(d, book) if action == SUBMIT else []
    found = [_need("photo", shows, asked, action, reader, shows in visit)
             for shows in dict.fromkeys((*visit, *(p for c in asked for p in c.photos)))]  # fmt: skip
    return (
        *found,
        *(
            _need("document", shows, asked, action, reader)
            for shows in dict.fromkeys(p for c in asked for p in c.documents)
        ),
    )


def _need(
    kind: str, shows: str, asked: Sequence[Checkpoint], action: str, reader: Reader, always: bool = False
) -> Need:
    of = [c for c in asked if shows in (c.photos if kind == "photo" else c.documents)]
    return Need(
        kind,
        shows,
        reader.named(shows),
        tuple(c.id for c in of),
        action != RECORD and (always or any(c.mandatory for c in of)),
    )


def absent(asked: Iterable[Need], ready: Sequence[File], desk: bool, reader: Reader) -> dict[str, str]:
    """By the anchor of each piece of evidence that is needed and not there: what it is. At a desk nothing is photographed."""
    there = {(f.kind, f.shows) for f in ready}
    say = reader.say
    return {
        f"file.{n.kind}.{n.shows}": (say("Photograph: {what}") if n.kind == "photo" else say("Document: {what}")).format(what=n.label)
        for n in asked if n.needed and (n.kind, n.shows) not in there and not (desk and n.kind == "photo")
    }  # fmt: skip


def with_files(
    payload: dict[str, Any], book: Book, ready: Sequence[File], keys: Sequence[tuple[str, str]], why: str
) -> None:
    """Puts the evidence into a package, and to each answer the files that show what it asks for. `why` something is
    missing is noted at every question that lacks its answer or its files."""
    payload["evidence"] = [{"sha256": f.sha256, "kind": f.kind, "shows": f.shows, "taken_at": f.taken_at,
                            "latitude": f.latitude, "longitude": f.longitude} for f in ready]  # fmt: skip
    said = {(a["facility"], a["checkpoint"]): a for a in payload["answers"]}
    if why:
        for facility, id_ in keys:
            if book.checkpoint(id_).mandatory:
                said.setdefault((facility, id_), {"facility": facility, "checkpoint": id_, "value": "", "note": ""})
    for (_, id_), answer in said.items():
        asked = book.checkpoint(id_)
        shas = [f.sha256 for f in ready if f.shows in (asked.photos if f.kind == "photo" else asked.documents)]
        answer["files"] = list(dict.fromkeys(shas))
        lacks = not answer["value"] or any((kind == "photo") not in {f.kind == "photo" for f in ready if f.sha256 in shas}
                                           for kind in asked.evidence)  # fmt: skip
        if why and lacks and asked.mandatory:
            answer["note"] = " ".join(filter(None, (answer["note"], why)))[:2000]
    payload["answers"] = list(said.values())
