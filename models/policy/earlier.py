"""Books that an earlier version of the product compiled. Cases that began with one keep it, so it must be read for as long
as they are open, and for as long as they are replayed."""

from typing import Any


def upgraded(said: dict[str, Any]) -> dict[str, Any]:
    """The compiled book in today's shape: rules that nothing ever followed fall away, what went without saying is said."""
    said["sampling"].pop("second_look", None)
    for name in ("technical_days", "technical_source"):
        said["classification"].pop(name, None)
    for restriction in said["restrictions"].values():
        if restriction["reaches"] == "group":  # who belongs to a group was never known: it bound the borrower
            restriction["reaches"] = "borrower"
    said.setdefault("calendar", "KR")  # it stood in the code
    said["timers"].setdefault("revisit", said["timers"]["verify_desk"])  # nobody went a second time
    return said
