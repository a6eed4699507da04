"""The sample month and smaller workloads: all made up, shipped so that everything can be tried without data."""

from __future__ import annotations

from pathlib import Path

# Every id of a sample starts with this, so that whoever reads a plan can be told that it is no real usage.
ID_PREFIX = "sample-"

NAMES = ("chat-assistant", "coding-agent", "document-pipeline")
"""The smaller workloads (docs/workloads.md)."""


def month() -> Path:
    """Return the shipped event log, 30 days of made-up calls (Parquet)."""
    return Path(__file__).with_name("month.parquet")


def log(name: str) -> Path:
    """Return the shipped event log of one of the smaller workloads (Parquet)."""
    assert name in NAMES, name
    return Path(__file__).with_name(f"{name}.parquet")


def inventory() -> Path:
    """Return what Terraform would tell of the same made-up company (docs/sample-month.md)."""
    return Path(__file__).with_name("sample-inventory.yaml")


def terraform() -> Path:
    """Return the folder of Terraform sources behind that inventory."""
    return Path(__file__).with_name("terraform")
