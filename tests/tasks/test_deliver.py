"""Delivery through Apprise to a real SMTP server: who is told, once, what it says, and what happens when it fails."""

import logging
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from door.command import Refused
from door.db import Db, connect
from models.process import USER
from processes import PROCESSES
from tasks.address import address
from tasks.channel import hand_over
from tasks.deliver import Post, Sent, later, outbox, pause, requeue, send, unreached
from tasks.letters import Letter, Line, clean, masked, written
from tasks.token import Token, read
from tasks.words import EN, LANGUAGES
from tests.tasks.post_office import (
    DAY,
    DUE,
    NOW,
    PASSWORD,
    SECRET,
    MailServer,
    at,
    do,
    eligible,
    mail_server,
    post,
    restrict,
    staff,
)

LINK = re.compile(r"https://postloan\.example/(\S+)")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def bank(db: Db, server: MailServer) -> Db:
    staff(db, server.url)
    return db


def deliver(db: Db, now: str = NOW, on: str = DAY, jitter: float = 1.0, settings: Post | None = None) -> Sent:
    address(db, eligible, on, now)
    return send(db, lambda: now, on, settings or post(), lambda: jitter)


def text_of(mail: object) -> str:
    return mail.get_body(("plain",)).get_content()  # type: ignore[attr-defined]


def html_of(mail: object) -> str:
    return mail.get_body(("html",)).get_content()  # type: ignore[attr-defined]


def states(db: Db) -> list[str]:
    return [row[0] for row in db.rows("SELECT state FROM message ORDER BY state")]


# -- who is told of what ------------------------------------------------------------------------------------------


def test_one_item_is_one_mail_to_the_one_who_may_with_a_link_for_him_alone(bank: Db, server: MailServer) -> None:
    (case,) = restrict(bank)
    assert deliver(bank) == Sent(sent=1)
    (mail,) = server.mails()
    assert mail["To"] == "choi@example.com"  # shin proposed it and may not confirm
    assert mail["Subject"] == f"Confirm by Fri 27 Nov 2026: restriction {case}"
    assert mail["Auto-Submitted"] == "auto-generated"
    (link,) = LINK.findall(text_of(mail))
    head = bank.rows("SELECT head FROM cases WHERE id = ?", case)[0][0]
    token = read(link, SECRET, NOW)
    assert isinstance(token, Token)
    assert (token.case, token.person, token.digest) == (case, "choi", head)
    assert LINK.findall(html_of(mail)) == [f'{link}"><b>Open']
    assert deliver(bank) == Sent()  # told once


def test_thirty_items_are_one_digest_by_deadline_with_the_late_ones_counted(bank: Db, server: MailServer) -> None:
    cases = restrict(bank, 30)
    bank.run("UPDATE item SET due_on = ? WHERE case_id = ?", "2026-11-20", cases[17])
    assert deliver(bank) == Sent(sent=1)
    (mail,) = server.mails()
    assert mail["Subject"] == "30 items wait for you, 1 late"
    text = text_of(mail)
    assert [int(n) for n in re.findall(r"restriction (\d+),", text)] == [cases[17], *cases[:17], *cases[18:]]
    assert bank.rows("SELECT count(*) FROM told")[0][0] == 30


def test_each_line_of_a_digest_has_its_own_link_for_its_reader_until_its_deadline(bank: Db, server: MailServer) -> None:
    cases = restrict(bank, 3, "Hong Gil-dong")
    for case, due_on in zip(cases, ("2026-11-20", "2026-11-27", "2027-03-01"), strict=True):
        bank.run("UPDATE item SET due_on = ? WHERE case_id = ?", due_on, case)
    assert deliver(bank) == Sent(sent=1)
    (mail,) = server.mails()
    *links, inbox = LINK.findall(text_of(mail))
    assert inbox == "inbox"
    for case, link, days in zip(cases, links, (1, 3, 14), strict=True):
        token = read(link, SECRET, NOW)
        assert isinstance(token, Token)
        assert (token.case, token.person, token.round) == (case, "choi", 1)
        assert (token.seq, token.digest) == bank.rows("SELECT seq, head FROM cases WHERE id = ?", case)[0]
        end = later(NOW, days * 86400)
        assert read(link, SECRET, later(end, -1)) == token
        assert read(link, SECRET, end) == Refused("link_expired", {"expired_at": f"{end[:19]}+00:00"})
        assert f'<a href="https://postloan.example/{link}">restriction {case}, H*** Gil-dong</a>' in html_of(mail)
    assert "Each ends at its item's deadline, after 14 days at most" in " ".join(text_of(mail).split())
    assert [link.removesuffix('"><b>Open') for link in LINK.findall(html_of(mail))][-1] == "inbox"


def test_a_digest_lists_what_can_be_read_and_counts_the_rest(bank: Db, server: MailServer) -> None:
    restrict(bank, 45)
    deliver(bank)
    text = text_of(server.mails()[0])
    assert len(re.findall(r"restriction \d+,", text)) == 40
    assert len(LINK.findall(text)) == 41  # one a line, and the inbox
    assert len(server.kept[0].content or "") < 60_000  # a mail program cuts off what is twice as long
    assert "and 5 more in the inbox" in text


def test_a_service_of_short_messages_gets_a_long_digest_in_parts_and_no_link_is_cut(bank: Db) -> None:
    parts: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Chat) as chat:
        threading.Thread(target=chat.serve_forever, daemon=True).start()
        bank.run("UPDATE channel SET url = ?", f"mmost://127.0.0.1:{chat.server_port}/token")
        cases = restrict(bank, 40)
        sent = deliver(bank)
        chat.shutdown()
    assert sent == Sent(sent=1)
    assert len(parts) > 1
    assert max(map(len, parts)) <= 4000  # what Mattermost takes
    read_again = [read(link, SECRET, NOW) for part in parts for link in LINK.findall(part) if link != "inbox"]
    assert [token.case for token in read_again if isinstance(token, Token)] == cases


def test_an_item_that_several_may_do_is_told_to_each_of_them(db: Db, server: MailServer) -> None:
    staff(db, server.url, credit=("choi", "bae"))
    (case,) = restrict(db)
    assert deliver(db) == Sent(sent=2)
    assert sorted(m["To"] for m in server.mails()) == ["bae@example.com", "choi@example.com"]
    assert len(set(server.ids())) == 2
    told = db.rows("SELECT m.person FROM told t JOIN message m ON m.id = t.message WHERE t.case_id = ?", case)
    assert sorted(told) == [("bae",), ("choi",)]


def test_a_person_with_two_channels_is_told_over_both_and_each_is_tried_by_itself(bank: Db, server: MailServer) -> None:
    bank.insert("channel", ("person", "url"), [("choi", "json://127.0.0.1:9")])  # nobody listens there
    restrict(bank)
    assert deliver(bank) == Sent(sent=1, later=1)
    assert deliver(bank, at(2)) == Sent(later=1)
    assert len(server.mails()) == 1
    (waiting,) = outbox(bank)[1]
    assert (waiting.channel, waiting.tries) == ("json", 2)
    assert waiting.error != ""


def test_what_was_decided_before_it_was_addressed_is_dropped_with_the_reason(bank: Db, server: MailServer) -> None:
    (case,) = restrict(bank)
    do(bank, "choi", "reject", case, {"reason": "paid"})
    assert address(bank, eligible, DAY, NOW).dropped == 1
    assert bank.rows("SELECT message FROM notice") == [("- decided before",)]
    assert send(bank, lambda: NOW, DAY, post(), lambda: 1.0) == Sent()
    assert server.mails() == []


def test_what_was_decided_between_addressing_and_sending_is_not_sent(bank: Db, server: MailServer) -> None:
    (case,) = restrict(bank)
    address(bank, eligible, DAY, NOW)
    do(bank, "choi", "reject", case, {"reason": "paid"})
    assert send(bank, lambda: NOW, DAY, post(), lambda: 1.0) == Sent(dropped=1)
    assert server.mails() == []


def test_an_act_on_the_item_itself_does_not_make_the_notice_stale(bank: Db, server: MailServer) -> None:
    (case,) = restrict(bank)
    do(bank, "choi", "claim", case)
    do(bank, "choi", "comment", case, {"text": "I look at it tomorrow"})
    assert deliver(bank) == Sent(sent=1)
    assert "You have claimed it" in text_of(server.mails()[0])


def test_a_digest_leaves_out_what_was_decided_meanwhile(bank: Db, server: MailServer) -> None:
    cases = restrict(bank, 3)
    address(bank, eligible, DAY, NOW)
    do(bank, "choi", "reject", cases[1], {"reason": "paid"})
    send(bank, lambda: NOW, DAY, post(), lambda: 1.0)
    assert server.mails()[0]["Subject"] == "2 items wait for you"


def test_when_nobody_may_do_it_operations_is_told(db: Db, server: MailServer) -> None:
    staff(db, server.url, credit=())
    (case,) = restrict(db)
    assert deliver(db) == Sent(sent=1)
    (mail,) = server.mails()
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", f"Nobody may confirm: restriction {case}")


def test_without_anybody_of_operations_the_notice_waits_and_is_counted(db: Db, server: MailServer) -> None:
    staff(db, server.url, credit=())
    db.run("DELETE FROM role_grant WHERE role = 'operations'")
    restrict(db)
    assert address(db, eligible, DAY, NOW).waiting == 1
    assert outbox(db)[0]["open"] == 1
    db.insert("role_grant", ("person", "role", "since"), [("ops", "operations", "2026-01-01")])
    assert deliver(db) == Sent(sent=1)


def test_a_restriction_in_force_is_told_to_the_manager_of_the_borrower(bank: Db, server: MailServer) -> None:
    (case,) = restrict(bank)
    do(bank, "choi", "confirm", case)
    deliver(bank)
    told = {m["To"]: m["Subject"] for m in server.mails()}
    assert told.pop("park@example.com") == f"In force: restriction {case}"
    assert set(told) == {"choi@example.com"}


def test_its_lifting_is_told_to_him_too(db: Db, server: MailServer) -> None:
    staff(db, server.url, credit=("choi", "jung"))
    (case,) = restrict(db)
    do(db, "choi", "confirm", case)
    do(db, "choi", "ask_lift", case, {"reason": "Put right."})
    do(db, "jung", "lift", case)
    deliver(db)
    assert {m["To"]: m["Subject"] for m in server.mails()} == {"park@example.com": f"Lifted: restriction {case}"}


def test_a_reminder_goes_to_the_one_whose_turn_it_is_and_a_late_item_also_to_whom_the_ladder_names(
    bank: Db, server: MailServer
) -> None:
    (case,) = restrict(bank)
    deliver(bank)
    seq = bank.rows("SELECT seq FROM cases")[0][0]
    notices = [(case, seq + 1, "remind", None, NOW), (case, seq + 2, "remind", "park", NOW)]
    bank.insert("notice", ("case_id", "seq", "kind", "person", "at"), notices)
    assert deliver(bank, on="2026-11-30") == Sent(sent=2)
    told = {m["To"]: m for m in server.mails()[1:]}
    assert told["choi@example.com"]["Subject"] == f"Late by 3 days: confirm restriction {case}"
    assert "Reminder:" in text_of(told["choi@example.com"])
    assert told["park@example.com"]["Subject"] == f"Late by 3 days, with another: restriction {case}"


def test_what_was_handed_on_since_is_not_told_to_the_one_who_had_it(db: Db, server: MailServer) -> None:
    staff(db, server.url, credit=("choi", "bae"))
    (case,) = restrict(db)
    do(db, "choi", "delegate", case, {"to": "bae", "reason": "away"})
    address(db, eligible, DAY, NOW)
    assert db.rows("SELECT person FROM message") == [("bae",)]


# -- what it says -------------------------------------------------------------------------------------------------


def test_a_korean_letter_can_be_read_after_decoding(db: Db, server: MailServer) -> None:
    staff(db, server.url, language="ko")
    (case,) = restrict(db, name="새별정밀㈜")
    db.run("UPDATE person SET name = '최은지' WHERE id = 'choi'")
    deliver(db, on=DUE)
    (mail,) = server.mails()
    assert mail["Subject"] == f"오늘까지: 여신제한 {case} 확인"
    for said in (text_of(mail), html_of(mail)):
        assert "최은지 님," in said
        assert "확인할 여신제한이 있습니다." in said
        assert "오늘까지, 2026년 11월 27일 (금)" in said
        assert "새***" in said
        assert "새별" not in said
    words = re.findall(rb"=\?utf-8\?[qb]\?\S+\?=", server.kept[0].content)
    assert words
    assert max(map(len, words)) <= 75  # RFC 2047


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_of_every_process_has_its_words_in_each_language(language: str) -> None:
    words = LANGUAGES[language]
    assert words.frames.keys() == EN.frames.keys()
    for process in PROCESSES.values():
        for name, step in process.steps.items():
            if step.kind == USER:
                assert (process.name, name) in words.steps
                assert process.name in words.things
                assert step.role in words.roles
                for kind in ("item", "remind", "late", "nobody", "restriction"):
                    lines = [Line(n, kind, process.name, name, "", "", "", step.role, DUE, "why_role") for n in (1, 2)]
                    for letter in (written("Kim", lines[:1], language, "Bank", DAY, "x:"),
                                   written("Kim", lines, language, "Bank", DAY, "x:")):  # fmt: skip
                        assert not set("{}_") & set(letter.subject + letter.text)


def test_a_korean_letter_says_the_books_words_in_korean() -> None:
    line = Line(7, "item", "control", "confirm", "K1", "Saebyeol", "Seongsu", "credit_manager", None, "why_role",
                says="no drawing", by="신우진", by_on="2026-11-24")  # fmt: skip
    letter = written("최은지", [line], "ko", "Bank", DAY, "x:")
    for said in (letter.text, letter.html):
        assert "7, K1 인출정지" in said
        assert "신우진, 2026년 11월 24일 (화)" in said


def test_a_step_that_has_no_words_yet_goes_by_its_identifier() -> None:
    line = Line(7, "item", "appraisal", "sign_off", "", "", "", "head", None, "why_role")
    letter = written("Kim", [line], "en", "Bank", DAY, "x:")
    assert letter.subject == "Sign off: appraisal 7"
    assert "Sign off: an item waits for you." in letter.text


def test_no_name_amount_or_level_of_the_borrower_leaves_the_bank(bank: Db, server: MailServer) -> None:
    restrict(bank, name="Saebyeol Precision")
    restrict(bank, 3, name="Hong Gil-dong")
    deliver(bank)
    raw = "".join(text_of(m) + html_of(m) + m["Subject"] for m in server.mails())
    assert "S*** Precision" in raw
    assert "Saebyeol" not in raw
    assert "Hong" not in raw


@given(st.text(st.characters(exclude_characters="*"), min_size=1, max_size=40))  # a star is the mask itself
def test_no_name_is_shown_whole(name: str) -> None:
    shown = masked(name)
    assert len(clean(name)) < 2 or clean(name) not in shown
    assert not set(shown) & set("\r\n\t\u202e\u200b\0")


EVIL = "Choi\r\nBcc: thief@example.com\r\n\r\n<script>alert(1)</script>\u202e"


def test_a_name_can_neither_add_a_header_nor_markup(db: Db, server: MailServer) -> None:
    staff(db, server.url)
    restrict(db, name=EVIL)
    db.run("UPDATE person SET name = ?", EVIL)
    db.run("UPDATE unit SET name = ?", EVIL)
    assert deliver(db) == Sent(sent=1)
    (envelope,), (mail,) = server.kept, server.mails()
    assert envelope.rcpt_tos == ["choi@example.com"]
    assert mail["Bcc"] is None
    assert sorted(mail.keys()) == ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID",
                                   "Subject", "To"]  # fmt: skip
    assert "<script" not in html_of(mail)
    assert "\u202e" not in text_of(mail) + html_of(mail)


names = st.text(max_size=30)


@settings(
    max_examples=30,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    reader=names, borrower=names, unit=names, bank=names, whom=names, kind=st.sampled_from(["item", "late", "nobody"])
)
def test_whatever_the_names_the_server_gets_one_recipient_and_one_of_each_header(
    server: MailServer, reader: str, borrower: str, unit: str, bank: str, whom: str, kind: str
) -> None:
    line = Line(1, kind, "inspection", "review", whom, borrower, unit, "account_manager", DUE, "why_deputy", whom,
                "https://postloan.example/x", 3)  # fmt: skip
    letter = written(reader, [line], "en", bank, DAY, "https://postloan.example/inbox")
    assert hand_over(server.url("choi"), {}, "id@example.com", letter) is None
    mail = server.mails()[-1]
    assert server.kept[-1].rcpt_tos == ["choi@example.com"]
    assert len(mail.keys()) == 8
    assert (mail["Message-ID"], mail["Subject"]) == ("<id@example.com>", letter.subject)
    assert text_of(mail).split() == letter.text.split()


@pytest.mark.parametrize("items", [1, 3])
def test_the_letter_is_recorded_without_its_links(bank: Db, server: MailServer, items: int) -> None:
    restrict(bank, items)
    deliver(bank)
    ((subject, body),) = bank.rows("SELECT subject, body FROM message")
    said = text_of(server.mails()[0])
    assert body.split() == LINK.sub("<link>", said).split()
    assert subject == server.mails()[0]["Subject"]


# -- when it fails ------------------------------------------------------------------------------------------------


def test_while_the_server_is_down_the_message_waits_longer_each_time_and_then_goes(db: Db) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    staff(db, lambda p: MailServer(port).url(p))
    restrict(db)
    assert deliver(db, at(0)) == Sent(later=1)
    assert outbox(db)[1][0].next_at == at(1)
    assert "ConnectionRefused" in outbox(db)[1][0].error
    assert deliver(db, at(0.5)) == Sent()  # not yet
    assert deliver(db, at(1)) == Sent(later=1)
    assert outbox(db)[1][0].next_at == at(6)
    with mail_server() as server:
        db.run("DELETE FROM channel")
        db.insert("channel", ("person", "url"), [("choi", server.url("choi"))])  # the address is looked up when sending
        assert deliver(db, at(6)) == Sent(sent=1)
        assert len(server.mails()) == 1
    assert outbox(db)[1] == []


@given(st.integers(1, 6), st.floats(0, 1, exclude_max=True))
def test_the_pause_is_anything_up_to_the_wait_in_force_and_never_nothing(tries: int, jitter: float) -> None:
    waits = (1, 5, 15, 60, 240, 1440)
    assert 1 <= pause(tries, waits, jitter) <= 60 * waits[tries - 1]


def test_a_passing_refusal_is_tried_again_and_a_final_one_is_not(bank: Db, server: MailServer) -> None:
    server.answers += ["451 4.3.0 try later"]
    restrict(bank)
    assert deliver(bank) == Sent(later=1)
    assert outbox(bank)[1][0].error == "451 4.3.0 try later"
    server.answers += ["554 5.7.1 not wanted"]
    assert deliver(bank, at(1)) == Sent(dead=1)
    assert outbox(bank)[1][0].error == "554 5.7.1 not wanted"
    assert deliver(bank, at(100)) == Sent()
    assert requeue(bank, at(100)) == 1
    assert deliver(bank, at(100)) == Sent(sent=1)
    assert len(set(server.ids())) == 1


def test_a_recipient_who_does_not_exist_is_dead_at_once_one_greylisted_is_not(bank: Db, server: MailServer) -> None:
    server.unknown["choi@example.com"] = "450 4.2.0 greylisted"
    restrict(bank)
    assert deliver(bank) == Sent(later=1)
    server.unknown["choi@example.com"] = "550 5.1.1 no such mailbox"
    assert deliver(bank, at(1)) == Sent(dead=1)
    assert outbox(bank)[1][0].error == "550 5.1.1 no such mailbox"


def test_a_connection_that_breaks_before_the_answer_means_again_under_the_same_message_id(
    bank: Db, server: MailServer
) -> None:
    server.answers += ["drop"]
    restrict(bank)
    assert deliver(bank) == Sent(later=1)
    assert deliver(bank, at(1)) == Sent(sent=1)
    first, second = server.ids()
    assert first == second == f"<{bank.rows('SELECT id FROM message')[0][0]}>"
    assert [len(m.get_all("Message-ID")) for m in server.mails()] == [1, 1]


def test_after_the_last_try_the_message_is_dead_and_seen_in_the_outbox(bank: Db, server: MailServer) -> None:
    settings = post(waits=(1, 5))
    restrict(bank)
    server.answers += ["451 busy"] * 3
    assert deliver(bank, at(0), settings=settings) == Sent(later=1)
    assert deliver(bank, at(1), settings=settings) == Sent(later=1)
    assert deliver(bank, at(6), settings=settings) == Sent(dead=1)
    counts, (dead,) = outbox(bank)
    assert counts == {"queued": 0, "sent": 0, "dead": 1, "dropped": 0, "open": 0}
    assert (dead.person, dead.tries, dead.error) == ("choi", 3, "451 busy")
    assert requeue(bank, at(7), "another") == 0
    assert requeue(bank, at(7), dead.id) == 1
    assert deliver(bank, at(7), settings=settings) == Sent(sent=1)


def test_a_person_without_a_channel_is_seen_in_the_outbox_and_told_once_he_has_one(
    bank: Db, server: MailServer
) -> None:
    bank.run("DELETE FROM channel WHERE person = 'choi'")
    restrict(bank)
    assert deliver(bank) == deliver(bank, at(60)) == Sent(waiting=1)
    (waits,) = outbox(bank)[1]
    assert (waits.state, waits.tries, waits.error) == ("queued", 0, "no channel yet")
    assert unreached(bank) == [("choi", 1)]
    bank.insert("channel", ("person", "url"), [("choi", server.url("choi"))])
    assert deliver(bank, at(61)) == Sent(sent=1)
    assert unreached(bank) == []


def test_what_was_decided_while_it_waited_for_a_channel_is_not_told_any_more(bank: Db, server: MailServer) -> None:
    bank.run("DELETE FROM channel WHERE person = 'choi'")
    (case,) = restrict(bank)
    assert deliver(bank) == Sent(waiting=1)
    do(bank, "choi", "reject", case, {"reason": "paid"})
    bank.insert("channel", ("person", "url"), [("choi", server.url("choi"))])
    assert deliver(bank, at(1)) == Sent(dropped=1)
    assert server.mails() == []


def test_who_has_another_kind_of_channel_than_a_message_asks_for_is_waited_for_too(
    bank: Db, server: MailServer
) -> None:
    restrict(bank)
    server.answers += ["451 busy"]
    assert deliver(bank) == Sent(later=1)
    bank.run("UPDATE channel SET url = 'mailtos' || substr(url, 7) WHERE person = 'choi'")
    assert deliver(bank, at(60)) == Sent(waiting=1)


@pytest.mark.parametrize("url", ["nothing://{smtp}@here", "mailto://u:{smtp}@127.0.0.1:1/?from=post@example.com&to=x@example.com"
                                 "&smtp=127.0.0.1&mode=insecure", "mailto://{smtp}@?to=&mode=none", "json://u:{smtp}@127.0.0.1:1",
                                 "mailto://{other}@example.com", "no url at all {smtp}"])  # fmt: skip
def test_no_secret_stands_in_an_error_or_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failure = hand_over(url, {"smtp": PASSWORD}, "id@example.com", Letter("s", "t", "<p>t</p>"))
    assert failure is not None
    assert failure.says != ""
    for form in (PASSWORD, "pass%2Fword%2B%231", "pass/word%2B%231"):
        assert form not in failure.says + caplog.text


def test_a_server_that_repeats_secret_and_link_does_not_bring_them_into_the_outbox(
    bank: Db, server: MailServer
) -> None:
    restrict(bank)

    server.answers += [f"451 {PASSWORD} wrong"]
    deliver(bank, settings=post(secrets={"smtp": PASSWORD}))
    assert outbox(bank)[1][0].error == "451 *** wrong"
    link = LINK.findall(text_of(server.mails()[-1]))[0]
    server.answers += [f"554 {link} refused"]
    deliver(bank, at(1), settings=post(secrets={"smtp": PASSWORD}))
    assert outbox(bank)[1][0].error == "554 *** refused"


# -- two at once --------------------------------------------------------------------------------------------------


def test_a_delivery_that_another_was_quicker_than_sends_nothing(url: str, server: MailServer) -> None:
    """The other does its whole work after this one has read what is due and before it takes it."""
    quicker: list[Sent] = []

    def link(token: str) -> str:
        if not quicker:
            quicker.append(Sent())
            with connect(url) as other:
                quicker[0] = send(other, lambda: NOW, DAY, post(), lambda: 1.0)
        return f"https://postloan.example/{token}"

    with connect(url) as db:
        staff(db, server.url)
        restrict(db)
        address(db, eligible, DAY, NOW)
        assert send(db, lambda: NOW, DAY, post(link=link), lambda: 1.0) == Sent()
    assert quicker == [Sent(sent=1)]
    assert len(server.mails()) == 1


def test_two_deliveries_at_the_same_time_send_each_mail_once(url: str, server: MailServer) -> None:
    credit = tuple(f"c{n}" for n in range(40))
    with connect(url) as db:
        staff(db, server.url, credit=credit)
        restrict(db)
    start, done = threading.Barrier(2), []

    def run() -> None:
        with connect(url) as db:
            start.wait(120)
            addressed = address(db, eligible, DAY, NOW)
            done.append((addressed, send(db, lambda: NOW, DAY, post(), lambda: 1.0)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert sorted(addressed.messages for addressed, _ in done) == [0, 40]
    assert sum(sent.sent for _, sent in done) <= 40  # who came too early for the other's messages sends none
    with connect(url) as db:
        send(db, lambda: NOW, DAY, post(), lambda: 1.0)
        assert states(db) == ["sent"] * 40
    assert len(server.ids()) == len(set(server.ids())) == 40
