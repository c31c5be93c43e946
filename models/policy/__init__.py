"""The policy book: read from policies/*.yaml, compiled, hashed, applied, explained.

`load(folder)` gives a Book or raises PolicyError with every mistake; `check` lists them.
"""

from models.policy.book import Book
from models.policy.explain import Explained, explain
from models.policy.judgement import Order, Restriction
from models.policy.load import check, load
from models.policy.names import CASE_FACTS, KINDS, Kind
from models.policy.parts import Checkpoint, Letters, Timer
from models.policy.source import PolicyError

__all__ = [
    "CASE_FACTS", "KINDS", "Book", "Checkpoint", "Explained", "Kind", "Letters", "Order", "PolicyError", "Restriction", "Timer",
    "check", "explain", "load",
]  # fmt: skip
