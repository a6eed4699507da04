"""Comparing what runs, what is applied in a project, and what is approved in git."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tokenop.applying import receipts
from tokenop.applying.root import Root
from tokenop.errors import InputError
from tokenop.gateway.applied import presence
from tokenop.gateway.applied.holder import content
from tokenop.gateway.applied.sources import CACHE, OWN, ROUTER, told
from tokenop.gateway.drift.approved import LARGEST, Approved
from tokenop.gateway.drift.model import Drift, Gateway, Kind, Row

_PROJECT = (ROUTER, CACHE, OWN)


def compare(root: Path, state: Path, branch: str | None = None) -> Drift:
    """Return how what runs, is applied and is approved differ in the project `root`.

    Args:
        root: the project.
        state: the gateway's state folder.
        branch: what is approved; by default the upstream's default branch.

    Raises:
        InputError: a file of the project cannot be read.
        MisuseError: `branch` is no revision.
    """
    gateways, elsewhere = _gateways(root, state)
    try:
        approved, why = Approved(root, branch), ""
    except InputError as error:
        approved, why = None, str(error)
    facts = _Facts(root, gateways, approved, _templates(root))
    return Drift(
        root=str(root.absolute()),
        gateways=gateways,
        elsewhere=elsewhere,
        branch=None if approved is None else (approved.name, approved.commit),
        no_branch=why,
        content=_version(content()),
        rows=tuple(facts.rows()),
    )


@dataclass
class _Facts:
    """All that is known, and the rows that come of it."""

    root: Path
    gateways: tuple[Gateway, ...]
    approved: Approved | None
    templates: Mapping[str, tuple[str, str]]
    at: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Yield a row for each file that is anywhere, those of the project first."""
        paths = self._paths()
        if self.approved is not None:
            for name, commit in (("approved", self.approved.commit), ("head", self.approved.head),
                                 ("base", self.approved.base)):  # fmt: skip
                self.at[name] = self.approved.texts(commit, [path for path in paths if not Path(path).is_absolute()])
        for path, role in paths.items():
            row = self._row(path, role)
            if (row.applied, row.approved) != (None, None) or any(row.running):
                yield row

    def _paths(self) -> dict[str, str | None]:
        """Return the files by their path, relative where they are in the project, with what gateways read them for."""
        here = self.root.absolute()
        found: dict[str, str | None] = dict.fromkeys(_PROJECT)
        found.update({path: path for path in _PROJECT})
        for gateway in self.gateways:
            for role, (path, _) in gateway.files.items():
                inside = Path(path).is_relative_to(here)
                found.setdefault(Path(path).relative_to(here).as_posix() if inside else path, role)
        for path in sorted(self.templates):
            found.setdefault(path, None)
        return found

    def _row(self, path: str, role: str | None) -> Row:
        now = _bytes(self.root / path)
        tracked = self.approved is not None and not Path(path).is_absolute()
        texts = {name: found[path] for name, found in self.at.items() if path in found}
        hashes = {name: _sha256(_alike(text, now)) for name, text in texts.items()}
        applied = None if now is None else _sha256(now)
        template, after = self.templates.get(path, (None, None))
        row = Row(
            path=path,
            running=tuple(self._running(path, role)),
            applied=applied,
            approved=hashes.get("approved"),
            tracked=tracked,
            template=template,
            edited=template is not None and applied != after,
            texts={_sha256(text): text for text in (*texts.values(), *(() if now is None else (now,)))},
        )
        kinds = (*self._kinds_running(row, role), *self._kinds_git(row, hashes))
        return replace(row, kinds=kinds, next=tuple(_next(kind, row, self.approved) for kind in kinds))

    def _running(self, path: str, role: str | None) -> Iterator[str | None]:
        where = str((self.root / path).absolute())
        for gateway in self.gateways:
            said = gateway.files.get(role) if role is not None else None
            if said is not None and said[0] == where:
                yield said[1]
            elif said is None and role in _PROJECT:
                yield None  # it was started, or last looked, without the file

    def _kinds_running(self, row: Row, role: str | None) -> Iterator[Kind]:
        if role is not None and any(sha256 != row.applied for sha256 in row.running):
            refused = all(gateway.refused for gateway in self.gateways if self._other(gateway, row, role))
            yield "refused" if refused else "stale"

    @staticmethod
    def _other(gateway: Gateway, row: Row, role: str) -> bool:
        return gateway.files.get(role, ("", None))[1] != row.applied

    def _kinds_git(self, row: Row, hashes: Mapping[str, str]) -> Iterator[Kind]:
        if not row.tracked or row.applied == row.approved:
            return
        head, base = hashes.get("head"), hashes.get("base")
        if row.applied != head:
            yield "uncommitted"
        if head != row.approved:
            yield "unmerged" if base == row.approved else "behind" if base == head else "diverged"


def _next(kind: Kind, row: Row, approved: Approved | None) -> str:
    """Return the command that comes next."""
    path = shlex.quote(row.path)
    branch = "" if approved is None else approved.name
    remote, _, name = branch.partition("/")
    pull = f"git pull {remote} {name}" if remote == "origin" and name not in ("", "HEAD") else "git pull"
    commands: Mapping[Kind, str] = {
        "refused": "tokenop serve --check",
        "stale": "restart the gateway: tokenop serve",
        "uncommitted": f"git add -A -- {path} && git commit -- {path}"
        + (f", or tokenop template-rollback {row.template}" if row.template and not row.edited else "")
        + (f", or git restore --source={shlex.quote(branch)} -- {path}" if row.approved else ""),
        "unmerged": f"push your branch and have it merged into {branch}",
        "behind": pull,
        "diverged": f"{pull}, and merge {path}",
    }
    return commands[kind]


def _gateways(root: Path, state: Path) -> tuple[tuple[Gateway, ...], int]:
    """Return the gateways of the project, and how many run for others."""
    here = root.resolve()
    said = presence.living(state)
    ours = [one for one in said if _resolved(str(one.get("root", ""))) == here]
    return tuple(_gateway(one) for one in ours), len(said) - len(ours)


def _resolved(path: str) -> Path | None:
    try:
        return Path(path).resolve()
    except (OSError, ValueError):
        return None


def _gateway(said: Mapping[str, Any]) -> Gateway:
    # Another version of this program may say other things.
    refused, content, listed = said.get("refused"), said.get("content"), said.get("files")
    reasons = refused.get("reasons") if isinstance(refused, dict) else ()
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    files = {str(one.get("role")): (str(one.get("path")), str(one.get("sha256"))) for one in found}
    return Gateway(
        pid=pid if isinstance(pid := said.get("pid"), int) else 0,
        address=str(said.get("address", "")),
        started=str(said.get("started", "")),
        version=str(said.get("version", "")),
        digest=str(said.get("digest", "")),
        mode=str(said.get("mode", "")),
        content=_version(content if isinstance(content, dict) else {}),
        files=files,
        refused=tuple(str(reason) for reason in reasons) if isinstance(reasons, list | tuple) else (),
    )


def _version(said: Mapping[str, Any]) -> str:
    return f"{said.get('kind')} {said['version']}" if said.get("version") else str(said.get("kind"))


def _templates(root: Path) -> dict[str, tuple[str, str]]:
    """Return for each file that a template wrote the last one that did, and the hash of what it left."""
    with Root(root) as opened:
        found: Sequence[Any] = receipts.load(opened)
    return {one.target: (receipt.template, one.after.sha256) for receipt in found for one in receipt.targets}


def _bytes(path: Path) -> bytes | None:
    try:
        found = told(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(found) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST >> 20} MB: no file that a gateway reads is")
    return found


def _alike(text: bytes, now: bytes | None) -> bytes:
    """Return `text`, or what is here where line ends alone differ: git may write them as a system has them."""
    if now is not None and text != now and text.replace(b"\r\n", b"\n") == now.replace(b"\r\n", b"\n"):
        return now
    return text


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
