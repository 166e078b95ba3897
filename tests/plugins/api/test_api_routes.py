"""Routes in OpenAPI and Swagger documents and files of Kong. All files are invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_api import session
from audit_api.checks import authenticated, encrypted, limited, monitored, registered
from audit_api.facts import ROUTES, RouteTable
from audit_api.request import Routes
from audit_core.api.declared_files import Unreadable
from audit_core.api.sdk import Answer, Known, Partial, Target
from audit_core.model import Status, Verdict

P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
OPENAPI = """openapi: 3.0.3
info: {title: Pay, version: "1.0"}
servers: [{url: https://api.bank.example/v1}]
security: [{token: []}]
paths:
  /pay:
    post: {operationId: createPayment, tags: [payments], responses: {"200": {description: done}}}
  /login:
    post: {security: [], responses: {}}
    parameters: []
"""
SWAGGER: dict[str, Any] = {
    "swagger": "2.0", "info": {"title": "Old"}, "basePath": "/v1/", "schemes": ["https"],
    "paths": {"/rates": {"get": {"security": [{"key": []}]}}},
}  # fmt: skip
KONG = """_format_version: "3.0"
plugins:
  - {name: rate-limiting, config: {minute: 60}}
  - {name: key-auth, service: pay}
services:
  - name: pay
    url: http://10.1.0.5
    routes:
      - {name: pay-route, paths: [/pay, /refund], methods: [POST], protocols: [https]}
  - name: info
    routes:
      - {name: info-route, paths: [/info]}
routes:
  - {name: alone, paths: [/alone], service: {name: pay}, protocols: [https],
     plugins: [{name: jwt, enabled: false}]}
"""


def target(**settings: Any) -> Target:
    return Target(id="r", kind="routes", object_type="register", settings=settings)


def read(text: str | dict[str, Any], name: str = "api.yaml", **more: Any) -> RouteTable | Partial:
    raw = (text if isinstance(text, str) else json.dumps(text)).encode()
    stdout = session.lines_of(Routes(**more), name, raw)
    answer = Answer(stdout=stdout, stderr=b"", exit_code=0, truncated=False,
                    collected_at="2026-11-29T12:00:00Z", target=target())  # fmt: skip
    (provider,) = ROUTES.providers
    found = provider.parse(answer)
    assert isinstance(found, RouteTable | Partial)
    return found


def table(text: str | dict[str, Any]) -> RouteTable:
    found = read(text)
    assert isinstance(found, RouteTable), found
    return found


def test_openapi_and_swagger() -> None:
    made = table(OPENAPI)
    assert [(r.label, r.authenticated, r.encrypted, r.limited) for r in made.routes] == [
        ("POST /pay", True, True, None), ("POST /login", False, True, None),
    ]  # fmt: skip
    assert authenticated.judge(target(), made).verdict is F
    assert authenticated.judge(target(open_routes=["/login"]), made).verdict is P
    assert encrypted.judge(made).verdict is P
    assert limited.judge(made).verdict is N
    for old, new, auth, tls in (
        ("[{token: []}]", "[{token: []}, {}]", False, True),  # a login is optional
        ("https://api", "http://api", True, False),
        ("https://api.bank.example/v1", "http://localhost:8080", True, None),
        ("https://api.bank.example/v1", "/v1", True, None),
        ("servers: [{url: https://api.bank.example/v1}]\n", "", True, None),
    ):
        first = table(OPENAPI.replace(old, new)).routes[0]
        assert (first.authenticated, first.encrypted) == (auth, tls), new
    silent = OPENAPI.replace("security: [{token: []}]\n", "").replace("security: [], ", "")
    assert authenticated.judge(target(), table(silent)).verdict is U
    (rates,) = table(SWAGGER).routes
    assert (rates.label, rates.authenticated, rates.encrypted) == ("GET /v1/rates", True, True)
    plain = table({**SWAGGER, "schemes": ["https", "http"]})
    assert encrypted.judge(plain).verdict is F
    assert encrypted.judge(table({**SWAGGER, "schemes": []})).verdict is U
    apart = {**SWAGGER, "paths": {**SWAGGER["paths"], "/x": {"$ref": "x.yaml"}}}
    assert isinstance(read(apart), Partial)


def test_kong() -> None:
    made = table(KONG)
    assert [(r.label, r.authenticated, r.encrypted, r.limited) for r in made.routes] == [
        ("POST /pay", True, True, True), ("POST /refund", True, True, True),
        ("* /info", None, None, True), ("* /alone", True, True, True),
    ]  # fmt: skip
    # a service behind may ask who calls, another device may end TLS
    assert authenticated.judge(target(), made).verdict is U
    assert encrypted.judge(made).verdict is U
    assert limited.judge(made).verdict is P
    few = table(KONG.replace("rate-limiting, ", "rate-limiting, service: pay, "))
    assert limited.judge(few).verdict is F
    consumer = table(KONG.replace("key-auth, service: pay", "key-auth, consumer: x"))
    assert consumer.routes[0].authenticated is None


class Rows:
    """A register of interfaces."""

    def __init__(self, *names: str) -> None:
        self.rows = tuple({"interface": name} for name in names)


APISIX = """
routes:
  - {id: 1, name: pay, uri: /pay/*, service_id: s1, plugins: {redirect: {http_to_https: true}}}
  - {id: 2, uris: [/info, /rates], plugin_config_id: c1}
  - {id: 3, uri: /old, status: 0}
  - {id: 4, uri: /dark, service_id: gone}
  - {id: 5, uri: /off, plugins: {key-auth: {_meta: {disable: true}}, limit-req: {rate: 1}}}
services: [{id: s1, name: payments, plugins: {jwt-auth: {}, limit-count: {count: 9}}}]
plugin_configs: [{id: c1, plugins: {basic-auth: {}}}]
global_rules: [{id: 1, plugins: {prometheus: {}}}]
#END
"""


def facts_of(found: RouteTable | Partial) -> list[tuple[str, Any, Any, Any, Any]]:
    made = found.value if isinstance(found, Partial) else found
    return [(r.path, r.authenticated, r.encrypted, r.limited, r.monitored) for r in made.routes]


def test_apisix() -> None:
    found = read(APISIX)
    assert isinstance(found, Partial)  # a service that is not in the file
    assert "service_id gone" in str(found.problems)
    assert facts_of(found) == [
        ("/pay/*", True, True, True, True), ("/info", True, None, False, True),
        ("/rates", True, None, False, True), ("/dark", None, None, None, True),
        ("/off", None, None, True, True),
    ]  # fmt: skip
    listed = {"list": [{"value": {"id": "1", "uri": "/a", "plugins": {"limit-req": {}}}}]}
    assert facts_of(table(listed)) == [("/a", None, None, True, False)]
    assert monitored.judge(table(listed)).verdict is F
    assert monitored.judge(table(OPENAPI)).verdict is N


# as nginx 1.22 prints it with -T, shortened
NGINX = """# configuration file /etc/nginx/nginx.conf:
http {
  access_log /var/log/nginx/a;  # a comment with { in it
  limit_req zone=z;
  include /etc/nginx/conf.d/*.conf;
}
# configuration file /etc/nginx/conf.d/a.conf:
server { listen 80; server_name a; return 301 https://$host$request_uri; }
server {
  listen 443 ssl; listen [::]:443 ssl;
  auth_basic "a } b";
  location /open { auth_basic off; access_log off; proxy_pass http://${up}/x; }
  location ~ "^/r{1}" { limit_conn c 1; location /in { internal; } }
  location @named { proxy_pass http://b; }
}
server { listen 8080; location / { root /srv; } }
"""


def test_nginx() -> None:
    assert facts_of(read(NGINX, "nginx.conf")) == [
        ("/open", None, True, True, False), ("^/r{1}", True, True, True, True),
        ("/", None, False, True, True),
    ]  # fmt: skip
    left_out = read(NGINX.replace("# configuration file /", "# "), "nginx.conf")
    assert isinstance(left_out, Partial)
    assert "use nginx -T" in str(left_out.problems)
    for text in ("http {", "http }", "server { listen 80 }", "{}"):
        with pytest.raises(Unreadable, match="no configuration of nginx"):
            read(text, "nginx.conf")


def test_security_of_each_operation() -> None:
    document: dict[str, Any] = {
        "openapi": "3.1.0", "servers": [{"url": "https://a"}], "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "apiKey"}}},
        "webhooks": {"x": {"post": {}}},
    }  # fmt: skip
    for security, verdict in (
        (None, True), ([], False), ([{}], False), ([{"key": []}, {}], False),
        ([{"key": []}], True), ([{"kye": []}], None), ("key", False),
    ):  # fmt: skip
        operation: dict[str, Any] = {} if security is None else {"security": security}
        (route,) = table({**document, "paths": {"/a": {"get": operation}}}).routes
        assert route.authenticated is verdict, security


def test_routes_and_the_register() -> None:
    own = Target(id="i", kind="interfaces_register", object_type="register")
    made = table(OPENAPI)
    for names, settings, verdict in (
        (("createpayment", "/login"), {}, P), (("POST /pay", "POST /LOGIN"), {}, P),
        (("payments",), {}, F), ((), {"interface": "pay-api"}, F),
        (("Pay-API",), {"interface": "pay-api"}, P),
    ):  # fmt: skip
        registers: Any = ((own, Known(value=Rows(*names))),)
        assert registered.judge(target(**settings), made, registers).verdict is verdict, names
    assert registered.judge(target(), made, ()).verdict is U


def test_files_that_are_none(tmp_path: Path) -> None:
    deep = "[" * 100_000
    for raw in ("", "a: b", "{}", "[]", '{"openapi": "2"}', "{", deep, "a: *b", "\0", "a: &x [*x]",
                '{"a":' * 5000):  # fmt: skip
        with pytest.raises(Unreadable):
            read(raw)
    for root in ({"openapi": "3.1.0"}, {"openapi": "3.1.0", "paths": []},
                 {"swagger": "2.0", "paths": {"/a": {"get": None}}}, {"_format_version": 1,
                  "services": [1, {"routes": [2]}], "routes": {}, "plugins": [None]}):  # fmt: skip
        assert isinstance(read(root), RouteTable)
    assert isinstance(read({"openapi": "3.0.0", "paths": {"/a": 1}}), Partial)
    many = {"openapi": "3.0.0", "paths": {f"/{n}": {"get": {}} for n in range(20)}}
    with pytest.raises(Unreadable, match="more than 5"):
        read(many, rows=5)
    (tmp_path / "a.json").write_text(json.dumps(SWAGGER))
    for name, status in (("a.json", Status.ANSWERED), ("b", Status.UNREACHABLE),
                         (".", Status.NOT_REGULAR)):  # fmt: skip
        assert session.answered(Routes(), tmp_path / name).status is status
