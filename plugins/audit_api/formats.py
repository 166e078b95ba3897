"""OpenAPI 3, Swagger 2, files of Kong, APISIX and nginx, as their documents describe them. Pure.

OpenAPI: `security` of an operation replaces that of the document; a requirement `{}` makes it
optional. A document that never speaks of `security` does not tell. Without `servers` the server is
`/`, where the document is: its scheme is not known.
Swagger: `schemes` of an operation replace those of the document; without any it is not known.
Kong: plugins are global, of a service or of a route, nested or by reference (`service`, `route`);
a disabled plugin does nothing. Routes take `http` and `https` unless `protocols` says otherwise;
then another device may end TLS before, and a service behind may ask who calls: neither is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from audit_api.apisix import is_apisix, routes_of_apisix
from audit_api.model import Route
from audit_api.nginx import routes_of_nginx
from audit_api.values import LONGEST, listed, mapping, text

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_HERE = ("localhost", "127.0.0.1", "::1")
"""Servers of a developer."""


class NoRoutes(Exception):
    """The document is of no known format."""


class Document:
    """The routes of a document, and what was left out of them. The root of nginx is its text."""

    def __init__(self, root: Any) -> None:
        self.format, read = _format(root)
        info = root.get("info") if isinstance(root, Mapping) else None
        self.title = text(info.get("title")) if isinstance(info, Mapping) else ""
        self.problems: list[str] = []
        self.routes = tuple(read(root, self.problems))


def _format(root: Any) -> tuple[str, Any]:
    if isinstance(root, Mapping):
        if str(root.get("openapi", "")).startswith("3."):
            return "openapi", _openapi
        if str(root.get("swagger", "")) == "2.0":
            return "swagger", _swagger
        if "_format_version" in root:
            return "kong", _kong
        if is_apisix(root):
            return "apisix", routes_of_apisix
    if isinstance(root, str):
        return "nginx", routes_of_nginx
    raise NoRoutes


# --- OpenAPI and Swagger --------------------------------------------------------------------------


def _operations(root: Mapping[str, Any], problems: list[str]
                ) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:  # fmt: skip
    for path, item in mapping(root.get("paths")).items():
        if not isinstance(item, Mapping):
            problems.append(f"{path[:LONGEST]}: no mapping")
            continue
        if "$ref" in item:
            problems.append(f"{path[:LONGEST]}: it refers to another place ($ref)")
        for method in _METHODS:
            if method in item:
                yield method.upper(), str(path)[:LONGEST], item, mapping(item[method])


def _names(operation: Mapping[str, Any]) -> tuple[str, ...]:
    found = [text(operation.get("operationId")), *map(text, listed(operation.get("tags")))]
    return tuple(name for name in found if name)[:20]


def _is_secured(root: Mapping[str, Any], operation: Mapping[str, Any]) -> bool | None:
    if not _tells_security(root):
        return None
    wanted = operation["security"] if "security" in operation else root.get("security")
    needs = [need for need in listed(wanted) if isinstance(need, Mapping)]
    if not needs or not all(needs):
        return False
    # a name that is not among those that are defined asks for nothing
    known = mapping(mapping(root.get("components")).get("securitySchemes"))
    known = known or mapping(root.get("securityDefinitions"))
    named = (name for need in needs for name in need)
    return True if not known or all(name in known for name in named) else None


def _tells_security(root: Mapping[str, Any]) -> bool:
    items = map(mapping, mapping(root.get("paths")).values())
    every = (mapping(item.get(method)) for item in items for method in _METHODS)
    return "security" in root or any("security" in operation for operation in every)


def _openapi(root: Mapping[str, Any], problems: list[str]) -> Iterator[Route]:
    for method, path, item, operation in _operations(root, problems):
        servers = operation.get("servers") or item.get("servers") or root.get("servers")
        urls = [text(mapping(server).get("url")).lower() for server in listed(servers)]
        yield Route(
            method=method, path=path, names=_names(operation), encrypted=_all_tls(urls),
            authenticated=_is_secured(root, operation),
        )  # fmt: skip


def _all_tls(urls: Iterable[str]) -> bool | None:
    """Whether all URLs are encrypted; None where a scheme is not told, or there is no URL."""
    found = list(urls)
    plain = [url for url in found if url.startswith(("http:", "ws:"))]
    if any(urlsplit(url).hostname not in _HERE for url in plain):
        return False
    if found and all(url.startswith(("https:", "wss:")) for url in found):
        return True
    return None


def _swagger(root: Mapping[str, Any], problems: list[str]) -> Iterator[Route]:
    for method, path, _, operation in _operations(root, problems):
        schemes = listed(operation.get("schemes") or root.get("schemes"))
        yield Route(
            method=method, path=(text(root.get("basePath")).rstrip("/") + path)[:LONGEST],
            names=_names(operation), authenticated=_is_secured(root, operation),
            encrypted=_all_tls(f"{text(scheme)}:" for scheme in schemes),
        )  # fmt: skip


# --- Kong -----------------------------------------------------------------------------------------

_LOGINS = frozenset({
    "basic-auth", "key-auth", "key-auth-enc", "jwt", "oauth2", "hmac-auth", "ldap-auth",
    "ldap-auth-advanced", "openid-connect", "mtls-auth", "session", "oauth2-introspection",
    "vault-auth", "header-cert-auth",
})  # fmt: skip
_MONITORS = frozenset({
    "prometheus", "http-log", "tcp-log", "udp-log", "file-log", "syslog", "loggly", "datadog",
    "statsd", "statsd-advanced", "kafka-log", "zipkin", "opentelemetry", "request-logger",
})  # fmt: skip
_LIMITS = frozenset({"rate-limiting", "rate-limiting-advanced", "response-ratelimiting"})


def _kong(root: Mapping[str, Any], problems: list[str]) -> Iterator[Route]:
    every = [p for p in listed(root.get("plugins")) if isinstance(p, Mapping)]
    for service in listed(root.get("services")):
        held = mapping(service)
        for route in listed(held.get("routes")):
            yield from _kong_route(every, held, mapping(route))
    by_name = {text(mapping(s).get("name")): mapping(s) for s in listed(root.get("services"))}
    for route in listed(root.get("routes")):
        held = mapping(route)
        yield from _kong_route(every, by_name.get(_reference(held, "service"), {}), held)


def _reference(held: Mapping[str, Any], name: str) -> str:
    """The name or id that refers to a service or route: text, or a mapping with one of them."""
    value = held.get(name)
    if isinstance(value, Mapping):
        return text(value.get("name")) or text(value.get("id"))
    return text(value)


def _kong_route(
    every: list[Mapping[str, Any]], service: Mapping[str, Any], route: Mapping[str, Any]
) -> Iterator[Route]:
    plugins = [*_plugins(every, service, route)]
    protocols = [str(p) for p in listed(route.get("protocols"))] or ["http", "https"]
    names = (text(route.get("name")), text(service.get("name")))
    methods = ",".join(text(m) for m in listed(route.get("methods"))) or "*"
    for path in listed(route.get("paths")) or ["/"]:
        yield Route(
            method=methods, path=text(path), names=tuple(name for name in names if name),
            authenticated=any(p in _LOGINS for p in plugins) or None,
            encrypted=not {"http", "grpc", "ws", "tcp"} & set(protocols) or None,
            limited=any(p in _LIMITS for p in plugins),
            monitored=any(p in _MONITORS for p in plugins),
        )  # fmt: skip


def _plugins(
    every: list[Mapping[str, Any]], service: Mapping[str, Any], route: Mapping[str, Any]
) -> Iterator[str]:
    """The names of the plugins that act on a route for every caller."""
    for plugin in every:
        if plugin.get("consumer") or plugin.get("consumer_group"):
            continue
        of_service, of_route = _reference(plugin, "service"), _reference(plugin, "route")
        there = (text(service.get("name")), text(service.get("id")))
        here = (text(route.get("name")), text(route.get("id")))
        if (not of_service or of_service in there) and (not of_route or of_route in here):
            yield from _enabled(plugin)
    for held in (service, route):
        for plugin in listed(held.get("plugins")):
            yield from _enabled(mapping(plugin))


def _enabled(plugin: Mapping[str, Any]) -> Iterator[str]:
    if plugin.get("enabled", True) is not False:
        yield text(plugin.get("name"))
