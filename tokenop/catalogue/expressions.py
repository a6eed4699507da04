"""A template's SQL predicates: safe, over known columns, and true or false."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.rules.legacy import finding
from tokenop.catalogue.vocabulary import EVENT_COLUMNS, WORKLOAD_SCALARS
from tokenop.errors import Finding


def check(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with `applies_when` and with each lever's `where`."""
    yield from _predicate(draft, "applies_when", WORKLOAD_SCALARS)
    levers = draft.reach("economics.levers")
    for index in range(len(levers) if isinstance(levers, list) else 0):
        path = f"economics.levers[{index}]"
        spec = SPECS.get(draft.get(f"{path}.kind"))
        yield from _predicate(draft, f"{path}.where", spec.columns if spec else EVENT_COLUMNS)


def _predicate(draft: Draft, path: str, columns: Mapping[str, str]) -> Iterator[Finding]:
    from tokenop.sqltree import check_predicate

    text = draft.get(path)
    if not isinstance(text, str):
        return
    for problem in check_predicate(text, columns):
        place = draft.document.locate(path, problem.position) if problem.position is not None else None
        yield finding(draft.document, "EX001", path, problem.message, problem.fix or "", place=place)
