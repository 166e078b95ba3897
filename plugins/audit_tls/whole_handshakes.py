"""Whole handshakes: to see whether the chain is trusted, and whether a second one may begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from audit_tls.hellos import LOST, Hellos
from audit_tls.report import (
    UNKNOWN_ISSUER,
    Outcome,
    Renegotiation,
    Second,
    Trust,
    Within,
)
from audit_tls.suites import TLS12, authenticates_with


def verify(hellos: Hellos, older: Sequence[int]) -> Iterator[Trust]:
    """One whole handshake; where there are two kinds of certificates, one for each of them."""
    taken = {authenticates_with(s) for v in older for s in hellos.taken(v)}
    kinds = [k for k in ("ECDSA", "RSA") if k in taken]
    for kind in kinds if len(kinds) > 1 else [""]:
        yield _trust(hellos, kind)


def renegotiate(hellos: Hellos) -> Iterator[Renegotiation]:
    """One handshake is finished, and a second one begun inside it: again until that is settled."""
    from audit_tls import renegotiation

    suites = renegotiation.usable(hellos.taken(TLS12))
    for _ in range(1 + LOST if suites else 0):
        found = renegotiation.renegotiate(hellos.where, hellos.next(), suites)
        yield found
        if found.second is not Second.UNSETTLED:
            break


def _trust(hellos: Hellos, kind: str) -> Trust:
    found = _handshake(hellos, kind, verify=True)
    if found.outcome is Outcome.UNTRUSTED:
        chain = _handshake(hellos, kind, verify=False).chain
        within = _within(hellos, chain, kind) if found.code in UNKNOWN_ISSUER else None
        return msgspec.structs.replace(found, chain=chain, within=within)
    return found


def _handshake(
    hellos: Hellos, kind: str, *, verify: bool, anchors: tuple[bytes, ...] = ()
) -> Trust:
    """One whole handshake; another one where it came to nothing."""
    from audit_tls import chain

    left = LOST
    while True:
        found = chain.handshake(hellos.where, hellos.next(), kind, verify=verify, anchors=anchors)
        if found.outcome is not Outcome.UNSETTLED or found.chain or not left:
            return found
        left -= 1


def _within(hellos: Hellos, chain: tuple[str, ...], kind: str) -> Within | None:
    """Whether the chain holds where its last issuer is taken for an authority."""
    from audit_tls import chain as verifier

    tops = verifier.tops(tuple(map(bytes.fromhex, chain)))
    if not tops:
        return None
    found = _handshake(hellos, kind, verify=True, anchors=tops)
    if found.outcome is Outcome.UNSETTLED:
        return None
    return Within(code=found.code, detail=found.detail)
