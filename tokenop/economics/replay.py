"""Projecting a written plan onto the events: what each group of calls would have cost under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tokenop import documents
from tokenop.catalogue import levers as specs
from tokenop.catalogue.model import Lever, Range
from tokenop.database import quoted
from tokenop.economics import binding, draws, rows, work
from tokenop.economics.levers import Bound
from tokenop.economics.state import BUCKETS
from tokenop.errors import Finding, FindingsError
from tokenop.sqltree import check_predicate

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook
    from tokenop.profile.window import Window

_NAMES = dict(zip(BUCKETS, work.SOURCE_BUCKETS, strict=True))


class HasWindow(Protocol):
    """Whatever knows the time that the calls cover."""

    @property
    def window(self) -> Window:
        """Return the time that the calls cover."""


@dataclass(frozen=True)
class Planned:
    """A chosen template as its plan tells it: id and levers are all that a replay needs."""

    id: str
    levers: tuple[Lever, ...]


def project(connection: duckdb.DuckDBPyConnection, book: PriceBook, plan_file: Path, opened: HasWindow) -> None:
    """Create the table `projection` from the relation `calls`, under the plan's levers at their expected values.

    Columns: day, tenant, intent, provider, model; calls, the five `t_*` and `cost` as they are; and
    `optimized_provider`, `optimized_model`, `optimized_calls`, `optimized_t_*`, `optimized_cost`. A group has one row
    for each model that answers it afterwards; what it costs today stands on the row of today's model alone. GPU cost
    is spread over the calls that the GPUs serve, by their seconds. Sums over all rows are those of the replay.

    Raises:
        FindingsError: the plan's levers are not sound, each named with its line.
    """
    spread = work.spread_of(opened.window)
    bounds = binding.bind(connection, book, read(plan_file), opened.window.until)  # type: ignore[arg-type]
    work.build(connection, bounds, spread)
    values = draws.expected(bounds)
    chain = rows.chain(bounds, values)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE projected AS
SELECT segment, day, s_to, {_today()}, sum(s_n) AS optimized_calls,
       {", ".join(f"sum(s_{bucket}) AS optimized_{name}" for bucket, name in _NAMES.items())},
       sum({rows.AFTER}) AS optimized_cost
FROM ({chain}) GROUP BY segment, day, s_to"""
    )
    hosting = [bound for bound in bounds if bound.lever.kind == "self_host"]
    parts = [_priced(bounds), *(_served(connection, bounds, values, spread, one, chain) for one in hosting)]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE projection AS
SELECT day, tenant, intent, provider, model,
       CAST(sum(calls) AS BIGINT) AS calls, {", ".join(f"CAST(sum({n}) AS HUGEINT) AS {n}" for n in _NAMES.values())},
       sum(cost) AS cost, optimized_provider, optimized_model, sum(optimized_calls) AS optimized_calls,
       {", ".join(f"sum(optimized_{name}) AS optimized_{name}" for name in _NAMES.values())},
       sum(optimized_cost) AS optimized_cost
FROM ({" UNION ALL ".join(parts)}) JOIN segments USING (segment)
GROUP BY ALL ORDER BY ALL"""
    )


def _today() -> str:
    """Return what a group is today, counted once however many parts it is split into."""
    tokens = ", ".join(f"sum(CASE WHEN s_main THEN tokens_{b} ELSE 0 END) AS {name}" for b, name in _NAMES.items())
    return f"sum(CASE WHEN s_main THEN n ELSE 0 END) AS calls, {tokens}, sum(CASE WHEN s_main THEN cost END) AS cost"


def _priced(bounds: Sequence[Bound]) -> str:
    """Return SQL for the rows that an API answers, with the provider and model that do so."""
    targets = {bound.name: (bound.target_provider, bound.target_model) for bound in bounds if bound.target}
    columns = []
    for place, name in enumerate(("provider", "model")):
        whens = " ".join(f"WHEN '{lever}' THEN {quoted(target[place])}" for lever, target in sorted(targets.items()))
        moved = f"CASE s_to {whens} END" if whens else "NULL"
        columns.append(
            f"coalesce({moved}, (SELECT s.{name} FROM segments s WHERE s.segment = p.segment)) AS optimized_{name}"
        )
    return (
        f"SELECT segment, day, calls, {', '.join(_NAMES.values())}, cost, {', '.join(columns)}, optimized_calls, "
        f"{', '.join(f'optimized_{name}' for name in _NAMES.values())}, optimized_cost FROM projected p"
    )


def _served(
    connection: duckdb.DuckDBPyConnection,
    bounds: Sequence[Bound],
    values: Mapping[str, Mapping[str, float]],
    spread: work.Spread,
    bound: Bound,
    chain: str,
) -> str:
    """Return SQL for the rows that the lever's GPUs answer; their cost adds up exactly to that of the GPUs."""
    cost = rows.served(connection, bounds, values, spread, bound)
    name, speed = bound.name, values[bound.name]
    seconds = (
        f"{name}_prefill / {speed['prefill_tokens_per_gpu_second']!r} "
        f"+ {name}_decode / {speed['decode_tokens_per_gpu_second']!r}"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {name}_served AS
WITH share AS (
  SELECT segment, day, sum({name}_calls) AS calls, sum({name}_prefill) AS prefill, sum({name}_decode) AS decode,
         sum(CAST({seconds} AS DECIMAL(38, 9))) AS seconds
  FROM ({chain}) WHERE s_main GROUP BY segment, day
), upto AS (
  SELECT *, CAST(sum(seconds) OVER (ORDER BY day, segment) AS DOUBLE) / CAST(sum(seconds) OVER () AS DOUBLE) AS part
  FROM share WHERE seconds > 0
)
SELECT *, CAST({cost}::DOUBLE * part AS DECIMAL(38, 12)) AS until,
       row_number() OVER (ORDER BY day DESC, segment DESC) = 1 AS last
FROM upto"""
    )
    none = ", ".join(f"0 AS {column}" for column in _NAMES.values())
    tokens = {"u": "prefill", "o": "decode"}
    after = ", ".join(f"{tokens.get(bucket, '0')} AS optimized_{column}" for bucket, column in _NAMES.items())
    # Each row pays the difference to the one before it; the last one closes at the cost itself.
    paid = (
        f"CASE WHEN last THEN CAST('{cost}' AS DECIMAL(38, 12)) ELSE until END "
        f"- coalesce(lag(until) OVER (ORDER BY day, segment), 0)"
    )
    return (
        f"SELECT segment, day, 0 AS calls, {none}, CAST(NULL AS DECIMAL(38, 12)) AS cost, "
        f"'self-hosted' AS optimized_provider, "
        f"'own GPUs' AS optimized_model, "
        f"calls AS optimized_calls, {after}, {paid} AS optimized_cost FROM {name}_served p"
    )


def read(plan_file: Path) -> list[Planned]:
    """Return the chosen templates of a plan file. Its expressions are checked again: anybody may have edited it.

    Raises:
        FindingsError: a lever is not sound; line and field are named.
        InputError: the file cannot be read.
    """
    document = documents.load_yaml(plan_file)
    findings: list[Finding] = []
    chosen: list[Planned] = []
    entries = document.meta.get("chosen")
    for place, entry in enumerate(entries if isinstance(entries, list) else []):
        levers: list[Lever] = []
        for number, raw in enumerate(
            entry["levers"] if isinstance(entry, dict) and isinstance(entry.get("levers"), list) else []
        ):
            path = f"chosen[{place}].levers[{number}]"
            made = _lever(raw, number)
            if isinstance(made, Lever):
                levers.append(made)
            else:
                line, column = document.line(path)
                findings.append(
                    Finding(str(plan_file), line, path, "PLAN", "error", made, column, "write the plan again")
                )
        chosen.append(Planned(str(entry.get("id")) if isinstance(entry, dict) else "", tuple(levers)))
    if findings:
        raise FindingsError(findings)
    return chosen


def _range(value: Any) -> Range:
    low, expected, high = (Decimal(str(value[end])) for end in ("low", "expected", "high"))
    return Range(low, expected, high, value["evidence"], str(value["source"]))


def _lever(raw: Any, index: int) -> Lever | str:
    """Return the lever, or what is wrong with it."""
    try:
        kind, where = str(raw["kind"]), str(raw["where"])
        parameters = {str(name): _range(value) for name, value in raw["parameters"].items()}
        options = dict(raw["options"])
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return f"is not a lever as `tokenop plan` writes it: {error!r}"
    spec = specs.SPECS.get(kind)
    if spec is None:
        return f"has the unknown kind {kind!r}"
    if wrong := _choice(spec, options):
        return wrong
    wanted = spec.parameters_with(options)
    missing = [one.name for one in wanted if one.required and one.name not in parameters]
    if missing:
        return f"lacks the parameter {missing[0]}"
    for one in wanted:
        if one.name in parameters and (complaint := one.complaint(parameters[one.name].expected)):
            return f"parameter {one.name} {complaint}"
    problems = check_predicate(where, spec.columns)
    return f"where: {problems[0].message}" if problems else Lever(kind, where, parameters, options, index)


def _choice(spec: specs.LeverSpec, options: Mapping[str, object]) -> str | None:
    """Return what is wrong with the options that decide what SQL is written."""
    for option in spec.options_with(options):
        value = options.get(option.name)
        if option.type == "choice" and (option.required or value is not None) and value not in option.choices:
            return f"option {option.name} must be one of {', '.join(option.choices)}"
        if option.type == "target" and not isinstance(value, dict):
            return f"lacks the option {option.name}"
    return None
