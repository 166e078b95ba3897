"""What is seen of the model bank beside its registers: a web entry, a scan report, routes. Made up.

`GOOD` is by fact. `FAULTS` change one fact, and say which clauses turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from audit_api.facts import RouteTable
from audit_api.model import Head as RoutesHead
from audit_api.model import Route
from audit_core.api.sdk import Known
from audit_database.logins import LoginAccount
from audit_http.facts import Page, Times
from audit_http.model import Ended, Hop, Opened, Timed
from audit_http.prometheus import Figure, Figures
from audit_http.risk_engine import Figures as RiskFigures
from audit_scan.facts import ScanResult
from audit_scan.model import Head, Rating, Vulnerability
from audit_service.paths import Reach

URL = "https://pay.bank.example/"
TARGETS = f"""  - id: pay-web
    kind: web
    address: 10.1.0.5
    url: {URL}
    business_system: core
    zone: dmz
    privacy_notice: /privacy
    complaints: /complaints
    protected: [/api/accounts]
    calls: [{{path: /, p95_ms: 500, errors_percent: 1}}]
    access: {{}}
  - {{id: pay-api, kind: routes, interface: open-payment, access: {{file: api.yaml}}}}
  - id: prometheus
    kind: prometheus
    url: https://prometheus.bank.example/
    address: 10.2.0.7
    access: {{}}
    measured: [{{name: pay, requests: pay_total, duration: pay_bucket, up: up, p95_ms: 500,
                 errors_percent: 0.1, available_percent: 99.9}}]
    capacity: [{{name: cpu, used: cpu}}]
  - id: risk-api
    kind: risk_engine
    url: https://risk.bank.example/summary
    address: 10.2.0.8
    access: {{}}
    last_event: /last
    counts: {{blocked: /blocked}}
  - {{id: scan-q4, kind: scan_report, covers: [dmz], access: {{file: q4.nessus}}}}
"""


def page(place: str = "", status: int = 200, **more: Any) -> Page:
    return Page(hops=(Hop(url=URL + place, status=status),), html=True, characters=500, **more)


def times(ms: float = 40.0, bad: int = 0) -> tuple[Times, ...]:
    made = [Timed(call=0, at=0.0, ms=ms, ended=Ended.ANSWERED, status=200)] * (20 - bad)
    made += [Timed(call=0, at=0.0, ms=ms, ended=Ended.ANSWERED, status=503)] * bad
    return (Times(url=URL, method="GET", wanted=20, made=tuple(made)),)


def opened(status: int, holds: str = "") -> tuple[Opened, ...]:
    url = f"{URL}api/accounts"
    return (Opened(url=url, ended=Ended.ANSWERED, status=status, holds=holds),)


_ENTRY = page(links=(URL + "privacy", URL + "complaints"))
_NOTICE = page("privacy", dates=("2026-03-01",))
_SCAN = ScanResult(
    head=Head(format="nessus", file="q4.nessus", sha256="", size=1, ended="2026-11-01T10:00:00Z"),
    reached=frozenset({"10.1.0.5", "10.2.0.5"}), hosts=2,
)  # fmt: skip
_ROUTE = Route(method="GET", path="/accounts", authenticated=True, encrypted=True)


def routes(*of: Route) -> RouteTable:
    return RouteTable(head=RoutesHead(format="openapi", file="api.yaml", sha256=""), routes=of)


def logins(**powers: tuple[str, ...]) -> tuple[LoginAccount, ...]:
    """Accounts of a database, the initial superuser among them, with the rights of each."""
    held = {"postgres": ("SUPERUSER",), **powers}
    return tuple(LoginAccount(name=name, powers=rights) for name, rights in held.items())


def measured(**more: str) -> Figures:
    """What Prometheus measured of a call and of capacity."""
    series = {
        "0.requests-hours": "168", "0.duration-hours": "168", "0.up-points": "2016",
        "0.used-hours": "168", "0.p50": "80", "0.p95": "300", "0.up": "99.95", "0.used": "40",
        **more,
    }  # fmt: skip
    counts = (({"code": "200"}, "1000"), ({"code": "503"}, series.pop("errors", "0")))
    by_name = {name: Figure(name=name, series=(({}, value),)) for name, value in series.items()}
    return Figures(by_name={**by_name, "0.requests": Figure(name="0.requests", series=counts)})


def risk(**more: str | int | None) -> RiskFigures:
    """What the risk engine tells, a few hours before."""
    values: dict[str, str | int | float | None] = {
        "last_event": "2026-11-29T08:00:00Z", "count blocked": 85,
    }  # fmt: skip
    return RiskFigures(status=200, json=True, values={**values, **more})


_PATH = "path:10.2.0.9:5432"
GOOD: Mapping[str, Known] = {
    name: Known(value=value)
    for name, value in {
        "http.entry": _ENTRY, "http.privacy-notice": _NOTICE,
        "http.complaints": page("complaints"), "http.opened": opened(401), "http.times": times(),
        "scan.report": _SCAN, "api.routes": routes(_ROUTE),
        "prometheus.figures": measured(), "http.risk-figures": risk(),
        "linux.administrators": ("root", "zhangsan"),
        "service.reach": Reach(open=False), f"service.reach@web1/{_PATH}": Reach(open=True),
        "postgresql.login-accounts": logins(zhangsan=("SUPERUSER",), lisi=()),
    }.items()
}  # fmt: skip
PLAIN = replace(_ENTRY, hops=(Hop(url="http://pay.bank.example/", status=200),))
FAULTS: tuple[tuple[str, str, Any, set[str]], ...] = (
    ("an entry that is gone", "http.entry", page(status=404, links=_ENTRY.links), {"5.5"}),
    ("an entry in the clear", "http.entry", PLAIN, {"4.1", "6.2.1", "6.4.3"}),
    ("no privacy notice", "http.privacy-notice", page("privacy", 404), {"6.3.2", "7.1.4"}),
    ("a privacy notice behind a login", "http.privacy-notice", page("privacy", 401),
     {"6.3.2", "7.1.4"}),
    ("no page for complaints", "http.complaints", page("complaints", 410), {"8.2"}),
    ("accounts without a login", "http.opened", opened(200, "json"), {"5.5", "6.4.3"}),
    ("slow answers", "http.times", times(900.0), {"4.2"}),
    ("answers that fail", "http.times", times(bad=6), {"4.2"}),
    ("calls that were slow in the week", "prometheus.figures", measured(**{"0.p95": "501"}),
     {"4.2"}),
    ("calls that failed in the week", "prometheus.figures", measured(errors="9"), {"4.2"}),
    ("a service that was down", "prometheus.figures", measured(**{"0.up": "99.5"}), {"4.2"}),
    ("a server that is full at peak", "prometheus.figures", measured(**{"0.used": "60"}), {"4.2"}),
    ("a risk engine that stopped", "http.risk-figures",
     risk(last_event="2026-11-28T00:00:00Z"), {"4.1"}),
    ("a critical finding on the internet", "scan.report", replace(_SCAN, open=(Vulnerability(
        host="10.1.0.5", port="443/tcp", id="1", title="x", rating=Rating.CRITICAL),)), {"7.2.4"}),
    ("a host that was not scanned", "scan.report", replace(_SCAN, reached=frozenset({"x"})),
     {"7.2.4"}),
    ("root for somebody with another post", "linux.administrators", ("lisi",), set()),
    ("root for somebody without a post", "linux.administrators", ("sunqi",), {"6.2.2"}),
    ("a role of somebody who left", "postgresql.login-accounts", logins(sunqi=()), {"6.2.2"}),
    ("a role that nobody knows", "postgresql.login-accounts", logins(app=()), {"6.2.2"}),
    ("a superuser without a post", "postgresql.login-accounts", logins(sunqi=("CREATEDB",)),
     {"6.2.2"}),
    ("production within reach of test", f"service.reach@test1/{_PATH}", Reach(open=True),
     {"6.2.4", "7.2.2"}),
    ("a route without authentication", "api.routes",
     routes(_ROUTE, replace(_ROUTE, path="/open", authenticated=False)), {"6.4.3"}),
    ("a route in the clear", "api.routes", routes(replace(_ROUTE, encrypted=False)), {"6.4.3"}),
)  # fmt: skip
