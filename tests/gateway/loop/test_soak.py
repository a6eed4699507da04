"""A short soak: what tests/benchmarks/bench_gateway_soak.py does for a hundred thousand calls."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.thorough
def test_each_answer_is_in_the_log_once_and_each_cent_in_its_limit_through_faults_and_kills() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_gateway_soak", "--calls", "3000", "--kills", "3"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert found["kills"] == 3
    assert found["answered"] + found["broken_off"] == 3000
    assert found["answered"] > 2500
