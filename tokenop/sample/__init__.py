"""The sample month: a made-up workload of a made-up company, shipped so that everything can be tried without data."""

from __future__ import annotations

from pathlib import Path

# Every id of the sample starts with this, so that whoever reads a plan can be told that it is no real usage.
ID_PREFIX = "sample-"


def month() -> Path:
    """Return the shipped event log, 30 days of made-up calls (Parquet)."""
    return Path(__file__).with_name("month.parquet")
