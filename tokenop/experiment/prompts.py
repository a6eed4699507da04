"""Reading the prompts: a line of JSON each, checked whole before anything is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tokenop.catalogue.schema import closest
from tokenop.errors import Finding, FindingsError, NoInputError
from tokenop.experiment.model import Prompt, Variant
from tokenop.providers.model import Message, Text

MOST_FINDINGS = 100
MOST_PROMPTS = 200_000
LONGEST_NAME = 512
MOST_TOKENS = 10**6
_ROLES = ("system", "user", "assistant")

# field → what it holds, in words for people.
FIELDS: Mapping[str, str] = {
    "id": "a name of its own, at most 512 characters",
    "prompt": "the user's words; or give `messages`",
    "messages": 'a list of {"role": "user", "content": "…"}; roles: system, user, assistant',
    "system": "the system prompt",
    "intent": "what it is for, such as summarise_ticket",
    "tenant": "the team that it belongs to",
    "provider": "who answers it today, such as anthropic",
    "model": "which model answers it today",
    "max_output_tokens": "the limit of an answer, 1 to 1,000,000",
    "output_tokens": "how long its answers usually are, in tokens",
    "reference": "a right answer, as text",
    "check": "how a program tells a right answer, as in a golden task",
    "guard": "what production itself can ask of an answer, without knowing the right one; a check as well",
    "variants": "template id → what the prompt becomes under it: prompt or messages, system, max_output_tokens",
    "sample": "true where the prompt is made up",
}  # fmt: skip
VARIANT = ("prompt", "messages", "system", "max_output_tokens")
CheckOf = Callable[[Mapping[str, Any]], str | None]
"""Says what is wrong with a declared check, None where it is sound."""


class Wrong(NamedTuple):
    """A field that is not what it should be."""

    field: str
    rule: str
    message: str
    fix: str


def read(path: Path, check: CheckOf) -> tuple[Prompt, ...]:
    """Return the prompts of a file in its order.

    Raises:
        FindingsError: lines that are no prompts, all at once.
        InputError: the file cannot be read.
        NoInputError: it holds none.
    """
    from tokenop.events.lines import TOO_LONG, blocks, fault, require_file

    require_file(path)
    found: list[Prompt] = []
    findings: list[Finding] = []
    seen: dict[str, int] = {}
    for block in blocks(path):
        for number, raw in enumerate(block.data.split(b"\n"), block.first):
            if not (line := raw.strip()):
                continue
            bad = TOO_LONG if block.too_long else fault(line)
            if bad is not None:
                findings.append(_finding(path, number, Wrong("line", bad.rule, bad.message, "one JSON object a line")))
                continue
            wrongs = list(_wrongs(json.loads(line), check))
            findings += [_finding(path, number, one) for one in wrongs]
            prompt = None if wrongs else _prompt(json.loads(line), number)
            if prompt is None:
                continue
            if prompt.id in seen:
                message = f"{prompt.id[:80]!r} is the id of line {seen[prompt.id]} as well"
                findings.append(_finding(path, number, Wrong("id", "prompt-id", message, "give each its own")))
            seen.setdefault(prompt.id, number)
            found.append(prompt)
        if len(findings) >= MOST_FINDINGS or len(found) > MOST_PROMPTS:
            break
    if findings:
        raise FindingsError(findings[:MOST_FINDINGS], "" if len(findings) < MOST_FINDINGS else "… and more")
    if len(found) > MOST_PROMPTS:
        message = f"{path}: holds more than {MOST_PROMPTS:,} prompts"
        raise FindingsError(
            [Finding(str(path), 0, "line", "prompt-count", "error", message, fix="give a part of them")]
        )
    if not found:
        raise NoInputError(f"{path}: holds no prompt")
    return tuple(found)


def from_events(path: Path, scratch: Path) -> tuple[Prompt, ...]:
    """Return the prompts of an event log that was collected with them, in the order of time.

    Raises:
        FindingsError: the log has bad rows.
        NoInputError: no event carries its prompt.
    """
    from tokenop.database import connect
    from tokenop.events.log import open_log

    with connect(spill_to=scratch) as connection:
        open_log(connection, path, "events", scratch)
        rows = connection.execute(
            "SELECT id, prompt, nullif(intent, 'unknown'), nullif(tenant, 'unknown'), nullif(provider, 'unknown'), "
            "nullif(model, 'unknown'), output_tokens FROM events WHERE prompt IS NOT NULL AND trim(prompt) <> '' "
            f"ORDER BY ts, id LIMIT {MOST_PROMPTS}"
        ).fetchall()
    if not rows:
        raise NoInputError(
            f"{path}: no event carries its prompt (collecting them is off unless asked for); give prompts with --input"
        )
    return tuple(
        Prompt(
            id=str(identity),
            messages=(_said("user", text),),
            intent=intent,
            tenant=tenant,
            provider=provider,
            model=model,
            output_tokens=tokens,
            sample=str(identity).startswith("sample-"),
        )
        for identity, text, intent, tenant, provider, model, tokens in rows
    )


def _prompt(row: Mapping[str, Any], line: int) -> Prompt:
    system, messages = _turns(row)
    variants = {name: _variant(each) for name, each in sorted((row.get("variants") or {}).items())}
    words = {name: row.get(name) for name in ("intent", "tenant", "provider", "model", "reference")}
    return Prompt(
        id=row["id"],
        messages=messages or (),
        system=system,
        max_output_tokens=row.get("max_output_tokens"),
        output_tokens=row.get("output_tokens"),
        check=row.get("check"),
        guard=row.get("guard"),
        variants=variants,
        sample=row.get("sample") is True,
        line=line,
        **words,
    )


def _variant(row: Mapping[str, Any]) -> Variant:
    system, messages = _turns(row)
    return Variant(messages, system, row.get("max_output_tokens"))


def _turns(row: Mapping[str, Any]) -> tuple[str | None, tuple[Message, ...] | None]:
    """Return the system prompt and the turns; a system turn among the messages becomes the system prompt."""
    if "prompt" in row:
        return row.get("system"), (_said("user", row["prompt"]),)
    if "messages" not in row:
        return row.get("system"), None
    turns = row["messages"]
    systems = [row["system"]] if row.get("system") else []
    systems += [turn["content"] for turn in turns if turn["role"] == "system"]
    return "\n\n".join(systems) or None, tuple(
        _said(turn["role"], turn["content"]) for turn in turns if turn["role"] != "system"
    )


def _said(role: Any, text: str) -> Message:
    return Message(role, (Text(text),))


def _wrongs(row: Mapping[str, Any], check: CheckOf) -> Iterator[Wrong]:
    for name in sorted(set(row) - set(FIELDS)):
        yield Wrong(_named(name), "prompt-field", "is no field of a prompt", closest(name, FIELDS))
    identity = row.get("id")
    if not isinstance(identity, str) or not identity.strip() or len(identity) > LONGEST_NAME:
        yield Wrong("id", "prompt-id", "is missing or no short text", FIELDS["id"])
    yield from _turns_wrong(row, "", needed=True)
    for name in ("intent", "tenant", "provider", "model"):
        value = row.get(name)
        if name in row and (not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME):
            yield Wrong(name, "prompt-text", "is no short text", f"{FIELDS[name]}; or leave it out")
    if "reference" in row and (not isinstance(row["reference"], str) or not row["reference"].strip()):
        yield Wrong("reference", "prompt-text", "is no text", FIELDS["reference"])
    if "sample" in row and not isinstance(row["sample"], bool):
        yield Wrong("sample", "prompt-sample", "is neither true nor false", FIELDS["sample"])
    yield from _number(row, "output_tokens", "", least=0)
    for name in ("check", "guard"):
        if name in row:
            declared = row[name]
            objection = check(declared) if isinstance(declared, dict) else "is no mapping"
            if objection:
                yield Wrong(name, "prompt-check", objection, FIELDS[name])
    yield from _variants_wrong(row.get("variants", {}))


def _variants_wrong(variants: object) -> Iterator[Wrong]:
    if not isinstance(variants, dict):
        yield Wrong("variants", "prompt-variants", "is no mapping", FIELDS["variants"])
        return
    for name, variant in sorted(variants.items()):
        place = f"variants.{_named(name)}"
        if not isinstance(variant, dict) or not variant:
            yield Wrong(place, "prompt-variants", "says nothing that changes", FIELDS["variants"])
            continue
        for key in sorted(set(variant) - set(VARIANT)):
            yield Wrong(f"{place}.{_named(key)}", "prompt-field", "is no field of a variant", closest(key, VARIANT))
        yield from _turns_wrong(variant, f"{place}.", needed=False)


def _turns_wrong(row: Mapping[str, Any], place: str, *, needed: bool) -> Iterator[Wrong]:
    both = "prompt" in row and "messages" in row
    neither = needed and "prompt" not in row and "messages" not in row
    if both or neither:
        yield Wrong(f"{place}prompt", "prompt-text", "is there beside messages" if both else "is missing", "give one")
    if "prompt" in row and (not isinstance(row["prompt"], str) or not row["prompt"].strip()):
        yield Wrong(f"{place}prompt", "prompt-text", "is no text", FIELDS["prompt"])
    if "system" in row and not isinstance(row["system"], str):
        yield Wrong(f"{place}system", "prompt-text", "is no text", FIELDS["system"])
    if "messages" in row and not both:
        yield from _messages_wrong(row["messages"], f"{place}messages")
    yield from _number(row, "max_output_tokens", place, least=1)


def _messages_wrong(turns: object, place: str) -> Iterator[Wrong]:
    if not isinstance(turns, list) or not turns:
        yield Wrong(place, "prompt-messages", "is no list of turns", FIELDS["messages"])
        return
    sound = True
    for index, turn in enumerate(turns):
        if (
            not isinstance(turn, dict)
            or set(turn) != {"role", "content"}
            or turn["role"] not in _ROLES
            or not isinstance(turn["content"], str)
        ):
            sound = False
            yield Wrong(f"{place}[{index}]", "prompt-messages", "is no turn", FIELDS["messages"])
    if sound and turns[-1]["role"] != "user":
        yield Wrong(place, "prompt-messages", "does not end with the user", "end with what is to be answered")


def _number(row: Mapping[str, Any], name: str, place: str, least: int) -> Iterator[Wrong]:
    value = row.get(name)
    if name in row and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_TOKENS):
        yield Wrong(
            f"{place}{name}", "prompt-number", f"is no whole number from {least} to {MOST_TOKENS:,}", FIELDS[name]
        )


def _named(name: str) -> str:
    """Return a key of somebody else's file so that it can stand in a message."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name[:80])


def _finding(path: Path, line: int, wrong: Wrong) -> Finding:
    return Finding(str(path), line, wrong.field, wrong.rule, "error", wrong.message, fix=wrong.fix)


def varied(prompt: Prompt, template: str) -> Prompt | None:
    """Return the prompt as it becomes under a template; None where the input does not say."""
    variant = prompt.variants.get(template)
    if variant is None:
        return None
    return replace(
        prompt,
        messages=prompt.messages if variant.messages is None else variant.messages,
        system=prompt.system if variant.system is None else variant.system,
        max_output_tokens=variant.max_output_tokens or prompt.max_output_tokens,
    )
