"""One name a model, however it is spelled; no name where it is not clear who bills or what is meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.prices import names
from tokenop.prices.book import PriceBook

AWS_SONNET = "regional.anthropic.claude-sonnet-4-5-20250929-v1:0"
SAME = [
    ("anthropic", "claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
    ("Anthropic", " Claude-Sonnet-4-5-20250929 ", "anthropic", "claude-sonnet-4-5"),
    ("unknown", "anthropic/claude-sonnet-4-5-20250929", "anthropic", "claude-sonnet-4-5"),
    ("unknown", "claude-sonnet-4-5-latest", "anthropic", "claude-sonnet-4-5"),
    ("", "claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", AWS_SONNET),
    ("amazon_bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", AWS_SONNET),
    ("bedrock", "bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", AWS_SONNET),
    ("unknown", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws", AWS_SONNET),
    (
        "unknown",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "aws",
        AWS_SONNET,
    ),
    (
        "aws",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "aws",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    ("azure.ai.openai", "gpt-4o-2024-11-20", "azure", "gpt-4o"),
    ("litellm", "azure/gpt-4o-2024-11-20", "azure", "gpt-4o"),
    ("azure", "azure/eu/gpt-4o", "azure", "gpt-4o"),
    ("openai", "openai/gpt-4o-2024-05-13", "openai", "gpt-4o-2024-05-13"),
    ("openai", "gpt-5.2-20251211", "openai", "gpt-5.2"),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", "openai", "ft:gpt-4o-mini"),
    ("gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "google", "claude-sonnet-4-5"),
    ("vertex_ai", "projects/p/locations/us/publishers/google/models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
    ("unknown", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"),
    ("gemini", "gemini/gemini-2.0-flash-001", "google", "gemini-2.0-flash"),
    ("unknown", "openrouter/anthropic/claude-3.5-sonnet", "openrouter", "anthropic/claude-3.5-sonnet"),
    ("openrouter", "anthropic/claude-3.5-sonnet", "openrouter", "anthropic/claude-3.5-sonnet"),
    ("groq", "groq/openai/gpt-oss-20b", "groq", "openai/gpt-oss-20b"),
    ("databricks", "llama-4-maverick", "databricks", "databricks-llama-4-maverick"),
    ("databricks", "system.ai.llama-4-maverick", "databricks", "databricks-llama-4-maverick"),
    ("xai", "grok-4.20", "x-ai", "grok-4.20"),
]


@pytest.mark.parametrize(("provider", "model", "biller", "name"), SAME)
def test_a_spelling_means_its_model(book: PriceBook, provider: str, model: str, biller: str, name: str) -> None:
    assert book.resolve(provider, model) == (biller, name)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("unknown", "gemini/gemini-1.5-flash-8b"),  # genai-prices takes it for gemini-1.5-flash, at twice the price
        ("anthropic", "claude-sonnet-4-5-mini"),
        ("openai", "anthropic/claude-sonnet-4-5"),  # an OpenAI-compatible client says `openai` whoever bills
        ("anthropic", "openrouter/anthropic/claude-3.5-sonnet"),
        ("aws", "claude-sonnet-4-5"),  # global or regional: 10 % apart
        ("aws", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef"),
        ("google", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"),
        ("acme-gateway-7", "gpt-4o"),
        ("snowflake", "claude-sonnet-4-5"),
        ("databricks", "claude-sonnet-4-5"),
        ("azure", "my-deployment"),
        ("unknown", "unknown"),
        ("unknown", "None"),
        ("", ""),
        ("openai", "/"),
        ("unknown", "litellm/litellm/litellm"),
        ("unknown", "meta-llama/llama-3.1-8b-instruct"),
        ("unknown", "REDACTED"),
        ("unknown", "openrouter/REDACTED"),
    ],
)
def test_an_unclear_spelling_means_nothing(book: PriceBook, provider: str, model: str) -> None:
    assert book.resolve(provider, model) is None


@pytest.mark.parametrize("model", ["llama3.2", "ollama/qwen2.5-coder:32b", "REDACTED"])
def test_models_on_own_hardware_have_a_token_price_of_zero(book: PriceBook, model: str) -> None:
    key = book.resolve("ollama", model)
    assert key == ("ollama", "*")
    assert all(entry.rates.input == entry.rates.output == 0 for entry in book.entries_of(key))


def test_a_paid_model_behind_a_local_runner_is_not_free(book: PriceBook) -> None:
    assert book.resolve("ollama", "gpt-oss:120b-cloud") is None


@pytest.mark.parametrize("provider", names.PROVIDERS)
def test_every_spelled_provider_is_its_own_spelling(provider: str) -> None:
    assert names.canonical_provider(provider) == provider


def test_no_two_providers_share_a_spelling() -> None:
    assert len(names.FOLDED) == sum(len(spellings) for spellings in names.PROVIDERS.values())


def test_near_names_are_offered_for_a_misspelled_one(book: PriceBook) -> None:
    assert "anthropic/claude-sonnet-4-5" in book.near("anthropic", "claude-sonet-4-5")
    assert book.near("", "zzzzzzzz") == ()


@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5" + "-2025-11-21" * 40 + "!",
        "claude-sonnet-4-5" + "-v1:0" * 90 + "!",
        "litellm/" * 63 + "x",
        "models/" * 70,
        "x" * 100_000,
        "a/" * 60_000,
    ],
)
def test_a_crafted_name_means_nothing_at_once(book: PriceBook, model: str) -> None:
    assert book.resolve("unknown", model) is None
    assert book.resolve("anthropic", model) is None
    assert book.resolve("aws", model) is None


WORDS = st.sampled_from(
    ["claude", "gpt-4o", "-", "/", "@", ":", "2025", "latest", "us.", "anthropic", "models", "~", "é"]
)


@settings(deadline=None)
@given(provider=st.sampled_from([*names.PROVIDERS, "unknown", "acme"]), parts=st.lists(WORDS, max_size=12))
def test_any_text_is_read_without_failing_and_names_a_known_model(
    book: PriceBook, provider: str, parts: list[str]
) -> None:
    found = book.resolve(provider, "".join(parts))
    assert found is None or found in book.keys
