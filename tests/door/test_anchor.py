"""Anchors: a signed Merkle root over all heads, once a date, with a key outside the database."""

import hashlib
import threading
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from door.anchor import Anchor, Tree, anchor, anchors, signer, verifier
from door.audit import check_anchors
from door.db import Db, connect
from tests.door.bank import Bank


def by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + by_the_book(leaves[:k]) + by_the_book(leaves[k:])).digest()


@given(st.lists(st.dictionaries(st.integers(0, 60).map(str), st.integers(1, 9), max_size=20), max_size=8))
def test_a_tree_that_grows_has_the_root_that_the_rfc_gives(batches: list[dict[str, int]]) -> None:
    tree, known = Tree(), {}
    for batch in batches:
        heads = sorted((stream, seq, "ab" * 32) for stream, seq in batch.items())
        root = tree.put(heads)
        known.update({head[0]: orjson.dumps(head) for head in heads})
        assert root == by_the_book(list(known.values())).hex()


def test_an_anchor_lists_what_moved_and_its_root_is_over_all(bank: Bank, tmp_path: Path) -> None:
    sign = signer(tmp_path / "anchor.key")
    first_case = bank.inspection("collect", "B1")
    first = anchor(bank.db, bank.clock(), sign)
    bank.day = "2026-01-06"
    second_case = bank.inspection("collect", "B2")
    second = anchor(bank.db, bank.clock(), sign)
    assert [head[0] for head in orjson.loads(first.heads)] == [f"case:{first_case}"]
    assert [head[0] for head in orjson.loads(second.heads)] == [f"case:{second_case}"]
    assert (first.streams, second.streams) == (1, 2)
    leaves = [orjson.dumps(orjson.loads(one.heads)[0]) for one in (first, second)]
    assert second.root == by_the_book(leaves).hex()
    assert list(anchors(bank.db)) == [first, second]


def test_a_date_has_one_anchor_and_it_is_never_replaced(bank: Bank, tmp_path: Path) -> None:
    sign = signer(tmp_path / "anchor.key")
    bank.inspection("collect", "B1")
    first = anchor(bank.db, bank.clock(), sign)
    bank.inspection("collect", "B2")
    assert anchor(bank.db, bank.clock(), sign) == first
    bank.day = "2026-01-02"
    assert anchor(bank.db, bank.clock(), sign) == first
    assert len(list(anchors(bank.db))) == 1


def test_two_that_anchor_at_once_get_the_same_anchor(url: str, bank: Bank, tmp_path: Path) -> None:
    sign, clock = signer(tmp_path / "anchor.key"), bank.clock()
    bank.inspection("collect", "B1")
    together, made = threading.Barrier(2), []

    def at_once() -> None:
        with connect(url) as db:
            together.wait(120)
            made.append(anchor(db, clock, sign))

    pair = [threading.Thread(target=at_once) for _ in range(2)]
    for one in pair:
        one.start()
    for one in pair:
        one.join(60)
    assert made == [*anchors(bank.db)] * 2


def test_an_empty_journal_can_be_anchored(db: Db, tmp_path: Path) -> None:
    first = anchor(db, Bank(db).clock(), signer(tmp_path / "anchor.key"))
    assert first.root == hashlib.sha256(b"").hexdigest()
    assert check_anchors(db, verifier(tmp_path / "anchor.pub"), {}) == (1, first.root, [])


def test_the_key_is_made_once_for_its_owner_alone_and_the_public_key_suffices_to_check(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "anchor.key"
    signature = signer(path)(b"statement")
    assert path.stat().st_mode & 0o777 == 0o600
    assert signer(path)(b"statement") == signature
    verify = verifier(path.with_suffix(".pub"))
    assert verify(b"statement", signature)
    assert not verify(b"Statement", signature)
    assert not verify(b"statement", "00" * 64)
    assert not verify(b"statement", "no hex")
    assert signer(tmp_path / "other.key")(b"statement") != signature


def test_a_file_that_holds_another_kind_of_key_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = X25519PrivateKey.generate()
    (tmp_path / "a.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "a.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ValueError, match="holds no Ed25519 private key"):
        signer(tmp_path / "a.key")
    with pytest.raises(ValueError, match="holds no Ed25519 public key"):
        verifier(tmp_path / "a.pub")
    with pytest.raises(ValueError, match="holds no Ed25519 public key"):
        verifier(tmp_path / "a.key")


def test_an_anchor_signed_with_another_key_is_named(bank: Bank, tmp_path: Path) -> None:
    bank.inspection("collect", "B1")
    made: Anchor = anchor(bank.db, bank.clock(), signer(tmp_path / "mallory.key"))
    signer(tmp_path / "anchor.key")
    _, _, faults = check_anchors(bank.db, verifier(tmp_path / "anchor.pub"), {})
    assert [(fault.stream, fault.code) for fault in faults] == [(f"anchor:{made.business_date}", "signature")]
