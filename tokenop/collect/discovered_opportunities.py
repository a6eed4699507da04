"""Where the bill could give: signals computed from the events, each with the spend it is about. No savings here.

What a template would save is `tokenop plan`'s to say, by replaying the events; a signal only says where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.collect.discovered_figures import EXACT_RATE, Row, counted, row, rows, share, usd

if TYPE_CHECKING:
    import duckdb

LAYERS = ("application-layer", "serving-layer", "infrastructure-layer", "cross-layer")

# A signal about less than this share of the bill is not worth a line.
WORTH = Decimal("0.01")
SHORT_OUTPUT_TOKENS = 200
FRONTIER_USD_PER_TOKEN = "0.00001"  # noqa: S105 a price, not a password
LONG_INPUT_TOKENS = 4000
CACHEABLE_TOKENS = 1024
STEADY_HOURS = Decimal("0.3")
LOAD = 10  # tokens a second, below which no hardware is worth thinking about
DAY_HOURS = 24
DAY_US = 86_400_000_000
LONG_SESSION_CALLS = 50

_OPEN_WEIGHTS = (
    "llama|mistral|mixtral|ministral|qwen|deepseek|gemma|gpt-oss|kimi|glm-|olmo|granite|nemotron|falcon|phi-[0-9]"
    "|command-r"
)
_NOBODY_WAITS = "night|batch|backfill|offline|bulk|index|cron|schedul|weekly|daily|monthly|report|eval|embed"
_UNCACHED_USD = f"t_uncached * {EXACT_RATE.format('r_uncached')}"


class Signal(NamedTuple):
    """One place to look. `spend` is the cost of what it is about; `template` the template that addresses it."""

    layer: str
    signal: str
    template: str | None
    finding: str
    spend: Decimal | None
    figures: Row


Finder = Callable[["duckdb.DuckDBPyConnection", str], "Signal | str | None"]


def find(connection: duckdb.DuckDBPyConnection, calls: str, cost: Decimal | None) -> Row:
    """Return the signals by layer, the dearest first, and under `not_measured` what the events cannot show.

    Args:
        connection: holds the relation.
        calls: name of the relation of calls, with `first_block` (the first of `prefix_hashes`).
        cost: the whole bill, against which shares are taken; None where nothing is priced.
    """
    found: list[Signal] = []
    silent: list[str] = []
    for finder in FINDERS:
        outcome = finder(connection, calls)
        if isinstance(outcome, str):
            silent.append(outcome)
        elif outcome is not None:
            found.append(outcome)
    found.sort(key=lambda one: (-(one.spend or Decimal()), one.signal))
    layers: Row = {layer: _worth([one for one in found if one.layer == layer], cost) for layer in LAYERS}
    return {**layers, "not_measured": silent}


def _worth(found: list[Signal], cost: Decimal | None) -> list[Row]:
    """Return the entries of one layer: its dearest signal, and those about a part of the bill that matters."""
    return [
        _entry(one, cost) for place, one in enumerate(found) if place == 0 or (one.spend or 0) >= WORTH * (cost or 0)
    ]


def _entry(one: Signal, cost: Decimal | None) -> Row:
    entry: Row = {"signal": one.signal, "finding": one.finding}
    if one.spend is not None:
        entry |= {"concerns_usd": usd(one.spend), "concerns_cost_share": share(one.spend, cost)}
    return entry | one.figures | ({"see_template": one.template} if one.template else {})


def _resent(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | str | None:
    """Input that the call before, of the same session or first block, had just sent, paid again in full."""
    sums = row(
        connection,
        f"""WITH chained AS (
          SELECT ts, t_uncached, r_uncached, t_uncached + t_read + t_write_5m + t_write_1h AS input,
            hash(tenant, provider, model, coalesce('s' || session_id, 'p' || first_block)) AS chain
          FROM {calls} WHERE n = 1 AND t_uncached IS NOT NULL AND cache_hit IS NOT TRUE
            AND coalesce(session_id, first_block) IS NOT NULL
        ), ordered AS (
          SELECT input, t_uncached, r_uncached, epoch_us(ts) - lag(epoch_us(ts)) OVER before AS gap,
            lag(input) OVER before AS sent
          FROM chained WINDOW before AS (PARTITION BY chain ORDER BY ts, input, t_uncached, r_uncached)
        ), again AS (
          SELECT input, r_uncached,
            CASE WHEN gap <= 300000000 AND sent >= {CACHEABLE_TOKENS} THEN least(t_uncached, sent) ELSE 0 END AS resent
          FROM ordered
        )
        SELECT sum(input) AS input, sum(resent) AS resent, count(*) FILTER (WHERE resent > 0) AS calls,
          sum(resent * {EXACT_RATE.format("r_uncached")}) AS spend FROM again""",
    )
    if not sums["input"]:
        return "input sent again (prompt cache): no event carries session_id or prefix_hashes"
    if not sums["resent"]:
        return None
    part = share(sums["resent"], sums["input"])
    return Signal(
        "application-layer",
        "input sent again within 5 minutes and not cached",
        "prompt-caching",
        f"At most {_percent(part)} of the input of calls whose session or prefix is known "
        "had just been sent by the call before and was paid again in full.",
        sums["spend"],
        {
            "resent_input_tokens_at_most": int(sums["resent"]),
            "resent_input_share_at_most": part,
            "calls": sums["calls"],
        },
    )


def _repeats(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | str | None:
    sums = row(
        connection,
        f"""WITH gaps AS (
          SELECT cost, epoch_us(ts) - lag(epoch_us(ts)) OVER (
            PARTITION BY hash(tenant, model, prompt_hash) ORDER BY ts, cost
          ) AS gap
          FROM {calls} WHERE prompt_hash IS NOT NULL AND n = 1
        )
        SELECT count(*) AS hashed, count(*) FILTER (WHERE gap <= {DAY_US}) AS repeats,
          sum(cost) FILTER (WHERE gap <= {DAY_US}) AS spend FROM gaps""",
    )
    if not sums["hashed"]:
        return "equal prompts (response cache): no event carries prompt_hash"
    if not sums["repeats"]:
        return None
    part = share(sums["repeats"], sums["hashed"])
    return Signal(
        "application-layer",
        "equal prompts within 24 hours",
        "semantic-caching",
        f"{_percent(part)} of the calls whose prompt is known repeat one of the last 24 hours word for word.",
        sums["spend"],
        {"repeated_calls": sums["repeats"], "calls_with_prompt_hash": sums["hashed"], "repeat_share": part},
    )


def _short(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    top = rows(
        connection,
        f"""SELECT intent, provider || '/' || model AS model, sum(n) AS calls, sum(cost) AS spend FROM {calls}
        WHERE r_output >= {FRONTIER_USD_PER_TOKEN} AND t_output <= {SHORT_OUTPUT_TOKENS} * n AND cost > 0
        GROUP BY ALL ORDER BY spend DESC, intent, model""",
    )
    if not top:
        return None
    calls_made = sum(int(entry["calls"]) for entry in top)
    return Signal(
        "application-layer",
        "short answers from frontier models",
        "model-routing",
        f"{counted(calls_made, 'call')} of models at 10 USD or more per million output tokens gave at most "
        f"{SHORT_OUTPUT_TOKENS} tokens, mostly {top[0]['intent']} on {top[0]['model']}.",
        sum((entry["spend"] for entry in top), Decimal()),
        {"calls": calls_made, "intents": _named(top, "intent", "model")},
    )


def _long(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    top = rows(
        connection,
        f"""SELECT tenant, intent, sum(n) AS calls, sum({_UNCACHED_USD}) AS spend,
          CAST(round(sum(t_uncached + t_read + t_write_5m + t_write_1h) / sum(n)) AS BIGINT) AS mean_input_tokens
        FROM {calls} WHERE t_uncached IS NOT NULL AND list_cost > 0 GROUP BY ALL
        HAVING sum(t_uncached + t_read + t_write_5m + t_write_1h) >= {LONG_INPUT_TOKENS} * sum(n)
          AND 2 * sum({_UNCACHED_USD}) >= sum(list_cost)
        ORDER BY spend DESC, tenant, intent""",
    )
    if not top:
        return None
    return Signal(
        "application-layer",
        "long prompts that make up most of the cost",
        "prompt-optimization",
        f"In {counted(len(top), 'intent')} a call sends {LONG_INPUT_TOKENS:,} tokens or more on average, and uncached "
        f"input is at least half of the cost; the dearest is {top[0]['intent']}.",
        sum((entry["spend"] for entry in top), Decimal()),
        {"intents": _named(top, "tenant", "intent", "mean_input_tokens")},
    )


def _unread(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    rate_5m, rate_1h = (EXACT_RATE.format(f"coalesce(r_write_{ttl}, r_uncached)") for ttl in ("5m", "1h"))
    top = rows(
        connection,
        f"""SELECT tenant, intent, sum(n) AS calls, sum(t_write_5m * {rate_5m} + t_write_1h * {rate_1h}) AS spend,
          CAST(sum(t_write_5m + t_write_1h) AS BIGINT) AS written_tokens, CAST(sum(t_read) AS BIGINT) AS read_tokens
        FROM {calls} WHERE t_uncached IS NOT NULL GROUP BY ALL
        HAVING sum(t_write_5m + t_write_1h) > sum(t_read) AND spend > 0 ORDER BY spend DESC, tenant, intent""",
    )
    if not top:
        return None
    return Signal(
        "application-layer",
        "cache writes that are hardly read",
        "prompt-caching",
        f"In {counted(len(top), 'intent')} more tokens are written to the prompt cache than read from it; "
        "writing costs extra.",
        sum((entry["spend"] for entry in top), Decimal()),
        {"intents": _named(top, "tenant", "intent", "written_tokens", "read_tokens")},
    )


def _waiting(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    top = rows(
        connection,
        f"""SELECT tenant, intent, sum(n) AS calls, sum(cost) AS spend FROM {calls}
        WHERE batch IS NOT TRUE AND batch_discount IS NOT NULL AND cost > 0 AND session_id IS NULL
          AND (regexp_matches(lower(intent), '{_NOBODY_WAITS}') OR coalesce(operation, '') LIKE 'embed%')
        GROUP BY ALL ORDER BY spend DESC, tenant, intent""",
    )
    if not top:
        return None
    return Signal(
        "serving-layer",
        "work that nobody waits for, not sent as a batch",
        "batch-inference",
        f"By name and without a session, {counted(len(top), 'intent')} can wait, such as {top[0]['intent']}, "
        "and the models give a batch discount.",
        sum((entry["spend"] for entry in top), Decimal()),
        {"judged_by": "the intent's name", "intents": _named(top, "tenant", "intent")},
    )


def _hours(connection: duckdb.DuckDBPyConnection, calls: str, only: str) -> list[Row]:
    """Return the models that `only` selects with their spend and how steadily they are used, the dearest first."""
    return rows(
        connection,
        f"""WITH span AS (SELECT greatest(1, ceil(epoch(max(ts) - min(ts)) / 3600)) AS hours FROM {calls}),
        hour AS (
          SELECT provider || '/' || model AS model, date_trunc('hour', ts) AS hour, sum(n) AS calls, sum(cost) AS cost,
            sum(t_uncached + t_read + t_write_5m + t_write_1h + t_output) AS tokens
          FROM {calls} WHERE {only} GROUP BY ALL
        )
        SELECT model, CAST(sum(calls) AS BIGINT) AS calls, sum(cost) AS spend, CAST(sum(tokens) AS BIGINT) AS tokens,
          CAST(max(tokens) AS BIGINT) AS busiest, count(*) AS active, CAST(any_value(hours) AS BIGINT) AS hours
        FROM hour CROSS JOIN span GROUP BY model HAVING sum(tokens) > 0 ORDER BY spend DESC NULLS LAST, model""",
    )


def _steady(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    found = _hours(connection, calls, f"regexp_matches(lower(model), '{_OPEN_WEIGHTS}')")
    top = [entry for entry in found if entry["active"] >= STEADY_HOURS * entry["hours"]]
    if not top:
        return None
    return Signal(
        "serving-layer",
        "open-weight models in steady use",
        "vllm-migration",
        f"{counted(len(top), 'model')} of open weights, by name, called in {STEADY_HOURS:.0%} of all hours or more.",
        _priced(top),
        {"models": [_load(model) for model in top[:5]]},
    )


def _capacity(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    """How steady the larger loads are: capacity bought by the hour costs the same when it stands idle."""
    found = _hours(connection, calls, "batch IS NOT TRUE")
    top = [entry for entry in found if entry["tokens"] >= LOAD * 3600 * entry["hours"] >= LOAD * 3600 * DAY_HOURS]
    if not top:
        return None
    idle = 1 - Decimal(top[0]["active"]) / top[0]["hours"]
    peak = Decimal(top[0]["busiest"]) * top[0]["hours"] / top[0]["tokens"]
    return Signal(
        "infrastructure-layer",
        "how steady the load is that capacity by the hour would carry",
        "self-hosting-capacity-plan",
        f"{top[0]['model']}, the dearest, is idle in {idle:.0%} of the hours; its peak is {peak:.1f} times the mean.",
        _priced(top),
        {"models": [_load(model) for model in top[:5]]},
    )


def _load(model: Row) -> Row:
    return {
        "model": model["model"],
        "calls": model["calls"],
        "usd": usd(model["spend"]),
        "active_hours_share": share(model["active"], model["hours"]),
        "mean_tokens_per_second": _rate(model["tokens"], model["hours"]),
        "busiest_hour_tokens_per_second": _rate(model["busiest"], 1),
    }


def _failed(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    sums = row(
        connection,
        f"""SELECT coalesce(sum(n), 0) AS calls, sum(cost) AS spend FROM {calls} WHERE cost > 0
        AND (attempt > 1 OR lower(status) NOT IN ('ok', 'success', 'succeeded', 'completed', 'stop', '200', '201'))""",
    )
    if not sums["calls"]:
        return None
    return Signal(
        "cross-layer",
        "paid calls that failed or were repeated",
        None,
        f"{counted(int(sums['calls']), 'paid call')} ended in an error or came after a first attempt.",
        sums["spend"],
        {"calls": int(sums["calls"])},
    )


def _sessions(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | str | None:
    sums = row(
        connection,
        f"""WITH session AS (
          SELECT tenant, session_id, sum(n) AS calls, sum(cost) AS cost FROM {calls}
          WHERE session_id IS NOT NULL GROUP BY ALL
        )
        SELECT count(*) AS sessions, count(*) FILTER (WHERE calls >= {LONG_SESSION_CALLS}) AS long,
          sum(cost) FILTER (WHERE calls >= {LONG_SESSION_CALLS}) AS spend FROM session""",
    )
    if not sums["sessions"]:
        return "long sessions (compacting the context): no event carries session_id"
    if not sums["long"]:
        return None
    return Signal(
        "application-layer",
        "long sessions that carry their whole context along",
        "context-compaction",
        f"{sums['long']:,} of {sums['sessions']:,} sessions have {LONG_SESSION_CALLS} calls or more.",
        sums["spend"],
        {"long_sessions": sums["long"], "sessions": sums["sessions"]},
    )


def _concentrated(connection: duckdb.DuckDBPyConnection, calls: str) -> Signal | None:
    """The one job where changes of any layer pay first."""
    top = rows(
        connection,
        f"""SELECT tenant, intent, provider || '/' || model AS model, sum(n) AS calls, sum(cost) AS spend FROM {calls}
        WHERE cost > 0 GROUP BY ALL ORDER BY spend DESC, tenant, intent, model LIMIT 5""",
    )
    if not top:
        return None
    return Signal(
        "cross-layer",
        "the job that costs most",
        None,
        f"{top[0]['intent']} of {top[0]['tenant']} on {top[0]['model']} costs more than any other: start there.",
        top[0]["spend"],
        {"dearest": _named(top, "tenant", "intent", "model")},
    )


FINDERS: tuple[Finder, ...] = (
    _resent, _repeats, _short, _long, _unread, _waiting, _steady, _capacity, _failed, _sessions, _concentrated,
)  # fmt: skip


def _named(top: list[Row], *fields: str) -> list[Row]:
    """Return the five dearest groups with the given fields, their calls and their spend."""
    return [
        {**{name: entry[name] for name in fields}, "calls": int(entry["calls"]), "usd": usd(entry["spend"])}
        for entry in top[:5]
    ]


def _priced(top: list[Row]) -> Decimal | None:
    amounts: list[Any] = [entry["spend"] for entry in top if entry["spend"] is not None]
    return sum(amounts, Decimal()) if amounts else None


def _rate(tokens: int, hours: int) -> float:
    return round(tokens / (hours * 3600), 1)


def _percent(part: float | None) -> str:
    return "an unknown share" if part is None else f"{part:.1%}"
