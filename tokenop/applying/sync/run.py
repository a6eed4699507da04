"""One sync: fetch, choose, write, check, swap; and what is used where that fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop import settings
from tokenop.applying.locking import alone
from tokenop.applying.sync import contents, store
from tokenop.applying.sync.git import COMMIT, Entry, Git, checked_ref, checked_url
from tokenop.applying.sync.store import Difference, Synced
from tokenop.errors import Finding, FindingsError, InputError, MisuseError, NoInputError

if TYPE_CHECKING:
    from tokenop.catalogue.model import Catalogue

URL = "TOKENOP_TEMPLATES_URL"
SIGNERS = "TOKENOP_TEMPLATES_SIGNERS"

# Parts of templates/ that a repository need not have: what came with the program is used then.
_PARTS = ("models", "prices", "prices/instances", "routing")


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch: an address, a branch or tag (HEAD by default), and the commit that it must be, if one is given."""

    url: str
    ref: str | None
    commit: str | None
    day: date


@dataclass(frozen=True, slots=True)
class Result:
    """What a sync brought, compared with what was used before; `left_out` says why a template is not among it."""

    synced: Synced
    folder: Path
    difference: Difference
    left_out: tuple[Finding, ...]
    compared_with: str


def address(given: str | None) -> str | None:
    """Return where templates come from: what is given, else the setting, else where the last ones came from."""
    before = store.last()
    return given or os.environ.get(URL) or (before.url if before else None)


def branch(given: str | None, url: str) -> str | None:
    """Return the branch or tag: what is given, else that of the last sync if it was of the same address."""
    before = store.last()
    same = before is not None and before.url in (url, str(Path(url).expanduser().resolve()))
    return given or (before.ref if before and same else None)


def used() -> str:
    """Return in words which templates the other commands use."""
    folder = settings.content("templates")
    here, synced = settings.checkout(), settings.synced_folder()
    if here is not None and folder.is_relative_to(here / "templates"):
        return f"the templates of this checkout, {folder}"
    if synced is None or not folder.is_relative_to(synced):
        return "the templates that came with the program"
    before = store.last()
    if before is None:
        return f"synced templates of which nothing is known anymore, {folder}; sync them again"
    return f"the templates synced on {before.day} ({before.url} at {before.commit[:12]})"


def sync(request: Request, progress: Callable[[str], None] = lambda _: None) -> Result:
    """Fetch templates and make them the ones that are used.

    Nothing that is fetched runs. Where anything is wrong, what was there stays.

    Raises:
        MisuseError: the address, ref or commit is none.
        InputError: it cannot be fetched, is not signed as asked, or is another commit.
        FindingsError: it holds what templates cannot be.
        NoInputError: it holds no template that can be used.
    """
    url = checked_url(request.url)
    if request.commit and not COMMIT.match(request.commit):
        raise MisuseError(f"--commit {request.commit}: give the whole id, 40 or 64 letters of 0-9 and a-f")
    ref = checked_ref(request.ref) if request.ref else None
    with held() as state, tempfile.TemporaryDirectory(prefix=".new-", dir=state) as scratch:
        git = Git(Path(scratch))
        progress("fetching")
        commit = git.fetch(url, ref or request.commit or "HEAD")
        if request.commit and commit != request.commit:
            raise InputError(f"{url}: {ref} is at {commit}, not at {request.commit}")
        signers = os.environ.get(SIGNERS)
        if signers:
            git.verify(commit, Path(signers).expanduser())
        progress("checking")
        made = Path(scratch) / "version"
        trees = _written(git, commit, made)
        left_out, templates = _checked(made / "templates")
        before = store.last()
        reference = before.templates if before else _shipped()
        synced = Synced(url, ref or "HEAD", commit, trees, request.day, bool(signers), templates)
        folder = store.keep(made, synced)
    compared = "the last sync" if before else "what came with the program"
    return Result(synced, folder, store.difference(reference, templates), left_out, compared)


@contextlib.contextmanager
def held() -> Iterator[Path]:
    """Yield the state folder of templates, held against another sync, without what a killed one left."""
    state = settings.home() / "templates"
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"{state}: cannot be written: {error.strerror or error}") from error
    try:
        with alone(handle, f"{state}: another tokenop syncs right now; try again"):
            for left in state.glob(".new-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield state
    except OSError as error:  # a full disk, say
        raise InputError(f"{state}: cannot be written: {error.strerror or error}") from error
    finally:
        os.close(handle)


def _written(git: Git, commit: str, made: Path) -> dict[str, str]:
    """Write the chosen files, and return the hash of each folder, checked against what is on the disk now."""
    every = tuple(git.entries(commit, *contents.FOLDERS))
    chosen = contents.chosen(every)
    contents.write(git, chosen, made)
    trees: dict[str, str] = {}
    for folder in contents.FOLDERS:
        inner = [entry for entry in every if entry.path.startswith(f"{folder}/")]
        if not inner:
            continue
        told = git.resolve(f"{commit}:{folder}")
        if _tree(inner, {entry.path for entry in chosen}, made, folder) != told:
            raise FindingsError([Finding(folder, 0, "tree", contents.RULE, "error", f"is not the tree {told}")])
        trees[folder] = told
    return trees


def _tree(entries: list[Entry], chosen: set[str], made: Path, folder: str) -> str:
    """Return the hash of a folder: of files taken from the disk, of others as git lists them."""
    files = {}
    for entry in entries:
        oid = contents.blob((made / entry.path).read_bytes(), entry.oid) if entry.path in chosen else entry.oid
        files[entry.path.removeprefix(f"{folder}/")] = (entry.mode, oid)
    return contents.tree(files, entries[0].oid)


def _checked(templates: Path) -> tuple[tuple[Finding, ...], dict[str, dict[str, object]]]:
    """Take away what this program cannot use, and return what that was and what is left.

    Raises:
        FindingsError: prices or models are not sound: every bill would be wrong or none could be made.
        NoInputError: nothing is left.
    """
    from tokenop.catalogue import loader

    for part in _PARTS:
        if not (templates / part).is_dir() and (settings.shipped("templates") / part).is_dir():
            shutil.copytree(settings.shipped("templates") / part, templates / part)
    _prices(templates)
    left_out: list[Finding] = []
    while True:
        catalogue = loader.read(loader.find(templates))
        errors = [finding for finding in catalogue.findings if finding.severity == "error"]
        # A template that goes may leave another without what it names.
        errors = errors or list(_dangling(catalogue))
        if not errors:
            break
        left_out += errors
        for path in {Path(finding.file) for finding in errors}:
            path.unlink()
    if not catalogue.templates:
        raise NoInputError("none of the templates in this repository can be used; nothing was taken from it")
    return tuple(_relative(finding, templates.parent) for finding in left_out), store.described(catalogue)


def _dangling(catalogue: Catalogue) -> Iterator[Finding]:
    """Yield the templates that name others which did not come along; those that came with the program do not count."""
    there = {template.id for template in catalogue.templates}
    for template in catalogue.templates:
        for field in ("requires", "conflicts", "supersedes"):
            if missing := sorted(set(getattr(template, field)) - there):
                message = f"names {', '.join(missing)}, which is not in this repository"
                yield Finding(str(template.path), 0, field, contents.RULE, "error", message)


def _relative(finding: Finding, folder: Path) -> Finding:
    return replace(finding, file=finding.file.removeprefix(f"{folder}/"))


def _prices(templates: Path) -> None:
    """Read prices and retirements as the program will.

    Raises:
        FindingsError: one of them is not sound; files are named as in the repository.
    """
    from tokenop.inventory import prices as machines
    from tokenop.prices import dated, retirements

    try:
        dated.read_all(templates.glob("prices/*.yaml"))
        for path in sorted(templates.glob("prices/instances/*.yaml")):
            machines.load(path)
        retired = templates / "models" / "retirements.yaml"
        if retired.is_file():
            retirements.load(retired)
    except FindingsError as error:
        found = [_relative(finding, templates.parent) for finding in error.findings]
        raise FindingsError(found, "Nothing was taken from this repository.") from error


def _shipped() -> dict[str, dict[str, object]]:
    from tokenop.catalogue import loader

    return store.described(loader.load(settings.shipped("templates")))
