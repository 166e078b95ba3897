"""The hooks of plugins. A hook returns offers and does no work."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy
from msgspec import Struct

from audit_core.model import (
    Check,
    Description,
    Fact,
    Kind,
    KindSettings,
    Message,
    RedactionRule,
    Request,
)

if TYPE_CHECKING:
    from audit_core.model.forms import Form
    from audit_core.model.results import PackSource

PROJECT = "dengbao"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


Grant = tuple[Struct, tuple[Request, ...]]
"""An access of the inventory, and the requests that would be sent over it."""


class Requirement(Struct, frozen=True, kw_only=True):
    """A Python `module` or a `program` that a connector needs, `name` as users know it, for what.

    `pip` is what pip is asked to install, `package` the package of the system, where it has one
    name everywhere. `doctor` and the preflight of a run look for it; nothing of it is imported.
    """

    name: str
    use: Message
    module: str | None = None
    program: str | None = None
    pip: str | None = None
    package: str | None = None


class Connector(Struct, frozen=True, kw_only=True):
    """A way to ask targets of `kinds` the requests in `accepts`.

    `access` is the schema of `access:` in the inventory, None where nobody logs in; fields of the
    types `SecretRef`, `KeyFile` and `HostName` are resolved by the core. `open` is
    `module:function`, imported only when it is used:
    `function(context: ConnectionContext) -> Session`.

    `credentials(access)` names what is offered to the target, never its value, and then what is
    offered to a host in between; empty where nothing is offered. Without it the user and the
    references to secrets are the name. What three targets refused under one name is not tried on
    more; a login whose process ends before it tells counts as refused. Each target is logged in
    to once. `identities(access)` names the server by what is known of it on this machine, such as
    its host keys: an account counts as one under all addresses of a server. It contacts nobody.
    `grants(what, user, say)` is the text with the least rights for `user`, in the language of the
    other side, its remarks rendered by `say`. `isolated`: it runs in a process of its own with a
    limit on memory, as everything that uses a driver library or reads what strangers send.
    `login_s` is how long opening may take.

    `needs` is what it needs on this machine. `preflight` and `peers` are `module:function`,
    imported in our own process when used, and called with the contexts of all targets that it
    reaches. `preflight(contexts: Sequence[ConnectionContext]) -> Iterable[Lack]` yields what is
    missing before anything is stored. It logs in nowhere, contacts as few hosts as it can, and
    does not report a target that is down: the run gives it its status.
    `peers(contexts: Sequence[ConnectionContext]) -> Iterable[Peer]` yields the identities that the
    servers show, for a person to compare. It logs in to jump hosts only.
    """

    name: str
    kinds: tuple[str, ...]
    accepts: tuple[type[Request], ...]
    open: str
    access: type[Struct] | None = None
    credentials: Callable[[Any], tuple[str, ...]] | None = None
    identities: Callable[[Any], tuple[str, ...]] | None = None
    grants: Callable[[Sequence[Grant], str, Callable[[Message], str]], str] | None = None
    isolated: bool = False
    login_s: int = 60
    needs: tuple[Requirement, ...] = ()
    preflight: str | None = None
    peers: str | None = None


Write = Callable[["PackSource", Path], Iterable[Path]]
"""Puts files into a folder of its own and returns their paths; the pack takes them."""


class Template(Struct, frozen=True, kw_only=True):
    """An organisation's own document that can be filled; `notes` say what of it is not kept."""

    write: Write
    notes: tuple[Message, ...] = ()


class Exporter(Struct, frozen=True, kw_only=True):
    """Writes results in one file format.

    `template(template, map)` opens a document with one of the `suffixes` (in lower case) and the
    file that says what goes where in it; it raises InputError where they do not fit each other or
    are dangerous, before anything is packed. `template_map` is the schema of that file.
    """

    name: str
    write: Write
    suffixes: tuple[str, ...] = ()
    template: Callable[[Path, Path], Template] | None = None
    template_map: type[Struct] | None = None


class Importer(Struct, frozen=True, kw_only=True):
    """Reads back what people filled in in a document that an exporter wrote.

    `suffixes` are those of its files, in lower case. `read(path, raw)` is given the bytes of the
    file; it tells the rows that a person changed and raises InputError where the file is none of
    its own, is dangerous, or a row is not recognised with certainty: with the place and the reason.
    It opens nothing, follows no link and evaluates no formula.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, bytes], Form]


@hookspec
def dengbao_facts() -> Iterable[Fact]:
    """Facts that this plugin offers."""
    raise NotImplementedError


@hookspec
def dengbao_checks() -> Iterable[Check]:
    """Returns the checks that this plugin offers."""
    raise NotImplementedError


@hookspec
def dengbao_kinds() -> Iterable[Kind | KindSettings]:
    """Kinds of targets, and settings for targets of kinds that others offer."""
    raise NotImplementedError


@hookspec
def dengbao_descriptions() -> Iterable[Description]:
    """Returns the lines that record sheets show about a target above its records."""
    raise NotImplementedError


@hookspec
def dengbao_connectors() -> Iterable[Connector]:
    """Returns the connectors that this plugin offers."""
    raise NotImplementedError


@hookspec
def dengbao_redaction() -> Iterable[RedactionRule]:
    """What looks like a secret in answers of the programs that this plugin knows.

    Each rule holds for every answer of every target, beside the rules of the core: it can only add
    to what is cut. SECURITY.md lists the names.
    """
    raise NotImplementedError


@hookspec
def dengbao_exporters() -> Iterable[Exporter]:
    """Exporters that write the files of a pack."""
    raise NotImplementedError


@hookspec
def dengbao_importers() -> Iterable[Importer]:
    """Importers that read back what people filled in."""
    raise NotImplementedError


@hookspec
def dengbao_policy() -> Iterable[Path]:
    """Folders with `catalogs/`, `mappings/` or `profiles/`."""
    raise NotImplementedError


@hookspec
def dengbao_locales() -> Iterable[Path]:
    """The folder with `LANG/LC_MESSAGES/DOMAIN.mo`; DOMAIN is the plugin's top-level package.

    It translates the messages that modules of this package write, and no others.
    """
    raise NotImplementedError


def offers(*places: str) -> Callable[[], tuple[Any, ...]]:
    """An implementation of a hook that joins the offers at `places`, each `module:NAME`.

    The modules are imported when the hook is called, so that importing a plugin stays cheap::

        dengbao_facts = offers("my_plugin.facts:FACTS")
    """

    def offered() -> tuple[Any, ...]:
        return tuple(offer for place in places for offer in _imported(place))

    return hookimpl(offered)


def _imported(place: str) -> Iterable[Any]:
    module, _, name = place.partition(":")
    found: Iterable[Any] = getattr(importlib.import_module(module), name)
    return found


def locale_beside(file: str) -> Callable[[], tuple[Path, ...]]:
    """An implementation of `dengbao_locales`: the folder `locale` beside a plugin's `__file__`."""

    def offered() -> tuple[Path, ...]:
        return (Path(file).parent / "locale",)

    return hookimpl(offered)
