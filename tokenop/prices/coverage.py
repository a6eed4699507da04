"""What the prices cover: how many calls and tokens are priced, with what certainty, and which models are not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from tokenop.database import identifier

if TYPE_CHECKING:
    import duckdb

PLACES = Decimal("0.000001")


class UnpricedModel(NamedTuple):
    """A model whose calls have no known cost."""

    provider: str
    model: str
    calls: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Calls and tokens by where their cost comes from. Shares are of all known tokens, None where there are none.

    `events` = `reported` + `priced` + `unpriced`. `undated` is the part of `priced` whose price is not dated for the
    day; `free` the part of `priced` at a price of zero; `without_usage` counts calls whose tokens are unknown.
    """

    events: int
    reported: int
    priced: int
    unpriced: int
    undated: int
    free: int
    without_usage: int
    tokens: int
    reported_token_share: Decimal | None
    priced_token_share: Decimal | None
    unpriced_token_share: Decimal | None
    undated_token_share: Decimal | None
    unpriced_models: tuple[UnpricedModel, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the figures JSON-ready; shares as numbers."""
        shares = ("reported_token_share", "priced_token_share", "unpriced_token_share", "undated_token_share")
        counts = ("events", "reported", "priced", "unpriced", "undated", "free", "without_usage", "tokens")
        figures: dict[str, object] = {name: getattr(self, name) for name in counts}
        for name in shares:
            share = getattr(self, name)
            figures[name] = None if share is None else float(share)
        figures["unpriced_models"] = [model._asdict() for model in self.unpriced_models]
        return figures


def measure(connection: duckdb.DuckDBPyConnection, name: str = "calls") -> Coverage:
    """Return the coverage of the view `name` in one pass over it."""
    rows = connection.execute(
        f"""SELECT provider, model, cost_basis, coalesce(undated, false) AS undated,
              coalesce(r_uncached = 0 AND r_output = 0 AND r_call = 0, false) AS free,
              t_output IS NULL AS without_usage, sum(n)::BIGINT AS calls,
              coalesce(sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output), 0)::HUGEINT AS tokens
            FROM {identifier(name)} GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    calls: dict[str, int] = dict.fromkeys(("reported", "priced", "unpriced", "undated", "free", "without_usage"), 0)
    tokens = dict(calls)
    unpriced: dict[tuple[str, str], tuple[int, int]] = {}
    for provider, model, basis, undated, free, missing, count, size in rows:
        kinds = [basis]
        if basis == "priced":
            kinds += [kind for kind, holds in (("undated", undated), ("free", free)) if holds]
        kinds += ["without_usage"] if missing else []
        for kind in kinds:
            calls[kind] += count
            tokens[kind] += size
        if basis == "unpriced":
            before = unpriced.get((provider, model), (0, 0))
            unpriced[(provider, model)] = (before[0] + count, before[1] + size)
    total = tokens["reported"] + tokens["priced"] + tokens["unpriced"]
    listed = [UnpricedModel(*names, *sizes) for names, sizes in unpriced.items()]
    listed.sort(key=lambda found: (-found.tokens, -found.calls, found.provider, found.model))

    def share(kind: str) -> Decimal | None:
        return (Decimal(tokens[kind]) / total).quantize(PLACES) if total else None

    return Coverage(
        events=calls["reported"] + calls["priced"] + calls["unpriced"],
        **calls,
        tokens=total,
        reported_token_share=share("reported"),
        priced_token_share=share("priced"),
        unpriced_token_share=share("unpriced"),
        undated_token_share=share("undated"),
        unpriced_models=tuple(listed),
    )
