"""A third-party plugin with a catalog, a mapping and a profile, installed into a directory."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

_HEAD = """
from pathlib import Path
from typing import Any, ClassVar
from audit_core.api.hooks import Connector, hookimpl
from audit_core.api.sessions import OneByOne
from audit_core.model import Reply, Request, SessionInfo, Status
from audit_core.api.sdk import *
from audit_core.api.sdk import msg, fact, check, expect, passed, failed
from audit_core.api.sdk import Command, ParseError, Privilege, ReadFile, Severity, verbatim

HERE = Path(__file__).parent

class Probe(Request, frozen=True, kw_only=True, tag="toy.probe"):
    evidence_kind: ClassVar[str] = "probe"
    prober: str
    args: dict[str, Any] = {}
    timeout_s: int = 60

    def describe(self):
        return " ".join((self.prober, *(f"{k}={v}" for k, v in sorted(self.args.items()))))

def probing(answer):
    # opens a session that answers with the bytes of `answer(request)`; nobody logs in
    return lambda way: OneByOne(
        lambda request: Reply(request=request, stdout=answer(request)),
        SessionInfo(connector="toy"),
    )

def prober(name, *kinds):
    return Connector(name=name, kinds=kinds, accepts=(Probe,), open=f"{__name__}:{name}",
                     isolated=True)
"""

_CATALOG = """\
id: toy
title: {zh: 玩具标准, en: Toy standard}
edition: "1"
source: made up for this test
confidence: read
licence: none
object_types:
  - {id: server, zh: 服务器, en: Server}
  - {id: database, zh: 数据库, en: Database}
layers:
  - {id: computing, zh: 计算, en: Computing, objects: [server, database], concerns_all: true}
"""


def install(
    site: Path, name: str, source: str, *, files: Mapping[str, str] | None = None, head: str = _HEAD
) -> Path:
    """Package `name` with its metadata in `site`, as pip would leave them."""
    package = site / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(head + textwrap.dedent(source))
    for path, text in (files or {}).items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dengbao.plugins]\n{name} = {name}\n")
    return package


def policy(checks: Sequence[str], role: str = "settles") -> dict[str, str]:
    """A catalog with one clause per check, its mapping and the profile `toy`."""
    rows = "".join(
        f"1.{n},1,general,条款{n},computing,控制点,examine,server,服务器\n"
        for n, _ in enumerate(checks)
    )
    heads = "id,level,scope,gist,layer_id,control_point,methods,applies_to,objects\n"
    mapping = "".join(
        f"- clause: 1.{n}\n  checks:\n    - {{check: {check}, role: {role}}}\n"
        for n, check in enumerate(checks)
    )
    profile = (
        "id: toy\ntitle: {zh: 玩具, en: Toy}\n"
        "catalogs:\n  - {catalog: toy, level: 1, scopes: [general]}\n"
    )
    return {
        "catalogs/toy/catalog.yaml": _CATALOG,
        "catalogs/toy/clauses.csv": heads + rows,
        "mappings/toy.yaml": mapping,
        "profiles/toy.yaml": profile,
    }


OFFERS = """
@hookimpl
def dengbao_checks():
    return [v for v in globals().values() if type(v).__name__ == "Check"]

@hookimpl
def dengbao_policy():
    return [HERE]
"""


def toy(site: Path, source: str, checks: Sequence[str], *, name: str = "toyplugin") -> Path:
    """A plugin that offers every check in `source`, and the profile `toy` with `checks`."""
    return install(site, name, source + OFFERS, files=policy(checks))
