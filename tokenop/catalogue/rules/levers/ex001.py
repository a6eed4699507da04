"""EX001: expressions are safe predicates over known columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.vocabulary import EVENT_COLUMNS, WORKLOAD_SCALARS
from tokenop.errors import Finding


def _check(drafts: Sequence[Draft], around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    from tokenop.sqltree import check_predicates

    asked = [(draft, path, text, columns) for draft in drafts for path, text, columns in _expressions(draft)]
    answers = check_predicates([(text, columns) for _, _, text, columns in asked])
    for (draft, path, _, _), problems in zip(asked, answers, strict=True):
        for problem in problems:
            place = draft.document.locate(path, problem.position) if problem.position is not None else None
            yield RULE.found(draft.document, path, problem.message, problem.fix or "", place=place)


def _expressions(draft: Draft) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield path and text of each predicate, and the columns that it may name."""
    levers = draft.reach("economics.levers")
    named: list[tuple[str, Mapping[str, str]]] = [("applies_when", WORKLOAD_SCALARS)]
    for index in range(len(levers) if isinstance(levers, list) else 0):
        path = f"economics.levers[{index}]"
        spec = SPECS.get(draft.get(f"{path}.kind"))
        named.append((f"{path}.where", spec.columns if spec else EVENT_COLUMNS))
    for path, columns in named:
        text = draft.get(path)
        if isinstance(text, str):
            yield path, text, columns


RULE = Rule(
    "EX001",
    "error",
    "batch",
    what="Expressions are safe predicates over known columns.",
    why="They run on people's data.",
    how="Write one comparison of known columns; docs/templates.md lists columns and functions.",
    check=_check,
    examples=(
        Example(wrong="monthly_costs >= 100", right="monthly_cost_usd >= 100"),
        Example(wrong="input_tokens >= 1000 AND read_text('x') IS NULL AND", right="input_tokens >= 1000 AND"),
    ),
    structural=True,
)
