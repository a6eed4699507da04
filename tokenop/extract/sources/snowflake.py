"""Snowflake: named columns of usage views, through the vendor's connector."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.collect.manifest import Manifest
from tokenop.extract import sql
from tokenop.extract.model import (
    ExtractError,
    MissingCredentials,
    MissingExtra,
    Request,
    Row,
    Session,
    Stream,
    StreamUnavailable,
    Waiter,
    Window,
)

PAGE = 10_000
SESSION_PARAMETERS = {"TIMEZONE": "UTC", "QUERY_TAG": "tokenop", "CLIENT_TELEMETRY_ENABLED": False}
_MARKS = ("CAST(? AS TIMESTAMP_TZ)", "CAST(? AS TIMESTAMP_TZ)")
# variable → argument of the connector
_ARGUMENTS = {
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_PASSWORD": "password",
    "SNOWFLAKE_PASSCODE": "passcode",
    "SNOWFLAKE_AUTHENTICATOR": "authenticator",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_FILE_PWD": "private_key_file_pwd",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_TOKEN_FILE_PATH": "token_file_path",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_WAREHOUSE": "warehouse",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
}
_LOGINS = ("password", "private_key_file", "token", "token_file_path", "authenticator")
_LOGIN_VARIABLES = (
    "SNOWFLAKE_PASSWORD, SNOWFLAKE_PRIVATE_KEY_FILE, SNOWFLAKE_TOKEN, SNOWFLAKE_TOKEN_FILE_PATH or "
    "SNOWFLAKE_AUTHENTICATOR=externalbrowser"
)
# does not exist or not authorised · unknown database or schema · insufficient privileges
_UNAVAILABLE = {2003, 2043, 3001}
# What the connector raises where an answer is not of the shape that it expects.
_ODD = (KeyError, TypeError, ValueError, AttributeError)
# A column that is not there: invalid identifier; the second is also what emulators answer.
_NO_COLUMN = {904, 2043}


def requests(
    manifest: Manifest,  # noqa: ARG001 - the contract's
    stream: Stream,
    window: Window,
    settings: Mapping[str, str],
) -> tuple[Request, ...]:
    """Return the one statement that reads a slice; none where the setting that names the view is empty."""
    statement = _statement(stream, settings, frozenset())
    return (Request("SQL", statement, _binds(stream, window)),) if statement else ()


def open(  # noqa: A001 - the contract's name
    manifest: Manifest,
    settings: Mapping[str, str],
    environment: Mapping[str, str],
    wait: Waiter,  # noqa: ARG001 - the connector waits by itself
) -> Session:
    """Log in as the connector does: by the variables `SNOWFLAKE_…`, or by a connection of `connections.toml`."""
    arguments: dict[str, Any] = {_ARGUMENTS[name]: value for name, value in environment.items() if name in _ARGUMENTS}
    named = environment.get("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "")
    if "account" in arguments:
        _complete(arguments)
    elif named or any(path.is_file() for path in _connection_files(environment)):
        arguments["connection_name"] = named or "default"
    else:
        raise MissingCredentials(
            f"{manifest.name}: SNOWFLAKE_ACCOUNT is not set, and there is no connections.toml; set SNOWFLAKE_ACCOUNT, "
            f"SNOWFLAKE_USER and one of {_LOGIN_VARIABLES}"
        )
    try:
        import snowflake.connector
    except ImportError:
        raise MissingExtra(manifest.name, "snowflake") from None
    try:
        connection = snowflake.connector.connect(
            **arguments,
            session_parameters=SESSION_PARAMETERS,
            paramstyle="qmark",
            login_timeout=60,
            network_timeout=600,
            application="tokenop",
        )
    except snowflake.connector.errors.Error as error:
        raise ExtractError(f"{manifest.name}: no login to {_target(arguments)}: {_reason(error)}") from None
    except _ODD as error:
        raise ExtractError(f"{manifest.name}: no login to {_target(arguments)}: {_odd(error)}") from None
    return _Session(manifest, settings, connection)


def _complete(arguments: dict[str, Any]) -> None:
    """Make sure that an account given by variables has a login.

    Raises:
        MissingCredentials: it names the variable.
    """
    if not any(name in arguments for name in _LOGINS):
        raise MissingCredentials(f"snowflake: SNOWFLAKE_ACCOUNT is set, but no login: set one of {_LOGIN_VARIABLES}")
    if "user" not in arguments and "token" not in arguments and "token_file_path" not in arguments:
        raise MissingCredentials("snowflake: SNOWFLAKE_USER is not set")
    if "private_key_file" in arguments:
        arguments.setdefault("authenticator", "SNOWFLAKE_JWT")


def _connection_files(environment: Mapping[str, str]) -> list[Path]:
    """Return where the connector looks for connections."""
    folders = [Path(environment.get("SNOWFLAKE_HOME") or "~/.snowflake").expanduser()]
    folders += [Path("~/.config/snowflake").expanduser(), Path("~/Library/Application Support/snowflake").expanduser()]
    return [folder / name for folder in folders for name in ("connections.toml", "config.toml")]


class _Session:
    """A login; statements run one after the other."""

    def __init__(self, manifest: Manifest, settings: Mapping[str, str], connection: Any) -> None:
        self._manifest = manifest
        self._settings = settings
        self._connection = connection
        self._absent: dict[str, frozenset[str]] = {}
        self.origin = str(connection.host).lower()

    def pages(self, stream: Stream, window: Window) -> Iterator[list[Row]]:
        """Yield one slice of a view. Optional columns that this account lacks are left out."""
        from snowflake.connector import errors

        cursor = self._connection.cursor()
        try:
            self._execute(cursor, stream, window)
            columns = self._columns(stream)
            while rows := cursor.fetchmany(PAGE):
                yield [dict(zip(columns, row, strict=True)) for row in rows]
        except errors.ProgrammingError as error:
            if error.errno in _UNAVAILABLE:
                view = sql.relation(stream, self._settings)
                needs = sql.needs(stream, view, self._manifest.grants)
                raise StreamUnavailable(f"{view} is missing or not granted; it needs: {needs}") from None
            raise self._failed(stream, error) from None
        except errors.Error as error:
            raise self._failed(stream, error) from None
        except _ODD as error:
            raise ExtractError(f"{self._manifest.name}: {self.origin}: stream {stream.name}: {_odd(error)}") from None
        finally:
            cursor.close()

    def close(self) -> None:
        """Log out."""
        self._connection.close(retry=False)

    def _columns(self, stream: Stream) -> list[str]:
        return [name for name in stream.columns if name not in self._absent.get(stream.name, ())]

    def _execute(self, cursor: Any, stream: Stream, window: Window) -> None:
        from snowflake.connector import errors

        while True:
            absent = self._absent.get(stream.name, frozenset())
            statement = _statement(stream, self._settings, absent)
            sql.check_read_only(statement)
            try:
                cursor.execute(statement, tuple(_binds(stream, window).values()), timeout=900)
            except errors.ProgrammingError as error:
                lacking = _lacking(stream, error) - absent
                if not lacking:
                    raise
                self._absent[stream.name] = absent | lacking
            else:
                return

    def _failed(self, stream: Stream, error: Exception) -> ExtractError:
        text = f"{self._manifest.name}: {self.origin}: stream {stream.name}: {_reason(error)}"
        if "EgressError" in text or "declared hosts" in text:
            text += (
                "; large results come from the account's own stage: `SELECT SYSTEM$ALLOWLIST()` names it (type STAGE), "
                "set SNOWFLAKE_STAGE_HOST to that host"
            )
        return ExtractError(text)


def _statement(stream: Stream, settings: Mapping[str, str], absent: frozenset[str]) -> str:
    view = sql.relation(stream, settings)
    columns = [name for name in stream.columns if name not in absent]
    return sql.select(view, columns, stream.time, _MARKS if stream.time else None) if view else ""


def _binds(stream: Stream, window: Window) -> dict[str, str]:
    return {"since": _stamp(window.since), "until": _stamp(window.until)} if stream.time else {}


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _lacking(stream: Stream, error: Any) -> frozenset[str]:
    """Return the optional column that a refused statement named."""
    if error.errno not in _NO_COLUMN:
        return frozenset()
    said = str(error).upper()
    return frozenset(name for name in stream.optional_columns if re.search(rf"\b{re.escape(name.upper())}\b", said))


def _target(arguments: Mapping[str, Any]) -> str:
    return str(arguments.get("host") or arguments.get("account") or f"connection {arguments['connection_name']}")


def _odd(error: Exception) -> str:
    return f"an answer that its connector does not understand ({type(error).__name__}); is the address right?"


def _reason(error: Any) -> str:
    """Return the first line of what the connector says."""
    text = str(getattr(error, "msg", None) or error).strip().splitlines()
    number = getattr(error, "errno", None)
    return f"{text[0] if text else type(error).__name__}{f' (error {number})' if number and number > 0 else ''}"
