"""Settings of a device that its administrator saved as JSON, for devices nobody may log in to."""

from __future__ import annotations

from typing import ClassVar

from audit_core.api.hooks import Connector, hookimpl
from audit_core.api.sdk import AccessSchema, Fact, Request, fact


class Setting(Request, frozen=True, kw_only=True, tag="dengbao_exported.setting"):
    """One setting, by its name."""

    evidence_kind: ClassVar[str] = "setting"

    name: str

    def describe(self) -> str:
        """The name."""
        return self.name


class ExportedAccess(AccessSchema, frozen=True, kw_only=True):
    """`file` is what the administrator saved."""

    file: str


EXPORTED = Connector(
    name="exported",
    kinds=("host",),
    accepts=(Setting,),
    access=ExportedAccess,
    open="dengbao_exported.session:open",
)
BANNER = fact(
    "exported.banner",
    str,
    kind="host",
    ask=Setting(name="banner"),
    parse=lambda answer: answer.text,
)


@hookimpl
def dengbao_connectors() -> list[Connector]:
    return [EXPORTED]


@hookimpl
def dengbao_facts() -> list[Fact]:
    return [BANNER]
