"""Files handed in: what they are by their content, kept under their SHA-256, checked against it whenever they are read.

A picture is shown only as it is drawn anew, without anything else that its file carries; when and where it was taken is
read out of it once, as data.
"""

import hashlib
import io
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image, ImageOps

LARGEST = 10 << 20  # bytes of a file
PIXELS = 64_000_000  # of a picture; more is no photograph, but a way to fill the memory
SHOWN, THUMB = 1600, 320  # the longer side, in pixels
PDF, PICTURES = "application/pdf", {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_GPS, _EXIF, _TAKEN, _OFFSET = 0x8825, 0x8769, 0x9003, 0x9011

Image.MAX_IMAGE_PIXELS = None  # measured below, by the header, before anything is decoded


class Unfit(Exception):
    """It can't be taken: `too_large`, `unknown` (neither picture nor PDF), `broken`, `no_picture` (a PDF as a photo)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Altered(Exception):
    """What is stored is not what its SHA-256 says."""


@dataclass(frozen=True, slots=True)
class Taken:
    """When (UTC instant) and where (degrees, as decimal text) by the picture itself; empty: it does not say."""

    at: str = ""
    latitude: str = ""
    longitude: str = ""


def kind_of(content: bytes) -> str:
    """The media type by content alone. Raises Unfit."""
    if len(content) > LARGEST:
        raise Unfit("too_large")
    if content.startswith(b"%PDF-"):
        return PDF
    picture = _opened(content)
    if picture.width * picture.height > PIXELS:
        raise Unfit("too_large")
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as e:
        raise Unfit("broken") from e
    return PICTURES[picture.format or ""]


def taken(content: bytes, zone: str) -> Taken:
    """What a photograph says of itself; a camera that names no offset is taken to go by the bank's zone."""
    try:
        exif = _opened(content).getexif()
        said, gps = exif.get_ifd(_EXIF), exif.get_ifd(_GPS)
    except (Unfit, OSError, SyntaxError, ValueError, TypeError, KeyError):
        return Taken()
    return Taken(_instant(str(said.get(_TAKEN, "")), str(said.get(_OFFSET, "")), zone),
                 _degrees(gps.get(2), str(gps.get(1, "")), "S", 90), _degrees(gps.get(4), str(gps.get(3, "")), "W", 180))  # fmt: skip


def keep(folder: Path, content: bytes) -> str:
    """Stores the bytes, whole or not at all; gives the SHA-256 that names them."""
    sha256 = hashlib.sha256(content).hexdigest()
    place = _place(folder, sha256)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        half = place.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        with half.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        half.replace(place)
    return sha256


def read(folder: Path, sha256: str) -> bytes:
    """Raises FileNotFoundError where it was never stored here, Altered where it is something else now."""
    if not _SHA256.match(sha256):
        raise FileNotFoundError(sha256)
    content = _place(folder, sha256).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Altered(sha256)
    return content


def shown(content: bytes, side: int = SHOWN) -> bytes:
    """The picture drawn anew as JPEG, upright, at most `side` pixels; nothing of its metadata is left. Raises Unfit."""
    picture = _opened(content)
    try:
        picture.draft("RGB", (side, side))
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError) as e:
        raise Unfit("broken") from e
    upright.thumbnail((side, side))
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=82)
    return out.getvalue()


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=tuple(PICTURES))
    except (OSError, SyntaxError, ValueError) as e:
        raise Unfit("unknown") from e


def _place(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256


def _instant(text: str, offset: str, zone: str) -> str:
    try:
        if offset.strip("\0 "):
            when = datetime.strptime(f"{text} {offset}".strip("\0 "), "%Y:%m:%d %H:%M:%S %z")
        else:
            when = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone))
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""


def _degrees(parts: object, side: str, minus: str, most: int) -> str:
    """Degrees, minutes and seconds as one number of five places (a metre)."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)  # type: ignore[attr-defined]
        value = degrees + minutes / 60 + seconds / 3600
    except (TypeError, ValueError, ZeroDivisionError):
        return ""
    if not 0 <= value <= most:  # also what is no number
        return ""
    return f"{-value if side.upper().startswith(minus) else value:.5f}"
