"""The collector for any table on real data: four public traces of different shapes."""

from __future__ import annotations

from decimal import Decimal


def test_an_hour_of_azure_calls_from_csv(shared_data, run_collector):
    ran = run_collector(
        shared_data / "azure_llm_2023_conv.csv",
        maps=["ts=TIMESTAMP", "input_tokens=ContextTokens", "output_tokens=GeneratedTokens"],
        zone="UTC",
    )
    assert ran.counts == (19_366, 0, 0, 0)
    assert ran.events[0]["ts"] == "2023-11-16T18:15:46.680590Z"
    assert sum(event["input_tokens"] for event in ran.events) == 22_361_870
    assert {event["model"] for event in ran.events} == {"unknown"}


def test_without_a_zone_every_azure_call_is_rejected_naming_the_flag(shared_data, run_collector):
    ran = run_collector(
        shared_data / "azure_llm_2023_conv.csv",
        maps=["ts=TIMESTAMP", "input_tokens=ContextTokens", "output_tokens=GeneratedTokens"],
    )
    assert ran.counts == (0, 0, 19_366, 0)
    assert all("--tz" in rejected["fix"] for rejected in ran.rejected)


def test_mooncake_prefix_blocks_become_hashes(shared_data, run_collector):
    ran = run_collector(
        shared_data / "mooncake_conversation_trace.jsonl",
        maps=["input_tokens=input_length", "output_tokens=output_length", "prefix_hashes=hash_ids"],
        epoch="ms@2024-05-01T00:00:00Z",
    )
    assert ran.counts == (12_031, 0, 0, 0)
    blocks = [block for event in ran.events for block in event["prefix_hashes"]]
    assert (len(blocks), len(set(blocks))) == (288_500, 182_790)
    assert {block for event in ran.events for block in event["prefix_hashes"][:1]} >= {"0"}


def test_aider_calls_keep_their_recorded_costs_and_drop_zeros_that_mean_unknown(shared_data, run_collector):
    ran = run_collector(
        shared_data / "aider_calls.jsonl",
        maps=[
            "model=properties.main_model",
            "input_tokens=properties.prompt_tokens",
            "output_tokens=properties.completion_tokens",
            "total_tokens=properties.total_tokens",
            "cost_usd=properties.cost",
        ],
        epoch="s",
    )
    assert ran.counts == (3_300, 0, 0, 0)
    assert sum(event["cost_usd"] or 0 for event in ran.events) == Decimal("101.187736866")
    zeros = [event for event in ran.events if event["cost_usd"] == 0]
    # 71 of Ollama and one of LM Studio may be true; five calls used no tokens.
    assert len(zeros) == 77
    assert sum(event["model"].startswith("ollama") for event in zeros) == 71
    assert ran.found.sources[0]["zero_costs_taken_as_unknown"] == 316 - 77


def test_tau2_calls_carry_cost_and_quality(shared_data, run_collector):
    ran = run_collector(
        shared_data / "tau2_airline_calls.jsonl",
        maps=["quality_score=reward", "session_id=simulation_id"],
        zone="UTC",
    )
    assert ran.counts == (467, 0, 0, 0)
    assert sum(event["cost_usd"] for event in ran.events) == Decimal("14.443248")
    assert {event["quality_score"] for event in ran.events} == {0.0, 1.0}
