"""The main branch's files with the changed texts in their places. What the bots share; not a program of its own."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tokenop import documents
from tokenop.community.pull_request import Change
from tokenop.evidence import read

# As git writes them.
LINK, REPOSITORY = "120000", "160000"
MOST_FILES = 100
_FOLDERS = ("templates", "validations", "community")


def chosen(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes of which so many texts are read that GitHub's limit of calls an hour is left to others."""
    texts = [change for change in changes if _written(change) and change.status != "removed"]
    left_out = set(texts[MOST_FILES:])
    return tuple(change for change in changes if change not in left_out)


def _written(change: Change) -> bool:
    return change.plain and change.placed and change.kind in ("template", "evidence", "people")


@contextlib.contextmanager
def tree(
    main: Path, changes: Iterable[Change], text: Callable[[str, int], bytes], modes: Mapping[str, str]
) -> Iterator[Path]:
    """Yield a folder that holds the templates, evidence and people as a change would leave them, as plain files.

    Only files whose names are in order are written: no name of a contributor's leads anywhere else. What is a link or
    another repository in the change becomes a link to nowhere or an empty folder, and the linter says so.

    Args:
        main: a checkout of the main branch.
        changes: the changed files.
        text: gives the bytes of a changed file, cut after so many.
        modes: what git says of changed files that are no plain ones, by path.
    """
    with tempfile.TemporaryDirectory(prefix="tokenop-pull-") as folder:
        root = Path(folder).resolve()
        for name in _FOLDERS:
            if (main / name).is_dir():
                shutil.copytree(main / name, root / name)
        for change in changes:
            if not _written(change):
                continue
            path = root / change.path
            path.unlink(missing_ok=True)
            if change.status == "removed":
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if modes.get(change.path) == LINK:
                path.symlink_to("nowhere")
            elif modes.get(change.path) == REPOSITORY:
                path.mkdir()
            else:
                # One byte more than is read anywhere: the linter says that it is too large.
                most = documents.MAX_BYTES if change.kind == "template" else read.MAX_BYTES
                path.write_bytes(text(change.path, most)[: most + 1])
        yield root


def known(main: Path) -> Sequence[str]:
    """Return the paths of the files in a checkout of the main branch that findings can be about, sorted."""
    folders = [*_FOLDERS, "collectors"]
    return sorted(p.relative_to(main).as_posix() for name in folders for p in (main / name).rglob("*") if p.is_file())
