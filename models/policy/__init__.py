"""The policy book: read from policies/*.yaml, compiled, hashed, applied, explained.

`load(folder)` gives a Book or raises PolicyError with every mistake; `check` lists them.
"""

from models.policy.book import Book
from models.policy.explain import Explained, explain
from models.policy.load import check, load
from models.policy.parts import CASE_FACTS, KINDS, Checkpoint, Kind, Order, Restriction, Timer
from models.policy.source import PolicyError

__all__ = [
    "CASE_FACTS", "KINDS", "Book", "Checkpoint", "Explained", "Kind", "Order", "PolicyError", "Restriction", "Timer",
    "check", "explain", "load",
]  # fmt: skip
