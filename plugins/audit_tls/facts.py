"""Facts about a TLS endpoint, all from one observation."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from audit_core.model import Value
from audit_core.sdk import (
    Absent,
    Answer,
    Kind,
    Message,
    ParseError,
    Probe,
    Reason,
    Target,
    fact,
    msg,
)
from audit_tls.certs import Certificate, matches, read_certificate
from audit_tls.probe import accepted_suite, flight_of, is_doubtful, is_refusal
from audit_tls.report import SCHEMA, Attempt, Report, Stopped, Trust
from audit_tls.suites import (
    TLCP,
    VERSION_NAMES,
    has_forward_secrecy,
    is_finite_field,
    is_weak,
    suite_name,
    suites_of,
)
from audit_tls.wire import GROUP_NAMES, KeyExchange, key_exchange

_MAX_CONNECTIONS = 40
_TIMEOUT_S = 90
_LIMIT = 16 << 20
_MOST_ISSUERS = 20


class Support(enum.StrEnum):
    """Whether a protocol version is spoken."""

    YES = "yes"
    NO = "no"
    UNSETTLED = "unsettled"


class Version(Struct, frozen=True, kw_only=True):
    """One protocol version as offered by the endpoint.

    `weak_settled`: every weak suite was either taken or turned down. `forward`: a suite with
    forward secrecy is taken, is not, or None where that did not come out.
    """

    name: str
    support: Support
    accepted: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    weak_settled: bool = False
    forward: bool | None = None


class Endpoint(Struct, frozen=True, kw_only=True):
    """What the endpoint negotiates. `groups` and `prime_bits` are those seen, not all it has."""

    server_name: str
    versions: tuple[Version, ...]
    groups: tuple[str, ...] = ()
    prime_bits: tuple[int, ...] = ()
    stopped: Stopped = Stopped.NO


class Certificates(Struct, frozen=True, kw_only=True):
    """`own`: the endpoint's own certificates; `issuers`: the others it sent; `unnamed`: own ones
    in which `server_name` is not among the names (empty when no name is declared). `unread` counts
    certificates beyond the first 20, which are not looked at."""

    server_name: str
    own: tuple[Certificate, ...]
    issuers: tuple[Certificate, ...] = ()
    unnamed: tuple[str, ...] = ()
    unread: int = 0


# --- asking ---------------------------------------------------------------------------------------


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _port(settings: dict[str, object]) -> int | None:
    written = str(settings.get("port", "443"))
    if not written.isascii() or not written.isdigit() or len(written) > 5:
        return None
    return int(written) if 0 < int(written) < 65536 else None


def ask(target: Target) -> Probe | Message:
    """The request for `target`, or what the inventory has to declare."""
    port = _port(target.settings)
    if target.address is None or not _is_address(target.address):
        return msg("Declare the IP address of {target}", target=target.id)
    if port is None:
        return msg("Declare the port of {target} as a number from 1 to 65535", target=target.id)
    if target.settings.get("starttls") not in (None, "", "none"):
        return msg("STARTTLS is declared for {target}: it is not asked yet", target=target.id)
    name = str(target.settings.get("server_name") or "")
    if not name.isascii() or len(name) > 253 or any(c <= " " for c in name):
        return msg("Declare server_name of {target} in its ASCII form", target=target.id)
    args: dict[str, Value] = {
        "address": target.address, "port": port, "server_name": name,
        "max_connections": _MAX_CONNECTIONS,
    }  # fmt: skip
    return Probe(prober="tls", args=args, timeout_s=_TIMEOUT_S, limit=_LIMIT)


# --- reading --------------------------------------------------------------------------------------


def _report(answer: Answer) -> Report:
    try:
        report = msgspec.json.decode(answer.stdout, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"not a report: {error}") from error
    chain = report.trust.chain if report.trust is not None else ()
    if (
        report.schema != SCHEMA
        or not all(map(_sound, report.attempts))
        or not all(map(_hex, chain))
    ):
        raise ParseError("not a report of this prober")
    return report


def _hex(text: str) -> bool:
    return len(text) % 2 == 0 and not text.strip("0123456789abcdef")


def _sound(attempt: Attempt) -> bool:
    whole = len(attempt.offered) % 4 == 0 and _hex(attempt.offered) and _hex(attempt.reply)
    return whole and attempt.version in VERSION_NAMES


def _refused(report: Report, index: int) -> bool:
    """Whether attempt `index` shows that none of what it offered is accepted.

    An alert that says so; another version than the only one offered; or twice a doubtful end while
    the endpoint went on to answer others.
    """
    attempt = report.attempts[index]
    flight = flight_of(attempt)
    if flight.hello is not None:
        return flight.hello.version < attempt.version or (
            attempt.version == TLCP and flight.hello.version != TLCP
        )
    if is_refusal(attempt):
        return True
    before, later = report.attempts[:index], report.attempts[index + 1 :]
    twice = is_doubtful(attempt) and any(
        is_doubtful(a) and (a.version, a.offered) == (attempt.version, attempt.offered)
        for a in before
    )
    return twice and any(accepted_suite(a) is not None for a in later)


def _version(report: Report, version: int) -> Version:
    mine = [i for i, a in enumerate(report.attempts) if a.version == version]
    taken = {s for i in mine if (s := accepted_suite(report.attempts[i])) is not None}
    turned = frozenset[int]().union(
        *(report.attempts[i].suites for i in mine if _refused(report, i))
    )
    everything = frozenset(suites_of(version))
    support = Support.NO if turned >= everything else Support.UNSETTLED
    settled = taken | turned
    forward = {s for s in everything if has_forward_secrecy(s)}
    return Version(
        name=VERSION_NAMES[version],
        support=Support.YES if taken else support,
        accepted=_suite_names(taken),
        weak=_suite_names(s for s in taken if is_weak(s)),
        weak_settled=settled.issuperset(s for s in everything if is_weak(s)),
        forward=True if taken & forward else False if forward <= turned else None,
    )


def _suite_names(suites: Iterable[int]) -> tuple[str, ...]:
    return tuple(suite_name(s) for s in sorted(suites))


def _shares(report: Report) -> Iterable[KeyExchange]:
    for attempt in report.attempts:
        suite, flight = accepted_suite(attempt), flight_of(attempt)
        if suite is None or flight.hello is None:
            continue
        if flight.hello.group is not None:
            group = flight.hello.group
            yield KeyExchange(group=GROUP_NAMES.get(group, f"group {group}"))
        # anonymous and static suites have a weakness of their own, told elsewhere
        if flight.key_exchange is not None and has_forward_secrecy(suite):
            share = key_exchange(flight.key_exchange, finite_field=is_finite_field(suite))
            if share is not None:
                yield share


_NOTHING = msg("The endpoint turned down every handshake; declare server_name if it needs one")


def parse_endpoint(answer: Answer) -> Endpoint | Absent:
    """What the endpoint negotiates, from the bytes of its replies."""
    report = _report(answer)
    versions = tuple(_version(report, v) for v in VERSION_NAMES)
    if all(v.support is not Support.YES for v in versions):
        return Absent(reason=Reason.NOT_COLLECTED, said=_NOTHING)
    shares = tuple(_shares(report))
    return Endpoint(
        server_name=report.server_name,
        versions=versions,
        groups=tuple(sorted({s.group for s in shares})),
        prime_bits=tuple(sorted({s.prime_bits for s in shares if s.prime_bits is not None})),
        stopped=report.stopped,
    )


def _chains(report: Report) -> Iterable[tuple[int, tuple[bytes, ...]]]:
    """(how many are the endpoint's own, certificates) of every flight that had some."""
    for attempt in report.attempts:
        flight = flight_of(attempt)
        if flight.certificates:
            # TLCP sends one to sign and one to encrypt (GB/T 38636-2020, recalled)
            yield (2 if attempt.version == TLCP else 1), flight.certificates
    if report.trust is not None and report.trust.chain:
        yield 1, tuple(bytes.fromhex(der) for der in report.trust.chain)


def parse_certificates(answer: Answer) -> Certificates | Absent:
    """The certificates that were sent, each once."""
    report = _report(answer)
    own: dict[bytes, None] = {}
    others: dict[bytes, None] = {}
    for count, chain in _chains(report):
        own.update(dict.fromkeys(chain[:count]))
        others.update(dict.fromkeys(chain[count:]))
    if not own:
        return Absent(reason=Reason.NOT_COLLECTED, said=msg("No certificate was seen"))
    read = tuple(map(read_certificate, own))
    rest = [der for der in others if der not in own]
    name = report.server_name
    return Certificates(
        server_name=name,
        own=read,
        issuers=tuple(map(read_certificate, rest[:_MOST_ISSUERS])),
        unnamed=tuple(c.sha256 for c in read if name and not matches(c, name)),
        unread=max(0, len(rest) - _MOST_ISSUERS),
    )


def parse_trust(answer: Answer) -> Trust | Absent:
    """How the collector's OpenSSL verified the chain."""
    report = _report(answer)
    if report.trust is None:
        return Absent(reason=Reason.NOT_COLLECTED, said=msg("The chain was not verified"))
    return msgspec.structs.replace(report.trust, chain=())


ENDPOINT = fact("tls.endpoint", Endpoint, ask=ask, parse=parse_endpoint, kind=Kind.ENDPOINT)
CERTIFICATES = fact(
    "tls.certificates", Certificates, ask=ask, parse=parse_certificates, kind=Kind.ENDPOINT
)
TRUST = fact("tls.trust", Trust, ask=ask, parse=parse_trust, kind=Kind.ENDPOINT)

FACTS = (ENDPOINT, CERTIFICATES, TRUST)
