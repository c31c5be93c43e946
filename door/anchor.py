"""Anchors: once a business date, a Merkle root over the heads of all streams, signed with a key kept elsewhere.

A chain shows what was changed inside it; a signed anchor shows that a chain was made anew, cut off, or taken away.
Each anchor lists only the heads that moved since the one before; the root is over all. docs/journal.md has the bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from door.command import Clock
from door.db import Db, Row
from door.journal import ZERO, canonical
from door.keyfile import make

Head = tuple[str, int, str]
Sign = Callable[[bytes], str]
Verify = Callable[[bytes, str], bool]
COLUMNS = ("business_date", "streams", "root", "previous", "signature", "heads")
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM anchor"
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Anchor:
    """`previous` is the SHA-256 of the statement before (zeros for the first); `signature` is hex, over the
    statement; `heads` is canonical JSON: [[stream, seq, hash], …] of what moved, by stream."""

    business_date: str
    streams: int
    root: str
    previous: str
    signature: str
    heads: str

    def statement(self) -> bytes:
        """The bytes that are signed, and that the next anchor's `previous` is the SHA-256 of."""
        return canonical({"business_date": self.business_date, "previous": self.previous, "root": self.root,
                          "streams": self.streams}).encode()  # fmt: skip

    def row(self) -> Row:
        return (self.business_date, self.streams, self.root, self.previous, self.signature, self.heads)


def follows(before: Anchor | None) -> str:
    """What `previous` must be after that anchor."""
    return ZERO if before is None else _sha256(before.statement()).hexdigest()


class Tree:
    """The Merkle tree of RFC 6962 over the heads: a leaf is SHA-256(00 ‖ JSON of [stream, seq, hash]), a node
    SHA-256(01 ‖ left ‖ right). A stream's leaf stays where it first came in (an anchor's new streams by name), so
    that an anchor costs what moved and not what stands."""

    def __init__(self) -> None:
        self.at: dict[str, tuple[int, int]] = {}  # stream: leaf, seq
        self.levels: list[list[bytes]] = [[]]

    def put(self, heads: Iterable[Head]) -> str:
        """Takes the heads in; the root as hex."""
        leaves = self.levels[0]
        moved = set()
        for head in heads:
            stream, seq, _ = head
            leaf = _sha256(b"\0" + orjson.dumps(head)).digest()
            i = self.at.get(stream, (len(leaves), 0))[0]
            self.at[stream] = (i, seq)
            leaves[i : i + 1] = [leaf]
            moved.add(i)
        level = 0
        while len(below := self.levels[level]) > 1:
            level += 1
            if level == len(self.levels):
                self.levels.append([])
            above, moved = self.levels[level], {i >> 1 for i in moved}
            for i in sorted(moved):
                pair = below[2 * i : 2 * i + 2]
                above[i : i + 1] = [_sha256(b"\1" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]]
        return (self.levels[-1][0] if self.at else _sha256().digest()).hex()


def anchors(db: Db) -> Iterator[Anchor]:
    """All anchors, from the first on."""
    for (date,) in db.rows("SELECT business_date FROM anchor ORDER BY business_date"):
        yield Anchor(*db.rows(f"{_SELECT} WHERE business_date = ?", date)[0])


def newest(db: Db, before: str, n: int) -> list[Anchor]:
    """So many anchors of earlier business dates, the newest first, without the heads that they list."""
    rows = db.rows("SELECT business_date, streams, root, previous, signature, '' FROM anchor WHERE business_date < ? "
                   "ORDER BY business_date DESC LIMIT ?", before, n)  # fmt: skip
    return [Anchor(*row) for row in rows]


def anchor(db: Db, clock: Clock, sign: Sign) -> Anchor:
    """The anchor of the business date, made if there is none. An anchor is never replaced, and none is put in before
    another: for an earlier date the next later one is the answer."""
    while True:
        with db.snapshot():
            if rows := db.rows(f"{_SELECT} WHERE business_date >= ? ORDER BY business_date LIMIT 1",
                               clock.business_date):  # fmt: skip
                return Anchor(*rows[0])
            made, before = _made(db, clock.business_date, sign)
        with db.transaction():
            if db.dialect == "postgresql":
                db.run("LOCK TABLE anchor IN EXCLUSIVE MODE")
            if _newest(db) == (before.business_date if before else None):
                db.insert("anchor", COLUMNS, [made.row()])
                return made


def _newest(db: Db) -> str | None:
    newest: str | None = db.rows("SELECT max(business_date) FROM anchor")[0][0]
    return newest


def _made(db: Db, business_date: str, sign: Sign) -> tuple[Anchor, Anchor | None]:
    """The anchor over the heads as they stand, and the one before it. A head that vanished or went back stays as it
    was anchored: that is for the audit to name."""
    tree, before = Tree(), None
    for before in anchors(db):
        tree.put(read(before.heads))
    moved: list[Head] = []
    for block in db.stream("SELECT stream, seq, head FROM cases UNION ALL SELECT name, seq, head FROM stream"):
        moved += [head for head in block if head[1] > tree.at.get(head[0], (0, 0))[1]]
    moved.sort()
    root = tree.put(moved)
    unsigned = Anchor(business_date, len(tree.at), root, follows(before), "", canonical(moved))
    return replace(unsigned, signature=sign(unsigned.statement())), before


def read(heads: str) -> Sequence[Head]:
    """The heads of an anchor. Raises ValueError where it is no list of (stream, seq, hash)."""
    found = []
    for stream, seq, hash_ in orjson.loads(heads):
        if not (isinstance(stream, str) and isinstance(seq, int) and isinstance(hash_, str)):
            raise ValueError(f"no head: {stream!r}, {seq!r}, {hash_!r}")
        found.append((stream, seq, hash_))
    return found


# -- the key ------------------------------------------------------------------------------------------------------


def signer(path: Path) -> Sign:
    """Signs (Ed25519) with the private key in the file, which is made on first use, for its owner alone (0600), with
    the public key beside it (`.pub`, PEM). It belongs where those who can write to the database can't read."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        make(path, key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
    key = _private(path)
    public = path.with_suffix(".pub")
    if not public.exists():
        shown = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
        make(public, shown, 0o644)
    return lambda statement: key.sign(statement).hex()


def verifier(path: Path) -> Verify:
    """Checks signatures with a public key in PEM. Raises ValueError where the file holds none."""
    key = _public(path)

    def verify(statement: bytes, signature: str) -> bool:
        try:
            key.verify(bytes.fromhex(signature), statement)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def fingerprint(path: Path) -> str:
    """SHA-256 of the public key in a file (of its DER, as `openssl pkey -pubin -outform DER` gives it)."""
    der = _public(path).public_bytes(pem.Encoding.DER, pem.PublicFormat.SubjectPublicKeyInfo)
    return _sha256(der).hexdigest()


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = pem.load_pem_public_key(path.read_bytes())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path} holds no Ed25519 public key: name the .pub file that stands beside the signing key.")
    return key


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = pem.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):  # no PEM; or one behind a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(
            f"{path} holds no Ed25519 private key without password: name another file; a new key is made there."
        )
    return key
