"""What an audit or a replay finds, in words: the code of a fault or a divergence and its facts become a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from door.chain import Fault
from door.command import Refused
from door.replay import Divergence
from tasks.sentences import filled, sentence, words

#: What an audit finds, by code of the fault.
FAULTS: Mapping[str, str] = {
    "gap": "an entry is missing or out of order: {found} stands where this one is expected",
    "prev": "it does not follow the entry before it",
    "hash": "its columns were changed: the hash does not fit",
    "digest": "its payload was changed: the digest does not fit",
    "no_entries": "the table {table} has it, the journal does not",
    "unreadable": "it can't be folded ({says})",
    "missing": "its row in the table {table} is missing",
    "extra": "the table {table} has a row that no entry says",
    "differs": "its row in the table {table} is not what the journal says ({columns})",
    "secret": "the secret that was disclosed is not the one whose hash was journaled",
    "signature": "the anchor is not signed with the key",
    "follows": "the anchor does not follow the one before it",
    "root": "the anchor's root does not fit what it lists",
    "kept": "the anchor is not the one that was kept elsewhere",
    "anchored": "what was anchored on {date} is not there",
}
#: What differs in a replay, by code of the divergence.
DIFFERS: Mapping[str, str] = {
    "page": "declaration of the process",
    "unreadable": "what it says",
    "refused": "whether it may be done",
    "step": "step",
    "role": "role",
    "deadline": "deadline",
    "round": "round",
    "run": "run",
    "written": "digest of what the run wrote",
    "snapshot": "snapshot",
    "secret": "secret of the quarter",
    "decision": "decision",
    "deadline decision": "decision on the deadline",
    "opening": "opening",
    "due row": "due row",
}
#: What replay says in place of a value.
INSTEAD = (
    "a gateway never waits", "not on the grid", "nothing was due", "no such run", "its inputs are erased",
    "its inputs can't be read", "not the secret that was journaled",
)  # fmt: skip
Say = Callable[[str], str]


def fault(f: Fault, say: Say = str, called: Callable[[str], str] = str) -> str:
    """What an audit found, in one sentence that names stream (as it is `called`) and entry."""
    text = FAULTS.get(str(f.facts.get("what")) if f.code == "table" else f.code, f.code)
    return _placed(called(f.stream), f.seq, filled(say(text), f.facts), say)


@dataclass(frozen=True, slots=True)
class Difference:
    """A divergence in words; of objects only the fields that differ."""

    stream: str
    seq: int
    what: str
    recorded: str
    recomputed: str


def difference(d: Divergence, say: Say = str, why: Callable[[Refused], str] = sentence,
               named: Callable[[str, str], str] = lambda fact, value: value) -> Difference:  # fmt: skip
    """`why` says a refusal, `named` an identifier (of a step, role or act) in the reader's words."""
    recorded, recomputed = d.recorded, d.recomputed
    if d.what in ("step", "role"):
        recorded, recomputed = (words(named(d.what, text)) for text in (recorded, recomputed))
    elif d.refused is not None:
        recorded, recomputed = words(named("action", recorded)), why(d.refused)
    else:
        recorded, recomputed = _sides(recorded, recomputed)
    return Difference(d.stream, d.seq, say(DIFFERS[d.what]), *(
        say(text) if text in INSTEAD else text for text in (recorded, recomputed)))  # fmt: skip


def divergence(d: Divergence) -> str:
    """A divergence in one sentence that names stream and entry."""
    said = difference(d)
    recorded, recomputed = (_short(text).rstrip(".") or "nothing" for text in (said.recorded, said.recomputed))
    return _placed(d.stream, d.seq, f"{said.what} was {recorded}, now comes out: {recomputed}")


def _placed(stream: str, seq: int, says: str, say: Say = str) -> str:
    return (say("{stream}, entry {seq}: {says}.") if seq else say("{stream}: {says}.")).format(
        stream=stream, seq=seq, says=says)  # fmt: skip


def _sides(*texts: str) -> list[str]:
    read = [_read(text) for text in texts]
    one, other = (value for _, value in read)
    if isinstance(one, dict) and isinstance(other, dict):
        differ = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
        read = [(act, {name: value[name] for name in differ if name in value}) for act, value in read]
    return [f"{words(act)} {_told(value)}".strip() for act, value in read]


def _read(text: str) -> tuple[str, Any]:
    """An act, if any, and what it says: of the text `propose {"class": 1}` both."""
    act, _, rest = text.partition(" ") if text[:1] not in ("[", "{") else ("", "", text)
    try:
        return act, orjson.loads(rest) if rest[:1] in ("[", "{") else rest
    except orjson.JSONDecodeError:
        return act, rest


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{words(name)}: {_told(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_told(each) for each in value)
    return "–" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]} …"
