"""An SRE's way from the collector's own sample to a diff that applies: discover, plan, review, apply."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

pytest.importorskip("tree_sitter_hcl")

SOURCES = """\
# The pool that serves embeddings.
resource "azurerm_kubernetes_cluster_node_pool" "t4" {
  name       = "t4"
  vm_size    = "Standard_NC4as_T4_v3"
  node_count = 2
}
"""
TEMPLATE = "spot-instance-optimization"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git to apply the diff")
def test_the_sample_of_terraform_becomes_a_plan_in_money_and_a_diff_that_git_applies(run_cli, tmp_path):
    (tmp_path / "main.tf").write_text(SOURCES)
    sample = ROOT / "collectors" / "terraform" / "sample.json"
    found = run_cli("discover", "--collectors", "terraform", "--input", f"terraform={sample}", cwd=tmp_path)
    assert found.exit_code == 0, found.stderr
    assert "$768.49 a month" in found.stdout

    asked = run_cli("roi", "databricks", cwd=tmp_path)
    assert asked.exit_code == 0, asked.stderr
    assert f"{TEMPLATE} " in asked.stdout

    made = run_cli("patches", "--template", TEMPLATE, cwd=tmp_path)
    assert made.exit_code == 0, made.stderr
    diff = tmp_path / "patches" / f"{TEMPLATE}.tf.diff"
    added = [line for line in diff.read_text().splitlines() if line.startswith("+ ")]
    assert any("Spot" in line for line in added)

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", str(diff.relative_to(tmp_path))], cwd=tmp_path, check=True)
    after = (tmp_path / "main.tf").read_text()
    assert after.startswith("# The pool that serves embeddings.\n")
    assert "priority" in after
    assert "node_count = 2" in after
