"""A digest of the code and data that results rest on, so that changed code is noticed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator

import audit_core
from audit_core.api.plugins import Plugin, Registry

_SUFFIXES = (".py", ".so", ".yaml", ".yml", ".csv", ".json")


def code_digest(registry: Registry) -> str:
    """SHA-256 (hex) over the files of the core, of the plugins and of their policy folders.

    Plugins that only write results to files do not count: they change no result. Contents count,
    not times: two machines with the same code get the same digest. 280 files take about 15 ms.
    """
    total = hashlib.sha256()
    for name, top in sorted(_sources(registry)):
        for path in _files(top):
            total.update(f"{name} {path[len(top) :]} ".encode("utf-8", "surrogateescape"))
            total.update(_sha256(path))
    return total.hexdigest()


def _sources(registry: Registry) -> set[tuple[str, str]]:
    """Each package or policy folder with where it is."""
    names = {plugin.package for plugin in registry.plugins if not _only_exports(plugin)}
    found = {(name, place) for name in names for place in _package(name)}
    found |= {(folder.name, str(folder)) for folder in registry.policy_dirs}
    return found | {("audit_core", os.path.dirname(audit_core.__file__))}


def _only_exports(plugin: Plugin) -> bool:
    return bool(plugin.exporters) and not (plugin.facts or plugin.checks or plugin.connectors)


def _package(name: str) -> Iterator[str]:
    """The folder of the package of that name, or the file of the module."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is not None:
        yield os.path.dirname(file) if hasattr(module, "__path__") else file


def _files(top: str) -> Iterator[str]:
    """The files of code and data in `top`, in an order that does not depend on the machine."""
    if os.path.isfile(top):
        yield top
    for folder, below, names in os.walk(top):
        below.sort()
        yield from (f"{folder}/{name}" for name in sorted(names) if name.endswith(_SUFFIXES))


def _sha256(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as handle:
            return hashlib.sha256(handle.read()).digest()
    except OSError:
        return b""
