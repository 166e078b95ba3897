"""The checks of whether TLS is spoken, in which versions, and with which suites."""

from __future__ import annotations

from collections.abc import Iterable

from audit_core.api.sdk import (
    Judgement,
    Message,
    Severity,
    check,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_tls.endpoint import Endpoint, Support, Version
from audit_tls.facts import ENDPOINT, SPOKEN
from audit_tls.outcomes import why_stopped
from audit_tls.plaintext import Use
from audit_tls.speaks_tls import Spoken, instead
from audit_tls.suites import VERSION_NAMES, suite_name
from audit_tls.wire import alert_name

_SSL2 = "SSLv2"
_OLD = (_SSL2, "SSLv3", "TLS 1.0", "TLS 1.1")
_TLCP = "TLCP 1.1"
_SHOWN = 10


def _names(versions: Iterable[Version]) -> tuple[str, ...]:
    return tuple(v.name for v in versions)


def _spoken(endpoint: Endpoint) -> Message:
    spoken = _names(v for v in endpoint.versions if v.support is Support.YES)
    if endpoint.server_name:
        return msg(
            "Accepted with server name {name}: {versions}",
            name=endpoint.server_name, versions=spoken,
        )  # fmt: skip
    return msg("Accepted without a server name: {versions}", versions=spoken)


def _why_open(version: Version) -> Message:
    """What came in place of an answer that settles something."""
    if version.unsettling and {*version.unsettling} <= {"closed", "reset"}:
        return msg("{version}: {detail} without an answer, which a rate limit or a device in "
                   "between can also cause", version=version.name,
                   detail=tuple(map(_came, version.unsettling)))  # fmt: skip
    if not version.unsettling:
        return msg("{version}: not probed completely", version=version.name)
    return msg("{version}: the reply is not conclusive ({detail})", version=version.name,
               detail=tuple(map(_came, version.unsettling)))  # fmt: skip


def _why_ended(endpoint: Endpoint) -> tuple[Message, ...]:
    """What holds for every version: probing ended early, or servers of one address differ."""
    uneven = msg("The same offer was accepted on one connection and rejected on another: servers "
                 "behind this address may be set up in different ways")  # fmt: skip
    return (*why_stopped(endpoint.stopped), *((uneven,) if endpoint.uneven else ()))


_CAME = {
    "closed": msg("the connection was closed"),
    "answered": msg("an answer"),
    "timed_out": msg("no answer in time"),
    "refused": msg("the connection was refused"),
    "reset": msg("the connection was reset"),
    "unreachable": msg("no connection"),
    "not_tls": msg("an answer that is not TLS"),
    "capped": msg("the answer exceeds the size limit"),
    "declined": msg("STARTTLS was declined"),
    "not_served": msg("the server did not serve this client"),
}


def _came(word: str) -> Message:
    """How an attempt ended that says nothing."""
    kind, _, number = word.partition(" ")
    if kind == "suite":
        return msg("an answer with a suite that was not offered: {suite}",
                   suite=suite_name(int(number, 16)))  # fmt: skip
    if kind == "version":
        return msg("an answer in a version that was not offered: {version}",
                   version=VERSION_NAMES.get(int(number, 16), f"0x{number}"))  # fmt: skip
    return msg("alert {number}", number=alert_name(int(number))) if number else _CAME[word]


def group_names(groups: Iterable[str]) -> tuple[str | Message, ...]:
    """Groups as people know them: by name, else by number."""
    return tuple(map(_group_name, groups))


def _group_name(group: str) -> str | Message:
    if group == "explicit curve":
        return msg("a custom curve")
    number = group.removeprefix("group ")
    return group if number == group else msg("group number {number}", number=number)


def _ssl2(endpoint: Endpoint) -> tuple[Version, ...]:
    """SSL 2.0 as a version; none where probing was whole and did not ask for it."""
    if endpoint.ssl2 is None and not endpoint.stopped:
        return ()
    return (Version(name=_SSL2, support=endpoint.ssl2 or Support.UNSETTLED),)


@check(
    "tls.no-old-versions",
    needs=ENDPOINT,
    severity=Severity.HIGH,
    version=5,
    remedy=msg("Disable SSLv2, SSLv3, TLS 1.0 and TLS 1.1; enable TLS 1.2 and TLS 1.3"),
)
def no_old_versions(endpoint: Endpoint) -> Judgement:
    """The endpoint does not accept SSLv2, SSLv3, TLS 1.0 or TLS 1.1."""
    wanted = msg("none of {versions}", versions=_OLD)
    old = [*_ssl2(endpoint), *(v for v in endpoint.versions if v.name in _OLD)]
    accepted = _names(v for v in old if v.support is Support.YES)
    if accepted:
        detail = msg("Old versions are accepted: {versions}", versions=accepted)
        return failed(detail, _spoken(endpoint), expected=wanted)
    open_ = [v for v in old if v.support is not Support.NO]
    if open_:
        detail = msg("Whether these are accepted could not be determined: {versions}",
                   versions=_names(open_))  # fmt: skip
        why = (*map(_why_open, open_), *_why_ended(endpoint))
        return undetermined(detail, *why, _spoken(endpoint), expected=wanted)
    detail = msg("Rejected: {versions}", versions=_names(old))
    return passed(_spoken(endpoint), detail, *_dropped(old), expected=wanted)


def _dropped(old: Iterable[Version]) -> tuple[Message, ...]:
    """How versions were rejected without an answer."""
    return tuple(
        msg("{version}: {detail} each time, between handshakes that were accepted, as "
"observed from this collector", version=v.name, detail=_CAME[v.dropped])
        for v in old if v.dropped
    )  # fmt: skip


@check(
    "tls.offered",
    needs=SPOKEN,
    severity=Severity.HIGH,
    remedy=msg("Configure TLS at this endpoint, or declare the protocol that it speaks"),
)
def offered(spoken: Spoken) -> Judgement:
    """The endpoint speaks TLS and protects its connections."""
    wanted = msg("TLS with a suite that encrypts and authenticates")
    if spoken.declined is not None:
        return failed(spoken.declined, expected=wanted)
    if spoken.plain is not None:
        judge = failed if spoken.plain.use is Use.NEVER else undetermined
        return judge(instead(spoken.plain), expected=wanted)
    if spoken.mixed:
        detail = msg("Some connections were answered in plain text, others with TLS")
        return undetermined(detail, expected=wanted)
    if spoken.protects is None:
        return undetermined(msg("No handshake showed what the endpoint protects"), expected=wanted)
    if not spoken.protects:
        detail = msg("Only suites without encryption, with export keys or without a certificate "
                     "are accepted")  # fmt: skip
        return failed(detail, expected=wanted)
    return passed(msg("A suite that encrypts and authenticates was accepted"), expected=wanted)


def _weak(version: Version) -> Message:
    return msg(
        "{version} accepts at least {count} weak suites, among them {suites}",
        version=version.name, count=len(version.weak), suites=version.weak[:_SHOWN],
    )  # fmt: skip


def _accepts(version: Version) -> Message:
    return msg(
        "{version} accepts at least {count} suites, among them {suites}",
        version=version.name, count=len(version.accepted), suites=version.accepted[:_SHOWN],
    )  # fmt: skip


@check(
    "tls.no-weak-suites",
    needs=ENDPOINT,
    severity=Severity.HIGH,
    version=4,
    remedy=msg("Leave only suites with AES-GCM, AES-CCM, ChaCha20-Poly1305 or SM4-GCM"),
)
def no_weak_suites(endpoint: Endpoint) -> Judgement:
    """No cipher suite with NULL, EXPORT, anonymous, RC4, DES, 3DES or MD5 is accepted."""
    wanted = msg("no suite with NULL, EXPORT, anon, RC4, RC2, DES, 3DES, IDEA or MD5")
    weak = [v for v in endpoint.versions if v.weak]
    if weak:
        return failed(*map(_weak, weak), *why_stopped(endpoint.stopped), expected=wanted)
    open_ = [v for v in endpoint.versions if not v.weak_settled]
    if open_:
        detail = msg("Not every weak suite was answered in {versions}", versions=_names(open_))
        why = (*map(_why_open, open_), *_why_ended(endpoint))
        return undetermined(detail, *why, expected=wanted)
    spoken = [v for v in endpoint.versions if v.support is Support.YES]
    detail = msg("Every weak suite that was offered was rejected")
    return passed(detail, *map(_accepts, spoken), expected=wanted)


def _prefers(version: Version) -> Message:
    return msg(
        "{version}: the server takes {suite}, which has no forward secrecy, although the client "
        "offers accepted suites that have it first",
        version=version.name, suite=version.preferred or "",
    )  # fmt: skip


def _open_secrecy(endpoint: Endpoint, spoken: list[Version]) -> tuple[str, ...]:
    """The versions of which it is not known whether they offer it; TLS 1.3 has nothing else."""
    unsettled = [v for v in endpoint.versions if v.support is Support.UNSETTLED]
    return (
        *_names(v for v in spoken if v.forward is None),
        *_names(v for v in unsettled if v.name not in ("TLS 1.3", _TLCP)),
    )


@check(
    "tls.forward-secrecy",
    needs=ENDPOINT,
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg("Offer ECDHE suites, and prefer them"),
)
def forward_secrecy(endpoint: Endpoint) -> Judgement:
    """Every accepted version of TLS offers suites with forward secrecy, and none before them."""
    wanted = msg("ECDHE or DHE suites in every accepted version, and preferred")
    # TLCP is left out: its common suites have none by their standard
    spoken = [v for v in endpoint.versions if v.support is Support.YES and v.name != _TLCP]
    without = _names(v for v in spoken if v.forward is False)
    if without:
        detail = msg("No suite with forward secrecy is accepted in {versions}", versions=without)
        return failed(detail, expected=wanted)
    if preferring := [v for v in spoken if v.preferred]:
        return failed(*map(_prefers, preferring), expected=wanted)
    if open_ := _open_secrecy(endpoint, spoken):
        detail = msg("Whether forward secrecy is offered could not be determined: {versions}",
                   versions=open_)  # fmt: skip
        return undetermined(detail, *_why_ended(endpoint), expected=wanted)
    if unknown := _names(v for v in spoken if v.preferred is None):
        detail = msg("Which suites the server prefers could not be determined: {versions}",
                   versions=unknown)  # fmt: skip
        return undetermined(detail, *_why_ended(endpoint), expected=wanted)
    if not spoken:
        return undetermined(msg("Only TLCP is accepted; its own rules apply"), expected=wanted)
    detail = msg("Forward secrecy is offered in {versions}", versions=_names(spoken))
    return passed(
        detail,
        msg("Negotiated groups: {groups}", groups=group_names(endpoint.groups)),
        expected=wanted,
    )


@check(
    "tls.tlcp-offered",
    needs=ENDPOINT,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Offer TLCP with SM2, SM3 and SM4 at public services, beside TLS"),
)
def tlcp_offered(endpoint: Endpoint) -> Judgement:
    """The endpoint accepts TLCP with its cipher suites of SM algorithms (GB/T 38636)."""
    wanted = msg("TLCP 1.1 is accepted")
    found = next((v for v in endpoint.versions if v.name == _TLCP), None)
    if found is None or found.support is Support.UNSETTLED:
        detail = msg("Whether TLCP is accepted could not be determined")
        return undetermined(detail, *_why_ended(endpoint), expected=wanted)
    if found.support is Support.NO:
        return failed(msg("TLCP is not accepted"), _spoken(endpoint), expected=wanted)
    return passed(msg("TLCP is accepted: {suites}", suites=found.accepted), expected=wanted)


# --- certificates ---------------------------------------------------------------------------------


CHECKS = (offered, no_old_versions, no_weak_suites, forward_secrecy, tlcp_offered)
