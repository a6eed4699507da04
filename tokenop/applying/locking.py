"""One command at a time in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tokenop.errors import InputError


@contextlib.contextmanager
def alone(handle: int, busy: str) -> Iterator[None]:
    """Hold the open folder `handle` against other commands; the lock goes with the handle, also after a kill.

    Raises:
        InputError: another command holds it; `busy` is the message.
    """
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(busy) from error
    except OSError:  # a network's file system may lock no folders: other checks have to do
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
