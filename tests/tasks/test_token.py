"""The link's token: what was put in comes out, and nothing else is ever believed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from door.command import Refused
from tasks.token import Token, make, read

SECRET = b"0123456789abcdef"
AT = 1_800_000_000
tokens = st.builds(
    Token,
    case=st.integers(1, 2**53 - 1),
    seq=st.integers(1, 10_000),
    person=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,79}", fullmatch=True),
    round=st.integers(0, 99),
    digest=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    expires=st.integers(AT + 1, AT + 10**8),
)


def now(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@given(tokens)
def test_a_token_says_what_was_put_in_and_stands_in_a_url_as_it_is(token: Token) -> None:
    text = make(token, SECRET)
    assert read(text, SECRET, now(AT)) == token
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(tokens, st.data())
def test_a_token_with_any_character_changed_added_or_left_out_is_false(token: Token, data: st.DataObject) -> None:
    text = make(token, SECRET)
    place = data.draw(st.integers(0, len(text)))
    rest = data.draw(st.integers(0, 3))
    other = text[:place] + data.draw(st.text(max_size=3)) + text[place + rest :]
    if other != text:
        assert read(other, SECRET, now(AT)) == Refused("link_false")


@given(tokens, tokens)
def test_the_signature_of_one_token_does_not_serve_another(one: Token, another: Token) -> None:
    body, mac = make(one, SECRET).split(".")[0], make(another, SECRET).split(".")[1]
    assert isinstance(read(f"{body}.{mac}", SECRET, now(AT)), Refused) or one == another


@given(tokens)
def test_another_installations_secret_makes_no_token_of_ours(token: Token) -> None:
    assert read(make(token, SECRET[::-1]), SECRET, now(AT)) == Refused("link_false")


@given(st.text())
def test_whatever_is_sent_as_a_token_is_refused_not_crashed_on(text: str) -> None:
    assert read(text, SECRET, now(AT)) == Refused("link_false")


@given(tokens)
def test_a_token_ends_with_its_last_second_on_the_recorded_clock(token: Token) -> None:
    text = make(token, SECRET)
    assert read(text, SECRET, now(token.expires - 1)) == token
    refused = read(text, SECRET, now(token.expires))
    assert isinstance(refused, Refused)
    assert refused.code == "link_expired"


def test_a_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        make(Token(1, 1, "kim", 1, "0" * 64, AT), b"short")
