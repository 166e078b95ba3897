"""Which certificates of a server are its own, and which of those sent lead to an authority. PURE.

Certificates are told apart by their use and by who issued whom, not by where they stand: servers
are set up with files in any order. A link is a name that agrees and key identifiers that do not
contradict (RFC 5280 6.1, 4.2.1.1); signatures are OpenSSL's matter, for SM2 cannot be tried here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit_tls.certificate_parser import Certificate

_ENCIPHERS = frozenset({"key_encipherment", "data_encipherment", "key_agreement"})


def issued(issuer: Certificate, cert: Certificate) -> bool:
    """Whether `issuer`, another certificate, may have issued `cert`."""
    if issuer.subject is None or issuer.subject != cert.issuer or issuer.sha256 == cert.sha256:
        return False
    held, named = issuer.key_id, cert.authority_id
    return held is None or named is None or held == named


def own_of(sent: Sequence[Certificate], *, two: bool) -> tuple[Certificate, ...]:
    """The server's own among what it `sent`; `two`: one to sign and one to encrypt, as TLCP has."""
    if not sent:
        return ()
    ends = [c for c in sent if not any(issued(c, other) for other in sent)] or list(sent)
    if two:
        return _sign_and_encrypt([c for c in ends if not c.ca] or ends)
    # the first is what clients take, unless it is there for another
    if any(sent[0] is c for c in ends):
        return (sent[0],)
    return (([c for c in ends if not c.ca] or ends)[0],)


def _sign_and_encrypt(ends: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """GB/T 38636-2020 6.4.5.3, recalled: two certificates, told apart by key usage."""
    signs = [c for c in ends if c.usages is None or "digital_signature" in c.usages]
    if not signs:
        return tuple(ends[:1])
    first = signs[0]
    rest = [c for c in ends if c is not first and (c.usages is None or _ENCIPHERS & {*c.usages})]
    # of several to encrypt, the one of the same name or authority
    rest.sort(key=lambda c: (c.subject != first.subject, c.issuer != first.issuer))
    return (first, *rest[:1])


def leads_on(own: Iterable[Certificate], sent: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """Every certificate sent through which a path may go from one of `own` to an authority."""
    found = list(own)
    first, seen = len(found), {c.sha256 for c in found}
    for cert in found:  # it grows
        more = [c for c in sent if c.sha256 not in seen and issued(c, cert)]
        seen |= {c.sha256 for c in more}
        found += more
    return tuple(found[first:])


def is_in_order(sent: Sequence[Certificate], own: Sequence[Certificate]) -> bool:
    """Whether the own ones come first, and then each issuer before those that issued it.

    RFC 5246 7.4.2; RFC 8446 4.4.2 bears more. What belongs to no path is left out, and so is a
    second issuer of the same name.
    """
    if [c.sha256 for c in sent[: len(own)]] != [c.sha256 for c in own]:
        return False
    on_path = {c.sha256 for c in leads_on(own, sent)}
    path = [c for c in sent if c.sha256 in on_path]
    before = list(own)
    for cert in path:
        if not any(issued(cert, c) for c in before):
            return False
        before.append(cert)
    return True
