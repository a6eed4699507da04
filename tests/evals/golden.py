"""A small folder of golden tasks for tests: what is right is written in the prompt."""

from __future__ import annotations

from pathlib import Path

TASK = """\
  - id: {tier}-{number}
    title: Say a word
    kind: transform
    intent: say
    prompt: "Say the word {tier}-{number} and nothing else."
    max_output_tokens: 20
    timeout_seconds: 10
    check:
      kind: exact
      normalise: [case]
      values: ["{tier}-{number}"]
    examples:
      right: ["{tier}-{number}", "{TIER}-{number}"]
      wrong:
        - {{text: "no", why: another word}}
        - {{text: "{number}", why: no word at all}}
        - {{text: "The word is {tier}-{number}", why: something else}}
"""


def write(folder: Path, tiers: dict[str, int]) -> Path:
    """Write so many tasks of each tier and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for tier, count in tiers.items():
        tasks = "".join(TASK.format(tier=tier.lower(), TIER=tier, number=number) for number in range(count))
        (folder / f"{tier}.yaml").write_text(f"schema_version: 1\ntier: {tier}\ntasks:\n{tasks}", encoding="utf-8")
    return folder


def right(prompt: str) -> str:
    """Return the right answer to a prompt."""
    return prompt.split("the word ")[1].split(" ")[0]
