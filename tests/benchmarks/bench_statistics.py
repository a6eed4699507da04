"""How long the statistics of 10,000 implementations take, from the files to the pages.

Run it with `python -m tests.benchmarks.bench_statistics [--entries 10000] [--runs 3]` from the repository. The entries
are drawn into a scratch repository with the shipped templates. What is timed is one whole run of the script as CI runs
it: start of Python, reading and checking all files, all analyses, all pages. The claim is a time: under 5 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.community.world import TODAY, drawn, repository
from tests.conftest import ROOT
from tokenop.evidence import read

ALLOWED_SECONDS = 5.0


def run(root: Path) -> float:
    """Return seconds of one run of the script; the pages are written."""
    command = [sys.executable, ROOT / "scripts" / "update_statistics.py", "--root", root, "--today", str(TODAY)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Draw the entries, run, and print the median as JSON; exit 1 where it is above what is claimed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    wished = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = repository(Path(folder), drawn(wished.entries))
        evidence = read.load(root / "validations")
        assert not evidence.findings
        seconds = [run(root) for _ in range(wished.runs)]
    found = evidence.by_template.values()
    result = {
        "implementations": sum(len(one.implementations) for one in found),
        "reviews": sum(len(one.reviews) for one in found),
        "seconds": round(statistics.median(seconds), 2),
        "allowed": ALLOWED_SECONDS,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(result["seconds"] > ALLOWED_SECONDS)


if __name__ == "__main__":
    main()
