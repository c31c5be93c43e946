"""What the demo's last line must say: `make demo ARGS='--once --json' | python -m tests.deployments.last_line`."""

import json
import sys

KEYS = (
    "seed", "loans", "cases_opened", "outsourced", "returned", "concluded", "verified_desk", "verified_site", "disagreed",
    "escalated", "restricted", "corrected", "lifted", "refused_by_gate", "closed", "open", "journal_entries", "flow_runs",
    "replay_divergences", "seconds",
)  # fmt: skip


def missed(line: str) -> list[str]:
    """The keys that are missing there, or zero; replays must have found nothing."""
    said = json.loads(line)
    return [key for key in KEYS if key not in said or (said[key] == 0) != (key == "replay_divergences")]


if __name__ == "__main__":
    last = "{}"
    for last in sys.stdin:
        print(last, end="", flush=True)
    if wrong := missed(last):
        sys.exit(f"The demo's last line is missing or wrong in: {', '.join(wrong)}")
