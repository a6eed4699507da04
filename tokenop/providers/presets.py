"""Who speaks OpenAI's chat completions, and how each differs from it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tokenop.providers.base import Target


@dataclass(frozen=True, slots=True)
class Quirks:
    """How one server's chat completions differ.

    `max_tokens` and `reasoning` are the fields' names; `reasoning` None: what a model thought cannot be sent back.
    `usage_on_request`: a stream tells its usage only where `stream_options` asks for it. `wordless`: a message that
    only calls tools may leave `content` out; the templates of many open models fail without it. `system_in_parts`: a
    system prompt may be a list of texts; many templates expect one.
    """

    max_tokens: str = "max_tokens"
    reasoning: str | None = None
    top_k: bool = False
    usage_on_request: bool = True
    schema_answers: bool = True
    wordless: bool = False
    system_in_parts: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """Where a server is and what its key is called. `base_url` is empty where everybody has their own."""

    name: str
    title: str
    base_url: str
    key_env: str | None
    quirks: Quirks
    url_env: str | None = None
    local: bool = False


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            # platform.openai.com/docs/api-reference/chat/create: max_tokens is deprecated, reasoning models refuse it.
            Preset(
                "openai",
                "OpenAI",
                "https://api.openai.com/v1",
                "OPENAI_API_KEY",
                Quirks(max_tokens="max_completion_tokens", wordless=True, system_in_parts=True),
                url_env="OPENAI_BASE_URL",
            ),
            # openrouter.ai/docs/api-reference/parameters and …/use-cases/reasoning-tokens.
            Preset(
                "openrouter",
                "OpenRouter",
                "https://openrouter.ai/api/v1",
                "OPENROUTER_API_KEY",
                Quirks(reasoning="reasoning", top_k=True, system_in_parts=True),
            ),
            # docs.together.ai/docs/openai-api-compatibility and …/reference/chat-completions.
            Preset(
                "together",
                "Together AI",
                "https://api.together.xyz/v1",
                "TOGETHER_API_KEY",
                Quirks(reasoning="reasoning", top_k=True, usage_on_request=False),
            ),
            # docs.baseten.co/development/model-apis/overview: one address for the shared model APIs; a dedicated
            # deployment has its own (`base_url`).
            Preset(
                "baseten",
                "Baseten",
                "https://inference.baseten.co/v1",
                "BASETEN_API_KEY",
                Quirks(reasoning="reasoning_content", top_k=True),
            ),
            # modal.com/docs/examples/llm_inference: a vLLM or SGLang of one's own, behind an address of one's own.
            Preset(
                "modal",
                "Modal",
                "",
                None,
                Quirks(reasoning="reasoning_content", top_k=True),
                url_env="MODAL_BASE_URL",
            ),
            # docs.vllm.ai/en/latest/serving/openai_compatible_server: port 8000, --api-key is optional.
            Preset(
                "vllm",
                "vLLM",
                "http://127.0.0.1:8000/v1",
                None,
                Quirks(reasoning="reasoning_content", top_k=True),
                url_env="VLLM_BASE_URL",
                local=True,
            ),
            # docs.sglang.ai/basic_usage/openai_api_completions: port 30000.
            Preset(
                "sglang",
                "SGLang",
                "http://127.0.0.1:30000/v1",
                None,
                Quirks(reasoning="reasoning_content", top_k=True),
                url_env="SGLANG_BASE_URL",
                local=True,
            ),
            # github.com/ml-explore/mlx-lm, mlx_lm/SERVER.md: port 8080; it knows no response_format.
            Preset(
                "mlx",
                "MLX (mlx_lm.server)",
                "http://127.0.0.1:8080/v1",
                None,
                Quirks(top_k=True, schema_answers=False),
                url_env="MLX_BASE_URL",
                local=True,
            ),
        )
    }
)

# console.groq.com/docs/api-reference#chat-create: max_tokens is deprecated; every stream ends with x_groq.usage.
GROQ = Quirks(
    max_tokens="max_completion_tokens",
    reasoning="reasoning",
    usage_on_request=False,
    wordless=True,
    system_in_parts=True,
)


def of(target: Target) -> Preset | None:
    """Return the preset that `target.options["preset"]` names, None where it names none."""
    name = target.options.get("preset")
    return PRESETS.get(name) if isinstance(name, str) else None


def quirks(target: Target) -> Quirks:
    """Return how the target's server differs from OpenAI's chat completions."""
    preset = of(target)
    if preset is not None:
        return preset.quirks
    return GROQ if target.provider == "groq" else Quirks(reasoning="reasoning", top_k=True)
