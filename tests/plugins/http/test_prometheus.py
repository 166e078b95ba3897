"""Figures of a Prometheus server. The recording is of a real one (see `about` in it)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from audit_core.api.sdk import Answer, Target
from audit_core.inventory.reading import read_inventory
from audit_core.model import HostName, SecretRef, Status, Verdict
from audit_core.model.errors import InputError
from audit_core.policy.strict_yaml import load_bytes
from audit_http import session
from audit_http.kind import WebAccess
from audit_http.prometheus import Figure, Figures, ask, parse, read
from audit_http.prometheus_checks import availability, error_rate, peak_use, response_times
from hostile.http_answers import HttpPeer, page
from installed import registry

RECORDED: Any = json.loads((Path(__file__).parent / "prometheus-2.42.json").read_text())
P, F, U, NA = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE


def target(url: str = "http://prom.example/", **settings: Any) -> Target:
    return Target(id="prom", kind="prometheus", object_type="application",
                  settings={"url": url, **settings})  # fmt: skip


def figures() -> Figures:
    found = [read(a["name"], a["status"], a["document"]) for a in RECORDED["answers"]]
    return Figures(by_name={figure.name: figure for figure in found})


def only(number: int, **more: Any) -> tuple[Target, Figures]:
    """A target with one of the recorded calls, and its figures."""
    seen = {
        name.replace(f"{number}.", "0.", 1): figure
        for name, figure in figures().by_name.items()
        if name.startswith(f"{number}.")
    }
    call = {**RECORDED["settings"]["measured"][number], **more}
    return target(measured=[call]), Figures(by_name=seen)


def test_what_a_real_server_measured() -> None:
    queries = ask(target(**RECORDED["settings"]))
    assert [list(q) for q in queries.queries] == [  # type: ignore[union-attr]
        [a["name"], a["query"]] for a in RECORDED["answers"]
    ]
    pay, shop, mistyped, no_label, new, gone, nan, reset = range(8)
    for check, number, more, verdict in (
        (response_times, pay, {}, P), (response_times, pay, {"p95_ms": 468}, F),
        (response_times, pay, {"p95_ms": None}, U), (response_times, mistyped, {}, U),
        (response_times, shop, {}, NA),
        (error_rate, pay, {}, P), (error_rate, pay, {"errors_percent": 0.04}, F),
        # no errors are seen where the selector or the label is mistyped: that is no pass
        (error_rate, mistyped, {}, U), (error_rate, no_label, {}, U),
        (error_rate, new, {}, U),  # values of two hours
        (availability, pay, {}, F), (availability, pay, {"available_percent": 99.8}, P),
        (availability, shop, {}, F), (availability, new, {}, NA),
        # in 8 of 100 hours nothing was measured: it may have been down
        (availability, gone, {}, U), (availability, gone, {"available_percent": 92}, P),
        (availability, nan, {}, U), (error_rate, reset, {}, P),
    ):  # fmt: skip
        made = check.judge(*only(number, **more))
        assert made.verdict is verdict, (check.id, number, more, made)
    made = response_times.judge(*only(pay))
    assert str(made.detail[0]) == (
        "pay: median 83.33 ms, 95th percentile 468.4 ms; target at most 500 ms"
    )
    few_hours = Figures(by_name={**only(pay)[1].by_name, "0.duration-hours": Figure(
        name="x", series=(({}, "100"),))})  # fmt: skip
    made = response_times.judge(only(pay)[0], few_hours)
    assert made.verdict is U
    assert "values of 100 of 168 hours only" in str(made.detail[0])
    assert response_times.judge(only(pay)[0], few_hours, min_hours_percent=50).verdict is P
    cpu, bad, _ = RECORDED["settings"]["capacity"]
    assert peak_use.judge(target(capacity=[cpu]), figures()).verdict is P
    assert peak_use.judge(target(capacity=[cpu]), figures(), max_percent=45).verdict is F
    assert peak_use.judge(target(capacity=[cpu, bad]), figures()).verdict is U
    # values of two hours only
    assert peak_use.judge(target(**RECORDED["settings"]), figures()).verdict is U
    short = Figures(by_name={f"0.{name}": figures().by_name[f"2.{name}"]
                             for name in ("used", "used-hours")})  # fmt: skip
    assert peak_use.judge(target(capacity=[cpu]), short).verdict is U


def test_values_that_are_no_numbers_settle_nothing() -> None:
    for value in ("NaN", "+Inf", "x"):
        counted = Figure(name="0.requests", series=(({"code": "200"}, value),))
        by_name = {"0.p95": Figure(name="0.p95", series=(({}, value),)), "0.requests": counted}
        where = only(0)[0]
        for check in (response_times, error_rate):
            assert check.judge(where, Figures(by_name=by_name)).verdict is U
    # a label that is there, but is no status
    named = Figure(name="0.requests", series=(({"code": "OK"}, "9"), ({"code": "500"}, "1")))
    assert error_rate.judge(only(0)[0], Figures(by_name={"0.requests": named})).verdict is U


class Here:
    """A way to the server on loopback."""

    def __init__(self, port: int, **access: Any) -> None:
        self.target = target(f"http://prom.example:{port}/base/", **RECORDED["settings"])
        self.access = WebAccess(address=HostName("prom.example"), clear_text=True, **access)

    def address(self, name: str) -> str:
        return "127.0.0.1"

    def secret(self, reference: str) -> str:
        return "Bearer x"


def test_a_session_with_a_server() -> None:
    by_query = {a["query"]: a for a in RECORDED["answers"]}

    def answer(method: str, path: str, headers: dict[str, str]) -> Any:
        if headers.get("authorization") != "Bearer x":
            return page("", "401 Unauthorized")
        split = urlsplit(path)
        (query,) = parse_qs(split.query).get("query", [""])
        if not query:
            return page("", "405 Method Not Allowed")
        assert split.path == "/base/api/v1/query"
        one = by_query[query]
        odd = {
            "1.up": "<html>",
            "3.requests-hours": "[" * 5000,
            "4.requests": '{"status": "success"}',
        }
        return page(odd.get(one["name"]) or json.dumps(one["document"]), f"{one['status']} Said")

    peer = HttpPeer(answer)
    with peer.listening() as port, session.open(Here(port, token=SecretRef("env:T"))) as opened:
        (reply,) = opened.ask([ask(opened_target(port))])  # type: ignore[list-item]
    assert reply.status is Status.ANSWERED, reply
    found = parse(Answer(stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
                         collected_at="2026-11-29T00:00:00Z", target=target()))  # fmt: skip
    assert found.one("0.p95") == pytest.approx(468.4, abs=0.1)
    assert "parse error" in found.by_name["1.used"].error
    for name in ("1.up", "3.requests-hours", "4.requests"):
        assert found.by_name[name].error == "no answer of Prometheus"
    assert msgspec.json.decode(reply.stdout.splitlines()[0])["status"] == 200


def opened_target(port: int) -> Target:
    return target(f"http://prom.example:{port}/base/", **RECORDED["settings"])


def test_what_is_no_selector_is_refused() -> None:
    inventory = """targets: [{id: p, kind: prometheus, url: 'http://p.example/', access: {},
      address: p.example, measured: [{name: a, requests: '%s'}]}]"""
    for text, right in (("a_total", True), ('a{b="c"}', True), ("sum(a)", False),
                        ("a[7d]", False), ("a} or vector(0) or {", False)):  # fmt: skip
        document = load_bytes((inventory % text).encode(), "i.yaml")
        if right:
            read_inventory(document, registry())
            continue
        with pytest.raises(InputError, match=r"targets\[0\]\.measured\[0\]\.requests"):
            read_inventory(document, registry())
