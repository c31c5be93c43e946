"""Payload forms of a run: all that its decisions depended on, and what it left. By them it is replayed."""

from models.forms import Date, DueRow, Name, Whole
from models.process import Form


class Engaged(Form):
    """A vendor under contract on the run's date, for a product and a unit ('*': any), and its inspectors."""

    vendor: Name
    product: str
    unit: str
    per_day: Whole
    inspectors: tuple[Name, ...]


class Related(Form):
    """An inspector's declared relation to a borrower."""

    inspector: Name
    borrower: Name


class RunInputs(Form):
    """Everything that a run's decisions depend on besides the journal of the cases themselves: SHA-256 of snapshot,
    facilities' conditions and book (empty: none), versions of code and libraries, the hash of the quarter's secret, the
    vendors engaged and their inspectors' declared relations, who is new (`sampling.new_first` of the book), and the
    cases that the draw's top-up chose."""

    stage: Name
    as_of: Date
    partition: str = ""
    snapshot: str = ""
    conditions: str = ""
    book: str = ""
    code: str
    libraries: str
    secret_hash: str = ""
    vendors: tuple[Engaged, ...] = ()
    related: tuple[Related, ...] = ()
    top_up: tuple[Whole, ...] = ()
    newcomers: tuple[Name, ...] = ()


class Decided(DueRow):
    """A due row that started no case: skipped (by the catch-up policy), or merged into an open case."""

    case_id: Whole | None = None


class Count(Form):
    """How many entries of one action the run made."""

    action: str
    n: Whole


class SetAside(Form):
    """Due rows that the run does not start: many are said in several entries, before its end."""

    due: tuple[Decided, ...]


class RunResult(Form):
    """Counts by action, a digest over the hashes of what the run wrote, and the last of the due rows it did not start."""

    counts: tuple[Count, ...]
    digest: str
    due: tuple[Decided, ...] = ()
