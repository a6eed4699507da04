"""RT021: a key goes only to whom it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from tokenop.errors import Finding
from tokenop.providers.presets import PRESETS
from tokenop.providers.registry import PROVIDERS
from tokenop.routing.lint.model import Checked, Level, LintRule

_OWNERS = {one.key_env: one.base_url for one in PRESETS.values() if one.key_env}
_OWNERS |= {one.key_env: one.base_url for one in PROVIDERS.values() if one.key_env}


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for field, target in checked.mentions:
        owner = _OWNERS.get(target.api_key_env or "")
        own = PRESETS.get(str(target.options.get("preset")))
        address = target.base_url or (own.base_url if own else PROVIDERS[target.provider].base_url)
        if owner and address and urlsplit(owner).hostname != urlsplit(address).hostname:
            message = (
                f"{target.api_key_env} would go to {urlsplit(address).hostname}, not to {urlsplit(owner).hostname}"
            )
            where = field.removesuffix(".model") if field.startswith("rules.") else f"providers.{target.name}"
            yield checked.found("RT021", where, message, "give that server a key of its own, in a variable of its own")


RULE = LintRule(
    "RT021",
    "error",
    what="The key of a provider that is known goes to that provider's own address alone.",
    why="A config is written by others: an address of theirs would get your key.",
    check=_check,
)
