"""What may come out of a fetched repository: regular files of plain names and bounded size, hashed as by git."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tokenop.applying.sync.git import Entry, Git
from tokenop.errors import Finding, FindingsError, NoInputError

FOLDERS = ("templates", "validations")
LARGEST_FILE = 1024 * 1024
LARGEST_SUM = 64 * 1024 * 1024
MOST_FILES = 20_000
DEEPEST = 6
RULE = "SYNC"

_KINDS = frozenset({".md", ".yaml", ".yml", ".json", ".jsonl"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_REGULAR = ("100644", "100755")
_WORDS = {"120000": "a link", "160000": "a submodule"}


def chosen(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the files to take: text that the program reads. Other regular files are left where they are.

    Raises:
        FindingsError: there is a link, a submodule, an odd name, or more than fits; all of it at once.
        NoInputError: there is no template.
    """
    found: list[Entry] = []
    wrong: list[Finding] = []
    seen: dict[str, str] = {}
    total = 0
    for entry in entries:
        why = _complaint(entry, seen)
        if why:
            wrong.append(_finding(entry.path, why))
        elif PurePosixPath(entry.path).suffix.lower() in _KINDS:
            found.append(entry)
            total += entry.size or 0
    if len(found) > MOST_FILES or total > LARGEST_SUM:
        wrong.append(_finding(".", f"holds {len(found)} files of {total:,} bytes together, which is too much"))
    if wrong:
        raise FindingsError(wrong[:100], "Nothing was taken from this repository.")
    if not any(entry.path.startswith("templates/") and entry.path.endswith(".md") for entry in found):
        raise NoInputError("the repository holds no template: no .md below templates/")
    return tuple(found)


def _complaint(entry: Entry, seen: dict[str, str]) -> str | None:
    """Return why an entry may not be there, None where it may."""
    if entry.mode not in _REGULAR:
        return f"is {_WORDS.get(entry.mode, 'of an unknown kind')}"
    parts = entry.path.split("/")
    if len(parts) > DEEPEST or not all(_NAME.match(part) and not part.endswith(".") for part in parts):
        return "has an odd name"
    other = seen.setdefault(entry.path.casefold(), entry.path)
    if other != entry.path:
        return f"differs from {other} in capitals only"
    if (entry.size or 0) > LARGEST_FILE:
        return f"has {entry.size:,} bytes; {LARGEST_FILE:,} are allowed"
    return None


def write(git: Git, entries: tuple[Entry, ...], folder: Path) -> None:
    """Write the files below a new folder, and check each against its hash."""
    for entry, content in zip(entries, git.contents([entry.oid for entry in entries]), strict=True):
        if blob(content, entry.oid) != entry.oid:
            raise FindingsError([_finding(entry.path, "does not have the content that its hash says")])
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def blob(content: bytes, like: str) -> str:
    """Return git's hash of a file, of the kind that `like` is."""
    return _hash(b"blob", content, like)


def tree(files: Mapping[str, tuple[str, str]], like: str) -> str:
    """Return git's hash of a folder from the (mode, hash) of each file below it, by path."""
    children: dict[str, tuple[str, str]] = {}
    below: dict[str, dict[str, tuple[str, str]]] = {}
    for path, entry in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = entry
        else:
            children[name] = entry
    for name, inner in below.items():
        children[name] = ("40000", tree(inner, like))
    # Git sorts folders as if their names ended with a slash.
    ordered = sorted(children.items(), key=lambda item: (item[0] + "/" * (item[1][0] == "40000")).encode())
    raw = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for name, (mode, oid) in ordered)
    return _hash(b"tree", raw, like)


def _hash(kind: bytes, content: bytes, like: str) -> str:
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(kind + b" " + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()


def _finding(path: str, message: str) -> Finding:
    shown = path.encode("utf-8", "backslashreplace").decode()
    return Finding(shown if shown.isprintable() else repr(shown), 0, "file", RULE, "error", message)
