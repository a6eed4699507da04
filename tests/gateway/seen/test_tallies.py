"""What is gathered first and moved later is what the library would have counted at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from tokenop.gateway.seen.tallies import Count, Times

BOUNDS = (0.125, 1.0, 5.0)


def both(registry: CollectorRegistry) -> tuple[Counter, Histogram]:
    return Counter("c", "c", registry=registry), Histogram("h", "h", buckets=BOUNDS, registry=registry)


def said(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "created" not in line]


# Sums of these are exact, in whichever order they are made.
@given(
    rounds=st.lists(st.lists(st.sampled_from([0.0, 0.0625, 0.125, 0.5, 1.0, 4.0, 5.0, 7.5]), max_size=5), max_size=4)
)
def test_gathered_and_moved_is_counted_at_once(rounds: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    (counter, histogram), (plain_counter, plain_histogram) = both(ours), both(theirs)
    count, times = Count(counter), Times(histogram, BOUNDS)
    for values in rounds:
        for value in values:
            count.inc(2)
            times.observe(value)
            plain_counter.inc(2)
            plain_histogram.observe(value)
        count.move()
        times.move()
    assert said(ours) == said(theirs)
