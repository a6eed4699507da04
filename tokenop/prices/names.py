"""The one normaliser of provider and model names, as strings only: what a spelling says, before any price is looked up.

Spellings come from SDKs, gateways, clouds and telemetry conventions. Where one says too little to know who bills, the
answer is None: a wrong price is worse than none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# id of genai-prices (or of our own dated entries) → other spellings, folded to letters and digits.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "anthropic": ("anthropic", "claude", "anthropicai"),
    "aws": ("aws", "awsbedrock", "bedrock", "amazonbedrock", "bedrockconverse", "amazon", "awsbedrockconverse"),
    "azure": (
        "azure", "azureaiopenai", "azureopenai", "azopenai", "azaiopenai", "azureai", "azureaiinference",
        "azaiinference", "azureaifoundry", "azureopenaichat", "azureopenairesponses", "azuretext",
    ),
    "cerebras": ("cerebras",),
    "cloudflare": ("cloudflare", "workersai", "cloudflareworkersai"),
    "cohere": ("cohere", "coherechat"),
    "databricks": ("databricks",),
    "deepseek": ("deepseek",),
    "fireworks": ("fireworks", "fireworksai"),
    "github-copilot": ("githubcopilot", "copilot"),
    "google": (
        "google", "gcp", "gcpvertexai", "gcpgemini", "gcpgenai", "vertexai", "vertexaibeta", "googlevertexai",
        "googlevertex", "googlegenai", "googleaistudio", "googlegla", "googleai", "googlegenerativeai", "gemini",
        "vertex",
    ),
    "groq": ("groq",),
    "lm_studio": ("lmstudio",),
    "mistral": ("mistral", "mistralai"),
    "moonshotai": ("moonshotai", "moonshot", "kimi"),
    "ollama": ("ollama", "ollamachat"),
    "openai": (
        "openai", "openaichat", "openairesponses", "openaichatcompletions", "textcompletionopenai", "openaicompletions",
    ),
    "openrouter": ("openrouter",),
    "perplexity": ("perplexity", "perplexityai", "pplx"),
    "snowflake": ("snowflake", "cortex", "snowflakecortex"),
    "together": ("together", "togetherai"),
    "voyageai": ("voyageai", "voyage"),
    "x-ai": ("xai", "grok"),
    "zai": ("zai",),
    "zhipuai": ("zhipuai", "zhipu"),
}  # fmt: skip
FOLDED = {spelling: provider for provider, spellings in PROVIDERS.items() for spelling in spellings}

# They say who forwarded the call, not who bills it: the model's own prefix decides.
NOT_A_BILLER = frozenset(
    (
        "", "unknown", "none", "null", "other", "litellm", "litellmproxy", "gateway", "aigateway", "vercel", "portkey",
        "helicone", "langfuse", "langsmith", "posthog", "langchain", "llamaindex", "aider", "custom", "kong", "proxy",
    )
)  # fmt: skip

# Clouds list other vendors' models under `vendor/model`.
CLOUDS = frozenset(("aws", "azure", "google", "databricks", "snowflake"))
# Makers and how their own models' names begin: only these are looked for where no provider is stated.
FAMILIES: dict[str, tuple[str, ...]] = {
    "anthropic": ("claude",),
    "cohere": ("command", "embed-", "rerank"),
    "deepseek": ("deepseek",),
    "google": ("gemini", "gemma", "learnlm", "text-bison", "chat-bison"),
    "minimax": ("minimax", "abab"),
    "mistral": ("mistral", "ministral", "codestral", "magistral", "devstral", "pixtral", "voxtral", "open-mi"),
    "moonshotai": ("kimi", "moonshot"),
    "openai": ("gpt", "o1", "o3", "o4", "chatgpt", "text-embedding", "codex", "davinci", "ft:gpt", "computer-use"),
    "perplexity": ("sonar", "pplx"),
    "voyageai": ("voyage",),
    "x-ai": ("grok",),
    "zai": ("glm",),
}

ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[^/]*?:(?P<kind>[a-z-]+)/(?P<name>.+)")
BEDROCK = re.compile(
    r"(?:(?:us|eu|apac|global|us-gov|jp|au|in|ca|sa|me|af)\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai"
    r"|qwen|writer|nvidia|google|moonshotai|zai|minimax|stability)\.[a-z0-9].*"
)
VERTEX = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/(?P<name>[^/]+)")
FIREWORKS = re.compile(r"accounts/fireworks/models/[^/]+")
REGION = re.compile(r"(?:us|eu|global|apac|converse|invoke|[a-z]{2}(?:-gov)?-[a-z]+-\d)/")


class Spelled(NamedTuple):
    """What a spelling says: who bills (None: it does not say), and likely names of the model there, likeliest first."""

    provider: str | None
    references: tuple[str, ...]


def canonical_provider(provider: str, known: frozenset[str] = frozenset()) -> str | None:
    """Return the id of a provider, `""` where the name says nothing about who bills, None where it is not known.

    Args:
        provider: any spelling.
        known: further ids, such as those of the price data.
    """
    lowered = provider.strip().lower()
    if lowered in known:
        return lowered
    folded = re.sub(r"[^a-z0-9]", "", lowered)
    if folded in NOT_A_BILLER:
        return ""
    return FOLDED.get(folded)


def read(provider: str, model: str, known: frozenset[str] = frozenset()) -> Spelled | None:
    """Return what the two names say together; None where they contradict each other or are opaque.

    `known` holds the ids of the price data beyond the ones spelled here.
    """
    biller = canonical_provider(provider, known)
    if biller is None:
        return None
    unwrapped = _unwrap(model.strip().lower())
    if unwrapped is None or not unwrapped.references[0]:
        return None
    if biller and unwrapped.provider and biller != unwrapped.provider:
        return None
    return unwrapped if unwrapped.provider else _prefixed(biller, unwrapped.references[0], known)


def _unwrap(reference: str) -> Spelled | None:
    if found := ARN.fullmatch(reference):
        # An application profile or an own deployment does not tell the model that it runs.
        return Spelled("aws", (found["name"],)) if found["kind"] in ("foundation-model", "inference-profile") else None
    if reference.startswith("arn:"):
        return None
    if found := VERTEX.fullmatch(reference):
        return Spelled("google", (found["name"],))
    if FIREWORKS.fullmatch(reference):
        return Spelled("fireworks", (reference, reference.rpartition("/")[2]))
    if reference.startswith("models/gemini"):
        return Spelled("google", (reference.removeprefix("models/"),))
    return Spelled(None, (reference,))


def _prefixed(biller: str, reference: str, known: frozenset[str]) -> Spelled | None:
    head, slash, rest = reference.partition("/")
    named = canonical_provider(head, known) if slash else None
    if not biller:
        if named is not None:
            return read(named, rest, known)
        return Spelled("aws" if BEDROCK.fullmatch(reference) else None, (reference,))
    if biller not in CLOUDS and biller not in FAMILIES:
        # Catalogues of resellers use `vendor/model` as the model's own name.
        return Spelled(biller, (reference, rest) if named == biller else (reference,))
    if named == biller:
        reference, head, slash, rest = rest, *rest.partition("/")
        named = canonical_provider(head, known) if slash else None
    if biller in CLOUDS:
        inside = _in_cloud(reference, known)
        # Databricks' usage tables drop the prefix of the models that it hosts itself.
        return Spelled(biller, (inside, f"databricks-{inside}") if biller == "databricks" else (inside,))
    return Spelled(biller, (reference,)) if named in (None, biller) else None


def _in_cloud(reference: str, known: frozenset[str]) -> str:
    while found := REGION.match(reference):
        reference = reference[found.end() :]
    head, slash, rest = reference.partition("/")
    return rest if slash and canonical_provider(head, known) else reference
