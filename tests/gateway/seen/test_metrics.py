"""What Prometheus reads is what the rows of the log say."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.seen.calls import call, outcome, row
from tokenop.gateway.model import RefusedCallError
from tokenop.gateway.seen.metrics import MOST_SERIES, Metrics


def read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text, kind = metrics.exposed()
    assert kind.startswith("text/plain")
    families = text_string_to_metric_families(text.decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return read(metrics).get((f"tokenop_{name}", tuple(sorted(labels.items()))))


def test_tokens_and_money_are_those_of_the_rows() -> None:
    metrics = Metrics()
    rows = [row(cost_usd=Decimal("0.000125"), input_tokens=100, cache_read_input_tokens=60), row(cost_usd=None)]
    metrics.ended(call(), outcome(*rows))
    who = {"provider": "groq", "model": "llama"}
    assert sample(metrics, "cost_usd_total", **who) == pytest.approx(0.000125)
    assert sample(metrics, "unpriced_total", **who) == 1
    assert sample(metrics, "tokens_total", **who, kind="input") == 112
    assert sample(metrics, "tokens_total", **who, kind="cache_read") == 60
    assert sample(metrics, "attempts_total", **who, status="ok") == 2


def test_a_call_counts_once_whatever_its_attempts_were() -> None:
    metrics = Metrics()
    one = call(tier="T3")
    metrics.began(one)
    failed = row(status="429", provider="ollama", latency_ms=100.0)
    metrics.ended(one, outcome(failed, row(fallback_used=True, latency_ms=300.0), latency_ms=402.0))
    assert sample(metrics, "requests_total", wire="openai-chat", tier="T3", status="200", cache="miss") == 1
    assert sample(metrics, "attempts_total", provider="ollama", model="llama", status="429") == 1
    assert sample(metrics, "fallbacks_total", provider="groq", model="llama") == 1
    assert sample(metrics, "overhead_seconds_sum", wire="openai-chat") == pytest.approx(0.002)


def test_calls_under_way_are_counted_until_they_end() -> None:
    metrics = Metrics()
    first, second = call(), call()
    metrics.began(first)
    metrics.began(second)
    assert sample(metrics, "in_flight") == 2
    metrics.ended(first, outcome(row()))
    assert sample(metrics, "in_flight") == 1


def test_a_refusal_is_told_by_its_kind() -> None:
    metrics = Metrics()
    refused = RefusedCallError("spent", status=429, kind="budget", retry_after=60)
    metrics.ended(call(), outcome(row(status="429"), status=429, refused=refused))
    assert sample(metrics, "refused_total", kind="budget") == 1
    # It was nobody's time but ours: no overhead beside a provider's.
    assert sample(metrics, "overhead_seconds_count", wire="openai-chat") is None


def test_names_that_providers_invent_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(MOST_SERIES + 50):
        metrics.ended(call(), outcome(row(model=f"m{number}")))
    models = {dict(labels)["model"] for name, labels in read(metrics) if name == "tokenop_attempts_total"}
    assert len(models) == MOST_SERIES + 1
    assert sample(metrics, "attempts_total", provider="groq", model="other", status="ok") == 50


def test_the_config_in_force_is_told_and_the_one_before_is_not() -> None:
    metrics = Metrics()
    metrics.began(call(digest="a" * 64))
    metrics.began(call(digest="b" * 64))
    assert sample(metrics, "config", digest="a" * 12, mode="route") == 0
    assert sample(metrics, "config", digest="b" * 12, mode="route") == 1


def test_what_other_parts_tell_is_asked_when_somebody_scrapes() -> None:
    waiting = iter([3.0, 0.0])
    metrics = Metrics([lambda: {"log_rows_waiting": next(waiting)}])
    assert sample(metrics, "log_rows_waiting") == 3
    assert sample(metrics, "log_rows_waiting") == 0


_WORKER = """
import sys
from pathlib import Path
from tests.gateway.seen.calls import call, outcome, row
from tokenop.gateway.seen.metrics import Metrics
metrics = Metrics(folder=Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    metrics.began(call())
    metrics.ended(call(), outcome(row()))
metrics.began(call())
metrics.flush()
sys.stdout.buffer.write(metrics.exposed()[0])
"""


def test_processes_of_one_address_are_counted_together(tmp_path: Path) -> None:
    told = ""
    for count in ("2", "5"):
        done = subprocess.run(
            [sys.executable, "-c", _WORKER, str(tmp_path / "shared"), count],
            capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[3],
        )  # fmt: skip
        told = done.stdout
    families = {one.name: one for one in text_string_to_metric_families(told)}
    assert [one.value for one in families["tokenop_requests"].samples if one.name.endswith("_total")] == [7]
    assert [one.value for one in families["tokenop_in_flight"].samples] == [2]
