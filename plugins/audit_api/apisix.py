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


World = Mapping[str, Mapping[str, Mapping[str, Any]]]


def _others(
    route: Mapping[str, Any], world: World, problems: list[str]
) -> Iterator[Mapping[str, Any] | None]:
    """The service and the plugin_config that a route names; None for one that is not there."""
    for key, kind in (("service_id", "services"), ("plugin_config_id", "plugin_configs")):
        if key in route:
            other = world[kind].get(str(route[key]))
            if other is None:
                problems.append(f"{key} {str(route[key])[:50]} is not in the file")
            yield other


def _route(
    route: Mapping[str, Any], world: World, everywhere: list[Any], problems: list[str]
) -> Iterator[Route]:
    others = list(_others(route, world, problems))
    held = [route, *(other for other in others if other is not None)]
    plugins = _switched_on([*(one.get("plugins") for one in held), *everywhere])
    absent = None if None in others else False  # what is not in the file may have it
    redirect = mapping(plugins.get("redirect")).get("http_to_https") is True
    names = (text(route.get("name")), text(route.get("id")), *(text(o.get("name")) for o in held))
    methods = ",".join(text(m) for m in listed(route.get("methods"))) or _METHODS
    for path in [route["uri"]] if "uri" in route else listed(route.get("uris")):
        yield Route(
            method=methods, path=text(path), names=tuple(dict.fromkeys(filter(None, names))),
            authenticated=bool(_LOGINS & plugins.keys()) or None, encrypted=redirect or None,
            limited=bool(_LIMITS & plugins.keys()) or absent,
            monitored=bool(_MONITORS & plugins.keys()) or absent,
        )  # fmt: skip


def _switched_on(held: list[Any]) -> dict[str, Any]:
    """The plugins that do something, by name."""
    every = (item for one in held for item in mapping(one).items())
    return {name: config for name, config in every if not _is_off(config)}


def _is_off(config: Any) -> bool:
    held = mapping(config)
    return held.get("disable") is True or mapping(held.get("_meta")).get("disable") is True
