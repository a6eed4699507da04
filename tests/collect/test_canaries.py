"""No collector lets out what nobody asked for: canaries in its sample do not come out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.collect import canaries
from tests.conftest import Ran
from tokenop import database
from tokenop.collect import engine, manifest, options, sources, usage
from tokenop.collect.manifest import Manifest
from tokenop.database import quoted

COLLECTORS = manifest.names()
SAMPLES = [(name, path.name) for name in COLLECTORS for path in canaries.samples(manifest.find(name).folder)]
ROWS = [(name, sample) for name, sample in SAMPLES if manifest.find(name).kind != "inventory"]
# Each of them as every form of file that its collector reads.
STAGED = [
    (name, sample, suffix)
    for name, sample in ROWS
    for suffix in ([".jsonl"] if manifest.find(name).format == "jsonl" else [".jsonl", ".csv", ".parquet"])
]


def names_of(collector: Manifest) -> set[str]:
    """Return the columns that a collector declares, by all their names."""
    return {*collector.columns, *(other for others in collector.aliases.values() for other in others)}


def discover(run_cli: Callable[..., Ran], collector: Manifest, path: Path, *more: str) -> tuple[Ran, bytes]:
    """Run the command over one file; return how it ended, and every byte that it wrote or said."""
    out = path.parent / "out"
    ran = run_cli("discover", "--collectors", collector.name, "--input", path, "--out", out, "--tz", "UTC", *more)
    files = [file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()] if out.exists() else []
    return ran, b"\n".join([*files, ran.stdout.encode(), ran.stderr.encode()])


@pytest.fixture
def planted(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows to a file in a folder of its own."""

    def write(name: str, rows: list[canaries.Row]) -> Path:
        folder = tmp_path / "planted"
        folder.mkdir()
        return canaries.write(folder / name, rows)

    return write


@pytest.fixture(scope="module")
def both(request, module_cli, tmp_path_factory) -> tuple[Path, Ran, bytes]:
    """Run a collector once over its sample with canaries in what is not declared, and with secrets in what is.

    A document is one thing, right or wrong: it is planted with the canaries alone.
    """
    name, sample = request.param
    collector = manifest.find(name)
    rows = canaries.read(collector.folder / sample)
    unread, told = canaries.unread(rows, names_of(collector)), canaries.told(rows)
    planted = unread if len(rows) == 1 else [*unread, *told[len(rows) :]]
    path = canaries.write(tmp_path_factory.mktemp("planted") / sample, planted)
    return path, *discover(module_cli, collector, path, "--json")


@pytest.mark.parametrize("both", SAMPLES, ids="-".join, indirect=True)
def test_what_is_not_declared_never_comes_out(both) -> None:
    path, ran, written = both
    assert canaries.PLAIN.encode() in path.read_bytes()
    assert canaries.PLAIN.encode() not in written
    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["events"] + found["records"] + bool(found.get("inventory")), "the planted sample gave nothing at all"


@pytest.mark.parametrize("both", SAMPLES, ids="-".join, indirect=True)
def test_secrets_in_what_is_declared_never_come_out(both, planted, run_cli) -> None:
    path, ran, written = both
    rows = canaries.read(path)
    if len(rows) == 1:
        path = planted(path.name, canaries.told(rows))
        ran, written = discover(run_cli, manifest.find("terraform"), path)
    assert canaries.CORE.encode() in path.read_bytes()
    assert ran.exit_code in (0, 1), ran.stderr
    leaks = [line for line in written.split(b"\n") if canaries.CORE.encode() in line and not only_names(line)]
    assert not leaks


def only_names(line: bytes) -> bool:
    """Tell whether a line holds canaries in identifiers of users alone, as e-mail addresses: those stay as given."""
    try:
        record = json.loads(line)
    except ValueError:
        return False
    names = {name: str(record.pop(name, "")) for name in ("user_id",)}
    secrets = [secret for secret in canaries.SECRETS if "@example.com" not in secret]
    return canaries.CORE not in json.dumps(record) and not any(s in name for s in secrets for name in names.values())


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "sample"), ROWS)
def test_a_user_is_nowhere_under_pseudonyms(name, sample, planted, run_cli, monkeypatch) -> None:
    monkeypatch.setenv("TOKENOP_PSEUDONYM_KEY", "0123456789abcdef0123456789abcdef")
    collector = manifest.find(name)
    path = planted(sample, canaries.told(canaries.read(collector.folder / sample)))
    _, written = discover(run_cli, collector, path, "--pseudonymise")
    assert canaries.CORE.encode() not in written
    assert b"0123456789abcdef0123456789abcdef" not in written


def stages(collector: Manifest, path: Path, scratch: Path) -> Iterator[tuple[str, bool]]:
    """Run a collector; yield every file that it left on its way, and whether the plain canary is in it."""
    scratch.mkdir()
    with database.connect() as connection:
        files = sources.find(collector, [path], scratch)
        collect = usage.collect if collector.kind == "usage" else engine.collect
        collect(connection, collector, files, options.parse(zone="UTC"), scratch)
        for file in sorted(scratch.rglob("*")):
            if file.suffix == ".parquet":
                rows = f"(SELECT r::VARCHAR AS text FROM read_parquet({quoted(str(file))}) AS r)"
                asked = f"SELECT count(*) FROM {rows} WHERE contains(text, {quoted(canaries.PLAIN)})"
                (count,) = connection.execute(asked).fetchone() or (0,)
                yield file.name, bool(count)
            elif file.is_file():
                yield file.name, canaries.PLAIN.encode() in file.read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "sample", "suffix"), STAGED)
def test_undeclared_columns_are_not_even_staged(name, sample, suffix, planted, tmp_path) -> None:
    collector = manifest.find(name)
    rows = canaries.undeclared_columns(canaries.read(collector.folder / sample), names_of(collector))
    if suffix == ".csv":
        flat = [
            {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items() if v is not None}
            for row in rows
        ]
        path = planted("sample.csv", flat)
    else:
        path = planted("sample.jsonl", rows)
    if suffix == ".parquet":
        lines, path = path, path.with_suffix(".parquet")
        with database.connect() as connection:
            reader = f"read_json({quoted(str(lines))}, format='newline_delimited', sample_size=-1)"
            connection.execute(f"COPY (FROM {reader}) TO {quoted(str(path))} (FORMAT parquet)")
        lines.unlink()
    assert not [file for file, leaks in stages(collector, path, tmp_path / "scratch") if leaks]


LEAKY = """---
name: leaky
title: Lets a column out
version: "1.0.0"
source: A test
input:
  format: jsonl
  glob: "**/*.jsonl"
  columns: {ts: VARCHAR, model: VARCHAR, tokens: VARCHAR, note: VARCHAR}
  keep_raw: true
convention: inclusive
grants: []
egress: []
sample_license: Apache-2.0
verified_on: "2026-11-22"
evidence: none
---
"""
LEAKY_SQL = """SELECT ts, model, 'openai' AS provider, tokens AS input_tokens, tokens AS output_tokens, note AS task_id,
    CASE WHEN tokens = 'x' THEN 'not a count: ' || note END AS _reject, _file, _line FROM source"""


def test_a_leak_would_be_seen(tmp_path, run_cli, monkeypatch) -> None:
    """Prove that these tests can fail: a collector that declares too much is found out, by either way out."""
    folder = tmp_path / "collectors" / "leaky"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(LEAKY, encoding="utf-8")
    (folder / "map.sql").write_text(LEAKY_SQL, encoding="utf-8")
    monkeypatch.setattr("tokenop.settings.content", lambda kind: tmp_path / kind)
    collector = manifest.find("leaky")
    for tokens, file in (("1", "events.jsonl"), ("x", "rejected.jsonl")):
        path = tmp_path / tokens / "calls.jsonl"
        path.parent.mkdir()
        row = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "tokens": tokens, "note": canaries.PLAIN}
        canaries.write(path, [row, {**row, "tokens": "2", "note": "plain"}])
        _, written = discover(run_cli, collector, path)
        assert canaries.PLAIN.encode() in written
        assert canaries.PLAIN in (path.parent / "out" / file).read_text(encoding="utf-8")


def test_an_error_does_not_quote_a_secret(tmp_path, run_cli, monkeypatch) -> None:
    folder = tmp_path / "collectors" / "leaky"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(LEAKY, encoding="utf-8")
    (folder / "map.sql").write_text(LEAKY_SQL.replace("note AS", "note::BIGINT AS"), encoding="utf-8")
    monkeypatch.setattr("tokenop.settings.content", lambda kind: tmp_path / kind)
    path = canaries.write(tmp_path / "calls.jsonl", [{"ts": "2026-03-02T09:00:00Z", "note": canaries.SECRETS[0]}])
    ran, written = discover(run_cli, manifest.find("leaky"), path)
    assert ran.exit_code == 1
    assert "[secret]" in ran.stderr
    assert canaries.CORE.encode() not in written


@pytest.mark.parametrize("line", ['{"ts": "2026-03-02", "prompt": "%s"', '{"prompt": "%s"}}', '["%s"]', "%s"])
def test_a_line_that_cannot_be_read_is_not_quoted(line, tmp_path, run_cli) -> None:
    path = tmp_path / "calls.jsonl"
    sound = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1}
    path.write_text(json.dumps(sound) + "\n" + line.replace("%s", canaries.PLAIN) + "\n", encoding="utf-8")
    ran, written = discover(run_cli, manifest.find("manual"), path)
    assert ran.exit_code == 0
    assert canaries.PLAIN.encode() not in written
