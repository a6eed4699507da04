"""What must not reach a YAML loader: aliases, which multiply, and depth, which overflows the C parser's stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenop.errors import InputError

MAX_DEPTH = 32


def check(text: str, name: str) -> None:
    """Read the events of `text` once, without building anything from them.

    Raises:
        InputError: an anchor or alias, or deeper nesting than any file of TokenOp has; `name` is the file.
        yaml.YAMLError: it is not YAML at all.
    """
    import yaml

    depth = 0
    event: Any  # the stubs know neither anchors nor that every event has a place
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        kind = type(event)
        if kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
            depth += 1
        elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            depth -= 1
        trap = f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else ""
        if getattr(event, "anchor", None):
            trap = f"an anchor or alias ({event.anchor}); TokenOp writes none"
        if trap:
            line = event.start_mark.line + 1
            raise InputError(f"{name}:{line}: {trap}; write the file again with TokenOp")


def load(path: Path) -> Any:
    """Return what a YAML file holds, once its text passed `check`.

    Raises:
        InputError: it cannot be read, is not YAML, or holds what `check` refuses.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        check(text, str(path))
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 both loaders are safe
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
