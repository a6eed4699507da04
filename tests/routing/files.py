"""A small routing config, and how it is written into a folder."""

from __future__ import annotations

from pathlib import Path

META = """\
---
schema_version: 1
id: mine
title: Mine
status: draft
version: "1.0.0"
authors: [me]
created: "2026-11-22"
verified_on: "2026-11-22"
stale_after: "2027-05-22"
max_quality_drop: 0.01
golden_tiers: [T2]
---
"""
CONFIG = """\
mode: route
default_tier: T2
providers: {ollama: {}, groq: {}}
tiers:
  T2: {models: {ollama: small, groq: large}}
"""


def written(folder: Path, config: str = CONFIG, meta: str = META) -> Path:
    """Write a config and return its path."""
    path = folder / "mine.yaml"
    path.write_text(meta + config, encoding="utf-8")
    return path
