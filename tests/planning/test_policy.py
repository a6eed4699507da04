"""Reading `policy.yaml`: a mistake in it must not lift a constraint."""

from __future__ import annotations

import pytest

from tokenop.errors import FindingsError
from tokenop.planning import policy


def test_a_forbidden_provider_that_nobody_knows_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("max_risk: low\nforbidden_providers:\n  - openai\n  - deepseak\n  - qqqq\n")
    with pytest.raises(FindingsError) as refused:
        policy.load(path)
    assert [(one.line, one.field, one.rule) for one in refused.value.findings] == [
        (4, "forbidden_providers[1]", "POLICY"),
        (5, "forbidden_providers[2]", "POLICY"),
    ]
    assert f"{path}:4: forbidden_providers[1]: POLICY: " in str(refused.value)
    assert "did you mean deepseek?" in str(refused.value)


@pytest.mark.parametrize("named", ["deepseek", "Anthropic", "bedrock", "Vertex AI", "cursor", "snowflake"])
def test_a_forbidden_provider_may_be_spelled_as_sources_do(tmp_path, named):
    path = tmp_path / "policy.yaml"
    path.write_text(f"forbidden_providers: [{named}]\n")
    assert policy.load(path).forbidden_providers == (named,)
