"""What `reroute` and `cascade` share: calls that another model answers, and those that come back.

A share of the matching calls goes to the target; of these a part (fallbacks, escalations) is asked again on the old
model, and both calls are paid. A call is moved at most once in a plan: those that came back stay with the old model,
and no later lever moves them or takes them to GPUs. Batch still discounts them.

The switch destroys warm caches on both sides: calls move one by one, so that the call which warmed a prefix went the
same way only with the probability of the share. What was a cache read is then a five-minute write, on either side;
where the target has no price for cached input, all of its input is uncached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tokenop.economics.levers.base import Bound, Values, matched, share
from tokenop.economics.state import Array, Cells, Part, State

RATES = ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output")


def rate(bound: Bound, tier: int, bucket: int) -> float:
    """Return the target's list rate in USD per token; buckets without one are charged as uncached input."""
    entry = bound.target[tier]
    value = getattr(entry, RATES[bucket])
    return float(entry.r_uncached if value is None else value)


def caches(bound: Bound) -> bool:
    """Return whether the target has a price for cached input."""
    return bound.target[0].r_read is not None


def tier_columns(bound: Bound) -> dict[str, str]:
    """Return a flag for each context tier of the target that a call's prompt reaches."""
    ratio = float(bound.lever.parameters["tokeniser_ratio"].expected)
    return {
        name: f"{bound.name} AND coalesce(input_tokens * {ratio!r} >= {entry.min_input_tokens}, false)"
        for name, entry in zip(bound.tiers, bound.target[1:], strict=True)
    }


def _target_rates(bound: Bound, cells: Cells) -> tuple[Array, ...]:
    if bound.name not in cells.targets:
        cells.targets[bound.name] = _rates(bound, cells)
    return cells.targets[bound.name]


def _rates(bound: Bound, cells: Cells) -> tuple[Array, ...]:
    same = np.array([provider == bound.target_provider for provider in cells.provider])
    scale = np.where(same, cells.same_rate, 1.0)
    rates = []
    for bucket in range(5):
        value = np.full(cells.size, rate(bound, 0, bucket))
        for number, name in enumerate(bound.tiers, start=1):
            value = np.where(cells.match[name], rate(bound, number, bucket), value)
        rates.append(value * scale)
    return tuple(rates)


def move(bound: Bound, state: State, share_: Array, ratio: Array, back: Array, per_call: Array) -> None:
    """Split today's part of the matching cells into what stays, what the target answers, and what comes back."""
    today = state.parts[0]
    flags = matched(bound, state.cells)
    moved = share(flags, share_)
    uncached, read, write5, write1, output = today.tokens
    cooled = read * moved
    scale = moved * ratio
    if caches(bound):
        taken = [uncached * scale, read * moved * scale, (write5 + read * (1 - moved)) * scale, write1 * scale]
    else:
        zero = np.zeros_like(read)
        taken = [(uncached + read + write5 + write1) * scale, zero, zero, zero]
    part = Part(
        calls=today.calls * moved,
        tokens=[*taken, output * scale],
        rates=_target_rates(bound, state.cells),
        fixed=np.zeros_like(today.fixed),
        factor=today.factor,
        discount=np.full(state.cells.size, _or_nan(bound.target[0].batch_discount)),
        moved=True,
    )
    state.extra = state.extra + part.calls.sum(axis=1) * (per_call[:, 0] + bound.target[0].r_call)
    state.parts.append(part)
    left = [uncached, read - cooled, write5 + cooled, write1, output]
    returned = share(flags, share_ * back)
    if returned.any():
        state.parts.append(replace(_portion(today, left, returned), moved=True))
    state.parts[0] = _portion(today, left, 1 - moved)


def _portion(today: Part, tokens: list[Array], portion: Array) -> Part:
    """Return a portion of what today's model answers, with the tokens that its cooled cache leaves."""
    return replace(
        today,
        calls=today.calls * portion,
        tokens=[one * portion for one in tokens],
        fixed=today.fixed * portion,
    )


Share = float | str  # a number, or the name of a column that holds one


def _times(share_: Share, factor: float) -> str:
    """Return SQL for the share times a number."""
    return repr(share_ * factor) if isinstance(share_, float) else f"({share_} * {factor!r})"


def _rest(share_: Share) -> str:
    """Return SQL for what the share leaves."""
    return repr(1 - share_) if isinstance(share_, float) else f"(1 - {share_})"


def stage(bound: Bound, share_: Share, ratio: float, back: float, per_call: float, latency: float) -> str:
    """Return the SELECT that splits each matching row into what stays, what the target answers, and what comes back."""
    flag = f"({bound.name} AND NOT s_moved)"
    taken = _taken(bound, share_, _times(share_, ratio))
    moved = {
        **{f"s_{bucket}": sql for bucket, sql in taken.items()},
        "s_n": f"s_n * {_times(share_, 1.0)}", "s_vis": f"s_vis * {_times(share_, 1 - back)}", "s_fixed": "0.0",
        "s_extra": f"s_n * {_times(share_, per_call + bound.target[0].r_call)}",
        "s_latency": f"s_latency * {latency!r}",
        "s_discount": _sql(bound.target[0].batch_discount),
        **{f"s_rate_{bucket}": _rate_sql(bound, number) for number, bucket in enumerate(taken)},
        "s_to": f"'{bound.name}'", "s_moved": "true", "s_main": "false",
    }  # fmt: skip
    stays = _kept(share_, _rest(share_))
    # What comes back has waited for both answers.
    returned = {
        **_kept(share_, _times(share_, back)),
        "s_extra": "0.0",
        "s_latency": f"s_latency * {1 + latency!r}",
        "s_moved": "true",
        "s_main": "false",
    }
    replaced = ", ".join(
        f"CASE side WHEN 1 THEN {sql} WHEN 2 THEN {returned.get(name, name)} "
        f"ELSE CASE WHEN {flag} THEN {stays.get(name, name)} ELSE {name} END END AS {name}"
        for name, sql in moved.items()
    )
    sides = "(0), (1), (2)" if back > 0 and share_ != 0 else "(0), (1)"
    return (
        f"SELECT * EXCLUDE (side) REPLACE ({replaced}) FROM {{source}}, (VALUES {sides}) AS sides(side) "
        f"WHERE side = 0 OR {flag}"
    )


def _taken(bound: Bound, share_: Share, scale: str) -> dict[str, str]:
    """Return SQL by bucket for the tokens that the target answers."""
    if not caches(bound):
        uncached = f"(s_u + s_r + s_w5 + s_w1) * {scale}"
        return {"u": uncached, "r": "0.0", "w5": "0.0", "w1": "0.0", "o": f"s_o * {scale}"}
    return {
        "u": f"s_u * {scale}",
        "r": f"s_r * {_times(share_, 1.0)} * {scale}",
        "w5": f"(s_w5 + s_r * {_rest(share_)}) * {scale}",
        "w1": f"s_w1 * {scale}",
        "o": f"s_o * {scale}",
    }


def _kept(share_: Share, portion: str) -> dict[str, str]:
    """Return SQL by column for a portion of what today's model answers, with the cache that the switch cooled."""
    return {
        "s_r": f"s_r * {_rest(share_)} * {portion}",
        "s_w5": f"(s_w5 + s_r * {_times(share_, 1.0)}) * {portion}",
        **{f"s_{name}": f"s_{name} * {portion}" for name in ("u", "w1", "o", "n", "vis", "fixed")},
    }


def _rate_sql(bound: Bound, bucket: int) -> str:
    sql = repr(rate(bound, 0, bucket))
    if bound.tiers:
        whens = " ".join(
            f"WHEN {name} THEN {rate(bound, number, bucket)!r}"
            for number, name in reversed(list(enumerate(bound.tiers, start=1)))
        )
        sql = f"(CASE {whens} ELSE {sql} END)"
    provider = bound.target_provider.replace("'", "''")
    return f"{sql} * CASE WHEN priced_provider = '{provider}' THEN same_rate ELSE 1 END"


def _sql(value: object) -> str:
    return "NULL" if value is None else repr(float(str(value)))


def ceiling(bound: Bound, cells: Cells, values: Values, back: Array, chain: Sequence[Bound]) -> Array:
    """Return the share moved, times the largest discount at the target of any bucket that can hold tokens.

    What comes back is paid on both sides. Cooled caches only add to the cost.
    """
    flags, ratio = matched(bound, cells), float(values["tokeniser_ratio"][0, 0])
    held = [tokens.sum(axis=0) > 0 for tokens in cells.tokens]
    cached = np.zeros(cells.size, dtype=np.bool_)
    for one in chain:
        if one.lever.kind == "prompt_cache":
            cached |= cells.match[one.name]
    # A lever that caches prompts fills the cache buckets; a move turns reads into five-minute writes.
    reads = held[1] | cached
    held = [held[0], reads, held[2] | reads, held[3] | cached, held[4]]
    best = np.zeros(cells.size)
    for ours, theirs, some in zip(cells.rates, _target_rates(bound, cells), held, strict=True):
        paid = np.where(ours > 0, theirs * ratio / np.where(ours > 0, ours, 1.0), np.inf)
        best = np.maximum(best, np.where(some, 1 - paid - float(back[0, 0]), 0.0))
    # What no token explains, such as a price per call of today's model, is saved whole with the call that moves.
    best = np.where(cells.fixed.sum(axis=0) > 0, 1.0, best)
    return np.asarray(share(flags, values["share"])[0] * best)


def _or_nan(value: object) -> float:
    return float("nan") if value is None else float(str(value))
