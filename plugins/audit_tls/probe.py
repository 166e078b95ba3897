"""The connector: asks an endpoint, and says what came of it. Nobody logs in."""

from __future__ import annotations

import ipaddress

import msgspec

from audit_core.api.sessions import OneByOne
from audit_core.model import (
    ConnectionContext,
    Message,
    Reply,
    Request,
    Session,
    SessionInfo,
    Status,
    msg,
)
from audit_tls.attempt_results import is_tls
from audit_tls.plaintext import plain_protocol
from audit_tls.questions import Asker
from audit_tls.report import Attempt, Ended, Report, TlsAddress
from audit_tls.request import TlsHellos


def open(context: ConnectionContext) -> Session:
    """A session that speaks to endpoints; nobody logs in."""
    return OneByOne(asked, SessionInfo(connector="tls"))


def asked(request: Request) -> Reply:
    """The reply with the report of one endpoint as JSON."""
    assert isinstance(request, TlsHellos)  # noqa: S101 (nothing else is accepted)
    try:
        address = str(ipaddress.ip_address(request.address))
    except ValueError:
        why = msg("the address is not an IP address")
        return Reply(request=request, status=Status.UNSUPPORTED, detail=why)
    where = TlsAddress(
        address=address, port=request.port, name=request.server_name, starttls=request.starttls
    )
    report = Asker(where, request.max_connections, request.timeout_s * 0.9).report()
    status, detail = _heard(report)
    stdout = msgspec.json.encode(report)
    return Reply(request=request, status=status, exit_code=0, stdout=stdout, detail=detail)


def _heard(report: Report) -> tuple[Status, Message | None]:
    """ANSWERED where what came says how the endpoint speaks TLS, or that it does not; else why."""
    ended = {a.ended for a in report.attempts}
    if ended == {Ended.DECLINED} or any(is_tls(a) or _is_plain(a) for a in report.attempts):
        return Status.ANSWERED, None
    return _unheard(report, ended)


def _unheard(report: Report, ended: set[Ended]) -> tuple[Status, Message]:
    detail = next((a.detail for a in report.attempts if a.detail is not None), None)
    if Ended.NOT_TLS in ended or Ended.CAPPED in ended:
        return Status.MALFORMED, msg("what answers does not speak TLS: {detail}", detail=detail)
    if Ended.NOT_SERVED in ended:
        return Status.UNREACHABLE, msg(
            "the server did not serve this client: {detail}", detail=detail
        )
    if Ended.TIMED_OUT in ended:
        return Status.TIMED_OUT, detail or msg(
            "the connection was accepted, but no usable answer came in time"
        )
    return Status.UNREACHABLE, _UNHEARD.get(frozenset(ended)) or detail or msg("no connection")


def _is_plain(attempt: Attempt) -> bool:
    return plain_protocol(bytes.fromhex(attempt.reply)) is not None


_UNHEARD = {
    frozenset({Ended.CLOSED}): msg("every connection was closed without an answer"),
    frozenset({Ended.RESET}): msg("every connection was reset without an answer"),
    frozenset({Ended.CLOSED, Ended.RESET}): msg(
        "every connection was closed or reset without an answer"
    ),
    frozenset({Ended.REFUSED}): msg("the connection was refused"),
}
