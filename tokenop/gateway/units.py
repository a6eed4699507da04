"""What starts the gateway with the machine: a unit for systemd, an agent for launchd. Printed, never installed."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["systemd", "launchd"]
KINDS: tuple[Kind, ...] = ("systemd", "launchd")
NAME = "tokenop"
LABEL = "org.tokenop.gateway"
# The manager waits longer than the gateway itself, which ends what is left after its own time.
GRACE = 15
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+\Z")


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be started: the command, where, with which state, and how long calls may take to end, in seconds.

    `environment` is a file of `NAME=value` lines with the providers' keys, which only its owner may read.
    """

    command: Sequence[str]
    folder: Path
    home: Path
    environment: Path
    drain_seconds: int


def unit(kind: Kind, service: Service) -> str:
    """Return the text of a unit, with how to install it in its comments."""
    return _systemd(service) if kind == "systemd" else _launchd(service)


def _systemd(service: Service) -> str:
    command = " ".join(_of_systemd(word) for word in service.command)
    return f"""\
# {NAME}.service: install with
#   tokenop serve --print-unit systemd > ~/.config/systemd/user/{NAME}.service
#   systemctl --user daemon-reload && systemctl --user enable --now {NAME}
#   loginctl enable-linger            (so that it runs while you are logged out)
# The providers' keys stand as NAME=value in the EnvironmentFile; chmod 600 it.
[Unit]
Description=TokenOp gateway
Wants=network-online.target
After=network-online.target
# Tried again for ever: a machine without network or disk gets both back.
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={_specifiers(str(service.folder))}
Environment={_of_systemd(f"TOKENOP_HOME={service.home}", variables=False)}
EnvironmentFile=-{_specifiers(str(service.environment))}
ExecStart={command}
Restart=always
RestartSec=2
# SIGTERM lets calls under way end; the manager kills what is left after that.
KillMode=mixed
TimeoutStopSec={service.drain_seconds + GRACE}
LimitNOFILE=65536
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=default.target
"""


def _of_systemd(word: str, *, variables: bool = True) -> str:
    """Return a word as systemd reads it; `variables`: `$` would stand for one here."""
    text = _specifiers(word)
    if variables:
        text = text.replace("$", "$$")
    if _PLAIN.match(word):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _launchd(service: Service) -> str:
    # launchd reads no file of variables, so that a shell does; it gets all else as arguments, none as its own text.
    script = 'set -a; [ ! -r "$1" ] || . "$1"; set +a; shift; exec "$@"'
    logs = service.home / "gateway"
    agent = {
        "Label": LABEL,
        "ProgramArguments": ["/bin/sh", "-c", script, NAME, str(service.environment), *service.command],
        "WorkingDirectory": str(service.folder),
        "EnvironmentVariables": {"TOKENOP_HOME": str(service.home)},
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 2,
        "ExitTimeOut": service.drain_seconds + GRACE,
        "Umask": 0o077,
        "SoftResourceLimits": {"NumberOfFiles": 65536},
        "StandardErrorPath": str(logs / "stderr.log"),
    }
    text = plistlib.dumps(agent, sort_keys=False).decode()
    start = text.index("<plist")
    return f"{text[:start]}<!-- {LABEL}.plist: docs/unattended.md says how to install it. -->\n{text[start:]}"
