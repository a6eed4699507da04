"""Which files are in force in a project, and whether one of them changed since somebody looked."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenop.gateway.model import Settings

BASE = "config"
ROUTER = "tokenop/router.yaml"
CACHE = "tokenop/cache.yaml"
OWN = "tokenop/gateway.yaml"

LARGEST = 4 << 20
"""Bytes of a file that are read at all. Those who check it want it far smaller."""

Stamp = tuple[tuple[str, int, int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that a gateway is made of, whether they are there or not.

    `base` is the routing config, or, where somebody named a project's file in its place, that file: it then lies over
    `shipped` instead of `tokenop/router.yaml`.
    """

    root: Path
    base: Path
    shipped: Path
    router: Path
    cache: Path
    own: Path

    def stamp(self) -> Stamp:
        """Return what changes whenever one of the files does, comes or goes. It reads none of them."""
        return tuple(_stamp(path) for path in (self.base, self.router, self.cache, self.own))


def sources(settings: Settings) -> Sources:
    """Return the files that `settings` mean now: what is shipped may move with `tokenop sync-templates`."""
    root = settings.root.absolute()
    from tokenop import routing

    shipped = routing.shipped()
    return Sources(root, _base(settings.config, shipped), shipped, root / ROUTER, root / CACHE, root / OWN)


def _base(config: Path | None, shipped: Path) -> Path:
    """Return the routing config: the shipped one, the file named, or another one that is shipped, by its bare name."""
    if config is None:
        return shipped
    if len(config.parts) == 1 and not config.exists():
        other = shipped.parent / f"{config}.yaml"
        return other if other.is_file() else config.absolute()
    return config.absolute()


def _stamp(path: Path) -> tuple[str, int, int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The time of the last change of anything tells an edit of the same length that put the old time back.
    return str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def told(path: Path) -> bytes:
    """Return what a file says: of a regular one alone, since another may never end, or keep its readers waiting.

    Raises:
        FileNotFoundError: nothing is there.
        OSError: it cannot be read, is no file, a link to nothing, or larger than any file that is meant.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        if path.is_symlink():  # taken for no file, it would lift the limits that it was to bring
            raise OSError(errno.ELOOP, "is a link to nothing") from None
        raise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"is larger than {LARGEST >> 20} MB")
    return content


def shown(path: Path, root: Path) -> Path:
    """Return a path as people of the project write it: relative where it lies in `root`."""
    return Path(os.path.relpath(path, root)) if path.is_relative_to(root) else path
