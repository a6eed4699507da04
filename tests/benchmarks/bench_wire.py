"""How many recorded exchanges of real providers go once around, folder by folder.

Run it with `python -m tests.benchmarks.bench_wire [FOLDER…]` from the repository, with the development data beside it.
What going around means stands in `tests/providers/rounds.py`. A test holds the list of exceptions; this states the
figures: `round_trip` of `exchanges`, and why the others do not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from tests import wire
from tests.providers.rounds import rounds


def main() -> None:
    """Print one JSON object a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*")
    wished = parser.parse_args().folders
    if not wire.WIRE.is_dir():
        sys.exit(f"there is no recorded traffic in {wire.WIRE.name} beside this checkout")
    for folder in wished or wire.folders():
        found = rounds(folder)
        reasons = Counter(each.why_not[:80] for each in found if each.why_not is not None)
        result = {
            "folder": folder,
            "exchanges": len(found),
            "round_trip": sum(each.why_not is None for each in found),
            "others": dict(sorted(reasons.items())),
        }
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
