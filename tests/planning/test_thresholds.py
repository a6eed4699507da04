"""Where to set the threshold of a semantic cache: measured on prompts, where a log carries them."""

from __future__ import annotations

import itertools
import json

from tokenop.database import connect
from tokenop.profile import thresholds


def uplift(prompts):
    connection = connect()
    connection.execute("CREATE TABLE calls (id VARCHAR, ts TIMESTAMPTZ, tenant VARCHAR, prompt VARCHAR)")
    for number, (tenant, prompt) in enumerate(prompts):
        at = f"2026-09-01 10:{number:02d}:00Z"
        connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", (f"e{number}", at, tenant, prompt))
    return thresholds.uplift(connection, "true")


def test_without_prompts_there_is_nothing_to_measure():
    assert uplift([("a", None), ("a", "")]) is None


def test_a_lower_threshold_never_answers_less_and_exact_repeats_do_not_count_twice():
    long = "Summarise the attached contract in plain words and list every date, party and amount that it names. " * 6
    texts = [f"{long} Case 1.", f"{long} Case 1.", f"{long} Case 2.", "Cancel my order"]
    found = uplift([("a", text) for text in texts])
    levels = sorted(found)
    assert all(found[low] >= found[high] for low, high in itertools.pairwise(levels))
    assert 0 < found[levels[0]] < 1
    assert uplift([("a", "same"), ("a", "same")]) == dict.fromkeys(levels, 0.0)


def test_one_tenants_prompt_never_answers_anothers():
    texts = ["Summarise the attached contract in plain words. " * 6] * 2
    assert set(uplift(list(zip("ab", texts, strict=True))).values()) == {0.0}


def test_the_plan_sweeps_the_threshold_where_events_carry_prompts(run_cli, tmp_path):
    asked = ["How do I reset my password?", "How can I reset my password?", "Where is my order number", "Cancel it"]
    rows = [
        {
            "id": f"e{n}", "ts": f"2026-09-{1 + n // 40:02d}T{n % 24:02d}:{n % 60:02d}:00Z", "intent": "chat",
            "provider": "anthropic", "model": "claude-opus-4-5", "input_tokens": 20_000, "output_tokens": 200,
            "latency_ms": 900, "cost_usd": None, "endpoint": "api", "region": "eu", "tenant": "a",
            "prompt_hash": f"h{n}", "prompt": f"{asked[n % 4]} {n % 7}",
        }
        for n in range(400)
    ]  # fmt: skip
    rows += [{**row, "id": row["id"] + "-again", "ts": row["ts"].replace(":00Z", ":30Z")} for row in rows]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = run_cli("plan", "--json", "--draws", 20, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    plan = json.loads(ran.stdout)
    found = next(one for one in (*plan["chosen"], *plan["rejected"]) if one["id"] == "semantic-caching")
    swept = {sweep["parameter"]: sweep for sweep in found["sweeps"]}
    assert swept["response_cache.threshold"]["best"] is None
    saved = [point["savings_monthly_usd"] for point in swept["response_cache.threshold"]["points"]]
    assert saved == sorted(saved, reverse=True)
