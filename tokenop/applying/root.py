"""The user's project, walked folder by folder from one open handle, so that no link and no `..` leads out of it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType

from tokenop.applying.model import State
from tokenop.errors import InputError, MisuseError

MAX_BYTES = 2 * 1024 * 1024
MAX_OWN_BYTES = 64 * 1024 * 1024  # a receipt holds twenty files twice, and the journal the receipt as well
OWN = ".tokenop"  # receipts and the journal: no template writes there

_FORBIDDEN = frozenset({".git", ".github", OWN})
_ODD = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


class OutsideError(InputError):
    """A path that leads out of the project, or to what no template may touch."""


def complaint(target: str) -> str | None:
    """Return why no template may write to `target`, None where it may."""
    path = PurePosixPath(target)
    parts = target.split("/")
    if path.is_absolute() or not target or any(part in ("", ".", "..") for part in parts):
        return "is no plain path within the project"
    # What is not printable hides or turns what is shown, or cannot be a file's name at all.
    if (
        _ODD.search(target)
        or not target.isprintable()
        or any(part != part.strip() or part.endswith(".") for part in parts)
    ):
        return "has characters in it that file systems read differently"
    # As file systems see it that do not tell capitals apart, or that shorten names (`GIT~1`).
    if any(part.casefold() in _FORBIDDEN or re.match(r"git~\d", part.casefold()) for part in parts):
        return "is in a folder that templates may not touch"
    return None


class Root:
    """An open project folder. Use it as a context; paths are given with forward slashes, relative to it."""

    def __init__(self, path: Path) -> None:
        """Open the folder.

        Raises:
            InputError: it is no folder, or cannot be read.
            MisuseError: this system cannot open files relative to a folder.
        """
        if os.open not in os.supports_dir_fd:
            raise MisuseError("templates are applied on Linux and macOS; on Windows use WSL, or apply the diff by hand")
        self.path = path
        try:
            self.handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise InputError(f"{path}: is not a folder that can be opened: {error.strerror or error}") from error

    def __enter__(self) -> Root:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.handle)

    @contextlib.contextmanager
    def folder(self, target: str, make: bool = False) -> Iterator[int | None]:
        """Yield a handle of the folder that holds `target`, None where that does not exist.

        Raises:
            OutsideError: a folder on the way is a link, no folder, or spelled with other capitals.
        """
        handle = os.dup(self.handle)
        try:
            *folders, name = target.split("/")
            for depth, part in enumerate(folders):
                below = self._step(handle, part, "/".join(folders[: depth + 1]), make)
                if below is None:
                    yield None
                    return
                os.close(handle)
                handle = below
            self._same_capitals(handle, name, target)
            yield handle
        finally:
            os.close(handle)

    def _step(self, handle: int, part: str, shown: str, make: bool) -> int | None:
        """Return a handle of the folder `part` within `handle`."""
        self._same_capitals(handle, part, shown)
        for attempt in range(2):
            try:
                return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except FileNotFoundError:
                if not make or attempt:
                    return None
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o777, dir_fd=handle)
            except PermissionError as error:
                raise InputError(f"{self.path / shown}: cannot be opened: {error.strerror}") from error
            except OSError as error:
                raise OutsideError(
                    f"{self.path / shown}: is a link or no folder; templates write only to plain ones"
                ) from error
        return None

    def _same_capitals(self, handle: int, part: str, shown: str) -> None:
        """Refuse a name of which only another spelling is there: some file systems take both for one file."""
        names = os.listdir(handle)
        if part not in names:
            for other in sorted(names):
                if other.casefold() == part.casefold():
                    raise OutsideError(f"{self.path / shown}: the project holds {other!r}; rename one of the two")

    def read(self, target: str, most: int = MAX_BYTES) -> State | None:
        """Return the file at `target`, which has at most `most` bytes, None where there is none.

        Raises:
            OutsideError: it is no regular file, a link, or behind one.
            InputError: it is too large, or cannot be read.
        """
        with self.folder(target) as handle:
            return None if handle is None else self._read(handle, target, most)

    def _read(self, handle: int, target: str, most: int) -> State | None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            file = os.open(target.rpartition("/")[2], flags, dir_fd=handle)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OutsideError(f"{self.path / target}: is a link; templates write only to plain files") from error
            raise InputError(f"{self.path / target}: cannot be read: {error.strerror or error}") from error
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise OutsideError(f"{self.path / target}: is not a regular file")
        with os.fdopen(file, "rb") as reader:
            content = reader.read(most + 1)
        if len(content) > most:
            raise InputError(f"{self.path / target}: is larger than {most // 1024 // 1024} MB; write it by hand")
        return State(content, stat.S_IMODE(status.st_mode) & 0o777)

    def linked(self, target: str) -> bool:
        """Return whether the file at `target` has another name (a hard link), with which writing it would part it."""
        with self.folder(target) as handle, contextlib.suppress(FileNotFoundError):
            name = target.rpartition("/")[2]
            return handle is not None and os.stat(name, dir_fd=handle, follow_symlinks=False).st_nlink > 1
        return False

    def missing_folders(self, target: str) -> tuple[str, ...]:
        """Return the folders on the way to `target` that do not exist yet, the outermost first."""
        parts = target.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            with self.folder("/".join([*parts[:depth], "x"])) as handle:
                if handle is None:
                    return tuple("/".join(parts[:n]) for n in range(depth, len(parts) + 1))
        return ()

    def write(self, target: str, state: State, temporary: str) -> None:
        """Write a file beside `target` under the name `temporary`, synced, with the mode of `state`.

        It belongs to whom the file at `target` belongs to, where this user may give it away.
        """
        with self.folder(target, make=True) as handle:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            file = os.open(temporary, flags, 0o600, dir_fd=handle)
            with os.fdopen(file, "wb") as writer:
                writer.write(state.content)
                with contextlib.suppress(OSError):  # there is none, or it cannot be given to them
                    owner = os.stat(target.rpartition("/")[2], dir_fd=handle, follow_symlinks=False)
                    os.fchown(writer.fileno(), owner.st_uid, owner.st_gid)
                os.fchmod(writer.fileno(), state.mode)
                writer.flush()
                os.fsync(writer.fileno())

    def rename(self, target: str, temporary: str) -> None:
        """Put the file `temporary` beside `target` in its place."""
        with self.folder(target) as handle:
            os.rename(temporary, target.rpartition("/")[2], src_dir_fd=handle, dst_dir_fd=handle)
            self._sync(handle)

    def remove(self, target: str) -> None:
        """Remove the file at `target` if it is there."""
        with self.folder(target) as handle:
            if handle is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target.rpartition("/")[2], dir_fd=handle)
                self._sync(handle)

    def remove_folder(self, folder: str) -> None:
        """Remove the folder if it is there and empty."""
        with self.folder(folder) as handle, contextlib.suppress(OSError):
            if handle is not None:
                os.rmdir(folder.rpartition("/")[2], dir_fd=handle)

    def names(self, folder: str) -> list[str]:
        """Return the names in `folder`, sorted; none where it does not exist."""
        with self.folder(f"{folder}/x") as handle:
            return [] if handle is None else sorted(os.listdir(handle))  # noqa: PTH208 (an open handle has no path)

    @staticmethod
    def _sync(handle: int | None) -> None:
        if handle is not None:
            os.fsync(handle)
