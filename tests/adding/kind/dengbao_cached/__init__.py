"""Caches that run on a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_core.api.hooks import hookimpl
from audit_core.api.sdk import (
    TARGET,
    Check,
    Judgement,
    Kind,
    Part,
    Port,
    Propose,
    Refusal,
    Schema,
    Severity,
    Target,
    check,
    expect,
    msg,
    settings_of,
)


class CacheSettings(Schema, frozen=True, kw_only=True):
    port: Port
    max_memory_mb: int | None = None

    def refusals(self) -> Iterator[Refusal]:
        if self.max_memory_mb is not None and self.max_memory_mb < 1:
            yield Refusal(place=("max_memory_mb",), expected=msg("a number above 0"))


def caches(target: Target, listeners: Any) -> list[Part]:
    return [
        Part(settings={"port": item.port}, why=msg("{socket} listens", socket=item.text))
        for item in listeners
        if item.process == "cached"
    ]


CACHE = Kind(
    id="cache",
    title=msg("Cache"),
    object_types=("database", "application"),
    settings=CacheSettings,
    example={"port": 7000},
    parents=("host",),
    part_key="caches",
    part_name=lambda id, settings: id or f"cache:{settings['port']}",
    identity=("port",),
    needs_access=True,
    propose=(Propose(parent="host", needs=("linux.listeners",), make=caches),),
)


@check("cache.limited", needs=TARGET, kind="cache", severity=Severity.LOW)
def limited(target: Target) -> Judgement:
    """The cache has a memory limit."""
    most = settings_of(target, CacheSettings).max_memory_mb
    detail = msg("max_memory_mb is {most}", most=most)
    return expect(most is not None, detail=detail, expected=msg("a limit"))


@hookimpl
def dengbao_kinds() -> list[Kind]:
    return [CACHE]


@hookimpl
def dengbao_checks() -> list[Check]:
    return [limited]


@hookimpl
def dengbao_policy() -> list[Path]:
    return [Path(__file__).parent]
