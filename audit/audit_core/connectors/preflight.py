"""What is missing on our own side before anything is asked or stored.

Secrets and tools are looked for here, all else by the connectors, without a login. A target that is
down is nothing that we lack: it gets its status in the results.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from audit_core.api.hooks import Connector, Requirement
from audit_core.api.plugins import resolve_entry
from audit_core.connectors.connection_context import ResolvingContext, references
from audit_core.model import Lack, msg
from audit_core.model.errors import ConfigError, DengbaoError, ToolMissing

_MANAGERS = ("apt-get", "dnf", "yum", "zypper", "apk")


def lacks(contexts: Iterable[tuple[Connector, Sequence[ResolvingContext]]]) -> tuple[Lack, ...]:
    """What is missing for these contexts, each thing once with all targets that need it."""
    found: list[Lack] = []
    for connector, reached in contexts:
        targets = tuple(context.target.id for context in reached)
        tools = [_tool(need, targets) for need in connector.needs if missing(need)]
        found += [*tools, *_secrets(reached)]
        if not tools:
            found += _reported_by(connector, reached)
    return _merged(found)


def missing(need: Requirement) -> bool:
    """Whether `need` is not installed."""
    if need.program is not None and shutil.which(need.program) is not None:
        return False
    return need.module is None or importlib.util.find_spec(need.module) is None


def _tool(need: Requirement, targets: tuple[str, ...]) -> Lack:
    detail = msg("{name} is not installed; it is needed for {use}", name=need.name, use=need.use)
    return Lack(targets=targets, detail=detail, command=_install(need), tool=True)


def _install(need: Requirement) -> str:
    """The command that installs `need`."""
    if need.pip is not None:
        return f"pip install {shlex.quote(need.pip)}"
    manager = next((name for name in _MANAGERS if shutil.which(name) is not None), None)
    if need.package is None or manager is None:
        return ""
    verb = "add" if manager == "apk" else "install"
    return f"sudo {manager} {verb} {need.package}"


def _secrets(contexts: Iterable[ResolvingContext]) -> Iterator[Lack]:
    for context in contexts:
        for reference in references(context.access):
            try:
                context.secret(reference)
            except ConfigError as error:
                yield Lack(targets=(context.target.id,), detail=error.detail, command=error.command)


def _reported_by(connector: Connector, contexts: Sequence[ResolvingContext]) -> list[Lack]:
    """The problems that the connector reports; a connector that fails reports none."""
    if connector.preflight is None:
        return []
    try:
        return list(resolve_entry(connector.preflight)(contexts))
    except DengbaoError as error:
        targets = tuple(context.target.id for context in contexts)
        tool = isinstance(error, ToolMissing)
        return [Lack(targets=targets, detail=error.detail, command=error.command, tool=tool)]
    except Exception:  # noqa: BLE001 (code of a plugin: the run tells of each target what is wrong)
        return []


def _merged(found: Iterable[Lack]) -> tuple[Lack, ...]:
    """`found` with each thing once, the targets of all who need it together."""
    by_thing: dict[tuple[str, str], Lack] = {}
    for lack in found:
        thing = (str(lack.detail), lack.command)
        before = by_thing.get(thing)
        targets = lack.targets if before is None else (*before.targets, *lack.targets)
        by_thing[thing] = structs.replace(lack, targets=tuple(dict.fromkeys(targets)))
    return tuple(by_thing.values())
