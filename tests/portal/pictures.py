"""Photographs as a telephone takes them, and what only looks like one."""

import io

from PIL import Image

from tests.portal.conftest import Office

PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def photo(colour: str = "teal", size: tuple[int, int] = (2400, 1800), *, taken: str = "2026:02:02 14:07:00", offset: str = "+09:00",
          gps: tuple[float, float] | None = (37.5665, 126.978), format: str = "JPEG", rotated: int = 1) -> bytes:  # fmt: skip
    """With time, offset, position, a maker, and how it was held, as EXIF has them."""
    picture, out = Image.new("RGB", size, colour), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Secret maker of telephones", rotated
    exif.get_ifd(0x8769).update({0x9003: taken} | ({0x9011: offset} if offset else {}))
    if gps:
        exif.get_ifd(0x8825).update({1: "N" if gps[0] >= 0 else "S", 2: _parts(gps[0]), 3: "E" if gps[1] >= 0 else "W",
                                     4: _parts(gps[1])})  # fmt: skip
    picture.save(out, format, exif=exif)
    return out.getvalue()


def _parts(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees) * 3600, 3600)
    return (whole, rest // 60, rest % 60)


def send(office: Office, person: str, case: int, content: bytes, key: str, shows: str = "gate", kind: str = "photo",
         **said: str):  # type: ignore[no-untyped-def]  # fmt: skip
    """One file, as the page's script sends it."""
    return office.at(person).post(
        f"/visits/{case}/files", data={"_form": office.form(person), "key": key, "shows": shows, "kind": kind, **said},
        files={"file": ("gate.jpg", content, "image/jpeg")}, headers={"accept": "application/json"})  # fmt: skip
