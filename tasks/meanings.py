"""What the policy book says, in a reader's language, for pages and letters alike. A translation is an aid to reading and no
rule, so it stands beside the book and not in it, by the text that it translates."""

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

HERE = Path(__file__).parent / "locale"


def compiled(file: Path, language: str) -> NullTranslations:
    """A catalogue of a language; where there is none, everything is as it was said."""
    if not file.exists():
        return NullTranslations()
    buffer = BytesIO()
    with file.open("rb") as po:
        write_mo(buffer, read_po(po, language))
    buffer.seek(0)
    return Translations(buffer)


@cache
def _book(language: str) -> NullTranslations:
    return compiled(HERE / language / "book.po", language)


def read(text: str, language: str) -> str:
    """A text of the policy book; as the book has it where nobody has translated it."""
    return str(_book(language).gettext(text)) if text else ""
