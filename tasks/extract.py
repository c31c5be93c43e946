"""An extract as rows of text: CSV, plain or gzipped, and Parquet, in blocks, each row with its line in the file.

CSV is read by the standard reader, for three things that a faster one does not give: the line on which each row
begins (a quoted field may hold line breaks), rows of the wrong length as such, and any encoding a core-banking system
writes. Lines that are empty are no rows. A Parquet file has no lines: a row's number, from 1, stands for it, lists
become text joined by ";".
"""

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

import polars as pl

BLOCK = 50_000
LINE, FIELDS = "_line", "_fields"
Progress = Callable[[int, int], None]
Block = tuple[pl.DataFrame, list[str]]  # and the optional columns that the file does not have


class IntakeError(Exception):
    """The file cannot be taken in, and nothing was changed; the message says what is wrong, where, and what to do."""


def blocks(
    file: Path,
    needed: Collection[str],
    separator: str,
    encoding: str,
    progress: Progress | None = None,
    optional: Collection[str] = (),
) -> Iterator[pl.DataFrame]:
    """Blocks of the needed columns as text, with LINE and FIELDS (how many fields the row lacks or has too many); an
    `optional` one that the file does not have is empty.

    `progress` is called with the bytes (Parquet: rows) done and in all. Raises IntakeError.
    """
    source = _parquet(file, needed, optional, progress) if file.suffix == ".parquet" else _csv(
        file, needed, optional, separator, encoding, progress)  # fmt: skip
    try:
        for block, absent in source:
            yield block.with_columns(pl.lit("").alias(name) for name in absent)
    except FileNotFoundError as e:
        raise IntakeError(f"{file} does not exist: check the path of the extract.") from e
    except (EOFError, gzip.BadGzipFile, zlib.error) as e:
        raise IntakeError(f"{file} is damaged or was cut off ({e}): transfer it again.") from e
    except OSError as e:
        raise IntakeError(f"{file} cannot be read ({e.strerror or e}): check the file and the right to read it.") from e


def _csv(file: Path, needed: Collection[str], optional: Collection[str], separator: str, encoding: str,
         progress: Progress | None) -> Iterator[Block]:  # fmt: skip
    size = file.stat().st_size
    with file.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        reader = csv.reader(
            _lines(gzip.GzipFile(fileobj=raw) if packed else raw, file, encoding), delimiter=separator, strict=True
        )
        before = 0
        try:
            header = [name.strip() for name in next(reader, [])]
            wanted, absent = _wanted(file, header, needed, optional)
            rows: list[Sequence[str]] = []
            lines: list[int] = []
            before = reader.line_num
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(before + 1)
                before = reader.line_num
                if len(rows) == BLOCK:
                    yield _block(rows, lines, wanted, len(header)), absent
                    rows, lines = [], []
                    if progress:
                        progress(raw.tell(), size)
        except csv.Error as e:
            raise IntakeError(f"{file}, line {before + 1}: malformed CSV ({e}): "
                              "check the quotes there, and the separator.") from e  # fmt: skip
        if rows:
            yield _block(rows, lines, wanted, len(header)), absent
        if progress:
            progress(size, size)


def _lines(stream: IO[bytes] | gzip.GzipFile, file: Path, encoding: str) -> Iterator[str]:
    decode = codecs.getdecoder(encoding)
    for number, line in enumerate(stream, 1):
        try:
            text = decode(line)[0]
        except UnicodeDecodeError as e:
            raise IntakeError(f"{file}, line {number}: not {encoding} text (byte 0x{line[e.start]:02x}): "
                              "name the file's encoding in the mapping's `format`.") from e  # fmt: skip
        yield text.removeprefix("\ufeff") if number == 1 else text


def _wanted(file: Path, header: Sequence[str], needed: Collection[str],
            optional: Collection[str]) -> tuple[dict[str, int], list[str]]:  # fmt: skip
    """Where each needed column stands, and which optional ones do not. Raises IntakeError for columns that are absent or
    stand twice."""
    if not any(header):
        raise IntakeError(f"{file} is empty: an extract begins with a line of column names.")
    absent = sorted(set(needed) - set(header))
    if lacks := [name for name in absent if name not in optional]:
        raise IntakeError(f"{file} lacks {', '.join(lacks)}, which the mapping asks for; it has {', '.join(header)}: "
                          "check the mapping, and the separator in its `format`.")  # fmt: skip
    if twice := sorted(name for name in needed if header.count(name) > 1):
        raise IntakeError(f"{file} has the column {', '.join(twice)} more than once: rename one of them.")
    return {name: n for n, name in enumerate(header) if name in needed}, absent


def _block(rows: list[Sequence[str]], lines: list[int], wanted: dict[str, int], width: int) -> pl.DataFrame:
    lengths = [len(row) - width for row in rows]
    if any(lengths):
        rows = [row if len(row) == width else [*row[:width], *[""] * (width - len(row))] for row in rows]
    columns = list(zip(*rows, strict=True))
    data = {name: pl.Series(columns[n], dtype=pl.String) for name, n in wanted.items()}
    return pl.DataFrame({LINE: pl.Series(lines, dtype=pl.Int64), FIELDS: pl.Series(lengths, dtype=pl.Int64), **data})


def _parquet(file: Path, needed: Collection[str], optional: Collection[str],
             progress: Progress | None) -> Iterator[Block]:  # fmt: skip
    file.open("rb").close()
    try:
        scan = pl.scan_parquet(file)
        schema = scan.collect_schema()
        wanted, absent = _wanted(file, schema.names(), needed, optional)
        rows = int(scan.select(pl.len()).collect().item())
        text = [_as_text(name, schema[name]) for name in wanted]
        for start in range(0, rows, BLOCK):
            block = scan.slice(start, BLOCK).select(text).collect()
            yield (
                block.select(
                    pl.int_range(start + 1, start + 1 + pl.len(), dtype=pl.Int64).alias(LINE),
                    pl.lit(0, dtype=pl.Int64).alias(FIELDS),
                    pl.all(),
                ),
                absent,
            )
            if progress:
                progress(min(start + BLOCK, rows), rows)
    except pl.exceptions.PolarsError as e:
        first = str(e).strip().splitlines()[0]
        raise IntakeError(f"{file} is no whole Parquet file of plain columns ({first}): write it again.") from e


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List):
        return column.list.eval(pl.element().cast(pl.String)).list.join(";")
    return (column.cast(pl.Date) if isinstance(dtype, pl.Datetime) else column).cast(pl.String)
