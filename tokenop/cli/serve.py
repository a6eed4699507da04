"""`tokenop serve`: the local gateway."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenop.gateway.model import Settings
    from tokenop.gateway.parts import Parts

# As in tokenop.gateway.model, which `--help` does not import.
_HOST, _PORT = "127.0.0.1", 18789


@click.command(
    name="serve",
    epilog="""\b
Examples:
  tokenop serve                                            on 127.0.0.1:18789, with the shipped routing config
  tokenop serve --config routing.yaml --port 8080          another config, another port
  tokenop serve --check                                    what would be served, and which providers can be asked
  tokenop serve --demo                                     try it without keys: sample answers, then what the log says
  OPENAI_BASE_URL=http://127.0.0.1:18789/v1 my-program     any program with OpenAI's SDK
""",
)
@click.option("--host", default=_HOST, show_default=True, help="Address to listen at; others than loopback need keys.")
@click.option("--port", default=_PORT, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes any.")
@click.option("--config", type=click.Path(path_type=Path), help="A routing config, or `recon`. [default: shipped]")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The project whose applied files (tokenop/*.yaml) hold.",
)
@click.option("--durable", is_flag=True, help="End an answer only after its row is on disk.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes on one port.")
@click.option(
    "--recordings", type=click.Path(path_type=Path), help="A folder of recorded answers: no provider is asked."
)
@click.option(
    "--drain-seconds",
    "drain",
    default=30,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="How long calls in flight may take to finish after SIGTERM.",
)
@click.option(
    "--log-format",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json"]),
    help="json: a line on stderr for each call as well. `tokenop tail` shows them without it.",
)
@click.option("--check", is_flag=True, help="Say what would be served and which providers can be asked; then exit.")
@click.option("--json", "as_json", is_flag=True, help="With --check: print JSON for programs.")
@click.option(
    "--print-unit",
    "unit",
    type=click.Choice(["systemd", "launchd"]),
    help="Print what starts the gateway with the machine; then exit.",
)
@click.option(
    "--demo", is_flag=True, help="Serve sample answers, ask a handful of calls, show what came of them; exit."
)
@click.option("--stay", is_flag=True, help="With --demo: go on serving until Ctrl-C.")
def command(
    host: str,
    port: int,
    config: Path | None,
    root: Path,
    durable: bool,
    workers: int,
    recordings: Path | None,
    drain: int,
    log_format: str,
    check: bool,
    as_json: bool,
    unit: str | None,
    demo: bool,
    stay: bool,
) -> int:
    """Run the gateway: SDKs as before, models by the routing config.

    Set one base URL and keep your program as it is. Each call goes where the rules say, and leaves a row in the event
    log. docs/gateway.md says more.
    """
    from tokenop import settings as places
    from tokenop.errors import MisuseError
    from tokenop.gateway.model import Settings

    if stay and not demo:
        raise MisuseError("--stay belongs to --demo; without --demo the gateway stays anyway")
    if demo:
        return _demo(port, stay)
    for option, path in (("--root", root), ("--recordings", recordings)):
        if path is not None and not path.is_dir():
            raise MisuseError(f"{option}: no such folder: {path}")
    settings = Settings(
        root=root,
        state=places.home() / "gateway",
        env=dict(os.environ),
        config=config,
        host=host,
        port=port,
        durable=durable,
        workers=workers,
        recordings=recordings,
        lines=log_format == "json",
    )
    if unit is not None:
        return _print_unit(settings, unit, drain)
    return _check(settings, as_json) if check else _served(settings, drain)


def _print_unit(settings: Settings, kind: str, drain: int) -> int:
    import shutil
    import sys
    from typing import cast

    from tokenop import settings as places
    from tokenop.gateway import units

    program = shutil.which("tokenop")
    command = [program] if program else [sys.executable, "-m", "tokenop"]
    command += ["serve", "--host", settings.host, "--port", str(settings.port), "--drain-seconds", str(drain)]
    command += ["--root", str(settings.root.absolute()), "--workers", str(settings.workers)]
    if settings.config is not None:
        # A shipped config goes by its bare name: where it lies changes with each sync.
        config = settings.config.absolute() if settings.config.exists() else settings.config
        command += ["--config", str(config)]
    if settings.recordings is not None:
        command += ["--recordings", str(settings.recordings.absolute())]
    if settings.durable:
        command.append("--durable")
    if settings.lines:
        command += ["--log-format", "json"]
    home = places.home().absolute()
    service = units.Service(command, settings.root.absolute(), home, home / "gateway.env", drain)
    click.echo(units.unit(cast("units.Kind", kind), service), nl=False)
    return 0


def _demo(port: int, stay: bool) -> int:
    from tokenop.gateway import demo

    return demo.run(click.echo, port=0 if port == _PORT else port, stay=stay)


def _check(settings: Settings, as_json: bool) -> int:
    from tokenop.gateway.applied import check

    return check.run(settings, as_json=as_json)


def _served(settings: Settings, drain: int) -> int:
    if settings.workers > 1:
        from tokenop.gateway.processes import Processes

        return Processes(settings, drain, _tell).run()
    import gc

    from tokenop.gateway import early

    gc.disable()  # until it serves: looking for circles among what is only just loaded is a tenth of the start
    try:
        with early.begun(settings.root, settings.env) as reading:
            try:
                from tokenop.gateway import serving
            except ModuleNotFoundError as error:
                from tokenop.errors import InputError

                missing = f"the package {error.name} is not installed: pip install 'tokenop[serve]'"
                raise InputError(missing) from error
            serving.serve(settings, drain=drain, ready=_ready, tell=_tell, early=reading)
    finally:
        gc.enable()
    return 0


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever read it may be gone: no reason to stop answering calls
        click.echo(f"tokenop: {line}", err=True)


def _ready(parts: Parts, port: int) -> None:
    from tokenop.gateway import starting

    with contextlib.suppress(OSError):
        for line in starting.lines(parts, port):
            click.echo(line)
