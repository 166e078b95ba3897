"""Routes of APISIX: `apisix.yaml`, or a list of its Admin API (`{"list": [{"value": …}]}`). Pure.

Plugins are of a route, its plugin_config, its service, or global; one with `_meta.disable` does
nothing. APISIX listens with and without TLS: only `redirect` with http_to_https makes a route
encrypted. A service behind may ask who calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audit_api.model import Route
from audit_api.values import listed, mapping, text

_LOGINS = frozenset({
    "key-auth", "jwt-auth", "basic-auth", "hmac-auth", "openid-connect", "wolf-rbac", "ldap-auth",
    "forward-auth", "cas-auth", "multi-auth", "authz-keycloak", "authz-casdoor", "opa",
})  # fmt: skip
_LIMITS = frozenset({"limit-req", "limit-count", "limit-conn", "graphql-limit-count"})
_MONITORS = frozenset({
    "prometheus", "http-logger", "kafka-logger", "rocketmq-logger", "tcp-logger", "udp-logger",
    "syslog", "file-logger", "clickhouse-logger", "elasticsearch-logger", "loki-logger",
    "sls-logger", "skywalking", "skywalking-logger", "zipkin", "opentelemetry", "datadog", "loggly",
    "google-cloud-logging", "splunk-hec-logging", "error-log-logger", "tencent-cloud-cls",
})  # fmt: skip
_METHODS = "*"


def is_apisix(root: Mapping[str, Any]) -> bool:
    """Whether a document has routes as APISIX writes them."""
    return any("uri" in route or "uris" in route for route in _items(root, "routes"))


def _items(root: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a kind; a list of the Admin API has one kind only."""
    found = listed(root.get(name))
    if name == "routes" and not found:
        found = [mapping(item).get("value") for item in listed(root.get("list"))]
    return [mapping(one) for one in found]


def routes_of_apisix(root: Mapping[str, Any], problems: list[str]) -> Iterator[Route]:
    """Each path of each route that is switched on."""
    world = {name: {str(one.get("id")): one for one in _items(root, name)}
             for name in ("services", "plugin_configs")}  # fmt: skip
    everywhere = [one.get("plugins") for one in _items(root, "global_rules")]
    for route in _items(root, "routes"):
        if route.get("status", 1) == 0:
            continue
        yield from _route(route, world, everywhere, problems)


def _route(
    route: Mapping[str, Any], world: Mapping[str, Mapping[str, Mapping[str, Any]]],
    everywhere: list[Any], problems: list[str],
) -> Iterator[Route]:  # fmt: skip
    held, whole = [route.get("plugins"), *everywhere], True
    names = [text(route.get("name")), text(route.get("id"))]
    for key, kind in (("service_id", "services"), ("plugin_config_id", "plugin_configs")):
        if key not in route:
            continue
        other = world[kind].get(str(route[key]))
        if other is None:
            whole = False
            problems.append(f"{key} {str(route[key])[:50]} is not in the file")
            continue
        held.append(other.get("plugins"))
        names.append(text(other.get("name")))
    plugins = {name: config for one in held for name, config in mapping(one).items()
               if not _is_off(config)}  # fmt: skip
    redirect = mapping(plugins.get("redirect")).get("http_to_https") is True
    methods = ",".join(text(m) for m in listed(route.get("methods"))) or _METHODS
    for path in (
        [text(route.get("uri"))] if "uri" in route else map(text, listed(route.get("uris")))
    ):
        yield Route(
            method=methods, path=path, names=tuple(name for name in names if name),
            authenticated=bool(_LOGINS & plugins.keys()) or None, encrypted=redirect or None,
            limited=bool(_LIMITS & plugins.keys()) or (False if whole else None),
            monitored=bool(_MONITORS & plugins.keys()) or (False if whole else None),
        )  # fmt: skip


def _is_off(config: Any) -> bool:
    held = mapping(config)
    return held.get("disable") is True or mapping(held.get("_meta")).get("disable") is True
