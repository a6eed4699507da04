"""Finding the files that a collector reads, and telling their formats apart."""

from __future__ import annotations

import glob
import gzip
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenop import settings
from tokenop.collect.manifest import Manifest
from tokenop.errors import InputError

Kind = Literal["jsonl", "json", "csv", "parquet"]

_SUFFIXES: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read. `shown` is the path as people know it; `path` may be an unpacked copy in scratch."""

    path: Path
    shown: str
    kind: Kind


def default_paths(manifest: Manifest) -> tuple[Path, ...]:
    """Return those of the collector's default places that exist here, `~` and `$VARIABLES` filled in.

    What lies under `~/.tokenop` by default lies under `$TOKENOP_HOME` where that is set.
    """
    found = []
    for text in manifest.default_paths:
        if text.startswith("~/.tokenop/"):
            text = str(settings.home() / text.removeprefix("~/.tokenop/"))
        filled = os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111 pathlib cannot fill variables
        if "$" not in filled and Path(filled).exists():
            found.append(Path(filled))
    return tuple(dict.fromkeys(found))


def find(manifest: Manifest, paths: Iterable[Path], scratch: Path, leave_out: Iterable[Path] = ()) -> list[SourceFile]:
    """Return the files under `paths` that `manifest` reads, sorted, each once.

    Args:
        manifest: says which names match in a folder; a file that is named itself is always read.
        paths: files and folders, or patterns such as `logs/*.jsonl` where no file has that very name.
        scratch: folder for unpacked `.gz` files.
        leave_out: files that a folder must not contribute, such as the outputs of an earlier run.

    Raises:
        InputError: a path is absent, or is neither file nor folder, or may not be read.
    """
    files = sorted(listed(manifest, paths, leave_out).items(), key=lambda item: item[1])
    return [_source(manifest, path, shown, scratch / f"unpacked-{n}") for n, (path, shown) in enumerate(files)]


def listed(manifest: Manifest, paths: Iterable[Path], leave_out: Iterable[Path] = ()) -> dict[Path, str]:
    """Return the files that `find` would read, as people know them, without opening what is in them.

    Raises:
        InputError: as `find`.
    """
    skipped = {path.resolve() for path in leave_out}
    found: dict[Path, str] = {}
    for given in _expanded(paths):
        if given.is_dir():
            _readable(given)
            inside = {path for pattern in manifest.globs for path in given.glob(pattern) if path.is_file()}
            for path in sorted(inside):
                hidden = any(part.startswith(".") for part in path.relative_to(given).parts)
                if not hidden and path.resolve() not in skipped:
                    found.setdefault(path.resolve(), _shown(path))
        elif given.is_file():
            found.setdefault(given.resolve(), _shown(given))
        elif given.exists():
            raise InputError(f"{given}: is neither a file nor a folder; save the data to a file first")
        else:
            raise InputError(f"{given}: there is no such file or folder")
    return found


def _expanded(paths: Iterable[Path]) -> Iterable[Path]:
    for given in paths:
        try:
            there = given.exists() or given.is_symlink()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"{_shown(given)}: cannot be read: {reason}; check its permissions") from error
        matches = [] if there or not glob.has_magic(str(given)) else sorted(glob.glob(str(given), recursive=True))  # noqa: PTH207
        yield from (Path(match) for match in matches) if matches else (given,)


def _shown(path: Path) -> str:
    """Return the path as text that can be written; bytes of a file name that are no UTF-8 show as escapes."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _source(manifest: Manifest, path: Path, shown: str, unpacked: Path) -> SourceFile:
    _readable(path)
    inner = Path(path.stem) if path.suffix == ".gz" else path
    if path.suffix == ".gz":
        path = _unpack(path, unpacked)
    elif str(path) != _shown(path) or glob.has_magic(str(path)):
        # DuckDB takes only names that are text, and reads `a[1].csv` as a pattern that `a1.csv` matches.
        unpacked.symlink_to(path)
        path = unpacked
    if manifest.format == "jsonl":
        return SourceFile(path, shown, "jsonl")
    if manifest.format != "any":
        return SourceFile(path, shown, manifest.format)
    return SourceFile(path, shown, _SUFFIXES.get(inner.suffix.lower()) or _kind(path))


def kind(path: Path) -> Kind:
    """Return the format of a file, by its name, else by its first bytes."""
    inner = Path(path.stem) if path.suffix == ".gz" else path
    return _SUFFIXES.get(inner.suffix.lower()) or ("jsonl" if path.suffix == ".gz" else _kind(path))


def _kind(path: Path) -> Kind:
    """Tell the format of a file whose name does not, from its first bytes."""
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        return "jsonl"
    return "csv"


def _readable(path: Path) -> None:
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb") as file:
                file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}; check its permissions") from error


def _unpack(path: Path, target: Path) -> Path:
    try:
        with gzip.open(path) as packed, target.open("wb") as plain:
            while block := packed.read(1 << 20):
                plain.write(block)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is not a sound gzip file: {error}; unpack or fetch it again") from error
    return target
