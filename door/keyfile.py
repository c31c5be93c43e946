"""The file of a key: made on first use, whole or not at all, never replaced."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp


def make(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes the file where there is none; where two do so at once, the first stays. A full disk leaves no half key.
    Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, half = mkstemp(dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, mode)
            file.write(content)
            file.flush()
            os.fsync(number)
        with suppress(FileExistsError):
            path.hardlink_to(half)
    finally:
        Path(half).unlink()
