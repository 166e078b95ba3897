"""Checks of an entry: it answers, encrypted, with safe cookies, and asks for a login."""

from __future__ import annotations

import re
from typing import Annotated

from audit_core.api.sdk import (
    DAY,
    TARGET,
    Absent,
    Judgement,
    Known,
    Message,
    Severity,
    Target,
    Up,
    capped,
    capped_messages,
    check,
    each,
    failed,
    msg,
    not_applicable,
    passed,
    settings_of,
    undetermined,
)
from audit_http.facts import ENTRY, NAMED, OPENED, Page
from audit_http.kind import WebSettings
from audit_http.model import Cookie, Ended, Hop, Opened


def answered(hop: Hop) -> Message:
    """What was answered where, in words."""
    if hop.to:
        return msg("{url}: status {status}, redirects to {to}", url=hop.url, status=hop.status,
                   to=hop.to)  # fmt: skip
    return msg("{url}: status {status}", url=hop.url, status=hop.status)


@check(
    "http.answers", needs=ENTRY, severity=Severity.MEDIUM,
    remedy=msg("Repair the entry, or correct its url in the inventory"),
)  # fmt: skip
def answers(entry: Page) -> Judgement:
    """The declared entry answers."""
    last = entry.last
    detail = answered(last)
    if entry.left:
        more = msg("Where it leads was not looked at: declare it as an entry of its own")
        return undetermined(detail, more)
    if last.status in (404, 410):
        return failed(detail)
    if last.status >= 500:
        return undetermined(detail, msg("An error of the server may pass: look again"))
    return passed(detail)


@check(
    "http.encrypted", needs=ENTRY, severity=Severity.HIGH,
    remedy=msg("Answer over HTTPS, and redirect HTTP to HTTPS without any content"),
)  # fmt: skip
def encrypted(entry: Page) -> Judgement:
    """The entry is used over HTTPS only."""
    plain = [hop for hop in entry.hops if hop.url.startswith("http:")]
    downgraded = [hop for hop in entry.hops
                  if hop.url.startswith("https:") and hop.to.startswith("http:")]  # fmt: skip
    details = tuple(answered(hop) for hop in entry.hops)
    served = [hop for hop in plain if not hop.to and hop.status < 400]
    if downgraded or served:
        return failed(*details)
    if plain and not entry.last.url.startswith("https:") and not entry.last.to.startswith("https:"):
        return undetermined(*details, msg("Nothing was served, and nothing led to HTTPS"))
    return passed(*details)


@check(
    "http.hsts", needs=ENTRY, severity=Severity.LOW,
    remedy=msg("Send Strict-Transport-Security with max-age=31536000"),
)  # fmt: skip
def hsts(entry: Page, *, days: Annotated[int, Up] = 180) -> Judgement:
    """Browsers are told to use HTTPS only (RFC 6797); the number of days is our proposal."""
    last = entry.last
    expected = msg("max-age of at least {days} days", days=days)
    if not last.url.startswith("https:"):
        return not_applicable(msg("{url} is not HTTPS", url=last.url))
    if last.status >= 400:
        return undetermined(answered(last), expected=expected)
    reported = last.header("strict-transport-security")
    if reported is None:
        return failed(msg("{url} sends no Strict-Transport-Security", url=last.url),
                      expected=expected)  # fmt: skip
    found = re.search(r"(?:^|;)\s*max-age\s*=\s*\"?([0-9]{1,12})", reported, re.IGNORECASE)
    seconds = int(found[1]) if found else 0
    detail = msg("Strict-Transport-Security: {value}", value=reported)
    return (passed if seconds >= days * DAY else failed)(detail, expected=expected)


_SESSION = re.compile(r"sess|(^|[._-])sid$|^sid|token|auth|jwt|ticket|^jsession|^php|sso|passport",
                      re.IGNORECASE)  # fmt: skip
_FORGERY = re.compile(r"csrf|xsrf", re.IGNORECASE)


def _lacks(cookie: Cookie) -> Message | None:
    # a script reads the token against forged requests, as it is meant to
    wanted = {"Secure": cookie.secure}
    if not _FORGERY.search(cookie.name):
        wanted["HttpOnly"] = cookie.http_only
    missing = tuple(name for name, there in wanted.items() if not there)
    return msg("{cookie} without {flags}", cookie=cookie.name, flags=missing) if missing else None


@check(
    "http.session-cookies", needs=ENTRY, severity=Severity.MEDIUM,
    remedy=msg("Set Secure and HttpOnly on cookies of a session"),
)  # fmt: skip
def session_cookies(entry: Page) -> Judgement:
    """Cookies of a session are sent over HTTPS only and are out of reach of scripts."""
    every = [cookie for hop in entry.hops for cookie in hop.cookies]
    names = capped(cookie.name for cookie in every)
    if not every:
        more = msg("Only what is set before a login was seen")
        return undetermined(msg("The entry sets no cookie"), more)
    wrong = [w for c in every if _SESSION.search(c.name) if (w := _lacks(c)) is not None]
    if wrong:
        return failed(msg("Cookies: {problems}", problems=capped_messages(wrong)))
    if not any(_SESSION.search(cookie.name) for cookie in every):
        return undetermined(msg("Whether one of the cookies {names} is a session's is not known",
                                names=names))  # fmt: skip
    return passed(msg("Cookies: {names}", names=names))


@check(
    "http.login-asked", needs=OPENED, severity=Severity.HIGH,
    remedy=msg("Refuse requests without a valid login with status 401 or 403"),
)  # fmt: skip
def login_asked(opened: tuple[Opened, ...]) -> Judgement:
    """Places that need a login are refused without one."""
    served = [one for one in opened if _is_served(one)]
    details = msg("Without a login: {answers}", answers=capped_messages(map(_described, opened)))
    if served:
        return failed(msg("Served without a login: {answers}",
                          answers=capped_messages(map(_described, served))))  # fmt: skip
    unsure = [one for one in opened if not _is_refused(one)]
    if unsure:
        more = msg("Whether these are refusals is not certain: {answers}",
                   answers=capped_messages(map(_described, unsure)))  # fmt: skip
        return undetermined(details, more)
    return passed(details)


def _described(one: Opened) -> Message:
    if one.ended is not Ended.ANSWERED:
        return msg("{url}: no answer", url=one.url)
    if one.error:
        return msg("{url}: status {status}, JSON that reports an error", url=one.url,
                   status=one.status)  # fmt: skip
    return msg("{url}: status {status} {kind}", url=one.url, status=one.status, kind=one.holds)


def _is_served(one: Opened) -> bool:
    """Whether what needs a login came: data, not a page, which may be the one for the login."""
    return 200 <= one.status < 300 and one.holds in ("json", "other") and not one.error


def _is_refused(one: Opened) -> bool:
    return one.status in (401, 403)


_Services = tuple[tuple[Target, Known | Absent], ...]


@check(
    "http.of-a-service", needs=(TARGET, ENTRY, each("service", NAMED)), kind="web",
    severity=Severity.LOW,
    remedy=msg("Name the entry at its service (entries), or say why it has none (no_service)"),
)  # fmt: skip
def of_a_service(target: Target, entry: Page, services: _Services) -> Judgement:
    """An entry that answers belongs to a declared service."""
    reason = settings_of(target, WebSettings).no_service
    if reason:
        return not_applicable(msg("The entry of no service: {reason}", reason=reason))
    if not services:
        return not_applicable(msg("No services are declared"))
    naming = [s.id for s, got in services if isinstance(got, Known) and target.id in got.value]
    if naming:
        return passed(msg("Entry of {services}", services=capped(naming)))
    return failed(answered(entry.last), msg("No declared service names it as an entry"))


CHECKS = (answers, encrypted, hsts, session_cookies, login_asked, of_a_service)
