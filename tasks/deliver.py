"""Delivery: queued messages go out over their channels, at least once, always under the same Message-ID.

Whoever takes a message moves its `next_at` on, conditionally on the old value: of two deliveries one wins, and what a
killed one had taken falls due again when its lease is over. A letter is written when it is sent, from what is open at
that moment; its token is made then and stored nowhere. A message to a person without a channel waits until he has one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from door import store
from door.db import Db, Row, one
from door.fold import State
from models.policy import Letters, PolicyError
from tasks import books
from tasks.address import STILL_OPEN, scheme
from tasks.channel import Failure, hand_over
from tasks.letters import LINK_PLACE, Letter, Line, alarm, written
from tasks.token import Token, make

WAITS = (1, 5, 15, 60, 240, 1440)  # minutes after each failed try, at most; one more try than waits
LEASE = timedelta(minutes=20)  # longer than a block of letters can take when each runs into every timeout
#: A message `m` has somewhere to go: its person has a channel of that kind, or any where it names none.
REACHES = (
    "EXISTS (SELECT 1 FROM channel k WHERE k.person = m.person "
    "AND (m.channel = '' OR substr(k.url, 1, length(m.channel) + 3) = m.channel || '://'))"
)
BLOCK = 8  # letters taken at once, per worker
LINK_DAYS = 14  # a link lives until its item's deadline, at least a day, at most so long


@dataclass(frozen=True)
class Post:
    """How this installation sends: the bank's name as letters give it; the secret of its tokens; the secrets that
    channel URLs name; `link(token)` the address of the page (without a token: the inbox); `operations` that of the page
    of operations; waits in minutes; what a letter `tells` of a borrower."""

    bank: str
    secret: bytes
    link: Callable[[str], str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    waits: tuple[int, ...] = WAITS
    workers: int = 4
    operations: str = ""
    tells: Letters = field(default_factory=Letters)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a delivery did. `later`: failed, to be tried again; `dropped`: nothing in it was open any more;
    `waiting`: for their person to have a channel."""

    sent: int = 0
    later: int = 0
    dead: int = 0
    dropped: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message that is ours for the lease; without a letter there is nothing left to say."""

    id: str
    tries: int
    url: str | None
    letter: Letter | None


def send(db: Db, now: Callable[[], str], on: str, post: Post, jitter: Callable[[], float]) -> Sent:
    """Sends what is due at the call, in blocks, so many at once as there are workers; each is marked as soon as it was
    taken over. `now` is the recorded clock, `on` the business date, `jitter` gives numbers in [0, 1)."""
    until, counts = now(), dict.fromkeys(("sent", "later", "dead", "dropped"), 0)
    with ThreadPoolExecutor(post.workers) as pool:
        while (block := _take(db, until, now(), on, post)) is not None:
            for m in block:
                if m.letter is None:
                    counts[_mark(db, m, "dropped", "Everything in it was decided before it was sent.", now())] += 1
            for m, failure in _handed_over(pool, block, post):
                counts[_answered(db, m, failure, now(), post, jitter)] += 1
    return Sent(**counts, waiting=sum(n for _, n in unreached(db)))


def _handed_over(
    pool: ThreadPoolExecutor, block: Sequence[_Taken], post: Post
) -> Iterator[tuple[_Taken, Failure | None]]:
    """Each message that has a letter and an address, with its answer, as it comes.

    The next starts only when the one before it is marked, so that never more than there are workers are out and not
    yet known to be."""
    todo = ((m, m.url, m.letter) for m in block if m.url and m.letter)
    out: dict[Future[Failure | None], _Taken] = {}
    while True:
        for m, url, letter in islice(todo, post.workers - len(out)):
            out[pool.submit(hand_over, url, post.secrets, m.id, letter)] = m
        if not out:
            return
        job = next(iter(wait(out, return_when=FIRST_COMPLETED).done))
        yield out[job], job.result()
        del out[job]


def _answered(db: Db, m: _Taken, failure: Failure | None, now: str, post: Post, jitter: Callable[[], float]) -> str:
    if failure is None:
        return _mark(db, m, "sent", "", now)
    if failure.final or m.tries > len(post.waits):
        return _mark(db, m, "dead", failure.says, now)
    again = later(now, pause(m.tries, post.waits, jitter()))
    db.run("UPDATE message SET next_at = ?, error = ? WHERE id = ? AND state = 'queued'", again, failure.says, m.id)
    return "later"


def _mark(db: Db, m: _Taken, state: str, error: str, now: str) -> str:
    sent_at = now if state == "sent" else None
    db.run("UPDATE message SET state = ?, error = ?, sent_at = ? WHERE id = ? AND state = 'queued'",
           state, error, sent_at, m.id)  # fmt: skip
    return state


def pause(tries: int, waits: Sequence[int], jitter: float) -> float:
    """Seconds until the next try after so many: anything up to the wait in force (full jitter), at least one."""
    return max(1.0, jitter * 60 * waits[tries - 1])


def later(now: str, seconds: float) -> str:
    """The instant so many seconds after another, in the journal's form."""
    at = datetime.fromisoformat(now).astimezone(UTC) + timedelta(seconds=seconds)
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# -- taking and writing -------------------------------------------------------------------------------------------


def _take(db: Db, until: str, now: str, on: str, post: Post) -> list[_Taken] | None:
    """The next block of what is due, ours by conditional update; None when nothing is due."""
    due = db.rows(
        "SELECT m.id, m.person, m.channel, m.tries, m.next_at, p.name, p.language FROM message m "
        f"JOIN person p ON p.id = m.person WHERE m.state = 'queued' AND m.next_at <= ? AND {REACHES} "
        "ORDER BY m.next_at, m.id LIMIT ?",
        until, BLOCK * post.workers)  # fmt: skip
    if not due:
        return None
    lines, alerts, urls = _lines(db, due, on, now, post), _alerts(db, due), _urls(db, due)
    lease, asked = later(now, LEASE.total_seconds()), []
    for id_, person, channel, tries, next_at, name, language in due:  # written before the lock, not under it
        letter, record = None, Letter("", "", "")
        if found := lines.get(id_):
            letter = written(name, found, language, post.bank, on, post.link(""))
            unlinked = [replace(line, link=LINK_PLACE) for line in found]
            record = written(name, unlinked, language, post.bank, on, LINK_PLACE)
        elif alert := alerts.get(id_):
            flow, what, says, at = alert
            letter = record = alarm(name, flow, what, says, at, language, post.bank, post.operations)
        url = next((u for u in urls.get(person, ()) if channel in ("", scheme(u))), None)
        asked.append((_Taken(id_, tries + 1, url, letter), (lease, record.subject, record.text, id_, next_at)))
    with db.transaction():
        return [taken for taken, values in asked if db.run(_TAKE, *values)]


_TAKE = (
    "UPDATE message SET next_at = ?, tries = tries + 1, subject = ?, body = ? "
    "WHERE id = ? AND state = 'queued' AND next_at = ?"
)


def _urls(db: Db, due: Sequence[Row]) -> dict[str, list[str]]:
    where, persons = store.among(db, "person", {row[1] for row in due})
    urls: dict[str, list[str]] = {}
    for person, url in db.rows(f"SELECT person, url FROM channel WHERE {where} ORDER BY url", persons):
        urls.setdefault(person, []).append(url)
    return urls


def _alerts(db: Db, due: Sequence[Row]) -> dict[str, Row]:
    """By message, the alert that it tells of: flow, what, what Prefect says, when."""
    where, ids = store.among(db, "t.message", [row[0] for row in due])
    return {id_: tuple(alert) for id_, *alert in db.rows(
        "SELECT t.message, a.flow, a.what, a.says, a.at FROM alerted t JOIN alert a ON a.flow_run = t.flow_run "
        f"AND a.what = t.what WHERE {where}", ids)}  # fmt: skip


def _lines(db: Db, due: Sequence[Row], on: str, now: str, post: Post) -> dict[str, list[Line]]:
    """By message, what of it is still to be told: one line a case, each with its own link."""
    where, ids = store.among(db, "n.message", [row[0] for row in due])
    rows = db.rows(
        "SELECT n.message, n.kind, c.id, c.process, c.step, c.seq, c.head, c.subject, coalesce(b.name, ''), "
        "coalesce(u.name, ''), coalesce(i.role, ''), coalesce(i.round, 0), i.due_on, i.owner, i.whose, i.holder "
        "FROM told n JOIN cases c ON c.id = n.case_id LEFT JOIN item i ON i.case_id = c.id "
        "LEFT JOIN borrower b ON b.id = c.subject LEFT JOIN unit u ON u.id = b.unit "
        f"WHERE {where} AND (n.kind = 'lifted' OR (n.kind = 'restriction' AND c.closed_on IS NULL) OR {STILL_OPEN}) ORDER BY n.seq",
        ids)  # fmt: skip
    managers = store.managers(db, {row[7] for row in rows}, on)
    where, persons = store.among(db, "id", {p for r in rows for p in (r[13], r[15], managers.get(r[7])) if p})
    names: dict[str, str] = dict(db.rows(f"SELECT id, name FROM person WHERE {where}", persons))
    reader = {row[0]: row[1] for row in due}
    found: dict[str, dict[int, Line]] = {}
    for row in rows:
        line = _line(row, reader[row[0]], managers.get(row[7]), names)
        days = _link_days(line.due_on, on)
        expires = int(datetime.fromisoformat(now).timestamp()) + days * 86400
        token = make(Token(row[2], row[5], reader[row[0]], row[11], row[6], expires), post.secret)
        found.setdefault(row[0], {})[line.case] = replace(
            line, full=post.tells.borrower == "full", link=post.link(token), days=days
        )
    return {id_: _about(db, list(lines.values()), post.tells) for id_, lines in found.items()}


def _link_days(due_on: str | None, on: str) -> int:
    left = (date.fromisoformat(due_on) - date.fromisoformat(on)).days if due_on else LINK_DAYS
    return max(1, min(LINK_DAYS, left))


def _line(row: Row, person: str, manager: str | None, names: Mapping[str, str]) -> Line:
    _, kind, case, process, step, _, _, _, borrower, unit, role, _, due_on, owner, whose, holder = row
    turn = holder or owner or (manager if whose else None)
    if kind in _TOLD:
        why = _TOLD[kind]
    elif turn is None:
        why = "why_role"
    elif turn != person:
        why = "why_deputy"
    else:
        why = "why_holder" if holder else "why_manager" if turn == manager else "why_owner"
    return Line(case, kind, process, step, "", borrower, unit, role, due_on, why, names.get(turn or "", ""))


_TOLD = {"late": "why_told", "nobody": "why_operations", "restriction": "why_manager", "lifted": "why_manager"}


def _about(db: Db, lines: list[Line], tells: Letters) -> list[Line]:
    """A letter about one case also says of which kind it is, and at which level where that may be told."""
    if len(lines) > 1:
        return lines
    state = store.read_case(db, lines[0].case)
    if state is None:
        return lines
    level = _level(db, state, lines[0]) if tells.level == "yes" else None
    return [replace(_measured(db, state, lines[0]), about=str(state.facts.get("kind", "")), level=level)]


def _measured(db: Db, s: State, line: Line) -> Line:
    """Of a restriction or an order what its kind means by its own book, and who proposed or issued it, or its lifting."""
    if s.process not in ("control", "order"):
        return line
    try:
        book = books.book(db, s.book)
        rule = (book.restrictions if s.process == "control" else book.orders).get(s.facts["kind"])
    except PolicyError:  # then its code has to do
        rule = None
    asked = one(db.rows("SELECT p.name, e.business_date FROM entry e JOIN person p ON p.id = e.person WHERE e.stream = ? "
                        "AND e.action IN ('propose', 'issue', 'ask_lift') ORDER BY e.seq DESC LIMIT 1", s.stream))  # fmt: skip
    by, on = asked or ("", "")
    return replace(line, says=rule.says if rule else "", by=by, by_on=str(on))


def _level(db: Db, s: State, line: Line) -> int | None:
    """As concluded, else as proposed; of a restriction or an order that of the inspection it came from. None for a vendor,
    and for who is to come to a level by himself."""
    if line.role == "inspector" or s.step in ("verify_site", "revisit"):
        return None
    origin = store.read_case(db, s.parent) if s.parent is not None else s
    facts = origin.facts if origin else {}
    return facts.get("level", facts.get("proposed_level"))


# -- the outbox ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A message that is not out: to whom, over what, about how many notices, and why not yet."""

    id: str
    person: str
    name: str
    channel: str
    notices: int
    state: str
    tries: int
    next_at: str
    subject: str
    error: str


def outbox(db: Db) -> tuple[dict[str, int], list[Letterbox]]:
    """How many messages there are in each state (and `open`: notices not yet addressed), and those that are queued or
    dead, the dead first."""
    counts = dict.fromkeys(("queued", "sent", "dead", "dropped"), 0)
    counts |= dict(db.rows("SELECT state, count(*) FROM message GROUP BY state"))
    counts["open"] = db.rows("SELECT count(*) FROM notice WHERE message IS NULL")[0][0]
    rows = db.rows(
        "SELECT m.id, m.person, p.name, m.channel, (SELECT count(*) FROM told t WHERE t.message = m.id), m.state, "
        f"m.tries, m.next_at, m.subject, CASE WHEN m.state = 'dead' OR {REACHES} THEN m.error ELSE 'no channel yet' END "
        "FROM message m JOIN person p ON p.id = m.person "
        "WHERE m.state IN ('queued', 'dead') ORDER BY m.state, m.next_at, m.id")  # fmt: skip
    return counts, [Letterbox(*row) for row in rows]


def queued(db: Db) -> bool:
    """Whether there is anything to send, now or at a later try."""
    return bool(db.rows(f"SELECT 1 FROM message m WHERE m.state = 'queued' AND {REACHES} LIMIT 1"))


def unreached(db: Db) -> list[tuple[str, int]]:
    """Who has no channel for what he is to be told, and how many messages wait for one."""
    return [(person, n) for person, n in db.rows(
        f"SELECT m.person, count(*) FROM message m WHERE m.state = 'queued' AND NOT {REACHES} "
        "GROUP BY m.person ORDER BY m.person")]  # fmt: skip


def requeue(db: Db, now: str, message: str | None = None) -> int:
    """Dead messages are to be tried again from the start, all or the one; how many."""
    return db.run("UPDATE message SET state = 'queued', tries = 0, next_at = ? "
                  "WHERE state = 'dead' AND (? = '' OR id = ?)", now, message or "", message or "")  # fmt: skip
