"""The socket that calls come from, and the signals that end them."""

from __future__ import annotations

import signal
import socket

from tokenop.errors import InputError

BACKLOG = 2048


def leaving() -> tuple[signal.Signals, ...]:
    """Return the signals on which a gateway leaves: that of a terminal that closes, too, unless `nohup` forbade it."""
    hung_up = getattr(signal, "SIGHUP", None)
    wanted = (signal.SIGTERM, signal.SIGINT)
    return wanted if hung_up is None or signal.getsignal(hung_up) is signal.SIG_IGN else (*wanted, hung_up)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound, and does not listen yet.

    Raises:
        InputError: the address is in use or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{host}:{port} cannot be bound: {reason}; choose another --port or --host") from error
    made.setblocking(False)
    return made
