"""The checks of how handshakes before TLS 1.3 are protected."""

from __future__ import annotations

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
from audit_tls.facts import HANDSHAKES
from audit_tls.handshakes import Handshakes
from audit_tls.outcomes import why_stopped
from audit_tls.report import Second


def _before_tls13(
    handshakes: Handshakes, good: bool | None, *, outcomes: tuple[Message, Message], wanted: Message
) -> Judgement:
    """PASS or FAIL with the first or second of `told`; TLS 1.3 alone has no such weakness."""
    if handshakes.older is False:
        return passed(msg("Only TLS 1.3 is accepted, which is protected by design"),
                      expected=wanted)  # fmt: skip
    if handshakes.tlcp:
        return undetermined(msg("TLCP is accepted, whose handshakes were not examined"),
                            expected=wanted)  # fmt: skip
    if good is None:
        detail = msg("The handshakes did not show it")
        return undetermined(detail, *why_stopped(handshakes.stopped), expected=wanted)
    return passed(outcomes[0], expected=wanted) if good else failed(outcomes[1], expected=wanted)


@check(
    "tls.no-compression",
    needs=HANDSHAKES,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Disable TLS compression"),
)
def no_compression(handshakes: Handshakes) -> Judgement:
    """The endpoint does not compress what it encrypts (CRIME)."""
    outcomes = (
        msg("DEFLATE was offered and not accepted"),
        msg("The server accepts TLS compression"),
    )
    good = None if handshakes.compression is None else not handshakes.compression
    return _before_tls13(handshakes, good, outcomes=outcomes, wanted=msg("no TLS compression"))


@check(
    "tls.secure-renegotiation",
    needs=HANDSHAKES,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Update the TLS library, and enable secure renegotiation (RFC 5746)"),
)
def secure_renegotiation(handshakes: Handshakes) -> Judgement:
    """A renegotiation is bound to the handshake before it."""
    outcomes = (msg("The server confirms secure renegotiation"),
            msg("The server does not confirm secure renegotiation"))  # fmt: skip
    return _before_tls13(
        handshakes, handshakes.renegotiation, outcomes=outcomes, wanted=msg("RFC 5746")
    )


@check(
    "tls.client-renegotiation",
    needs=HANDSHAKES,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Disable renegotiation that a client begins, or leave only TLS 1.3"),
)
def client_renegotiation(handshakes: Handshakes) -> Judgement:
    """A client cannot make the server negotiate keys again and again in one connection."""
    outcomes = (msg("A second handshake inside a connection of TLS 1.2 was refused"),
            msg("The server accepts a second handshake inside a connection of TLS 1.2, which costs "
                "it processing time"))  # fmt: skip
    wanted = msg("no renegotiation begun by a client")
    settled = {Second.REFUSED: True, Second.BEGUN: False}
    if not handshakes.tlcp and handshakes.older is not False and handshakes.second not in settled:
        detail = msg(
            "A second handshake was not answered: {detail}", detail=handshakes.second_unseen
        )
        return undetermined(detail, expected=wanted)
    good = settled.get(handshakes.second) if handshakes.second is not None else None
    return _before_tls13(handshakes, good, outcomes=outcomes, wanted=wanted)


@check(
    "tls.extended-master-secret",
    needs=HANDSHAKES,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Update the TLS library, so that it supports the extended master secret"),
)
def extended_master_secret(handshakes: Handshakes) -> Judgement:
    """Session keys are bound to the whole handshake."""
    outcomes = (msg("The server confirms the extended master secret"),
            msg("The server does not confirm the extended master secret"))  # fmt: skip
    return _before_tls13(
        handshakes, handshakes.master_secret, outcomes=outcomes, wanted=msg("RFC 7627")
    )


@check(
    "tls.fallback-signal",
    needs=HANDSHAKES,
    severity=Severity.LOW,
    version=2,
    remedy=msg("Disable the old versions, or update the TLS library"),
)
def fallback_signal(handshakes: Handshakes) -> Judgement:
    """A man in the middle cannot make a client fall back to an older version."""
    outcomes = (msg("An unneeded fallback is rejected, or no older version is accepted"),
            msg("An unneeded fallback to an older version is accepted"))  # fmt: skip
    return _before_tls13(handshakes, handshakes.fallback, outcomes=outcomes, wanted=msg("RFC 7507"))


@check(
    "tls.key-exchange-signature",
    needs=HANDSHAKES,
    severity=Severity.MEDIUM,
    version=2,
    remedy=msg("Leave out SHA-1 and MD5 among the signature algorithms"),
)
def key_exchange_signature(handshakes: Handshakes) -> Judgement:
    """The server signs its key exchange in TLS 1.2 with neither MD5 nor SHA-1."""
    wanted = msg("RFC 9155")
    if handshakes.signatures:
        return failed(msg("The server signs its key exchange with {algorithms}",
                          algorithms=handshakes.signatures), expected=wanted)  # fmt: skip
    outcomes = (msg("The server does not sign with SHA-1 or MD5"), wanted)
    good = True if handshakes.signatures_settled else None
    return _before_tls13(handshakes, good, outcomes=outcomes, wanted=wanted)


HANDSHAKE_CHECKS = (
    no_compression, secure_renegotiation, client_renegotiation, extended_master_secret,
    fallback_signal, key_exchange_signature,
)  # fmt: skip
