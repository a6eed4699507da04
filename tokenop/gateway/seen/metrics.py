"""Counts and times of calls for Prometheus.

A call adds to plain numbers; the library's counters are moved once a second and whenever somebody asks. All figures of
tokens and money come from the rows of the log, so that the two cannot disagree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.gateway.model import Call, Event, Outcome
from tokenop.gateway.seen.tallies import Count, Times
from tokenop.providers.model import Delta

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Gauges = Callable[[], Mapping[str, float]]
# What the own part of a call takes, in seconds, is far below what a model takes: each has its own scale.
DURATIONS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
OVERHEADS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
TOKENS = (
    ("input", "input_tokens"),
    ("output", "output_tokens"),
    ("cache_read", "cache_read_input_tokens"),
    ("cache_creation", "cache_creation_input_tokens"),
    ("reasoning", "reasoning_output_tokens"),
)
# Providers name the model that answered. One that invents a name a call must not fill the memory of who scrapes.
MOST_SERIES = 200
OTHER = "other"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The counters of one process. `gauges` are asked when somebody scrapes; their names are those of `GAUGES`."""

    wants_deltas = False

    def __init__(self, gauges: Iterable[Gauges] = (), folder: Path | None = None) -> None:
        """Take what else is told, and the folder that several processes of one address share (None: this one alone).

        The library decides when it is imported whether it shares, so `folder` counts at the first use in a process.
        """
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            os.environ[FOLDER] = str(folder)
        self._shared = folder
        self._gauges = tuple(gauges)
        self._in_flight = 0
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._config: tuple[str, str] | None = None
        self._of: dict[str, Any] = {}
        self._tallies: dict[tuple[str, ...], Count | Times] = {}
        self.registry = self._registry()

    def _registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = CollectorRegistry()

        def counter(name: str, told: str, *labels: str) -> None:
            self._of[name] = Counter(f"tokenop_{name}", told, labels, registry=registry)

        def histogram(name: str, told: str, buckets: tuple[float, ...], *labels: str) -> None:
            self._of[name] = Histogram(f"tokenop_{name}", told, labels, buckets=buckets, registry=registry)

        counter("requests", "Calls that ended, by what the caller was answered.", "wire", "tier", "status", "cache")
        counter("refused", "Calls that the gateway itself refused.", "kind")
        counter("attempts", "Calls of providers, as the rows of the log.", "provider", "model", "status")
        counter("fallbacks", "Calls that another provider than the first answered.", "provider", "model")
        counter("tokens", "Tokens, as the rows of the log.", "provider", "model", "kind")
        counter("cost_usd", "US dollars, as the rows of the log.", "provider", "model")
        counter("unpriced", "Rows whose price is unknown: they are missing in cost_usd.", "provider", "model")
        counter("tokens_saved", "Tokens that kept answers had cost before.", "provider", "model")
        histogram("request_seconds", "From the request to the end of the answer.", DURATIONS, "wire", "tier")
        histogram("overhead_seconds", "What of that was no provider's time.", OVERHEADS, "wire")
        histogram("first_token_seconds", "To the first token, by provider.", DURATIONS, "provider", "model")
        for name, told in GAUGES.items():
            mode: Any = "livemax" if name in _SAME_EVERYWHERE else "livesum"
            self._of[name] = Gauge(f"tokenop_{name}", told, registry=registry, multiprocess_mode=mode)
        self._of["config"] = Gauge(
            "tokenop_config",
            "1 for the config in force.",
            ("digest", "mode"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        return registry

    def began(self, call: Call) -> None:
        """Take note that a call was read."""
        self._in_flight += 1
        config = call.serving.digest, call.serving.config.mode
        if config != self._config:
            self._swapped(config)

    def _swapped(self, config: tuple[str, str]) -> None:
        if self._config is not None:
            self._of["config"].labels(*_short(self._config)).set(0)
        self._config = config
        self._of["config"].labels(*_short(config)).set(1)

    def delta(self, call: Call, delta: Delta) -> None:
        """Take note of nothing: the first token's time is in the row."""

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Take note of the end."""
        self._in_flight -= 1
        wire, tier, seconds = call.wire, call.tier or "none", outcome.latency_ms / 1000
        self._count("requests", wire, tier, str(outcome.status), call.cached).inc()
        self._times("request_seconds", wire, tier).observe(seconds)
        if outcome.refused is not None:
            self._count("refused", outcome.refused.kind).inc()
        asked = 0.0
        for event in outcome.events:
            asked += (event.get("latency_ms") or 0.0) / 1000
            self._row(event)
        if outcome.events and outcome.refused is None:
            self._times("overhead_seconds", wire).observe(max(seconds - asked, 0.0))

    def flush(self) -> None:
        """Move the counters by all that was told since."""
        for tally in self._tallies.values():
            tally.move()
        self._of["in_flight"].set(self._in_flight)
        for gauges in self._gauges:
            for name, value in gauges().items():
                self._of[name].set(value)

    def _row(self, event: Event) -> None:
        count = self._count
        who = self._bounded(str(event["provider"]), str(event["model"]))
        count("attempts", *who, str(event.get("status", "ok"))).inc()
        if event.get("fallback_used"):
            count("fallbacks", *who).inc()
        for kind, field in TOKENS:
            if event.get(field):
                count("tokens", *who, kind).inc(event[field])
        cost = event.get("cost_usd")
        if cost is None:
            count("unpriced", *who).inc()
        elif cost:
            count("cost_usd", *who).inc(float(cost))
        if event.get("tokens_saved"):
            count("tokens_saved", *who).inc(event["tokens_saved"])
        if event.get("ttft_ms") is not None:
            self._times("first_token_seconds", *who).observe(event["ttft_ms"] / 1000)

    def _count(self, *key: str) -> Count:
        """Return the counter of a name and its labels."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Count(self._of[key[0]].labels(*key[1:]))
        return tally  # type: ignore[return-value]  # by its name it is one

    def _times(self, *key: str) -> Times:
        """Return the histogram of a name and its labels."""
        tally = self._tallies.get(key)
        if tally is None:
            bounds = OVERHEADS if key[0] == "overhead_seconds" else DURATIONS
            tally = self._tallies[key] = Times(self._of[key[0]].labels(*key[1:]), bounds)
        return tally  # type: ignore[return-value]  # by its name it is one

    def _bounded(self, provider: str, model: str) -> tuple[str, str]:
        known = self._pairs.get((provider, model))
        if known is None:
            if len(self._pairs) >= MOST_SERIES:
                return provider if any(one == provider for one, _ in self._pairs) else OTHER, OTHER
            known = self._pairs[(provider, model)] = (provider, model)
        return known

    def exposed(self) -> tuple[bytes, str]:
        """Return the text that Prometheus reads, of all processes of this address, and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        self.flush()
        registry = self.registry
        if self._shared is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


GAUGES: Mapping[str, str] = {
    "in_flight": "Calls under way.",
    "log_rows_waiting": "Rows that are not on disk yet.",
    "log_rows_lost": "Rows that were given up, since the start: a disk was full for long.",
    "circuits_open": "Targets that are left alone because they failed.",
    "config_refused": "1 where a changed file is refused and the old config goes on.",
    "cache_entries": "Answers that are kept.",
    "cache_false_hit_bound": "Upper bound of the share of wrong semantic hits.",
    "cache_false_hit_samples": "Comparisons that this bound rests on.",
    "cache_likeness_threshold": "Least likeness at which semantic hits are served; 2 while none is.",
}
_SAME_EVERYWHERE = frozenset(
    {
        "config_refused",
        "cache_entries",
        "cache_false_hit_bound",
        "cache_false_hit_samples",
        "cache_likeness_threshold",
    }
)


def _short(config: tuple[str, str]) -> tuple[str, str]:
    return config[0][:12], config[1]


def died(pid: int, folder: Path) -> None:
    """Take what a process that is gone had under way out of the figures; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, path=str(folder))  # type: ignore[no-untyped-call]
