"""Letters: what a message says, in the reader's language, as plain text and as HTML that every mail program shows.

A mail leaves the bank, so it says no more than the reader needs to recognise the work: amounts stay inside, and unless the
policy book says otherwise the borrower's name is masked and the level stays inside too. Deadlines are words first. Each item
told has its own link. Pure: dates and links are passed in.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from textwrap import wrap

from tasks.meanings import read
from tasks.sentences import instant
from tasks.words import EN, LANGUAGES, Words

LISTED = 40  # lines of a digest, each with a link of 250 characters or so; the inbox has them all
LINK_PLACE = "<link>"  # stands for each link where a letter is recorded
_SPACES = re.compile(r"\s+")

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"  # not by locale: the letter's language is the reader's

Pair = tuple[str, str]
Row = tuple[str, str, str, str]  # of a digest: deadline, item, step, and where the item opens


@dataclass(frozen=True, slots=True)
class Line:
    """One item told to one person. `kind` as in the table `told`; `borrower` is the name unmasked, `full`: it may
    be shown so; `level`: where it may be told; `says`: what the book means by its kind; `by` and `by_on`: who proposed or
    issued it, on which day; `why` names the reason he gets it (see `why_…` in words.py), with `whom` for a deputy and a late
    item; `link` is where it opens for him, during `days`."""

    case: int
    kind: str
    process: str
    step: str
    about: str
    borrower: str
    unit: str
    role: str
    due_on: str | None
    why: str
    whom: str = ""
    full: bool = False
    level: int | None = None
    says: str = ""
    by: str = ""
    by_on: str = ""
    link: str = ""
    days: int = 1


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


def clean(text: str) -> str:
    """One line of visible text: line ends, controls and direction marks become spaces, so that a name can neither
    end a header nor turn the words around it."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return _SPACES.sub(" ", visible).strip()[:200]


def masked(name: str) -> str:
    """The first letter of the name and, of several words, the last: `C*** Construction`, `새***`."""
    words = clean(name).split(" ")
    return f"{words[0][:1]}***" + (f" {words[-1]}" if len(words) > 1 else "") if words[0] else ""


def written(reader: str, lines: Sequence[Line], language: str, bank: str, on: str, inbox: str) -> Letter:
    """The letter to `reader` (his name): of one line a letter about it, of more a digest by deadline.

    `on` is the business date that deadlines are told by, `inbox` where all of his items are. Raises ValueError without a
    line: there is no empty letter.
    """
    if not lines:
        raise ValueError("A letter needs at least one line.")
    w = LANGUAGES.get(language, EN)
    today = date.fromisoformat(on)
    ordered = sorted(lines, key=lambda line: (line.due_on or "9999", line.case))
    return (_one(w, clean(reader), ordered[0], clean(bank), today) if len(ordered) == 1
            else _digest(w, clean(reader), ordered, clean(bank), today, inbox))  # fmt: skip


def alarm(reader: str, flow: str, what: str, says: str, at: str, language: str, bank: str, link: str) -> Letter:
    """The letter to one of operations about a flow run: `what` is failed, crashed, late or stuck, `at` an instant."""
    w = LANGUAGES.get(language, EN)
    f = w.frames
    said = f[f"alert_{what}"].format(stage=clean(flow).replace("_", " "))
    facts = [(f["alert_says"], clean(says)), (f["why"], f["alert_why"])]
    return _assembled(w, clean(reader), said, "", f["alert_since"].format(at=instant(at)),
                      [(name, value) for name, value in facts if value], [], f["alert_open"], link,
                      f["link_operations"], clean(bank))  # fmt: skip


# -- one item -----------------------------------------------------------------------------------------------------


def _one(w: Words, reader: str, line: Line, bank: str, today: date) -> Letter:
    f = w.frames
    what, sentence = w.step(line.process, line.step)
    if line.kind == "remind":
        sentence = f["remind"].format(sentence=sentence)
    elif line.kind != "item":
        sentence = f[line.kind]
    about = " ".join(filter(None, (w.kinds.get(line.about, clean(line.about)), clean(read(line.says, w.language)))))
    facts = [
        (w.things.get(line.process, line.process).capitalize(), ", ".join(filter(None, (str(line.case), about)))),
        (f["borrower"], ", ".join(filter(None, (_named(line), clean(line.unit))))),
        (f["level"], "" if line.level is None else f"L{line.level} {w.levels[line.level]}"),
        (f["step"], what),
        (
            f["proposed_by" if line.process == "control" else "issued_by"],
            f"{clean(line.by)}, {_date(w, line.by_on)}" if line.by else "",
        ),
        (f["waits_for"], clean(line.whom) if line.kind == "late" else ""),
        (f["why"], f[line.why].format(name=clean(line.whom), role=w.roles.get(line.role, line.role))),
    ]
    return _assembled(
        w, reader, _subject(w, line, what, today), sentence, _due(w, line, today),
        [(name, value) for name, value in facts if value], [],
        f["open" if line.kind in ("item", "remind") else "look"], line.link,
        f["link_one"].format(days=_days(w, line.days)),
        f["foot"].format(bank=bank, ref=f["foot_ref"].format(ref=_ref(w, line))),
    )  # fmt: skip


def _subject(w: Words, line: Line, what: str, today: date) -> str:
    f, ref, lower = w.frames, _ref(w, line), what[:1].lower() + what[1:]
    if line.kind in ("nobody", "restriction", "lifted"):
        return f[f"subject_{line.kind}"].format(what=lower, ref=ref)
    if line.due_on is None:
        return f["subject"].format(what=what, ref=ref)
    left = (date.fromisoformat(line.due_on) - today).days
    if left < 0:
        frame = "subject_other" if line.kind == "late" else "subject_late"
        return f[frame].format(due=_late(w, -left), what=lower, ref=ref)
    due = f["by_today"] if left == 0 else f["by_tomorrow"] if left == 1 else f["by"].format(date=_date(w, line.due_on))
    return f["subject_due"].format(what=what, due=due, ref=ref)


def _named(line: Line) -> str:
    return clean(line.borrower) if line.full else masked(line.borrower)


def _ref(w: Words, line: Line) -> str:
    return f"{w.things.get(line.process, line.process)} {line.case}"


# -- many ---------------------------------------------------------------------------------------------------------


def _digest(w: Words, reader: str, lines: Sequence[Line], bank: str, today: date, inbox: str) -> Letter:
    f = w.frames
    late = sum(1 for line in lines if line.due_on and date.fromisoformat(line.due_on) < today)
    now = sum(1 for line in lines if line.due_on == today.isoformat())
    n = f["digest"].format(n=len(lines))
    parts = [f["digest_late"].format(n=late)] * bool(late) + [f["digest_today"].format(n=now)] * bool(now)
    rows = [(_due(w, line, today, brief=True), ", ".join(filter(None, (_ref(w, line), _named(line)))),
             _digest_step(w, line), line.link) for line in lines[:LISTED]]  # fmt: skip
    if len(lines) > LISTED:
        rows.append(("", f["more"].format(n=len(lines) - LISTED), "", ""))
    longest = max(line.days for line in lines[:LISTED])
    said = n + (": " + ", ".join(parts) if parts else "") + "."
    return _assembled(w, reader, ", ".join([n, *parts[:1]]), "", said, [], rows, f["inbox"], inbox,
                      f["link_many"].format(days=_days(w, longest)), f["foot_many"].format(bank=bank))  # fmt: skip


def _digest_step(w: Words, line: Line) -> str:
    what = w.step(line.process, line.step)[0]
    frame = w.frames.get(f"step_{line.kind}")
    return what if frame is None else frame.format(what=what if line.kind == "late" else what[:1].lower() + what[1:])


# -- dates --------------------------------------------------------------------------------------------------------


def _date(w: Words, day: str) -> str:
    d = date.fromisoformat(day)
    if w is EN:
        return f"{w.days[d.weekday()]} {d.day} {_MONTHS[3 * d.month - 3 : 3 * d.month]} {d.year}"
    return f"{d.year}년 {d.month}월 {d.day}일 ({w.days[d.weekday()]})"


def _days(w: Words, n: int) -> str:
    return w.frames["one_day"] if n == 1 else w.frames["many_days"].format(n=n)


def _late(w: Words, n: int) -> str:
    return w.frames["late_one"] if n == 1 else w.frames["late_many"].format(n=n)


def _due(w: Words, line: Line, today: date, brief: bool = False) -> str:
    f = w.frames
    if line.kind in ("restriction", "lifted"):
        return f["for_information"]
    if line.due_on is None:
        return f["no_due"]
    left, day = (date.fromisoformat(line.due_on) - today).days, _date(w, line.due_on)
    if left < 0:
        return _late(w, -left) if brief else f["was_due"].format(late=_late(w, -left), date=day)
    return f["due_today" if left == 0 else "due_tomorrow" if left == 1 else "due"].format(date=day)


# -- both shapes --------------------------------------------------------------------------------------------------


def _assembled(w: Words, reader: str, subject: str, title: str, due: str, facts: Sequence[Pair],
               rows: Sequence[Row], action: str, link: str, about_link: str, foot: str) -> Letter:  # fmt: skip
    """Plain text and HTML from the same parts, so that they can't say different things."""
    greeting = w.frames["greeting"].format(name=reader)
    head: list[Row] = [(w.frames["deadline"], w.frames["item"], w.frames["step"], "")] if rows else []
    width = max((_columns(name) for name, _ in facts), default=0) + 2
    table = [name + " " * (width - _columns(name)) + value for name, value in facts]
    table += [line for *cells, to in rows for line in ("  ".join(filter(None, cells)), to) if line]
    text = "\n".join([greeting, "", *([title] if title else []), due, "", *table, "", action, link, "",
                      *wrap(about_link, 72), "", "-- ", *wrap(foot, 72), ""])  # fmt: skip
    html = _html(w, greeting, subject, title, due, facts, [*head, *rows], action, link, about_link, foot)
    return Letter(subject, text, html)


def _columns(text: str) -> int:
    """Columns that a text takes where letters have one width; Hangul takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _html(w: Words, greeting: str, subject: str, title: str, due: str, facts: Sequence[Pair],
          rows: Sequence[Row], action: str, link: str, about_link: str, foot: str) -> str:  # fmt: skip
    """No style, no picture, no tracking: only old attributes."""
    e = escape
    told = [f'<tr><th align="left" scope="row" width="150">{e(name)}</th><td>{e(value)}</td></tr>'
            for name, value in facts]  # fmt: skip
    told += ["<tr>" + "".join(f'<th align="left" scope="col">{e(cell)}</th>' for cell in row[:3]) + "</tr>"
             for row in rows[:1]]  # fmt: skip
    told += [f"<tr><td>{e(due)}</td><td>" + (f'<a href="{e(to)}">{e(item)}</a>' if to else e(item))
             + f"</td><td>{e(step)}</td></tr>" for due, item, step, to in rows[1:]]  # fmt: skip
    heading = [f'<h1><font size="4">{e(title)}</font></h1>'] if title else []
    return "\n".join([
        "<!doctype html>", f'<html lang="{w.language}">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">', f"<title>{e(subject)}</title>", "</head>", "<body>",
        '<table role="presentation" cellpadding="8" cellspacing="0" border="0"><tr><td>',
        "<font face=\"Arial, 'Malgun Gothic', sans-serif\">", f"<p>{e(greeting)}</p>", *heading,
        f"<p><b>{e(due)}</b></p>",
        '<table cellpadding="4" cellspacing="0" border="0">', *told, "</table>",
        f'<p><a href="{e(link)}"><b>{e(action.rstrip(":"))}</b></a></p>', f"<p>{e(about_link)}</p>",
        f'<p><font size="2">{e(foot)}</font></p>', "</font>", "</td></tr></table>", "</body>", "</html>", "",
    ])  # fmt: skip
