"""Sessions over redis-py. Runs in a worker process."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from audit_core.model import (
    ConnectError,
    ConnectionContext,
    Reason,
    Reply,
    Request,
    SessionInfo,
    Status,
    msg,
)
from audit_database.bounded import TooLarge
from audit_database.client_tls import KeyText, tls_of
from audit_database.connect_errors import no_connection, not_verified, refused
from audit_database.reach import Reach, dialled
from audit_database.sql_session import LoginSession, error_message, with_grants
from audit_redis.access import RedisAccess
from audit_redis.link import Link
from audit_redis.request import (
    DANGEROUS,
    WITH_SUBCOMMANDS,
    RedisConfig,
    RedisInfo,
    RedisRequest,
    RedisUsers,
)

_CONNECT_S = 10
_USERS = 500
_MOST_BYTES = 16 << 20  # of an answer that is read to its end and then cut
# What the server says before it lets anybody in that is no word on the login.
_BUSY = ("LOADING", "BUSY", "MASTERDOWN", "ERR max number of clients")
_LOST = (redis.ConnectionError, redis.TimeoutError, OSError, TooLarge)
_MALFORMED = (
    redis.InvalidResponse, ValueError, LookupError, TypeError, RecursionError, AttributeError,
)  # fmt: skip


def open(context: ConnectionContext) -> RedisSession:
    """A session over one login."""
    return RedisSession(context)


class RedisSession(LoginSession):
    """Asks one command after the other. One thread uses it at a time."""

    def __init__(self, context: ConnectionContext) -> None:
        self._access: RedisAccess = context.access
        self._key = KeyText(self._access.key, context)
        self._reach = Reach(context)
        self._link = Link(self._dial)
        self._broken = False  # what comes next would be the rest of another answer
        self._renewed = False
        try:
            self._login_args = self._offered(context)
            self._login()
        except BaseException:
            self.close()
            raise
        self.info = SessionInfo(
            connector="redis", user=self._access.user, address=self._reach.place,
            server="Redis", through=self._reach.through,
        )  # fmt: skip

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """The reply to each of `requests`, in order; ConnectError where the session is lost."""
        for request in requests:
            if isinstance(request, RedisRequest):
                yield self._answer(request)
            else:
                yield Reply(request=request, status=Status.UNSUPPORTED)

    def close(self) -> None:
        """Ends the session. May be called twice."""
        self._link.close()
        self._reach.close()
        self._key.close()

    # --- logging in -----------------------------------------------------------------------------

    def _offered(self, context: ConnectionContext) -> tuple[str, ...]:
        password = context.secret(self._access.password) if self._access.password else None
        # releases before 6 know no users
        user = () if self._access.user == "default" else (self._access.user,)
        return () if password is None else (*user, password)

    def _renew(self) -> None:
        """Logs in once more, with what was accepted before; ConnectError for a second time."""
        if self._renewed:
            raise ConnectError(Reason.UNREACHABLE, msg("the rest of an answer was not read"))
        self._renewed, self._broken = True, False
        self._link.close()
        self._link = Link(self._dial)
        self._login()

    def _login(self) -> None:
        place = self._reach.place
        try:
            self._link.open(_CONNECT_S, *self._login_args)
            with contextlib.suppress(NoPermissionError):  # it is said to who is logged in
                self._link.ask(("PING",), _CONNECT_S, 1 << 16)
        except ssl.SSLError as error:
            raise not_verified(place, str(error)) from error
        except (redis.AuthenticationError, redis.ResponseError) as error:  # the first is no second
            raise _not_admitted(place, str(error), offered=bool(self._login_args)) from error
        except (*_LOST, *_MALFORMED) as error:
            cause = error.__context__
            if isinstance(cause, ssl.SSLError):
                raise not_verified(place, str(cause)) from error
            raise no_connection(place, str(error)) from error

    def _dial(self) -> socket.socket:
        plain = dialled(self._access.socket or self._reach.dial(), _CONNECT_S)
        try:
            tls = tls_of(self._access, self._key.path)
            return (
                plain if tls is None else tls.wrap_socket(plain, server_hostname=self._reach.name)
            )
        except BaseException:
            plain.close()
            raise

    # --- asking ---------------------------------------------------------------------------------

    def _answer(self, request: RedisRequest) -> Reply:
        if self._broken:
            self._renew()
        try:
            found = self._found(request)
        except redis.ResponseError as error:
            return _refused(request, error)
        except TooLarge:
            self._broken = True
            return Reply(request=request, truncated=True)
        except (redis.InvalidResponse, RecursionError) as error:
            self._broken = True
            return Reply(request=request, status=Status.MALFORMED,
                         detail=error_message(type(error).__name__))  # fmt: skip
        except (redis.TimeoutError, TimeoutError) as error:
            self._broken = True
            return Reply(request=request, status=Status.TIMED_OUT,
                         detail=error_message(str(error)))  # fmt: skip
        except _LOST as error:
            raise ConnectError(Reason.UNREACHABLE, error_message(str(error))) from error
        except _MALFORMED as error:
            detail = error_message(f"{type(error).__name__}: {error}")
            return Reply(request=request, status=Status.MALFORMED, detail=detail)
        return Reply(request=request, stdout=found[: request.limit],
                     truncated=len(found) > request.limit)  # fmt: skip

    def _found(self, request: RedisRequest) -> bytes:
        match request:
            case RedisInfo():
                text = self._run(request, "INFO")
                if not isinstance(text, bytes):
                    raise TypeError("no text")
                return text
            case RedisConfig():
                return _line(self._settings(request))
            case RedisUsers():
                return b"".join(_line(user) for user in self._users(request))
        raise TypeError("an unknown question")

    def _run(self, request: Request, *argv: str) -> Any:
        return self._link.ask(argv, request.timeout_s, _MOST_BYTES + 2 * request.limit)

    def _settings(self, request: RedisConfig) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in request.names:
            pairs = [_text(each) for each in self._run(request, "CONFIG", "GET", name)]
            found |= {key: value for key, value in zip(pairs[::2], pairs[1::2], strict=True)
                      if key == name}  # fmt: skip
        return found

    def _users(self, request: RedisUsers) -> Iterator[dict[str, Any]]:
        names = [_text(name) for name in self._run(request, "ACL", "USERS")]
        for name in names[:_USERS]:
            answer = self._run(request, "ACL", "GETUSER", name)
            if answer is not None:  # deleted meanwhile
                yield _user(name, answer) | {"may": self._may(request, name)}
        if len(names) > _USERS:
            yield {"more": len(names) - _USERS}

    def _may(self, request: RedisUsers, name: str) -> dict[str, str]:
        """By command: yes, no, or why the server does not tell."""
        found = {}
        for argv in DANGEROUS:
            command = " ".join(argv[: 1 + (argv[0] in WITH_SUBCOMMANDS)])
            try:
                answer = _text(self._run(request, "ACL", "DRYRUN", name, *argv))
            except redis.ResponseError as error:
                found[command] = str(error)[:200]
                continue
            found[command] = "yes" if answer == "OK" else "no"
        return found


def _user(name: str, answer: Any) -> dict[str, Any]:
    """What GETUSER tells, with the number of passwords in place of their digests."""
    pairs = list(answer)
    fields = {_text(k): v for k, v in zip(pairs[::2], pairs[1::2], strict=True)}
    selectors = []
    for each in fields.get("selectors") or ():
        inner = [_text(part) for part in each]
        selectors.append(dict(zip(inner[::2], inner[1::2], strict=True)))
    return {
        "name": name,
        "flags": [_text(flag) for flag in fields.get("flags") or ()],
        "passwords": len(fields.get("passwords") or ()),
        "commands": _text(fields.get("commands") or ""),
        "keys": _patterns(fields.get("keys")),
        "selectors": selectors,
    }


def _patterns(value: Any) -> str:
    """The key patterns: one text since 7.0, a list before."""
    if isinstance(value, list):
        return " ".join("~" + _text(each) for each in value)
    return _text(value or "")


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def _not_admitted(place: str, error_text: str, *, offered: bool) -> ConnectError:
    if error_text.startswith(_BUSY):
        return no_connection(place, error_text)
    if not offered:
        why = msg("{place}: the server asks for a password, and none is declared", place=place)
        return ConnectError(Reason.NOT_PERMITTED, why, refused=True)
    return refused(place, error_text)


def _refused(request: RedisRequest, error: redis.ResponseError) -> Reply:
    error_text = str(error)
    detail = error_message(error_text)
    # the words differ: `this user has no permissions` in 7.0, `User x has` in 7.2 and Valkey
    if isinstance(error, NoPermissionError) or error_text.startswith("NOAUTH"):
        needed = " ".join(request.grants)
        detail = with_grants(detail, needed)
        return Reply(request=request, status=Status.NOT_PERMITTED, detail=detail)
    unknown = "unknown command" in error_text or "unknown subcommand" in error_text.lower()
    status = Status.UNSUPPORTED if unknown else Status.MALFORMED
    if error_text.startswith(_BUSY):
        status = Status.TIMED_OUT
    return Reply(request=request, status=status, detail=detail)
