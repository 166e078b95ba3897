"""Checks of pages that everybody has to be able to read: privacy notice, complaints."""

from __future__ import annotations

from audit_core.api.sdk import (
    COLLECTED_AT,
    Judgement,
    Message,
    Severity,
    check,
    failed,
    msg,
    passed,
    undetermined,
)
from audit_http.entry_checks import answered
from audit_http.facts import COMPLAINTS, ENTRY, NOTICE, Page
from audit_http.urls import same_page


def _closed(page: Page) -> Judgement | None:
    """The judgement of a page that nobody can read; None for one that came."""
    last = page.last
    if page.left:
        more = msg("It leads to another host, which was not asked: declare that as an entry")
        return undetermined(answered(last), more)
    if last.status in (401, 403, 404, 410):
        return failed(answered(last))
    if last.status != 200:
        return undetermined(answered(last))
    return None


def _linked(page: Page, start: Page) -> Message | None:
    """Why it is not known that the entry links to the page; None where it does."""
    if any(same_page(link, hop.url) for link in start.links for hop in page.hops):
        return None
    return msg("Among the {count} links of {entry} it was not found; links made by scripts are not "
               "seen", count=len(start.links), entry=start.last.url)  # fmt: skip


@check(
    "http.privacy-notice", needs=(NOTICE, ENTRY, COLLECTED_AT), severity=Severity.MEDIUM,
    remedy=msg("Publish the notice where everybody can read it, with the date of its version, and "
               "link it from the entry"),
)  # fmt: skip
def privacy_notice(notice: Page, entry: Page, collected_at: str) -> Judgement:
    """The privacy notice can be read by everybody, is dated, and is linked from the entry."""
    closed = _closed(notice)
    if closed is not None:
        return closed
    detail = answered(notice.last)
    past = [day for day in notice.dates if day <= collected_at[:10]]
    open_points = [_linked(notice, entry)]
    if not past:
        open_points.append(msg("No date of its version was found in {count} characters of text",
                               count=notice.characters))  # fmt: skip
    missing = tuple(point for point in open_points if point is not None)
    if missing:
        return undetermined(detail, *missing)
    return passed(detail, msg("Version of {date}, linked from {entry}", date=max(past),
                              entry=entry.last.url))  # fmt: skip


@check(
    "http.complaints-page", needs=(COMPLAINTS, ENTRY), severity=Severity.MEDIUM,
    remedy=msg("Publish a page for complaints that needs no login, and link it from the entry"),
)  # fmt: skip
def complaints_page(complaints: Page, entry: Page) -> Judgement:
    """The page for complaints can be opened by everybody."""
    closed = _closed(complaints)
    if closed is not None:
        return closed
    missing = _linked(complaints, entry)
    detail = answered(complaints.last)
    return passed(detail) if missing is None else undetermined(detail, missing)


CHECKS = (privacy_notice, complaints_page)
