"""Errors that the user can act on. A message says what was found, where, and what to do next."""

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_NAMED = 5  # of the wrong values of one file
OF_THE_DISK = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # no room
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),  # no way to read or write
    errno.EBADF,  # a stream that was closed
)


def counted(number: int, one: str, several: str = "") -> str:
    """How many there are: ``1 row``, ``2,000 rows``; ``several`` where s does not make it."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def disk_problem(error: OSError) -> str | None:
    """What a disk that is full, or that refuses, says; None of any other error of the system."""
    if error.errno not in OF_THE_DISK:
        return None
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}. Put this right, and run the same command again."


def wrong_values(error: "ValidationError") -> str:
    """What pydantic found, on one line: the first values that are wrong, and what is expected."""
    found = [f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors()]
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return "; ".join(found[:MOST_NAMED]) + more


class CamchexError(Exception):
    """Base of every error that is shown as one message, without a traceback."""


class ParamsError(CamchexError):
    """params.yaml, or a profile, holds something that the code does not accept."""


class DataError(CamchexError):
    """A raw or derived file is missing, unreadable, or not what its data set publishes."""


class ModelError(CamchexError):
    """A model folder, a pretrained weight or a tokenizer is missing or does not fit."""
