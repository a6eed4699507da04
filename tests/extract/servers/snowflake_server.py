"""fakesnow's server in a process of its own, with tables from standard input; prints its port.

Each line of standard input is one SQL statement to set up with, until an empty line. Each statement that a client sends
is written to standard error as one line of JSON.
"""

from __future__ import annotations

import gzip
import importlib
import json
import socket
import sys
from typing import Any

import uvicorn

server = importlib.import_module("fakesnow.server")  # `fakesnow.server` is also a function


def main() -> None:
    connection = server.shared_fs.connect("SNOWFLAKE", "ACCOUNT_USAGE")
    cursor = connection.cursor()
    for line in sys.stdin:
        if not line.strip():
            break
        cursor.execute(line)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(_recorded(server.app), log_level="critical", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def _recorded(app: Any) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def read() -> Any:
            message = await receive()
            body = message.get("body", b"")
            if body:
                packed = dict(scope["headers"]).get(b"content-encoding") == b"gzip"
                said = json.loads(gzip.decompress(body) if packed else body)
                entry = {"path": scope["path"], "sql": said.get("sqlText"), "binds": said.get("bindings")}
                parameters = (
                    said.get("data", {}).get("SESSION_PARAMETERS") if scope["path"].endswith("login-request") else None
                )
                sys.stderr.write(json.dumps({**entry, "parameters": parameters}) + "\n")
                sys.stderr.flush()
            return message

        await app(scope, read, send)

    return wrapped


if __name__ == "__main__":
    main()
