"""What templates would save alone on the reference workloads: one pass a workload for all of them.

Draws, seed and rounding are those of `tokenop plan`, so that both give the same figures. Nothing is kept on the disk:
all templates on all workloads take seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.rules.surroundings import Replayed
from tokenop.errors import MisuseError, TokenOpError
from tokenop.trials.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    import duckdb

    from tokenop.catalogue.model import Template
    from tokenop.planning.build import Request, Studied
    from tokenop.planning.inputs import Opened
    from tokenop.prices.book import PriceBook

Figures = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Alone:
    """What a template does on one workload, alone.

    Exactly one of three holds: `percent` (P10, expected and P90 of the saving, in percent of the monthly bill),
    `silent` (in words, why it changes nothing here), or `failed` (why nobody can tell: a target has no price).
    `monthly_usd` is the same saving in US dollars, `bill_usd` the bill. `single_usd` is what each lever would save a
    month without the others, by `kind[index]`: their sum and the expected joint saving differ by the interaction.
    """

    percent: Figures | None = None
    silent: str = ""
    failed: str = ""
    monthly_usd: Figures | None = None
    bill_usd: float | None = None
    single_usd: tuple[tuple[str, float], ...] = ()


def replay(
    templates: Iterable[Template],
    workloads: Iterable[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Alone]]:
    """Return by template and workload what each template does there.

    Args:
        templates: each with an id of its own; a deprecated one is replayed like any other.
        workloads: names of reference workloads, by default all of them.
        progress: told what is being done.

    Raises:
        MisuseError: two templates have the same id, or a workload is unknown.
    """
    with Engine(progress) as engine:
        return engine.replay(templates, workloads)


def replayed(found: Mapping[str, Alone]) -> Replayed:
    """Return what rules need to know. A workload on which nobody can tell is left out."""
    return Replayed({name: alone.percent for name, alone in sorted(found.items()) if not alone.failed})


@dataclass(frozen=True)
class _Log:
    """An open log: a connection with the relation `calls`, and what is known of it."""

    connection: duckdb.DuckDBPyConnection
    opened: Opened
    scalars: Mapping[str, Any]


class Engine:
    """Replays templates, and keeps prices and logs open for the next ones."""

    def __init__(self, progress: Callable[[str], None] = lambda _: None) -> None:
        self._progress = progress
        self._book: PriceBook | None = None
        self._logs: dict[Path, _Log] = {}

    def __enter__(self) -> Engine:
        """Return the engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""
        self.close()

    def close(self) -> None:
        """Close what is open; the engine may be used again."""
        while self._logs:
            self._logs.popitem()[1].connection.close()

    def replay(
        self, templates: Iterable[Template], workloads: Iterable[str] | None = None
    ) -> dict[str, dict[str, Alone]]:
        """Return by template and workload what each template does there; see the function `replay`."""
        # Every status is replayed: a trial comes before a decision.
        planned = [replace(one, status="proposed") for one in sorted(templates, key=lambda one: one.id)]
        ids = [one.id for one in planned]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise MisuseError(f"{', '.join(twice)}: two templates have this id; try one after the other")
        found: dict[str, dict[str, Alone]] = {name: {} for name in ids}
        for workload in _known(workloads) if planned else ():
            self._progress(f"replaying {len(planned)} template{'s' * (len(planned) != 1)} on {workload.name}")
            for name, alone in self._on(workload, planned).items():
                found[name][workload.name] = alone
        return found

    def _on(self, workload: Workload, templates: Sequence[Template]) -> dict[str, Alone]:
        """Return what each template does on one workload. One that cannot be worked out does not spoil the others."""
        try:
            return self._together(workload, templates)
        except TokenOpError as error:
            if len(templates) == 1:
                return {templates[0].id: Alone(failed=str(error))}
        return {name: alone for template in templates for name, alone in self._on(workload, [template]).items()}

    def _together(self, workload: Workload, templates: Sequence[Template]) -> dict[str, Alone]:
        from tokenop.planning.build import studied

        log = self._open(workload.log)
        found = studied(self._request(log, workload, templates), log.scalars)
        result = {
            one.template.id: Alone(silent=one.reason) if one.code == "predicate" else Alone(failed=one.reason)
            for one in found.left
        }
        bill = found.bills(found.study.replay(frozenset()).before).both
        return result | {template.id: _alone(found, template, bill) for template in found.study.templates}

    def _request(self, log: _Log, workload: Workload, templates: Sequence[Template]) -> Request:
        from tokenop import inventory
        from tokenop.planning.build import Request
        from tokenop.planning.policy import Policy

        return Request(
            connection=log.connection,
            book=self._prices(),
            templates=templates,
            # What is asked is what a template does, not whether somebody wants it.
            policy=Policy(max_quality_drop=None, max_quality_drop_per_call=None),
            window=log.opened.window,
            coverage=log.opened.coverage,
            inputs=log.opened.inputs,
            min_status="draft",
            inventory=inventory.read(workload.inventory) if workload.inventory else None,
        )

    def _prices(self) -> PriceBook:
        from tokenop.prices import book

        self._book = self._book or book.load()
        return self._book

    def _open(self, path: Path) -> _Log:
        from tokenop.database import connect
        from tokenop.planning import inputs
        from tokenop.profile import scalars

        if path not in self._logs:
            connection = connect()
            # The shipped logs are Parquet: they are read in place, and the folder is needed by none of them.
            with tempfile.TemporaryDirectory(prefix="tokenop-trial-") as scratch:
                opened = inputs.open_events(connection, self._prices(), path, Path(scratch))
            self._logs[path] = _Log(connection, opened, scalars.compute(connection, "calls", opened.window))
        return self._logs[path]


def _known(names: Iterable[str] | None) -> list[Workload]:
    wanted = list(dict.fromkeys(WORKLOADS if names is None else names))
    if unknown := [name for name in wanted if name not in WORKLOADS]:
        raise MisuseError(f"{', '.join(unknown)}: no such workload; known: {', '.join(WORKLOADS)}")
    return [WORKLOADS[name] for name in wanted]


def _alone(found: Studied, template: Template, bill: float | None) -> Alone:
    from tokenop.economics import chain
    from tokenop.planning.figures import interval, usd
    from tokenop.planning.reasons import nothing_matched

    study, only = found.study, frozenset({template.id})
    if silent := nothing_matched(study, template):
        return Alone(silent=silent)
    if not bill:
        return Alone(failed="the bill of this workload is unknown")
    saving = interval(study.savings(only), study.saving(only))
    monthly = (saving["p10"], saving["expected"], saving["p90"])
    singles = {
        bound.lever.index: usd(chain.saving(study.cells, study.spread.hours, [bound], study.arrays) * study.monthly)
        for bound in study.of(only)
    }
    named = tuple((f"{lever.kind}[{lever.index}]", singles[lever.index]) for lever in template.levers)
    low, expected, high = (100 * value / bill for value in monthly)
    return Alone((low, expected, high), "", "", monthly, bill, named)
