"""Prompt caching: uncached input becomes cache writes and cache reads.

Which tokens would be read is simulated from real inter-arrival times (`tokenop.profile.reuse`): block by block where
events carry `prefix_hashes`; else the stable share of the prompt is read when the same tenant, provider, model and
intent called within the lifetime, and written otherwise. All that is not read is written, at the write price, as a
cache boundary at the end of the prompt does. Calls that use the cache today are left as they are, and so are models
without a price for cached input, prompts under the minimum length, and segments in which the write premium would
cost more than the reads save (break-even; decided once, with the expected parameters). Where two templates cache
prompts, the first of the chain does so for the calls that both match.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokenop.economics.levers.base import Bound, Constants, Values, matched, share
from tokenop.economics.state import Array, Cells, Flags, State

RANK = 30


def ttl(bound: Bound) -> str:
    """Return the lifetime of a cache entry, `5m` or `1h`."""
    return bound.text("ttl", "5m")


def columns(bound: Bound) -> dict[str, str]:
    """Return the tokens read and written: `_hit`/`_write` as measured, `_warm`/`_cold` before the stable share."""
    name, minimum, life = bound.name, bound.number("min_tokens", 1024), ttl(bound)
    stable = float(bound.lever.parameters["stable_share"].expected)
    caching = "r_read < r_uncached AND coalesce(t_read, 0) + coalesce(t_write_5m, 0) + coalesce(t_write_1h, 0) = 0"
    usable = f"{name} AND {caching}"
    read = f"CASE WHEN hit_{life} >= {minimum!r} * n THEN least(hit_{life}, t_uncached) ELSE 0 END"
    long = f"{usable} AND hit_{life} IS NOT NULL AND t_uncached >= {minimum!r} * n"
    keyed = f"{usable} AND hit_{life} IS NULL AND t_uncached * {stable!r} >= {minimum!r} * n"
    warm = f"round(t_uncached * warm_{life})"
    return {
        f"{name}_hit": f"CAST(CASE WHEN {long} THEN {read} ELSE 0 END AS BIGINT)",
        f"{name}_write": f"CAST(CASE WHEN {long} THEN t_uncached - {read} ELSE 0 END AS BIGINT)",
        f"{name}_warm": f"CAST(CASE WHEN {keyed} THEN {warm} ELSE 0 END AS BIGINT)",
        f"{name}_cold": f"CAST(CASE WHEN {keyed} THEN t_uncached - {warm} ELSE 0 END AS BIGINT)",
    }


def net_saving(bound: Bound) -> str:
    """Return SQL for the US dollars that caching saves on a row of the work table, with the expected stable share."""
    name, write = bound.name, "w1" if ttl(bound) == "1h" else "w5"
    stable = float(bound.lever.parameters["stable_share"].expected)
    read = f"({name}_hit + {stable!r} * {name}_warm)"
    written = f"({name}_write + {stable!r} * {name}_cold)"
    return f"{read} * (rate_u - rate_r) - {written} * (rate_{write} - rate_u)"


def _shares(bound: Bound, cells: Cells, values: Values, flags: Flags) -> tuple[Array, Array]:
    """Return the shares of uncached tokens that become reads and writes, `(draws, cells)` each."""
    name, measures = bound.name, cells.measures
    uncached = np.maximum(measures["tokens_u"], 1.0)
    stable = values["stable_share"]
    read = (measures[f"{name}_hit"] + stable * measures[f"{name}_warm"]) / uncached
    write = (measures[f"{name}_write"] + stable * measures[f"{name}_cold"]) / uncached
    return share(flags, values["share"] * read), share(flags, values["share"] * write)


def apply(bound: Bound, state: State, values: Values) -> None:
    """Move uncached tokens to reads and writes. Runs before any routing, so there is only today's part."""
    flags = matched(bound, state.cells) & ~state.cached
    read, write = _shares(bound, state.cells, values, flags)
    state.cached = state.cached | flags
    into = 3 if ttl(bound) == "1h" else 2
    for part in state.parts:
        uncached = part.tokens[0]
        tokens = list(part.tokens)
        tokens[0] = uncached * (1 - read - write)
        tokens[1] = tokens[1] + uncached * read
        tokens[into] = tokens[into] + uncached * write
        part.tokens = tokens


def stage(bound: Bound, values: Constants) -> str:
    """Move uncached tokens of the matching rows to reads and writes."""
    name, into = bound.name, "w1" if ttl(bound) == "1h" else "w5"
    stable, part = values["stable_share"], values["share"]
    base = "greatest(tokens_u, 1)"
    read = f"({part!r} * ({name}_hit + {stable!r} * {name}_warm) / {base})"
    write = f"({part!r} * ({name}_write + {stable!r} * {name}_cold) / {base})"
    changed = {
        "u": f"s_u * (1 - {read} - {write})",
        "r": f"s_r + s_u * {read}",
        into: f"s_{into} + s_u * {write}",
    }
    replaced = ", ".join(
        f"CASE WHEN {name} AND NOT s_cached THEN {sql} ELSE s_{bucket} END AS s_{bucket}"
        for bucket, sql in changed.items()
    )
    return f"SELECT * REPLACE ({replaced}, s_cached OR {name} AS s_cached) FROM {{source}}"


def ceiling(bound: Bound, cells: Cells, values: Values, chain: Sequence[Bound]) -> Array:  # noqa: ARG001 the Protocol's shape
    """Return what reads save of the price of uncached tokens, less what writes add."""
    read, write = _shares(bound, cells, values, matched(bound, cells))
    uncached, into = cells.rates[0], cells.rates[3 if ttl(bound) == "1h" else 2]
    price = np.where(uncached > 0, uncached, 1.0)
    saved = read[0] * (1 - cells.rates[1] / price) - write[0] * (into / price - 1)
    return np.asarray(np.where(uncached > 0, np.maximum(saved, 0.0), 0.0))
