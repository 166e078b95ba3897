"""An inventory: the system, its targets and, separately, the access to each."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct

from audit_core.model import Target
from audit_core.policy.strict_yaml import Document

THIS_MACHINE = hashlib.sha256(b"this machine").hexdigest()


class Access(Struct, frozen=True, kw_only=True):
    """How to reach a target: the connector's name, and what its access schema holds."""

    via: str
    settings: Any


class System(Struct, frozen=True, kw_only=True):
    """The system under assessment, as declared. `extensions` are scopes of catalogs."""

    name: str | None = None
    level: int | None = None
    extensions: tuple[str, ...] = ()
    business_system: str | None = None
    owner: str | None = None


class Inventory(Struct, frozen=True, kw_only=True):
    """All targets, parts after their parents, and how to reach each, by target id.

    `scope` are the networks that may be contacted; None where none were declared. `sha256` is that
    of the file; `THIS_MACHINE` stands for the one nobody wrote. `document` is the file, so that a
    later stage can say on which line something is wrong.
    """

    system: System
    targets: tuple[Target, ...]
    access: dict[str, Access]
    scope: tuple[str, ...] | None = None
    sha256: str = ""
    document: Document | None = None

    def access_of(self, target: Target) -> Access | None:
        """How `target`, or what it is a part of, is reached; None where nothing is declared."""
        id, over = target.id, target.parent or ""
        while id not in self.access and over:
            id, over = over, over.rpartition("/")[0]  # a part's id begins with that of its parent
        return self.access.get(id)
