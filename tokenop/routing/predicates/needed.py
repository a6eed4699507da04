"""What a text must hold for a pattern to be found in it: plain strings, which are sought much faster than a pattern."""

from __future__ import annotations

from tokenop.routing.predicates.regex import Either, Loop, Node, Series, Set

_MOST = 16  # beyond it, seeking each takes as long as the pattern itself


def needed(node: Node) -> tuple[str, ...]:
    """Return strings of which every text in which `node` is found holds at least one; empty where none are known."""
    found = _needed(node)
    return tuple(sorted(found)) if len(found) <= _MOST else ()


def _needed(node: Node) -> frozenset[str]:
    text = _exact(node)
    if text is not None:
        return frozenset({text} - {""})
    if isinstance(node, Loop):
        return _needed(node.of) if node.least else frozenset()
    if isinstance(node, Either):
        each = [_needed(one) for one in node.of]
        return frozenset().union(*each) if all(each) else frozenset()
    return _of_series(node) if isinstance(node, Series) else frozenset()


def _of_series(series: Series) -> frozenset[str]:
    """Return the needs of the part that needs most: of strings that stand side by side, what they make together."""
    options, run = [], ""
    for one in series.of:
        text = _exact(one)
        if text is None:
            options += [frozenset({run}), _needed(one)]
            run = ""
        else:
            run += text
    options.append(frozenset({run}))
    # The longest shortest string is the rarest.
    return max((one for one in options if one and "" not in one), key=_weight, default=frozenset())


def _weight(option: frozenset[str]) -> tuple[int, int]:
    return min(map(len, option)), -len(option)


def _exact(node: Node) -> str | None:
    """Return the only text that `node` matches; None where there are several, or a mark."""
    if isinstance(node, Set):
        first, last = node.ranges[0] if len(node.ranges) == 1 else (0, 1)
        return chr(first) if first == last else None
    if isinstance(node, Series):
        parts = [_exact(one) for one in node.of]
        return None if None in parts else "".join(part for part in parts if part is not None)
    return None
