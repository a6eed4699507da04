"""XL004: platforms that the template is said to work with are worked with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.catalogue.rules.economics import prose
from tokenop.catalogue.rules.model import Example, Place, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# Capitals count: `modal` and `ray` are words too. What stands in a patch may be written in any way.
PLATFORMS: Mapping[str, str] = {
    "Databricks": "databricks",
    "Snowflake": "snowflake|cortex",
    "Terraform": "terraform|\\.tf\\b",
    "Kubernetes": "kubernetes|kubectl|\\bk8s|deployment|keda",
    "AWS": "aws",
    "Azure": "azure|azurerm",
    "Google Cloud": "google|gcp",
    "LiteLLM": "litellm",
    "vLLM": "vllm",
    "SGLang": "sglang",
    "TensorRT-LLM": "tensorrt|trtllm",
    "Triton": "triton",
    "Airflow": "airflow",
    "Baseten": "baseten",
    "Modal": "modal",
    "Slurm": "slurm|sbatch",
}
_NAMED = {name: re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])") for name in PLATFORMS}
_SECTIONS = ("When it applies", "How it works")
_EVIDENCE = {name: re.compile(words, re.IGNORECASE) for name, words in PLATFORMS.items()}
# "Without Databricks the same steps work elsewhere" promises nothing of Databricks.
_NOT = re.compile(r"\b(?:without|no|not|instead of|unlike)\b(?:\W+\w+){0,3}\W*\Z", re.IGNORECASE)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    if not layers.crossing(draft):
        return
    promised = _promised(draft)
    steps = prose.section(draft, "Implementation")
    if steps is None:
        return
    if not promised and not any(name in steps.text for name in PLATFORMS):
        message = "names no platform that it works with"
        fix = f"say what it is applied to: {', '.join(list(PLATFORMS)[:4])} and so on"
        yield RULE.found(draft.document, "title", message, fix)
    done = " ".join(prose.steps(steps.text)) + _patched(draft)
    for name, place in promised.items():
        if not _EVIDENCE[name].search(done):
            message = f"{name} is named, but neither a patch nor a step of Implementation is about it"
            fix = f"add a patch or a numbered step for {name}, or leave it out"
            yield RULE.found(draft.document, "body", message, fix, place=place())


def _promised(draft: Draft) -> dict[str, Callable[[], Place]]:
    """Return the platforms that title and text say the template works with, and what gives the place where they do."""
    found: dict[str, Callable[[], Place]] = {}
    title = draft.get("title")
    for named in _named(title if isinstance(title, str) else ""):
        found.setdefault(named[0], partial(draft.document.locate, "title", named.start()))
    for part in filter(None, (prose.section(draft, name) for name in _SECTIONS)):
        for named in _named(part.text):
            if not _NOT.search(part.text, max(0, named.start() - 40), named.start()):
                found.setdefault(named[0], partial(part.place, named.start()))
    return found


def _named(text: str) -> Iterator[re.Match[str]]:
    for name, written in _NAMED.items():
        if name in text:  # a pattern takes ten times as long
            yield from written.finditer(text)


def _patched(draft: Draft) -> str:
    patches = draft.get("patches")
    listed = patches if isinstance(patches, list) else []
    return " ".join(f"{patch['target']} {patch['kind']} {patch['content']}" for patch in listed)


RULE = Rule(
    "XL004",
    "error",
    "template",
    what="A cross-layer template names its platforms, and has a patch or a step for each.",
    why="A change of several layers stands or falls with how it fits the systems that are there.",
    how="Name the platforms in the title or in When it applies, and give each a patch or a step of Implementation.",
    check=_check,
    examples=(
        Example(
            specimen="cross-layer.md",
            wrong="Terraform's state, or the usage tables of Snowflake, show",
            right="Terraform's state shows",
        ),
    ),
)
