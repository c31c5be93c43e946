"""The main navigation: where, what it is called, for which roles (none: for everyone)."""

from collections.abc import Callable

DEPARTMENT = ("post_loan_officer", "credit_manager")
OVERSIGHT = ("operations", "auditor", "administrator")


def menu(say: Callable[[str], str]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        ("/inbox", say("Inbox"), ()),
        ("/visits", say("Visits"), ("inspector", "account_manager")),
        ("/cases", say("Cases"), ()),
        ("/controls", say("Credit management"), (*DEPARTMENT, "credit_approver", "auditor")),
        ("/operations", say("Operations"), OVERSIGHT),
        ("/audit", say("Audit"), ("auditor",)),
        ("/staff", say("Staff"), ("administrator", "auditor")),
    ]
