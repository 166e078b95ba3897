"""Checks of web entries: on what a real nginx answers, and on answers that are invented."""

from __future__ import annotations

import datetime
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from audit_core.api.sdk import Answer, Judgement, Known, Message, Target
from audit_core.model import HostName, Partial, SecretRef, Status, Verdict
from audit_http import session
from audit_http.entry_checks import (
    answers,
    encrypted,
    hsts,
    login_asked,
    of_a_service,
    session_cookies,
)
from audit_http.facts import COMPLAINTS, ENTRY, NOTICE, OPENED, TIMES, Page, Times
from audit_http.kind import WebAccess
from audit_http.model import Cookie, Ended, Hop, Opened, Timed
from audit_http.notice_checks import complaints_page, privacy_notice
from audit_http.pages import dates_in, links_in, visible_text
from audit_http.reading import opened_text
from audit_http.time_checks import chance, error_rate, response_times
from audit_http.urls import is_place, is_url, joined
from live.patience import eventually
from live.sshd import program
from live.tls_servers import free_port

P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
NOW = "2026-11-29T12:00:00Z"
PAGES = {
    "index.html": '<html><a class=x href="/privacy.html?v=2#top">\u9690\u79c1</a> '
    "<a href=complaints.html>\u6295\u8bc9</a></html>",
    "privacy.html": "<html><script>var d = '\u66f4\u65b0 2020-01-01'</script>"
    "<p>\u66f4\u65b0\u65e5\u671f\uff1a2026\u5e743\u67081\u65e5</p></html>",
    "complaints.html": "<html>call us</html>",
    "data": '{"customers": []}',
}
NGINX = """
location = / {{
  add_header Set-Cookie "JSESSIONID=1; Path=/; HttpOnly";
  try_files /index.html =404;
}}
location = /data {{ default_type application/json; }}
location = /closed {{ return 401; }}
location = /login {{ return 302 /index.html; }}
location = /gone {{ return 410; }}
location = /broken {{ return 503; }}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real nginx, as Debian has it, with a site of a few pages."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    temp = "".join(f"{n}_temp_path {folder}/{n};" for n in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}"
        f" http {{ access_log off; {temp} types {{ text/html html; }} charset utf-8; server {{"
        f" listen 127.0.0.1:{port}; root {folder}; {NGINX.format()} }} }}"
    )
    with subprocess.Popen([program("nginx"), "-c", conf], stderr=subprocess.DEVNULL) as running:
        try:
            assert eventually(lambda: _answers(port))
            yield port
        finally:
            running.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class Here:
    """A way to nginx on loopback."""

    def __init__(self, port: int, **settings: Any) -> None:
        url = f"http://bank.example:{port}/"
        self.target = target(url=url, **settings)
        self.access = WebAccess(address=HostName("bank.example"))

    def address(self, name: str) -> str:
        return "127.0.0.1"

    def secret(self, reference: str) -> str:
        raise AssertionError(SecretRef(reference))


def target(url: str = "https://bank.example/", **settings: Any) -> Target:
    return Target(id="w", kind="web", object_type="application",
                  settings={"url": url} | settings)  # fmt: skip


def value(fact: Any, way: Here) -> Any:
    """The value of a fact, asked over a session of the connector."""
    (provider,) = fact.providers
    request = provider.ask(way.target)
    assert not isinstance(request, Message), request
    with session.open(way) as opened:
        (reply,) = opened.ask((request,))
    assert reply.status is Status.ANSWERED, reply
    answer = Answer(stdout=reply.stdout, stderr=b"", exit_code=0, truncated=reply.truncated,
                    collected_at=NOW, target=way.target)  # fmt: skip
    return provider.parse(answer)


def test_what_a_real_nginx_answers(nginx: int) -> None:
    way = Here(
        nginx, privacy_notice="/privacy.html", complaints="/complaints.html", samples=5,
        per_second=10, protected=["/closed", "/login"],
        calls=[{"path": "/data", "p95_ms": 5000, "errors_percent": 0}],
    )  # fmt: skip
    entry = value(ENTRY, way)
    assert answers.judge(entry).verdict is P
    assert encrypted.judge(entry).verdict is F
    assert hsts.judge(entry).verdict is N
    assert session_cookies.judge(entry).verdict is F  # not Secure
    assert privacy_notice.judge(value(NOTICE, way), entry, NOW).verdict is P
    assert complaints_page.judge(value(COMPLAINTS, way), entry).verdict is P
    # a redirect may lead to the login, or to what was asked for
    assert login_asked.judge(value(OPENED, way)).verdict is U
    assert login_asked.judge(value(OPENED, Here(nginx, protected=["/closed"]))).verdict is P
    assert login_asked.judge(value(OPENED, Here(nginx, protected=["/data"]))).verdict is F
    times = value(TIMES, way)
    assert [len(one.good) for one in times] == [5]
    assert response_times.judge(way.target, times).verdict is P
    assert error_rate.judge(way.target, times).verdict is P
    for place, verdict in (("/gone", F), ("/closed", F), ("/broken", U)):
        gone = value(NOTICE, Here(nginx, privacy_notice=place))
        assert privacy_notice.judge(gone, entry, NOW).verdict is verdict
    other = value(NOTICE, Here(nginx, privacy_notice="/complaints.html"))
    assert privacy_notice.judge(other, entry, NOW).verdict is U  # it has no date
    broken = Here(nginx, samples=5, per_second=10,
                  calls=[{"path": "/broken", "errors_percent": 1, "p95_ms": 100}])  # fmt: skip
    times = value(TIMES, broken)
    assert error_rate.judge(broken.target, times).verdict is F
    assert response_times.judge(broken.target, times).verdict is U


def hop(url: str = "https://bank.example/", status: int = 200, to: str = "",
        *headers: tuple[str, str], cookies: tuple[Cookie, ...] = ()) -> Hop:  # fmt: skip
    return Hop(url=url, status=status, to=to, headers=headers, cookies=cookies)


def verdict(judgement: Judgement) -> Verdict:
    return judgement.verdict


def test_encryption_of_an_entry() -> None:
    plain, safe = "http://bank.example/", "https://bank.example/"
    for expected, hops, left in (
        (P, (hop(),), False),
        (P, (hop(plain, 301, safe), hop()), False),
        (F, (hop(plain),), False),
        (F, (hop(plain, 302, plain + "home"), hop(plain + "home")), False),
        (F, (hop(safe, 302, plain), hop(plain, 301, safe), hop()), False),
        (U, (hop(plain, 403),), False),
        (U, (hop(plain, 302, "http://other.example/"),), True),
        (P, (hop(plain, 302, "https://other.example/"),), True),
    ):
        assert verdict(encrypted.judge(Page(hops=hops, left=left))) is expected, hops


def test_hsts_and_cookies() -> None:
    for reported, expected in (
        ("max-age=31536000; includeSubDomains", P), ('max-age="31536000"', P), ("max-age=0", F),
        ("includeSubDomains; MAX-AGE = 15552000", P), ("includeSubDomains", F),
    ):  # fmt: skip
        page = Page(
            hops=(hop("https://b.example/", 200, "", ("strict-transport-security", reported)),)
        )
        assert verdict(hsts.judge(page)) is expected, reported
    assert verdict(hsts.judge(Page(hops=(hop(),)))) is F
    for name, secure, http_only, expected in (
        ("JSESSIONID", True, True, P), ("JSESSIONID", False, True, F), ("sid", True, False, F),
        ("XSRF-TOKEN", True, False, P), ("theme", False, False, U), ("PHPSESSID", True, True, P),
    ):  # fmt: skip
        cookie = Cookie(name=name, secure=secure, http_only=http_only)
        page = Page(hops=(hop(cookies=(cookie,)),))
        assert verdict(session_cookies.judge(page)) is expected, name


def test_what_is_refused_and_what_is_served() -> None:
    for body, kind, expected in (
        (b'{"code": 401}', "", U), (b'{"success": false}', "", U), (b'{"msg": "token"}', "", U),
        (b'{"status": 1}', "", U), (b'{"code": 0, "data": {}}', "", F), (b"[]", "", F),
        (b"<html>log in", "text/html", U), (b"", "", U), (b"a,b\n1,2", "text/csv", F),
    ):  # fmt: skip
        holds, error = opened_text((("content-type", kind),), body)
        one = Opened(url="u", ended=Ended.ANSWERED, status=200, holds=holds, error=error)
        assert verdict(login_asked.judge((one,))) is expected, body
    refused = Opened(url="u", ended=Ended.ANSWERED, status=401)
    silent = Opened(url="u", ended=Ended.TIMED_OUT)
    assert verdict(login_asked.judge((refused, silent))) is U


def timed(*ms: float, bad: int = 0) -> tuple[Times, ...]:
    made = [Timed(call=0, at=0.0, ms=one, ended=Ended.ANSWERED, status=200) for one in ms]
    made += [Timed(call=0, at=0.0, ms=1.0, ended=Ended.TIMED_OUT)] * bad
    return (Times(url="https://bank.example/", method="GET", wanted=20, made=tuple(made)),)


def test_a_sample_is_judged_by_what_chance_allows() -> None:
    assert chance(0, 20, 0.05) == 1
    assert round(chance(1, 20, 0.001), 4) == 0.0198
    declared = target(calls=[{"path": "/", "p95_ms": 100, "errors_percent": 0.1}])
    for slow, expected in ((0, P), (1, P), (2, U), (4, U), (5, F), (20, F)):
        times = timed(*[10.0] * (20 - slow), *[200.0] * slow)
        assert verdict(response_times.judge(declared, times)) is expected, slow
    for bad, expected in ((0, P), (1, U), (2, F), (20, F)):
        assert verdict(error_rate.judge(declared, timed(*[10.0] * (20 - bad), bad=bad))) is expected
    assert verdict(response_times.judge(target(), timed(*[10.0] * 20))) is U  # no target
    assert verdict(error_rate.judge(target(), timed(*[10.0] * 20))) is U
    assert verdict(response_times.judge(declared, timed(1.0))) is U


def test_an_entry_belongs_to_a_service() -> None:
    page = Page(hops=(hop(),))
    service = Target(id="pay", kind="service", object_type="mobile_payment")
    naming, other = ((service, Known(value=names)) for names in (("w",), ("x",)))
    assert verdict(of_a_service.judge(target(), page, (naming, other))) is P
    assert verdict(of_a_service.judge(target(), page, (other,))) is F
    assert verdict(of_a_service.judge(target(), page, ())) is N
    assert verdict(of_a_service.judge(target(no_service="inner"), page, (other,))) is N


def test_dates_and_links_of_pages() -> None:
    day = datetime.date
    for text, dates in (
        ("\u751f\u6548\u65e5\u671f\uff1a 2025 \u5e74 1 \u6708 2 \u65e5", (day(2025, 1, 2),)),
        ("Last updated: January 2nd, 2025", (day(2025, 1, 2),)),
        ("Effective 2 Jan 2025", (day(2025, 1, 2),)),
        ("\u7248\u672c\u53d1\u5e03 2025/01/02", (day(2025, 1, 2),)),
        ("\u4e8c\u3007\u4e8c\u4e94\u5e74\u5341\u4e8c\u6708\u4e8c\u5341\u4e00\u65e5\u65bd\u884c",
         (day(2025, 12, 21),)),
        ("updated 2025-13-41", ()), ("born 2025-01-02", ()), ("updated 2025-01-023", ()),
    ):  # fmt: skip
        assert dates_in(text) == dates, text
    base = "https://bank.example/a/"
    for text, links in (
        ("<a href=b>", (base + "b",)), ("<A x='y' HREF = '/c?d&amp;e#f'>",
                                        ("https://bank.example/c?d&e",)),
        ('<a href="javascript:x()"><a href="mailto:a@b">', ()), ("<abbr href=x>", ()),
    ):  # fmt: skip
        assert links_in(text, base) == links, text
    assert visible_text("a<style>b</style>c<script>d") == "a c"
    # hostile pages take a time that grows with their size only
    for part in ("<a ", "<a href=", "<script", "<", "</script", "2025-1-", "\u4e8c\u3007"):
        hostile = part * (100_000 // len(part))
        links_in(hostile, base)
        dates_in(visible_text(hostile))


def test_urls_that_are_taken() -> None:
    for text in (
        "https://u:p@bank.example/", "ftp://bank.example/", "https://bank.example:0/",
        "https:///x", "https://bank.example/#a", "https://127.1/", "http://a b/",
    ):  # fmt: skip
        assert not is_url(text), text
    assert is_url("https://[2001:db8::1]:8443/a?b=c")
    assert is_place("/a") and not is_place("//evil.example/a") and not is_place("a")  # noqa: PT018
    assert joined("https://a.example/x/", "../y") == "https://a.example/y"
    assert joined("https://a.example/", "http://[") is None


def test_answers_that_are_none_cannot_be_read() -> None:
    (provider,) = TIMES.providers
    for stdout in (b"", b"{}", b'{"call":9,"at":0,"ms":1,"ended":"answered"}\n', b"\xff"):
        answer = Answer(stdout=stdout, stderr=b"", exit_code=0, truncated=False,
                        collected_at=NOW, target=target())  # fmt: skip
        with pytest.raises(Exception, match="not the answer"):
            provider.parse(answer)
    (provider,) = ENTRY.providers
    head = msgspec.json.encode({"hops": [{"url": "u", "status": 200}]})
    cut = Answer(stdout=head + b"\n<html>", stderr=b"", exit_code=0, truncated=True,
                 collected_at=NOW, target=target())  # fmt: skip
    assert isinstance(provider.parse(cut), Partial)
