"""An error as one sentence and an exit code: 1 where something was checked and is not so, 2 where the user or the
surroundings are at fault. Known by the class's name, so that nothing heavy is imported to fail."""

import errno
import sqlite3


class Mistake(Exception):
    """What was asked can't be done as asked; the message says what is wrong, where, and what to do."""


#: Errors of ours whose message is the sentence.
_SAID = {
    "deployments.mistakes.Mistake": 2,
    "door.db.Unreachable": 2,
    "door.rebuild.NotRebuilt": 1,
    "models.policy.source.PolicyError": 2,
    "tasks.extract.IntakeError": 2,
    "tasks.run.Untimely": 2,
    "tasks.secrets.NotCommitted": 2,
    "deployments.manifest.Refused": 2,
    "deployments.serve.CannotServe": 2,
    "deployments.supervise.GaveUp": 2,
    "flows.nightly_audit.NotAsRecorded": 1,
}
_NOT_MADE = "The database has no tables of ours, or older ones: run `postloan init` first."
_NO_RIGHT = "The database can't be written ({}): check the rights of its file and folder, or of the user of its URL."
_FULL = "The disk is full ({}), and nothing was changed: make room, then do it again."
_SQLITE = (
    ("no such table", _NOT_MADE),
    ("no such column", _NOT_MADE),
    ("readonly", _NO_RIGHT),
    ("unable to open", _NO_RIGHT),
    ("disk is full", _FULL),
    ("disk I/O", "The database's file can't be written or read ({}): see that the disk has room and is well."),
    ("locked", "The database is held by another process ({}): do it again when that is done."),
    ("not a database", "The file of the database is none ({}): name another with --database."),
)
_POSTGRESQL = {
    "UndefinedTable": _NOT_MADE,
    "UndefinedColumn": _NOT_MADE,
    "ReadOnlySqlTransaction": _NO_RIGHT,
    "InsufficientPrivilege": _NO_RIGHT,
    "DiskFull": _FULL,
    "OperationalError": "The database server was lost ({}): see that it runs, then do it again.",
}


def sentence_of(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code. What nobody foresaw is called a defect, with its class."""
    names = [f"{c.__module__}.{c.__qualname__}" for c in type(error).__mro__]
    for name in names:
        if name in _SAID:
            unlike = getattr(error, "faults", True)  # a rebuild that was refused for no fault of the journal
            return str(error), _SAID[name] if unlike else 2
    if isinstance(wrapped := getattr(error, "orig", None), Exception):  # SQLAlchemy's, around the driver's
        return sentence_of(wrapped)
    if isinstance(error, sqlite3.Error):
        says = first_line(error)
        known = next((text for mark, text in _SQLITE if mark in says), "The database refused ({}).")
        return known.format(says), 2
    if "psycopg.Error" in names:
        kinds = (name.rpartition(".")[2] for name in names)
        known = next((_POSTGRESQL[kind] for kind in kinds if kind in _POSTGRESQL), "The database refused ({}).")
        return known.format(first_line(error)), 2
    if isinstance(error, OSError):
        return _of_system(error), 2
    return f"This is a defect of the program ({type(error).__name__}: {first_line(error)}); POSTLOAN_TRACE=1 shows " \
           "where, please report it.", 2  # fmt: skip


def _of_system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    what = {
        errno.ENOENT: "this file or folder is not there: check the path.",
        errno.EACCES: "no right to read or write it: change that, or name another place.",
        errno.EROFS: "it lies on a disk that can only be read: name another place.",
        errno.ENOSPC: "the disk is full: make room, then do it again.",
        errno.EDQUOT: "your room on the disk is used up: make room, then do it again.",
        errno.EISDIR: "this is a folder, not a file.",
        errno.ENOTDIR: "a part of the path is a file, not a folder.",
    }
    says = what.get(error.errno or 0, f"the system refused ({error.strerror or first_line(error)}).")
    return where + says if where else says[:1].upper() + says[1:]


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
