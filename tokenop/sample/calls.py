"""The shape of time and of answers: when people work, how long models take, what a call looks like in the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count

from tokenop.sample.draws import Draws
from tokenop.sample.prompts import Names, Prompt

FIRST_DAY = date(2026, 9, 1)
DAYS = 30
SPIKE_DAY = date(2026, 9, 17)

# How much of a call's work falls into each hour of the day, in UTC.
OFFICE = (1, 1, 1, 1, 1, 2, 6, 20, 45, 60, 62, 55, 40, 50, 60, 58, 50, 38, 20, 10, 6, 4, 2, 1)
AROUND_THE_CLOCK = (9, 7, 6, 5, 6, 8, 14, 24, 36, 44, 46, 44, 40, 42, 44, 42, 38, 34, 30, 28, 26, 22, 17, 12)
NIGHT = (30, 60, 60, 50, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Model:
    """A model of the sample: who serves it, and how fast (made up, of a plausible order)."""

    provider: str
    name: str
    region: str
    first_token_ms: float
    prefill_ms_per_1k: float
    ms_per_token: float


OPUS = Model("anthropic", "claude-opus-5", "us-east-1", 1150, 14, 17.0)
SONNET = Model("anthropic", "claude-sonnet-4-6", "us-east-1", 780, 9, 12.5)
HAIKU = Model("anthropic", "claude-haiku-4-5", "us-east-1", 420, 5, 6.5)
GPT_LARGE = Model("openai", "gpt-5.5", "eu-west-1", 1300, 11, 14.0)
GPT_MEDIUM = Model("openai", "gpt-5.4", "eu-west-1", 900, 8, 10.5)
GPT_SMALL = Model("openai", "gpt-5.4-mini", "eu-west-1", 380, 4, 5.0)
LLAMA = Model("groq", "llama-3.3-70b-versatile", "us-east-1", 190, 3, 3.4)
QWEN = Model("vllm", "Qwen/Qwen3-32B", "eu-west-1", 260, 12, 22.0)
UNKNOWN = Model("unknown", "unknown", "unknown", 700, 8, 10.0)


@dataclass
class Month:
    """The calls made so far. Rows are dicts of event fields; `ts` is milliseconds since 1970 until the end."""

    seed: int
    prompt_names: Names = field(default_factory=lambda: Names("p"))
    block_names: Names = field(default_factory=lambda: Names("b"))
    sessions: Iterator[int] = field(default_factory=lambda: count(1))
    rows: list[dict[str, object]] = field(default_factory=list)

    def prompt(self, tokens: int) -> Prompt:
        """Return a new prompt of `tokens` that shares nothing with any other."""
        return Prompt(self.block_names).grown(tokens)

    def session(self) -> str:
        """Return the id of a new session."""
        return f"sample-session-{next(self.sessions):05d}"

    def add(self, draws: Draws, model: Model, at: datetime, sizes: tuple[int, int], **fields: object) -> float:
        """Log a call of `sizes` (input and output tokens) made `at`; return its latency in ms."""
        tokens_in, tokens_out = sizes
        cached = fields.get("cache_read_input_tokens") or 0
        assert isinstance(cached, int)
        first = draws.skewed(model.first_token_ms, 0.25) + (tokens_in - 0.9 * cached) / 1000 * model.prefill_ms_per_1k
        latency = first + tokens_out * draws.skewed(model.ms_per_token, 0.18)
        self.rows.append(
            {
                "ts": round(at.timestamp() * 1000),
                "provider": model.provider,
                "model": model.name,
                "region": model.region,
                "endpoint": "sample-gateway.example",
                "input_tokens": tokens_in,
                "output_tokens": tokens_out,
                "latency_ms": None if draws.chance(0.012) else round(latency, 1),
                "ttft_ms": round(first, 1),
                "operation": "chat",
                "status": "ok",
                "prompt_hash": self.prompt_names.new(),
                **fields,
            }
        )
        return latency


def starts(
    draws: Draws, per_workday: float, hours: tuple[int, ...], weekend: float, days: int = DAYS
) -> Iterator[datetime]:
    """Yield start times from the first day on: `per_workday` a working day, `weekend` times as many on the others."""
    for offset in range(days):
        day = FIRST_DAY + timedelta(days=offset)
        expected = per_workday * (weekend if day.weekday() >= 5 else 1) * draws.between(0.9, 1.1)
        for _ in range(int(expected) + draws.chance(expected % 1)):
            hour = draws.pick(range(24), hours)
            seconds = timedelta(hours=hour, milliseconds=draws.whole(0, 3_599_999))
            yield datetime.combine(day, time(tzinfo=UTC)) + seconds


def usd(tokens_in: int, tokens_out: int, rates: tuple[str, str]) -> str:
    """Return the exact cost of a call without caching as text; `rates` are US dollars per million tokens in and out."""
    million = Decimal(1_000_000)
    return str(tokens_in * Decimal(rates[0]) / million + tokens_out * Decimal(rates[1]) / million)


def quality(draws: Draws, share: float, typical: float) -> float | None:
    """Return a quality score around `typical` for a share of the calls, None for the others."""
    if not draws.chance(share):
        return None
    return round(min(1.0, max(0.0, typical + draws.between(-0.08, 0.06) + draws.between(-0.08, 0.06))), 3)
