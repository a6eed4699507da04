"""From changed files to comparisons: each config then and now, on each log, and before the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.comparison import cost, revisions
from tokenop.comparison.model import Change, Compared
from tokenop.comparison.quality import Gate, Version
from tokenop.errors import InputError, MisuseError

if TYPE_CHECKING:
    from tokenop.comparison.cost import Log
    from tokenop.comparison.model import Quality
    from tokenop.prices.book import PriceBook
    from tokenop.routing.model import RoutingConfig

DEFAULT = f"{revisions.FOLDER}/default.yaml"


@dataclass(frozen=True, slots=True)
class Changed:
    """One config then and now; None: there was, or is, none. `usual` is what a new one is held to: the default."""

    path: str
    base: str
    before: Version | None
    after: Version | None
    usual: Version | None = None

    @property
    def change(self) -> Change:
        """Return how it changed."""
        return "new" if self.before is None else "removed" if self.after is None else "changed"


def of_git(folder: Path, base: str | None, only: Sequence[Path], scratch: Path) -> tuple[Changed, ...]:
    """Return the routing configs that differ between a revision and the working tree.

    Args:
        folder: a folder in the checkout.
        base: a revision; None: where the branch left the main one.
        only: files to look at; all of templates/routing where none is named.
        scratch: folder for texts of the past.

    Raises:
        FindingsError: a config has errors.
        InputError: there is no such revision, or no checkout, or a file that is named is none of its configs.
    """
    repository = revisions.Repository(folder)
    commit = repository.base(base)
    named = {path.resolve() for path in only}
    for path in only:
        repository.placed(commit, path)
    return tuple(
        _changed(repository, commit, one, scratch)
        for one in repository.differing(commit)
        if not named or (repository.root / one.path).resolve() in named
    )


def _changed(repository: revisions.Repository, commit: str, one: revisions.Differing, scratch: Path) -> Changed:
    name = f"{commit[:10]}:{one.path}"
    before = None if one.before is None else _past(name, one.before, scratch)
    after = None if one.now is None else Version(one.path, _load(repository.root / one.path), one.now)
    usual = None
    if before is None and (text := repository.at(commit, DEFAULT)) is not None:
        usual = _past(f"{commit[:10]}:{DEFAULT}", text, scratch)
    return Changed(one.path, commit[:10], before, after, usual)


def of_files(configs: Sequence[Path], against: Path) -> tuple[Changed, ...]:
    """Return each config compared with another file.

    Raises:
        FindingsError: a config has errors.
        InputError: a file cannot be read.
        MisuseError: no config is named.
    """
    if not configs:
        raise MisuseError("--against FILE needs a CONFIG to compare with it")
    before = Version(str(against), _load(against), _read(against))
    return tuple(
        Changed(str(path), str(against), before, Version(str(path), _load(path), _read(path))) for path in configs
    )


def compare(
    changed: Sequence[Changed],
    logs: Sequence[Log],
    gate: Gate | None,
    prices: PriceBook,
    scratch: Path,
    say: Callable[[str], None],
) -> Iterator[Compared]:
    """Yield what each change does on each log, and what the gate says of it.

    Args:
        changed: the configs.
        logs: on which to replay.
        gate: judges quality; None leaves it out.
        prices: what models cost.
        scratch: folder for temporary files.
        say: told what is being done.
    """
    for one in changed:
        costs = []
        for log in logs:
            say(f"replaying {log.name} by {one.path}")
            before, after = (None if side is None else side.config for side in (one.before, one.after))
            costs.append(cost.on(log, before, after, prices, scratch))
        yield Compared(one.path, one.change, one.base, tuple(costs), _quality(one, gate))


def _quality(one: Changed, gate: Gate | None) -> Quality | None:
    before = one.before or one.usual
    return None if gate is None or before is None or one.after is None else gate(before, one.after)


def _past(name: str, text: str, scratch: Path) -> Version:
    """Return a config as it was; its errors name the revision."""
    folder = scratch / name.partition(":")[0]
    folder.mkdir(exist_ok=True)
    path = folder / Path(name).name
    path.write_text(text, encoding="utf-8", newline="\n")
    return Version(name, _load(path), text)


def _load(path: Path) -> RoutingConfig:
    from tokenop import routing

    return routing.load(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read") from error
