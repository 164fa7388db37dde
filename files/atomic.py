"""Files that are whole or absent, and errors of the disk as one line. Used by every room above this one (but models,
which has its own writer).

A file is written beside its place, flushed to disk and renamed: whatever ends the writer leaves the old file or the new
one. A writer that is killed leaves its unfinished `.NAME.PID.partial`; `remove_leftovers` takes those away.
"""

import errno
import os
import re
from contextlib import suppress
from pathlib import Path

LEFTOVER = re.compile(r"\.(.+)\.\d+\.(partial|tmp)")  # .tmp: what earlier versions left
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REMEDIES = {
    **dict.fromkeys(FULL, "free some space and start again, finished work is kept"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make the place writable for this user and start again"),
}


def atomic_write(path: Path, content: bytes) -> None:
    """Replace `path` by `content` after the bytes are on disk; its folder is made. OSError that names `path`, not the
    file beside it."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:  # Ctrl-C too leaves nothing beside the file
        with suppress(OSError):  # a read-only place holds no leftover
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed writers left below `folder`; returns what was there. For the holder of the folder's lock:
    nobody else writes there."""
    found = []
    for place, _, names in os.walk(folder):
        found += [Path(place, name) for name in names if LEFTOVER.fullmatch(name)]
    for path in found:
        path.unlink(missing_ok=True)
    return found


def remove_leftovers_of(path: Path) -> None:
    """Remove what killed writers of one file left beside it, in a folder that is not ours."""
    for name in os.listdir(path.parent):
        if (found := LEFTOVER.fullmatch(name)) and found[1] == path.name:
            (path.parent / name).unlink(missing_ok=True)


def explain(error: OSError) -> str:
    """One line: the file, what went wrong, and what to do about it."""
    text = error.strerror or str(error)
    remedy = REMEDIES.get(error.errno, "")
    parts = [
        str(error.filename) if error.filename else "",
        text + (f"; {remedy}" if remedy and "free some space" not in text else ""),
    ]
    return " ".join(": ".join(part for part in parts if part).split())
