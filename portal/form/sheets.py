"""The form of each arrow: its payload form as fields, with what the policy book, the borrower and the case's own journal
give to choose from. An arrow without anything of its own here is asked generically."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from door.fold import State
from models import forms
from models.policy import Book
from models.process import Do, Form, Nothing
from portal.case.answers import LEVEL
from portal.case.file import File
from portal.form.fields import MOST_ROWS, Choices, Field, Read, Row, Rows, Section, Sheet, Typed, made
from portal.form.questions import needs, questions
from portal.handed import File as Handed
from portal.house import Asking
from portal.words.currency import currency
from portal.words.labels import labels, wanted
from portal.words.reader import LEVELS, Reader
from tasks.dossier import Dossier

LISTED = ("kind", "code", "owner", "facility", "checkpoint")  # however few there are, a list to choose from


def worded(reader: Reader) -> dict[str, Choices]:
    """What there is to choose from where the fields themselves say it."""
    say = reader.say
    levels = tuple((str(n), f"L{n} {say(name)}") for n, name in enumerate(LEVELS))
    return {
        "level": levels, "own_level": levels, "class_": tuple((str(n), reader.class_(n)) for n in range(1, 6)),
        "willingness": (("good", say("Good")), ("poor", say("Poor")), ("none", say("None"))),
        "how": (("own", say("On a visit")), ("desk", say("At the desk"))),
        "accepted": (("yes", say("Accept")), ("no", say("Refute"))),
        "colour": tuple((c, levels[n][1]) for c, n in LEVEL.items()),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matter:
    """What a form hangs on: the case as the person sees it, its dossier (an inspection's) and book, the arrow, what was
    typed so far (it says how many rows there are), the files that he has ready."""

    file: File
    do: Do
    book: Book
    d: Dossier | None
    typed: Typed
    files: tuple[Handed, ...] = ()

    @property
    def s(self) -> State:
        return self.file.s

    @property
    def dossier(self) -> Dossier:
        """An inspection's. Raises LookupError for any other case."""
        if self.d is None:
            raise LookupError(f"case {self.s.id} is no inspection")
        return self.d

    @property
    def asking(self) -> Asking:
        return self.file.asking

    @property
    def reader(self) -> Reader:
        return self.file.reader

    def rows(self, name: str, least: int) -> int:
        """How many rows of a list are shown: as many as were, and at least so many."""
        text = self.typed.get(f"n.{name}", "")
        return min(MOST_ROWS, max(least, int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0))


def sheet(m: Matter) -> Sheet:
    """The arrow's form. A field that nothing here places comes generically, so none is ever left out."""
    special = _SPECIAL.get((m.s.process, m.do.name))
    return special(m) if special else _generic(m)


def _generic(m: Matter) -> Sheet:
    fields = _fields(m, m.do.form)
    fixed = {"files": [f.sha256 for f in m.files]} if "files" in m.do.form.model_fields else {}
    return Sheet(m.do.form, (Section("", tuple(fields)),) if m.do.form is not Nothing else (), fixed,
                 needs=needs(m.do.name, m.d, m.book, m.reader))  # fmt: skip


def _fields(
    m: Matter, form: type[Form], prefix: str = "", leave: tuple[str, ...] = (), **choices: Choices
) -> list[Field]:
    """The form's fields with our labels, levels and classes in words, days that lie ahead where they must."""
    say = m.reader.say
    found = made(
        form, say, labels(say), worded(m.reader) | choices, prefix, leave, currency(m.asking.db, m.s), wanted(say)
    )
    ahead = {*m.do.ahead, "due_on", "review_on"}
    return [replace(f, earliest=m.asking.day) if f.kind == "day" and _plainly(f.name) in ahead
            else replace(f, kind="select") if f.kind == "radios" and f.name.rpartition(".")[2] in LISTED
            else replace(f, kind="radios") if f.kind == "select" and f.name == "outcome" else f for f in found]  # fmt: skip


def _plainly(name: str) -> str:
    """ "measures.0.by" is measures.by."""
    return ".".join(part for part in name.split(".") if not part.isdigit())


def codes(section: Mapping[str, Any], *only: str) -> Choices:
    """Codes of the book with what they stand for, K9 before K10."""
    found = sorted(only or section, key=lambda code: (len(code), code))
    return tuple((code, f"{code} {section[code].says}") for code in found)


# -- what is asked more -------------------------------------------------------------------------------------------------


def _conclude(m: Matter) -> Sheet:
    say, facts = m.reader.say, m.s.facts
    level, class_ = int(facts.get("proposed_level", 0)), int(facts.get("proposed_class", facts["class_"]))
    f = {each.name: each for each in _fields(m, forms.Conclusion, leave=("responses", "measures"))}
    responses = _responses(m)
    measures = tuple(
        Row(say("Action {n}").format(n=n + 1), tuple(
            replace(each, preset=m.asking.me.id) if each.name.endswith("owner") else each
            for each in _fields(m, forms.Measure, f"measures.{n}.", code=codes(m.book.actions), owner=_colleagues(m))))
        for n in range(m.rows("measures", 1)))  # fmt: skip

    def settle(read: Read) -> None:
        lower = read.payload["level"] < level or read.payload["class_"] < class_
        if lower and not read.payload.get("reason"):
            read.wrong["reason"] = say("Give a reason for a level or class below what was proposed.")

    return Sheet(forms.Conclusion, (
        Section(say("The business"), (
            replace(f["capacity"], help=say("Name at least one figure and where you have it from.")), f["willingness"],
            f["repayment_source"])),
        Section(say("Findings"), (responses,), say("Accept each finding, or refute it with a reason.")
                if responses.rows else say("No finding is open.")),
        Section(say("Level and class"), (
            replace(f["level"], preset=str(level), help=say("Proposed: {level}.").format(level=f"L{level}")),
            replace(f["class_"], kind="select", preset=str(class_),
                    help=say("Proposed: {class_}.").format(class_=m.reader.class_(class_))),
            replace(f["reason"], help=say("Needed only for a level or class below what was proposed.")))),
        Section(say("Actions"), (
            Rows("measures", measures, say("Add an action"), 1, say("Each action has an owner and a day.")),
            replace(f["opportunity"], help=say("What the bank could do for this customer."))))), settle=settle)  # fmt: skip


def _responses(m: Matter) -> Rows:
    """One row for each open finding, the worst first."""
    found = sorted(m.dossier.findings, key=lambda f: (-LEVEL[f["colour"]], f["facility"], f["checkpoint"]))
    rows = []
    for n, each in enumerate(found):
        id_, facility = each["checkpoint"], each["facility"]
        fields = [replace(f, as_="truth", missing=m.reader.say("Say whether you accept {id}.").format(id=id_))
                  if f.kind == "radios" else f
                  for f in _fields(m, forms.Response, f"responses.{n}.", ("facility", "checkpoint"),
                                   accepted=worded(m.reader)["accepted"])]  # fmt: skip
        title = f"{id_}. {m.book.checkpoint(id_).question} ({facility})"
        rows.append(Row(title, tuple(fields), {"facility": facility, "checkpoint": id_}, LEVEL[each["colour"]]))
    return Rows("responses", tuple(rows))


def _colleagues(m: Matter) -> Choices:
    """Himself, then those of his unit."""
    me = m.asking.me
    rows = m.asking.db.rows("SELECT id, name FROM person WHERE unit = ? AND (until IS NULL OR until >= ?) AND id <> ? "
                            "ORDER BY name, id LIMIT 300", me.person.unit, m.asking.day, me.id)  # fmt: skip
    return ((me.id, me.name), *rows)


def _check(m: Matter) -> Sheet:
    say = m.reader.say
    asked: dict[str, str] = {id_: f"{id_} {m.book.checkpoint(id_).question}" for _, id_ in m.dossier.questions}
    facilities = tuple((name, name) for name in dict.fromkeys(facility for facility, _ in m.dossier.questions))
    rows = tuple(
        Row(say("Finding {n}").format(n=n + 1), tuple(_fields(
            m, forms.Finding, f"findings.{n}.", facility=facilities, checkpoint=tuple(asked.items()),
            colour=worded(m.reader)["colour"])))
        for n in range(m.rows("findings", 0)))  # fmt: skip
    return Sheet(m.do.form, (Section(say("Findings"), (Rows("findings", rows, say("Add a finding")),),
                                     say("What the automatic examination found stands. Add only what it could not see.")),),
                 {"defects": []})  # fmt: skip


def _back(m: Matter) -> Sheet:
    say = m.reader.say
    rows = tuple(
        Row(say("Defect {n}").format(n=n + 1),
            tuple(replace(f, needed=f.needed and not f.name.endswith("says"), label=_defect(say, f))
                  for f in _fields(m, forms.Defect, f"defects.{n}.", code=codes(m.book.return_codes))))
        for n in range(m.rows("defects", 1)))  # fmt: skip
    return Sheet(m.do.form, (
        Section(say("What is wrong with it"), (
            Rows("defects", rows, say("Add a defect"), 1, say("Each with its place: a question, a photograph.")),
            *_fields(m, m.do.form, leave=("defects",)))),))  # fmt: skip


def _defect(say: Callable[[str], str], f: Field) -> str:
    return say("In words") if f.name.endswith(".says") else f.label


def _judge(m: Matter) -> Sheet:
    """At the desk the arrow is chosen before; at the comparison the outcome says which it is, and the level is the one
    that was recorded."""
    say, comparing = m.reader.say, m.s.step == "compare"
    mine = tuple(code for code, o in m.book.outcomes.items() if o.answered == (m.do.name == "disagree"))
    outcomes = codes(m.book.outcomes) if comparing else codes(m.book.outcomes, *mine)
    if not comparing:
        fields = _fields(m, m.do.form, outcome=outcomes, inadequate=codes(m.book.inadequate))
        return Sheet(m.do.form, (Section("", tuple(fields)),))
    asked = _fields(m, forms.Disagreement, leave=("own_level",), outcome=outcomes, inadequate=codes(m.book.inadequate))
    reason = say("To disagree it is needed; where you agree, it is a note.")
    unmet = say("V6 where nobody was met the second time either: say in the reason what you saw. The manager answers once, and "
                "what he concludes then is verified again; the second time the credit manager decides.")  # fmt: skip
    shown = tuple(replace(f, needed=False, help=reason) if f.name == "reason" else
                  replace(f, help=unmet) if f.name == "outcome" else f for f in asked)  # fmt: skip

    def settle(read: Read) -> None:
        said = read.payload
        if m.do.name == "verify":
            said.pop("inadequate", None)
            said["note"] = said.pop("reason", "")
        elif not said.get("reason"):
            read.wrong["reason"] = say("Give the reason why you disagree.")

    return Sheet(m.do.form, (Section("", shown),), {"own_level": m.s.facts["own_level"]}, settle)


def _unmet(m: Matter) -> Sheet:
    """Said before anything is compared, so that the second visit is as blind as the first."""
    until = m.asking.rules.deadline(m.s.book, m.file.process.steps["revisit"].due, m.asking.day, m.s.facts)
    help_ = m.reader.say("Say what you saw there. A second, unannounced visit is then set for you, until {day}.")
    fields = _fields(m, m.do.form)
    return Sheet(
        m.do.form, (Section("", tuple(replace(f, help=help_.format(day=m.reader.day(until))) for f in fields)),)
    )


def _collect(m: Matter) -> Sheet:
    """A package: the visit, then the questions by facility. Its files are added where it is handed in."""
    say = m.reader.say
    leave: tuple[str, ...] = ("answers", "evidence")
    fixed: dict[str, Any] = {"evidence": [], "answers": []}
    if m.do.name == "submit":
        leave, fixed = (*leave, "how"), fixed | {"how": "outsourced"}
    elif m.do.name == "collect" and m.dossier.opening["path"] != "desk":
        leave, fixed = (*leave, "how"), fixed | {"how": "own"}
    fields = [replace(f, preset=_preset(m, f.name), help=say("Name and position, for example Mr Han, owner.") if f.name == "host" else "")
              for f in _fields(m, m.do.form, leave=leave)]  # fmt: skip
    asked = tuple(questions(m.dossier, m.book, m.reader, m.do.name, m.file.sight))
    visit = [f for f in fields if f.name != "own_level"]
    level = [replace(f, help=say("By what you have seen yourself.")) for f in fields if f.name == "own_level"]
    last = (Section(say("Your level"), tuple(level)),) if level else ()
    return Sheet(m.do.form, (Section(say("The visit"), tuple(visit)), *asked, *last), fixed,
                 needs=needs(m.do.name, m.dossier, m.book, m.reader))  # fmt: skip


def _preset(m: Matter, name: str) -> str:
    return {"visited_on": m.asking.day, "how": "desk"}.get(name, "")


def _impose(m: Matter) -> Sheet:
    say = m.reader.say
    facilities = m.asking.db.rows(
        "SELECT id, product, currency FROM facility WHERE borrower = ? ORDER BY id", m.s.subject
    )
    which = (("", say("All facilities")), *((id_, f"{id_}, {p}, {c}") for id_, p, c in facilities))

    def rows(name: str, form: type[Form], title: str, kinds: Choices) -> tuple[Row, ...]:
        return tuple(Row(title.format(n=n + 1), tuple(_fields(m, form, f"{name}.{n}.", kind=kinds, facility=which)))
                     for n in range(m.rows(name, 1)))  # fmt: skip

    def settle(read: Read) -> None:
        said = read.payload
        for n, each in zip(read.numbers["restrictions"], said["restrictions"], strict=True):
            limits = m.book.restrictions[each["kind"]].gate == "limit"
            if limits and not each.get("cap"):
                read.wrong[f"restrictions.{n}.cap"] = say("Write an amount, for example 120,000,000.")
            elif each.get("cap") and not limits:
                read.wrong[f"restrictions.{n}.cap"] = say("This restriction has no limit: leave it empty.")
        if not said["restrictions"] and not said["orders"]:
            read.wrong["restrictions.0.kind"] = say(
                "Choose a restriction or an order; with neither, decide on no measure."
            )

    restricted = rows("restrictions", forms.Restriction, say("Restriction {n}"), codes(m.book.restrictions))
    ordered = rows("orders", forms.CorrectionOrder, say("Order {n}"), codes(m.book.orders))
    return Sheet(forms.Imposition, (
        Section(say("Restrictions"), (Rows("restrictions", restricted, say("Add a restriction"), 0,
                say("Each binds when another credit manager has confirmed it. Write a limit only for a restriction that has one.")),)),
        Section(say("Orders to the account manager"), (Rows("orders", ordered, say("Add an order"), 0,
                say("The policy book sets the deadline of each.")),)),
        Section("", tuple(_fields(m, forms.Imposition)))), settle=settle)  # fmt: skip


_SPECIAL: Mapping[tuple[str, str], Callable[[Matter], Sheet]] = {
    ("inspection", "conclude"): _conclude, ("inspection", "check"): _check, ("inspection", "return"): _back,
    ("inspection", "send_back"): _back, ("inspection", "verify"): _judge, ("inspection", "disagree"): _judge,
    ("inspection", "nobody_met"): _unmet,
    ("inspection", "submit"): _collect, ("inspection", "collect"): _collect, ("inspection", "record"): _collect,
    ("inspection", "impose"): _impose,
}  # fmt: skip


def presets(asked: Sheet) -> Iterator[tuple[str, str]]:
    return ((f.name, f.preset) for f in asked.fields if f.preset)
