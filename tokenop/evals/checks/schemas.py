"""JSON Schemas of tasks, with patterns that take time in proportion to the text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec


def problem(schema: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a JSON Schema, or with a pattern in it; None where it is sound."""
    import jsonschema_rs

    try:
        _validator(msgspec.json.encode(schema))
    except jsonschema_rs.ValidationError as error:
        at = ".".join(str(part) for part in error.instance_path)
        return f"{at + ': ' if at else ''}{error.message}"[:200]
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        return str(error).split("\n")[0][:200]
    return None


def objection(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return the first thing that a sound schema objects to in a value; None where it fits."""
    error = next(iter(_validator(msgspec.json.encode(schema)).iter_errors(value)), None)
    if error is None:
        return None
    at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
    return f"{at or 'the answer'}: {error.message}"


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    import jsonschema_rs

    # `RegexOptions` is the engine without back-references, whose time is linear. No reference leaves the schema.
    return jsonschema_rs.validator_for(
        msgspec.json.decode(schema), pattern_options=jsonschema_rs.RegexOptions(), offline=True
    )
