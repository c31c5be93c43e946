"""act, open, case, cases, inbox, gate: what people do and see, on both databases."""

import json
from itertools import product
from pathlib import Path

import pytest

from door.command import SYSTEM
from door.db import Db
from door.eligible import eligible
from tasks.house import House
from tasks.token import Token, make
from tests.deployments.shell import Shell, bank_of, inspection
from tests.door.bank import STAFF, Bank
from tests.tasks.core_bank import snapshot


@pytest.fixture
def bank(db: Db) -> Bank:
    return bank_of(db)


@pytest.fixture
def shell(bank: Bank, url: str, tmp_path: Path) -> Shell:
    snapshot(bank.db, tmp_path / "var" / "snapshots", {"F1": "B1"})
    return Shell(url, tmp_path / "var")


def test_an_act_moves_the_case_and_says_who_is_next(bank: Bank, shell: Shell) -> None:
    case = inspection(bank, "verify_desk")
    said = shell("act", case, "verify", "-p", "choi", "-f", "outcome=V0", "-f", "own_level=0").out
    assert said == f"Done: verify. Inspection {case} stands at weigh, for the next run of escalation.\n"
    assert bank.state(case).step == "weigh"


def test_a_refusal_is_a_sentence_that_names_who_may(bank: Bank, shell: Shell) -> None:
    case = inspection(bank, "verify_desk")
    form = ("-f", "outcome=V0", "-f", "own_level=0")
    says = shell.wrong("act", case, "verify", "-p", "lee", *form, code=1)
    assert says == "That is for people of the department, not of the branch. May act: choi, jung, yoon."
    shell("act", case, "claim", "-p", "jung")
    said = shell("act", case, "verify", "-p", "choi", *form, "--json", code=1).json
    assert said["refused"]["code"] == "taken"
    assert said["able"] == ["jung"]
    assert bank.state(case).step == "verify_desk"


def test_four_eyes_leave_the_proposer_out_of_those_who_may_confirm(bank: Bank, shell: Shell) -> None:
    opened = shell(
        "open", "control", "--subject", "B1", "-p", "han", "-f", "kind=K1", "-f", "reason=late", "--json"
    ).json
    said = shell("act", opened["case"], "confirm", "-p", "han", "--json", code=1).json
    assert said["refused"]["code"] == "four_eyes"
    assert said["able"] == ["oh", "seo"]
    assert shell("act", opened["case"], "confirm", "-p", "seo", "--json").json["step"] == "in_force"


def test_why_not_says_so_and_changes_nothing(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    before = bank.entries(f"case:{case}")
    assert shell("act", case, "--why-not", "-p", "lee").out == f"lee may act on case {case}.\n"
    assert shell.wrong("act", case, "--why-not", "-p", "kang", code=1) == "It is lee's to do. May act: lee."
    assert bank.entries(f"case:{case}") == before


def test_why_not_is_asked_of_the_very_action(bank: Bank, shell: Shell) -> None:
    """Who proposed a restriction may do nothing with its confirmation; who asked to lift it may still refuse that."""
    last = inspection(bank, "weigh")
    bank.do(SYSTEM, "close", last)
    case = bank.open("control", "han", "propose", subject="B1", book=bank.state(last).book)
    bank.do("oh", "confirm", case)
    bank.do("han", "ask_lift", case)
    says = shell.wrong("act", case, "lift", "--why-not", "-p", "han", code=1)
    assert says == "han had a part in this case (ask lift), so this is for somebody else (four eyes). May act: oh, seo."
    assert shell("act", case, "lift", "--why-not", "-p", "seo").out == f"seo may lift on case {case}.\n"
    assert "what can:" in shell.wrong("act", case, "confirm", "--why-not", "-p", "seo", code=1)


def test_a_case_shows_why_a_package_came_back(bank: Bank, shell: Shell) -> None:
    case = inspection(bank, "dispatch", path="outsourced")
    for person, action in ((SYSTEM, "assign"), ("ahn", "submit"), (SYSTEM, "pass"), ("yoon", "return")):
        bank.do(person, action, case)
    assert "B02 photo" in shell("case", case).out


def test_the_same_key_gives_the_first_answer_again(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    words = ("act", case, "comment", "-p", "lee", "-f", "text=seen", "--key", "k1", "--json")
    first, again = shell(*words).json, shell(*words).json
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["hash"] == again["hash"]
    assert "used for something else" in shell.wrong("act", case, "claim", "-p", "lee", "--key", "k1", code=1)


def test_what_was_seen_before_a_change_is_refused(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    shell("act", case, "claim", "-p", "lee")
    assert "changed meanwhile: lee acted" in shell.wrong("act", case, "hand_back", "-p", "lee", "--seen", 1, code=1)


def test_a_form_comes_from_a_file_with_fields_put_over_it(bank: Bank, shell: Shell, tmp_path: Path) -> None:
    case = inspection(bank)
    file = tmp_path / "package.json"
    file.write_text(json.dumps({"how": "desk", "visited_on": "2025-12-01", "answers": []}))
    shell("act", case, "collect", "-p", "lee", "--payload", f"@{file}", "-f", "visited_on=2026-01-04")
    payload = bank.db.rows("SELECT payload FROM entry WHERE stream = ? AND seq = 2", f"case:{case}")[0][0]
    assert json.loads(payload)["visited_on"] == "2026-01-04"


def test_a_deputy_acts_for_the_absent(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    bank.absence("lee", "kang")
    collect = (
        "act",
        case,
        "collect",
        "-p",
        "kang",
        "-f",
        "how=desk",
        "-f",
        "visited_on=2026-01-05",
        "-f",
        "answers=[]",
    )
    assert shell("inbox", "-p", "kang", "--json").json["items"][0]["on_behalf_of"] == "lee"
    assert "lee's to do" in shell.wrong(*collect, code=1)
    shell(*collect, "--on-behalf-of", "lee")
    assert bank.entries(f"case:{case}")[-1][1:4] == ("collect", "kang", "lee")


# -- by a link's token ----------------------------------------------------------------------------------------------


def link(bank: Bank, shell: Shell, case: int, person: str, expires: int = 2**40) -> str:
    s = bank.state(case)
    secret = House(shell.url, shell.home).link_secret()
    return make(Token(case, s.seq, person, s.visits[s.step], s.head, expires), secret)


def test_a_link_names_case_and_person(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    token = link(bank, shell, case, "lee")
    shell("act", "claim", "--token", f"http://127.0.0.1:8080/d/{token}")
    assert bank.entries(f"case:{case}")[-1][1:3] == ("claim", "lee")
    shell("act", case, "hand_back", "--token", token)  # an act on the item leaves the link good


def test_a_link_is_for_nobody_else_and_for_nothing_else(bank: Bank, shell: Shell) -> None:
    case, other = inspection(bank), inspection(bank, subject="B2")
    token = link(bank, shell, case, "lee")
    for words in ((case, "claim", "-p", "kang"), (other, "claim")):
        assert "is for case" in shell.wrong("act", *words, "--token", token)
    assert "not made here" in shell.wrong("act", "claim", "--token", token[:-3] + "abc")
    assert "has ended" in shell.wrong("act", "claim", "--token", link(bank, shell, case, "lee", expires=1))


def test_a_link_ends_when_its_item_is_decided(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    token = link(bank, shell, case, "lee")
    bank.do("lee", "collect", case)
    assert shell.wrong("act", "claim", "--token", token) == (
        f"What the link was for has been decided: case {case} now stands at screen."
    )


# -- looking -----------------------------------------------------------------------------------------------------------


def test_the_inbox_holds_exactly_what_the_door_would_let_its_owner_do(bank: Bank, shell: Shell) -> None:
    bank.absence("lee", "kang")
    bank.absence("choi", "jung")
    bank.borrower("B3", "kang")
    bank.relation("yoon", "B3")
    steps = ("collect", "review", "verify_desk", "decide")
    for n, (step, path) in enumerate(product(steps, ("desk", "own"))):
        subject = f"S{n}"
        bank.borrower(subject)
        case = inspection(bank, step, subject, path)
        if n % 3 == 0:
            bank.ask("choi", "claim", case)
            bank.ask("lee", "claim", case)
    inspection(bank, "visit", "B2", "outsourced")
    inspection(bank, "verify_desk", "B3", manager="kang")
    control = shell(
        "open", "control", "--subject", "B1", "-p", "han", "-f", "kind=K4", "-f", "reason=late", "--json"
    ).json
    bank.do("han", "delegate", inspection(bank, "decide", "B1"), said={"to": "seo", "reason": "away"})
    cases = [row[0] for row in bank.db.rows("SELECT case_id FROM item")]
    assert len(cases) >= 11
    assert control["case"] in cases
    able = {case: eligible(bank.db, bank.rules, case, bank.day) for case in cases}
    assert any(able.values())
    for person in STAFF:
        mine = {item["case"] for item in shell("inbox", "-p", person, "--json").json["items"]}
        assert mine == {case for case in cases if person in able[case]}, person


def test_the_inbox_says_what_is_late(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    due = bank.state(case).due_on
    assert due
    shell.day = due
    assert "due today" in shell("inbox", "-p", "lee").out
    shell.day = "2026-12-31"
    said = shell("inbox", "-p", "lee")
    assert "late by" in said.out
    assert "1 item waits for lee on 2026-12-31, 1 of them late." in said.out


def test_nobody_acts_as_the_system(bank: Bank, shell: Shell) -> None:
    """Its steps are decided by runs alone: by hand nobody draws, screens or lets a deadline pass."""
    case = inspection(bank, "draw")
    for words in (("act", case, "desk"), ("open", "control", "--subject", "B1", "-f", "kind=K4")):
        refused = shell(*words, "-p", "system", code=2)
        assert "Nobody acts as 'system'" in refused.err
    assert bank.state(case).step == "draw"


def test_of_two_hand_overs_on_one_day_the_later_has_the_borrower_in_his_inbox(bank: Bank, shell: Shell) -> None:
    case = inspection(bank)
    for head, manager in (("kang", "park"), ("noh", "kang")):
        form = ("-f", f"manager={manager}", "-f", f"since={bank.day}", "-f", "reason=moved")
        handover = shell("open", "handover", "--subject", "B1", "-p", head, *form, "--json").json["case"]
        shell("act", handover, "take_over", "-p", manager)
    holders = [p for p in ("lee", "park", "kang") if shell("inbox", "-p", p, "--json").json["items"]]
    assert holders == ["kang"]
    assert shell("case", case, "--json").json["able"] == ["kang"]


def test_cases_are_found_by_step_process_borrower_and_whether_open(bank: Bank, shell: Shell) -> None:
    one, two = inspection(bank), inspection(bank, "review", "B2")

    def found(*words: str) -> list[int]:
        return [row["case"] for row in shell("cases", *words, "--json").json["cases"]]

    assert found("--step", "review") == [two]
    assert found("--borrower", "B1", "--process", "inspection") == [one]
    assert found("--open", "--process", "policy") == []
    assert len(found("--closed")) == 1
    assert shell("cases", "--limit", "1", "--json").json["number"] == 3


def test_a_case_tells_its_story_and_what_may_be_done(bank: Bank, shell: Shell) -> None:
    case = inspection(bank, "review")
    said = shell("case", case).out
    for words in (f"Inspection {case} on B1 waits at review (account manager), due", "may act: lee", "conclude", "lee",
                  "measures", "opportunity?"):  # fmt: skip
        assert words in said
    assert [e["action"] for e in shell("case", case, "--json").json["story"]] == ["open", "collect", "pass", "propose"]


# -- opening, gate ---------------------------------------------------------------------------------------------------


def test_nothing_is_opened_on_what_the_bank_does_not_have(bank: Bank, shell: Shell) -> None:
    form = ("-p", "han", "-f", "kind=K1", "-f", "reason=late")
    assert "no borrower B9" in shell.wrong("open", "control", "--subject", "B9", *form)
    assert "B2 has no facility F1" in shell.wrong("open", "control", "--subject", "B2", *form, "-f", "facility=F1")
    assert "control, order and handover" in shell.wrong("open", "inspection", "--subject", "B1", *form)
    assert bank.db.rows("SELECT count(*) FROM cases WHERE process <> 'policy'") == [(0,)]


def test_the_gate_lets_through_until_a_control_is_in_force(bank: Bank, shell: Shell) -> None:
    ask = ("gate", "F1", "--amount", "100")
    assert shell(*ask, "--json").json["outcome"] == "allow"
    form = ("-p", "han", "-f", "kind=K1", "-f", "reason=late", "--json")
    case = shell("open", "control", "--subject", "B1", *form).json["case"]
    shell("act", case, "confirm", "-p", "seo")
    said = shell(*ask, "--json", code=1).json
    assert (said["outcome"], said["allowed"]) == ("refuse", 0)
    assert f"case {case} is in force" in shell(*ask, code=1).out
    assert "There is no facility F9." in shell("gate", "F9", "--amount", "1", code=1).out


def test_the_gate_limits_with_the_amount_that_may_be_paid(bank: Bank, shell: Shell) -> None:
    form = ("-p", "han", "-f", "kind=K3", "-f", "facility=F1", "-f", "cap=40", "-f", "reason=late", "--json")
    case = shell("open", "control", "--subject", "B1", *form).json["case"]
    shell("act", case, "confirm", "-p", "seo")
    said = shell("gate", "F1", "--amount", "100", "--key", "p7", "-p", "cards", "--json", code=1).json
    assert (said["outcome"], said["allowed"], said["repeated"]) == ("limit", 40, False)
    assert [r["code"] for r in said["reasons"]] == ["limited"]
    again = shell("gate", "F1", "--amount", "100", "--key", "p7", "-p", "cards", "--json", code=1).json
    assert again == said | {"repeated": True}
    assert bank.entries("gate:F1") == [(1, "limit", "cards", None, "")]
    assert shell("gate", "F1", "--amount", "100", code=1).out == (
        f"Refuse: Nothing may be paid. The restriction K3 of case {case} limits what is paid to 40, "
        "40 of it allowed before: limit cut to what is used.\n"
    )


def test_the_gate_says_why_it_refuses(bank: Bank, shell: Shell) -> None:
    for amount in ("0", "-5"):
        assert f"{amount} is no amount" in shell("gate", "F1", f"--amount={amount}", code=1).out
    shell.day = "2025-12-31"
    assert "No policy book can be read that is in force on 2025-12-31." in shell("gate", "F1", "--amount=1", code=1).out


def test_a_gate_that_can_not_look_refuses(bank: Bank, shell: Shell, tmp_path: Path) -> None:
    bank.db.run("DROP TABLE due")
    away = Shell("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    none = Shell(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    for ask, why in ((shell, "postloan init"), (away, "does not answer"), (none, "There is no database")):
        said = ask("gate", "F1", "--amount", "100", "--json", code=1).json
        assert (said["outcome"], said["allowed"], said["seq"], said["hash"]) == ("refuse", 0, 0, "")
        assert [r["code"] for r in said["reasons"]] == ["unanswered"]
        assert why in said["reasons"][0]["says"]
        assert ask("gate", "F1", "--amount", "100", code=1).out.startswith(
            "Refuse: Nothing may be paid. The gate can't"
        )
    assert bank.entries("gate:F1") == []
