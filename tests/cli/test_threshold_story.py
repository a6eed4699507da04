"""A Snowflake lead sees the thresholds of a semantic cache swept over the calls of a view with prompts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.collect.test_snowflake import OWN


def test_a_view_with_prompts_has_its_cache_thresholds_swept_by_a_plan(run_cli: Any, tmp_path: Path) -> None:
    questions = ["reset my password", "see my last invoice", "cancel my subscription", "change my address"]
    start = datetime(2026, 8, 1, tzinfo=UTC)
    rows = [
        {
            **OWN,
            "request_id": f"v{number}",
            "timestamp": (start + timedelta(minutes=10 * number)).isoformat(),
            "input_token_count": 20_000,
            "cost_usd": None,
            "prompt": f"How do I {questions[number % 4]}?" + (" Thank you." if number % 3 else ""),
        }
        for number in range(2500)
    ]
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = ("discover", "--collectors", "snowflake", "--input", "calls.jsonl", "--setting", "prompts=text")
    assert run_cli(*read, cwd=tmp_path).exit_code == 0
    planned = run_cli("plan", "--events", "events.jsonl", cwd=tmp_path)
    assert planned.exit_code == 0, planned.stderr
    plan = (tmp_path / "optimization-plan.yaml").read_text()
    assert "parameter: response_cache.threshold" in plan
