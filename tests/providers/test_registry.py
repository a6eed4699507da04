"""Which providers exist, and whether one can be asked from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenop.providers import presets, registry
from tokenop.providers.base import Target
from tokenop.providers.errors import NotUsableError
from tokenop.providers.formats import FORMATS
from tokenop.providers.sending import sender_for

GROQ = Target("g", "groq", "m")


def compatible(**more: object) -> Target:
    return Target("t", "openai-compatible", "m", **more)


def test_every_provider_names_a_format_and_a_sender_that_exist() -> None:
    assert sorted(FORMATS) == ["anthropic-messages", "ollama-chat", "openai-chat"]
    for name, provider in registry.PROVIDERS.items():
        assert provider.name == name
        assert FORMATS[provider.format].name == provider.format


@pytest.mark.parametrize(
    ("target", "env", "reason"),
    [
        (GROQ, {"GROQ_API_KEY": "k"}, None),
        (GROQ, {}, "GROQ_API_KEY is not set"),
        (GROQ, {"GROQ_API_KEY": "  "}, "GROQ_API_KEY is not set"),
        (Target("x", "nobody", "m"), {}, "no provider is called 'nobody'"),
        (Target("x", "ollama", "m"), {}, None),
        (Target("x", "ollama", "m"), {"OLLAMA_URL": "ftp://x"}, "no http or https address"),
        (Target("x", "replay", "m"), {}, None),
        (Target("x", "claude-cli", "m"), {"PATH": "/nowhere"}, "`claude` is not on PATH"),
        (compatible(), {}, "neither `preset` nor `base_url`"),
        (compatible(), {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, None),
        (compatible(options={"preset": "nobody"}), {}, "no preset is called 'nobody'"),
        (compatible(options={"preset": "together"}), {}, "TOGETHER_API_KEY is not set"),
        (compatible(options={"preset": "modal"}), {}, "neither `preset` nor `base_url`"),
        (compatible(options={"preset": "modal"}), {"MODAL_BASE_URL": "https://x.modal.run/v1"}, None),
        (compatible(options={"preset": "vllm"}), {}, None),
        (compatible(base_url="https://user:pw@x/v1"), {}, "neither a user nor a query"),
        (compatible(base_url="http://[bad"), {}, "no http or https address"),
        (compatible(base_url="https://x/v1", api_key_env="GITHUB_TOKEN"), {}, "no name of a provider's key"),
        (compatible(base_url="https://x/v1", api_key_env="AWS_SECRET_ACCESS_KEY"), {}, "no name of a provider's key"),
        (compatible(base_url="https://x/v1", api_key_env="X_API_KEY"), {"X_API_KEY": "k"}, None),
        (compatible(base_url="http://x.example/v1", api_key_env="X_API_KEY"), {"X_API_KEY": "k"}, "without encryption"),
        (compatible(base_url="https://evil.example/v1", api_key_env="GROQ_API_KEY"), {"GROQ_API_KEY": "k"}, "alone"),
        (compatible(options={"preset": "together"}, api_key_env="GROQ_API_KEY"), {"GROQ_API_KEY": "k"}, "alone"),
        (
            compatible(base_url="https://api.groq.com/openai/v1/", api_key_env="GROQ_API_KEY"),
            {"GROQ_API_KEY": "k"},
            None,
        ),
        (compatible(base_url="http://127.0.0.1:1/v1", api_key_env="GROQ_API_KEY"), {"GROQ_API_KEY": "k"}, None),
        (compatible(base_url="http://[::1]:1/v1", api_key_env="X_API_KEY"), {"X_API_KEY": "k"}, None),
        (
            compatible(base_url="http://[2001:4860::1]/v1", api_key_env="X_API_KEY"),
            {"X_API_KEY": "k"},
            "without encryption",
        ),
        (
            compatible(options={"preset": "openai"}),
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://proxy.example/v1"},
            None,
        ),
        (GROQ, {"GROQ_API_KEY": "two words"}, "holds a space"),
        (compatible(options={"preset": ["vllm"]}), {}, "no preset is called"),
        (compatible(base_url="http://192.168.1.9/v1", api_key_env="X_API_KEY"), {"X_API_KEY": "k"}, None),
    ],
)
def test_why_a_target_cannot_be_asked(target: Target, env: dict[str, str], reason: str | None) -> None:
    found = registry.usable(target, env)
    assert found is None if reason is None else found is not None and reason in found
    assert found is None or "\n" not in found


def test_a_key_does_not_go_to_an_address_it_was_not_made_for() -> None:
    env = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "g"}
    assert registry.key(compatible(options={"preset": "openai"}), env) == "k"
    assert registry.key(compatible(options={"preset": "openai"}, base_url="https://evil.example/v1"), env) is None
    assert registry.key(Target("g", "groq", "m", base_url="https://evil.example"), env) is None


def test_addresses_come_from_the_target_then_the_environment_then_the_preset() -> None:
    vllm = compatible(options={"preset": "vllm"})
    assert registry.base_url(vllm, {}) == presets.PRESETS["vllm"].base_url
    assert registry.base_url(vllm, {"VLLM_BASE_URL": "gpu:8000/v1/"}) == "http://gpu:8000/v1"
    own = compatible(options={"preset": "vllm"}, base_url="https://x/")
    assert registry.base_url(own, {"VLLM_BASE_URL": "y"}) == "https://x"
    assert registry.base_url(Target("o", "ollama", "m"), {"OLLAMA_URL": "http://big:1"}) == "http://big:1"


def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_installed", lambda _package: False)
    found = registry.usable(GROQ, {"GROQ_API_KEY": "k"})
    assert found == "the package groq is not installed: pip install 'tokenop[groq]'"
    assert registry.usable(GROQ, {"GROQ_API_KEY": "k"}, sdk=False) is None


def test_who_cannot_be_asked_has_no_sender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with pytest.raises(NotUsableError, match="groq/m: GROQ_API_KEY is not set"):
        sender_for(GROQ)
    assert sender_for(Target("r", "replay", "m"), tmp_path)
