from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokenop.catalogue import loader
from tokenop.errors import Finding

SOUND = """\
---
schema_version: 1
id: shorter
title: Shorter prompts
layer: application-layer
category: prompting
version: "1.0.0"
status: proposed
authors: [tokenop]
created: "2026-01-01"
verified_on: "2026-02-01"
stale_after: "2026-08-01"
supersedes: []
applies_when: "monthly_cost_usd >= 100"
economics:
  levers:
    - kind: trim
      where: "input_tokens >= 1000"
      parameters:
        share: {low: 0.5, expected: 0.6, high: 0.7, evidence: assumed, source: "A guess."}
        input_reduction: {low: -0.1, expected: 0.1, high: 0.2, evidence: assumed, source: "A guess."}
        output_reduction: {low: 0, expected: 0, high: 0, evidence: measured, source: "Counted."}
  claim: {workload: sample-month, savings_percent: {low: -1, expected: 2, high: 3.5}}
  implementation: {hours: 8, hourly_rate_usd: 200, monthly_running_usd: 0}
quality: {max_absolute_drop: 0.01, golden_tiers: [T1]}
risk: {level: low, blast_radius: "Readers.", rollback_minutes: 5}
requires: []
conflicts: []
patches:
  - {target: tokenop/router.yaml, kind: router-config, merge: "yaml", content: "a: 1"}
---

## Problem

Long prompts.

## When it applies

Often.

## How it works

Text goes.

## Implementation

1. Delete.

## Economics

Tokens.

## Quality and risk

Little.

## Rollback

**Trigger**: complaints.

1. Revert.
2. Deploy.

**Verification**: tokens are back.

## Monitoring

Metric: tokens. Threshold: 5 %.

## References

None.
"""

Checked = Callable[..., list[Finding]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty layer folder of a catalogue."""
    made = tmp_path / "templates" / "application-layer"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def checked(folder: Path) -> Checked:
    """Return a function that edits the sound template and returns the findings of the result."""

    def check(old: str = "", new: str = "", name: str = "shorter.md") -> list[Finding]:
        assert old in SOUND, old
        path = folder / name
        path.write_text(SOUND.replace(old, new, 1) if old else SOUND)
        return list(loader.read([path]).findings)

    return check
