"""The socket that calls come from."""

from __future__ import annotations

import socket

from tokenop.errors import InputError

BACKLOG = 2048


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
