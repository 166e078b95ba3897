"""The checks of certificates, keys and chains, and of the groups of key exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    DAY,
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Up,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    passed,
    present,
    rounded_down,
    undetermined,
)
from audit_tls.certificate_parser import NAMES, WHOLE, Certificate
from audit_tls.certificates import Certificates, Chains
from audit_tls.endpoint import Endpoint
from audit_tls.facts import CERTIFICATES, ENDPOINT, TRUST
from audit_tls.lifetimes import SOURCE, most_days, short_days
from audit_tls.outcomes import why_stopped
from audit_tls.report import UNKNOWN_ISSUER, Outcome, Trust
from audit_tls.version_checks import group_names
from audit_tls.wire import GROUP_NAMES, WEAK_GROUPS

_SHOWN = 10
_WEAK_HASHES = frozenset({"md2", "md4", "md5", "sha1"})
_STRONG_HASHES = frozenset(
    {"sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256", "sha3-224", "sha3-256",
     "sha3-384", "sha3-512", "sm3", "intrinsic"}
)  # fmt: skip
_WEAK_GROUPS = frozenset(GROUP_NAMES[number] for number in WEAK_GROUPS)


def _label(cert: Certificate) -> str:
    return f"{(cert.subject or '')[:120]} (sha256 {cert.sha256[:16]}…)"


def _unread(certs: Iterable[Certificate]) -> tuple[Message, ...]:
    return tuple(
        msg(
            "Certificate {label} cannot be read in full: {problems}",
            label=_label(c), problems=c.problems[:3],
        )
        for c in certs
    )  # fmt: skip


def _unseen(certificates: Certificates) -> tuple[Message, ...]:
    """A message where the endpoint has, or may have, certificates that were not checked."""
    if not certificates.unseen:
        return ()
    kinds = tuple(_TLCP_SECOND if k == "TLCP" else k for k in certificates.unseen)
    detail = msg("The endpoint has, or may have, certificates of other kinds that were not "
                 "received: {kinds}", kinds=kinds)  # fmt: skip
    return (detail, *why_stopped(certificates.stopped))


_TLCP_SECOND = msg("TLCP, to encrypt with")


def _unread_more(certificates: Certificates) -> tuple[Message, ...]:
    if not certificates.unread:
        return ()
    return (msg("{count} more certificates were sent and not read", count=certificates.unread),)


def _days_left(cert: Certificate, now: datetime) -> float | None:
    """Days to the end; negative when it is over; minus infinity when it has not begun."""
    if cert.not_before is None or cert.not_after is None:
        return None
    if datetime.fromisoformat(cert.not_before) > now:
        return float("-inf")
    return (datetime.fromisoformat(cert.not_after) - now).total_seconds() / DAY


def _validity(cert: Certificate, left: float) -> Message:
    if left == float("-inf"):
        return msg(
            "Certificate {label} is not valid before {start}",
            label=_label(cert), start=cert.not_before,
        )  # fmt: skip
    return msg(
        "Certificate {label} is valid from {start} to {end}, {days} days from the collection",
        label=_label(cert), start=cert.not_before, end=cert.not_after,
        days=rounded_down(left * DAY, DAY),
    )  # fmt: skip


@check(
    "tls.certificate-valid",
    needs=(CERTIFICATES, COLLECTED_AT),
    severity=Severity.HIGH,
    version=5,
    remedy=msg("Renew the certificate and monitor its expiry"),
)
def certificate_valid(
    certificates: Certificates, collected_at: str, *, min_days: Annotated[int, Up] = 30
) -> Judgement:
    """The server's certificate, and those that lead to its authority, are valid for some time."""
    wanted = msg("valid at the collection and for at least {days} days more", days=min_days)
    now = datetime.fromisoformat(collected_at)
    left = [(c, _days_left(c, now)) for c in (*certificates.own, *certificates.path)]
    bad = [(c, days) for c, days in _best_of_each(left) if days < min_days]
    if bad:
        return failed(*(_validity(c, days) for c, days in bad), expected=wanted)
    unread = [c for c, days in left if days is None]
    if unread:
        return undetermined(*_unread(unread), expected=wanted)
    detail = tuple(_validity(c, d) for c, d in left[:_SHOWN] if d is not None)
    if certificates.unseen or certificates.unread:
        gaps = (*_unseen(certificates), *_unread_more(certificates))
        return undetermined(*gaps, *detail, expected=wanted)
    return passed(*detail, expected=wanted)


def _best_of_each(
    left: list[tuple[Certificate, float | None]],
) -> Iterable[tuple[Certificate, float]]:
    """The own ones, and of issuers with one name the one that lasts longest: one way is enough."""
    best: dict[str, tuple[Certificate, float]] = {}
    for cert, days in left:
        if days is None:
            continue
        name = (cert.subject or cert.sha256) if cert.ca else cert.sha256
        if name not in best or best[name][1] < days:
            best[name] = (cert, days)
    return best.values()


@check(
    "tls.certificate-lifetime",
    needs=(CERTIFICATES, TARGET),
    severity=Severity.LOW,
    version=3,
    remedy=msg("Have certificates issued for a shorter time, and renew them automatically"),
)
def certificate_lifetime(certificates: Certificates, target: Target) -> Judgement:
    """Certificates of public authorities are not valid for longer than browsers accept."""
    trust = target.settings.get("trust")
    wanted = msg("no longer than by {source}", source=SOURCE)
    if trust == "private":
        return not_applicable(msg("A private authority is declared (trust: private)"))
    left = [(c, *_lifetime(c)) for c in certificates.own]
    details = tuple(_lasts(*row) for row in left if _is_long(*row[1:]))
    if details and trust == "public":
        return failed(*details, expected=wanted)
    if details:
        declare = msg("Declare trust: public, or trust: private where the site's own authority "
                      "issued it")  # fmt: skip
        return undetermined(*details, declare, expected=wanted)
    unread = [c for c, days, _ in left if days is None]
    if unread or certificates.unseen:
        return undetermined(*_unread(unread), *_unseen(certificates), expected=wanted)
    return passed(*(_lasts(*row) for row in left), expected=wanted)


def _lifetime(cert: Certificate) -> tuple[int | None, int | None]:
    """Days from the start to the end, each begun one counted, and how many it may have."""
    if cert.not_before is None or cert.not_after is None:
        return None, None
    lasts = datetime.fromisoformat(cert.not_after) - datetime.fromisoformat(cert.not_before)
    return -(-int(lasts.total_seconds() + 1) // DAY), most_days(cert.not_before)


def _is_long(days: int | None, most: int | None) -> bool:
    return days is not None and most is not None and days > most


def _lasts(cert: Certificate, days: int | None, most: int | None) -> Message:
    return msg("Certificate {label} is issued for {days} days; {most} are accepted",
               label=_label(cert), days=days, most=most)  # fmt: skip


@check(
    "tls.certificate-revocable",
    needs=CERTIFICATES,
    severity=Severity.LOW,
    version=4,
    remedy=msg(
        "Have certificates issued that name a CRL or an OCSP responder; turn on OCSP "
        "stapling where a certificate wants it (must-staple)"
    ),
)
def certificate_revocable(certificates: Certificates) -> Judgement:
    """The certificates name where their revocation is published."""
    wanted = msg("a CRL distribution point or an OCSP responder, unless the certificate is valid "
                 "for a few days only")  # fmt: skip
    certs = (*certificates.own, *(c for c in certificates.path if not c.self_signed))
    without = [c for c in certs if c.revocation == () and not _is_short(c)]
    if without:
        details = (msg("Certificate {label} names neither a CRL nor an OCSP responder",
                    label=_label(c)) for c in without[:_SHOWN])  # fmt: skip
        return failed(*details, expected=wanted)
    if (stapling := _unstapled(certificates)) is not None:
        open_ = certificates.stapled is None
        return (undetermined if open_ else failed)(stapling, expected=wanted)
    if gaps := _gaps(certs, certificates):
        return undetermined(*gaps, expected=wanted)
    details = (msg("Certificate {label} names {what}", label=_label(c), what=c.revocation or "-")
            for c in certs[:_SHOWN])  # fmt: skip
    return passed(*details, expected=wanted)


def _gaps(certs: Sequence[Certificate], certificates: Certificates) -> tuple[Message, ...]:
    unread = [c for c in certs if c.revocation is None]
    return (*_unread(unread), *_unseen(certificates), *_unread_more(certificates))


def _unstapled(certificates: Certificates) -> Message | None:
    """That a certificate wants an OCSP response which the server does not send, or may not."""
    wanting = [c for c in certificates.own if c.must_staple]
    if not wanting or certificates.stapled:
        return None
    if certificates.stapled is None:
        return msg("Certificate {label} wants an OCSP response from the server (must-staple), and "
                   "whether it sends one did not come out: in TLS 1.3 it is encrypted",
                   label=_label(wanting[0]))  # fmt: skip
    return msg("Certificate {label} wants an OCSP response from the server (must-staple), and the "
               "server sends none", label=_label(wanting[0]))  # fmt: skip


def _is_short(cert: Certificate) -> bool:
    days, _ = _lifetime(cert)
    return days is not None and days <= short_days(cert.not_before or "")


@check(
    "tls.chain-order",
    needs=CERTIFICATES,
    severity=Severity.LOW,
    version=3,
    remedy=msg("Write the server's certificate first, then each issuer before its own issuer"),
)
def chain_order(certificates: Certificates) -> Judgement:
    """The server sends its own certificate first, and each issuer before the issuer's issuer."""
    wanted = msg("the order of RFC 5246 7.4.2")
    own = tuple(msg("The server's own certificate is {label}", label=_label(c))
                for c in certificates.own[:_SHOWN])  # fmt: skip
    if certificates.disordered:
        detail = msg("The certificates are sent in another order, which some clients reject")
        return failed(detail, *own, expected=wanted)
    if certificates.unread or certificates.unseen:
        gaps = (*_unseen(certificates), *_unread_more(certificates))
        return undetermined(*gaps, *own, expected=wanted)
    return passed(*own, expected=wanted)


def _strength(cert: Certificate, least: dict[str, int]) -> bool | None:
    """Whether the key is strong enough, or None where its kind or size is not known."""
    if cert.key is None or cert.key_bits is None:
        return None
    wanted = least.get(cert.key.split(" ", maxsplit=1)[0])
    return None if wanted is None else cert.key_bits >= wanted


def _key(cert: Certificate) -> Message:
    return msg(
        "Certificate {label} has a key {key} of {bits} bits",
        label=_label(cert), key=cert.key, bits=cert.key_bits,
    )  # fmt: skip


@check(
    "tls.key-strength",
    needs=(known_or_absent(CERTIFICATES), known_or_absent(ENDPOINT)),
    severity=Severity.HIGH,
    version=6,
    remedy=msg("Use RSA keys of 2048 bits or more, EC or SM2 keys, and groups of 2048 bits"),
)
def key_strength(
    certificates: Certificates | Absent,
    endpoint: Endpoint | Absent,
    *,
    rsa_bits: Annotated[int, Up] = 2048,
    ec_bits: Annotated[int, Up] = 224,
) -> Judgement:
    """The keys of the server and its issuers, and key-exchange groups, have at least 112 bits."""
    wanted = msg(
        "RSA and prime groups of at least {rsa} bits, elliptic curves of at least {ec}",
        rsa=rsa_bits, ec=ec_bits,
    )  # fmt: skip
    least = {"RSA": rsa_bits, "DSA": rsa_bits}
    least |= dict.fromkeys(("EC", "SM2", "Ed25519", "Ed448"), ec_bits)
    own = known(certificates)
    strength = [(c, _strength(c, least)) for c in ((*own.own, *own.path) if own else ())]
    if weak := _weaknesses(strength, known(endpoint), rsa_bits):
        return failed(*weak, expected=wanted)
    if isinstance(certificates, Absent) or isinstance(endpoint, Absent):
        return undetermined(msg("No weakness was found so far"), expected=wanted)
    if unclear := _not_known(strength, endpoint):
        return undetermined(*unclear, expected=wanted)
    all_told = (
        *(_key(c) for c, _ in strength),
        msg("Negotiated groups: {groups}", groups=group_names(endpoint.groups)),
    )
    if endpoint.unsettled or certificates.unseen or certificates.unread:
        gaps = (*_groups_open(endpoint), *_unseen(certificates), *_unread_more(certificates))
        return undetermined(*gaps, *all_told, *why_stopped(endpoint.stopped), expected=wanted)
    return passed(*all_told, expected=wanted)


_Strengths = list[tuple[Certificate, bool | None]]


def _weaknesses(
    strength: _Strengths, endpoint: Endpoint | None, rsa_bits: int
) -> tuple[Message, ...]:
    """Each key and group that is too weak."""
    small = tuple(b for b in (endpoint.prime_bits if endpoint else ()) if b < rsa_bits)
    weak = tuple(g for g in (endpoint.groups if endpoint else ()) if g in _WEAK_GROUPS)
    return present(
        *(_key(c) for c, strong in strength if strong is False),
        msg("The key exchange uses a prime of {bits} bits", bits=small) if small else None,
        msg("The key exchange uses the group {groups}", groups=weak) if weak else None,
    )


def _not_known(strength: _Strengths, endpoint: Endpoint) -> tuple[Message, ...]:
    """What has a strength that is not known: groups, or else keys."""
    odd = tuple(g for g in endpoint.groups if g.startswith(("group ", "explicit ")))
    if odd:
        names = group_names(odd)
        return (msg("The strength of these groups is not known: {groups}", groups=names),)
    unread = [c for c, strong in strength if strong is None]
    labels = [_key(c) for c in unread if c.key is not None]
    return (*labels, *_unread(c for c in unread if c.key is None))


def _groups_open(endpoint: Endpoint) -> tuple[Message, ...]:
    if not endpoint.unsettled:
        return ()
    detail = msg("Whether weak groups are accepted could not be determined: {versions}",
               versions=endpoint.unsettled)  # fmt: skip
    return (detail,)


def _signature(cert: Certificate) -> Message:
    hash = msg("the hash of its signature algorithm") if cert.hash == "intrinsic" else cert.hash
    return msg("Certificate {label} is signed with {hash}", label=_label(cert), hash=hash)


@check(
    "tls.signature-hash",
    needs=CERTIFICATES,
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Reissue the certificate with SHA-256 or SM3"),
)
def signature_hash(certificates: Certificates) -> Judgement:
    """The certificates that the server sends are not signed with MD5 or SHA-1."""
    wanted = msg("a signature with SHA-2, SHA-3, SM3, Ed25519 or Ed448")
    # the signature of a root on itself protects nothing
    certs = [*certificates.own, *(c for c in certificates.issuers if not c.self_signed)]
    weak = [c for c in certs if c.hash in _WEAK_HASHES]
    if weak:
        return failed(*map(_signature, weak[:_SHOWN]), expected=wanted)
    unread = [c for c in certs if c.hash not in _STRONG_HASHES]
    if unread:
        odd = [c for c in unread if c.hash is not None]
        noted = _unread(c for c in unread if c.hash is None)
        return undetermined(*map(_signature, odd[:_SHOWN]), *noted[:_SHOWN], expected=wanted)
    if certificates.unread:
        return undetermined(*_unread_more(certificates), expected=wanted)
    if certificates.unseen:
        return undetermined(*_unseen(certificates), *map(_signature, certs), expected=wanted)
    return passed(*map(_signature, certs), expected=wanted)


def _sans(cert: Certificate) -> Message:
    if not cert.names and not cert.addresses:
        return msg("Certificate {label} has no alternative names", label=_label(cert))
    return msg(
        "Certificate {label} names {count} hosts, among them {names}",
        label=_label(cert), count=len(cert.names) + len(cert.addresses),
        names=(*cert.names, *cert.addresses)[:_SHOWN],
    )  # fmt: skip


def _names_unread(cert: Certificate) -> bool:
    return any(p.id in (NAMES.id, WHOLE.id) for p in cert.problems)


@check(
    "tls.certificate-name",
    needs=CERTIFICATES,
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg("Issue a certificate that contains the name users connect to"),
)
def certificate_name(certificates: Certificates) -> Judgement:
    """The certificate contains the name that users connect to."""
    name = certificates.server_name
    if not name:
        detail = msg("Declare server_name, the name that users connect to")
        return undetermined(detail, *map(_sans, certificates.own[:_SHOWN]))
    wanted = msg("{name} among the alternative names", name=name)
    wrong = [c for c in certificates.own if c.sha256 in certificates.unnamed]
    unread = [c for c in wrong if _names_unread(c)]
    if len(wrong) > len(unread):
        return failed(*(_sans(c) for c in wrong if c not in unread), expected=wanted)
    if unread:
        return undetermined(*_unread(unread), expected=wanted)
    if certificates.unseen:
        return undetermined(*_unseen(certificates), *map(_sans, certificates.own), expected=wanted)
    return passed(*map(_sans, certificates.own), expected=wanted)


@check(
    "tls.certificate-trusted",
    needs=(TRUST, TARGET, known_or_absent(CERTIFICATES)),
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg("Use a certificate of a trusted authority and send its whole chain"),
)
def certificate_trusted(
    chains: Chains, target: Target, certificates: Certificates | Absent
) -> Judgement:
    """The certificate chain leads to an authority that this collector trusts.

    The server's own certificate is not one of an authority itself.
    """
    trust = chains.worst
    wanted = msg("a chain to one of {count} anchors in {store}",
                 count=trust.anchors, store=trust.store)  # fmt: skip
    own = certificates.own if isinstance(certificates, Certificates) else ()
    if issuing := [_issuing(c) for c in own if c.ca and _may_issue(c) and not c.self_signed]:
        return failed(*issuing, expected=wanted)
    doubts = [d for c in own if (d := _perhaps_issuing(c)) is not None]
    if chains.unverified:
        doubts.append(
            msg("{count} more certificates of the endpoint were received whose chain was "
                "not verified", count=chains.unverified)
        )  # fmt: skip
    if trust.outcome is Outcome.TRUSTED and doubts:
        return undetermined(*doubts, expected=wanted)
    if trust.outcome is Outcome.TRUSTED:
        return passed(msg("The chain was verified by {library}", library=trust.library),
                      expected=wanted)  # fmt: skip
    return _not_trusted(trust, wanted, private=target.settings.get("trust") == "private")


def _not_trusted(trust: Trust, wanted: Message, *, private: bool) -> Judgement:
    detail = msg("The chain was not verified: {detail} (code {code})", detail=trust.detail,
               code=trust.code)  # fmt: skip
    if trust.outcome is Outcome.UNSETTLED:
        return undetermined(detail, expected=wanted)
    if not trust.anchors:
        return undetermined(detail, msg("This collector has no trust anchors"), expected=wanted)
    if _holds(trust) is False:
        return failed(*_broken(trust), detail, expected=wanted)
    if private and trust.code in UNKNOWN_ISSUER:
        declared = msg("A private authority is declared (trust: private): provide its "
                       "certificate policy and how clients are made to trust it")  # fmt: skip
        return undetermined(detail, declared, expected=wanted)
    return failed(detail, expected=wanted)


def _may_issue(cert: Certificate) -> bool:
    """Whether clients take what an authority's certificate signed (RFC 5280 4.2.1.3, 4.2.1.9)."""
    return cert.usages is None or "key_cert_sign" in cert.usages


def _issuing(cert: Certificate) -> Message:
    """A server's certificate is none of an authority (CA/B Forum, Baseline Requirements 7.1.2.7).

    A client that trusts the chain takes any certificate that was signed with the server's key.
    """
    return msg("The server's own certificate {label} is one of an authority (CA:TRUE): with its "
               "key certificates for any name can be issued", label=_label(cert))  # fmt: skip


def _perhaps_issuing(cert: Certificate) -> Message | None:
    if cert.ca and _may_issue(cert):
        return _issuing(cert)
    if cert.ca:
        return msg("The server's own certificate {label} is marked as one of an authority "
                   "(CA:TRUE), though its key usage does not permit it to sign others",
                   label=_label(cert))  # fmt: skip
    return None


def _holds(trust: Trust) -> bool | None:
    """Whether the chain holds but for its authority, which is not known here; None: open."""
    if trust.within is None or trust.within.code in UNKNOWN_ISSUER:
        return None
    return trust.within.code == 0


def _broken(trust: Trust) -> tuple[Message, ...]:
    if trust.within is None:
        return ()
    detail = msg("Even if the issuer that was sent is treated as an authority, the chain is not "
                 "verified: {detail} (code {code})", detail=trust.within.detail,
                 code=trust.within.code)  # fmt: skip
    return (detail,)


CHECKS = (
    certificate_valid, key_strength, signature_hash, certificate_name, certificate_trusted,
    chain_order, certificate_revocable, certificate_lifetime,
)  # fmt: skip
