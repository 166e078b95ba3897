"""A small policy: two catalogs, a mapping and a profile, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

import audit_profiles
from audit_core.api.sdk import Command as Ask
from audit_core.api.sdk import Down, Subset, Up, check, fact, passed
from audit_core.model import Judgement, Role, Severity
from audit_core.model.errors import InputError
from audit_core.policy import Profile, load_profile

SHIPPED = Path(audit_profiles.__file__).parent
FACT = fact("t.fact", int, kind="host", ask=Ask(argv=("true",)), parse=lambda answer: 1)


@check("t.length", needs=FACT, severity=Severity.HIGH)
def length(
    value: int,
    *,
    minimum: Annotated[int, Up] = 8,
    days: Annotated[int | None, Down] = None,
    allowed: Annotated[frozenset[str], Subset] = frozenset({"a", "b"}),
    word: str = "x",
    strict: Annotated[bool, Up] = False,
) -> Judgement:
    """Long enough."""
    return passed()


CHECKS = {length.id: length}

CATALOG = """\
id: std
title: {zh: 标准, en: Standard}
edition: "1"
source: made up for this test
confidence: read
licence: none
scopes: [{id: general, zh: 通用, en: General}, {id: cloud, zh: 云, en: Cloud}]
object_types:
  - {id: server, zh: 服务器, en: Server}
  - {id: database, zh: 数据库, en: Database}
  - {id: organisation, zh: 机构, en: Organisation}
"""
CLAUSES = """\
id,level,scope,gist,methods,applies_to,objects,twin,twin_fit
2.1,2,general,甲,examine,server,服务器,3.1,same
2.2,2,general,乙,examine,server,服务器,3.2,weaker
3.1,3,general,甲,examine test,server database,服务器/数据库,,
3.2,3,general,乙,interview,server,,,
3.3,3,cloud,丙,,server,,,
4.1,4,general,甲甲,examine,server,服务器,3.1,stronger
4.2,4,general,丁,examine,server,服务器,,
"""
OTHER = """\
id,gist,attribute,applies_to,methods
o1,子,auto,server,examine
o2,丑,attest,organisation,interview
o3,寅,both,organisation,interview
"""
CROSSWALK = """\
clause,catalog,other
o1,std,3.1
o1,std,3.2
o2,std,3.1
o3,std,3.1
"""
MAPPING = """\
- clause: 3.1
  checks:
    - {check: t.length, role: settles}
    - {check: t.gone, role: supports}
- clause: 3.2
  checks: [{check: t.length, role: can_deny}]
"""
PROFILE = """\
id: base
title: {zh: 基, en: Base}
catalogs:
  - {catalog: std, level: 3}
params:
  t.length: {minimum: 10}
"""


def write_policy(folder: Path) -> Path:
    """Writes the files into `folder`; returns it."""
    std, other = folder / "catalogs" / "std", folder / "catalogs" / "other"
    for path in (std, other, folder / "profiles", folder / "mappings"):
        path.mkdir(parents=True)
    (std / "catalog.yaml").write_text(CATALOG)
    (std / "clauses.csv").write_text(CLAUSES)
    (std / "en.csv").write_text("text,en\n甲,first\n")
    (other / "catalog.yaml").write_text(CATALOG.replace("id: std", "id: other"))
    (other / "clauses.csv").write_text(OTHER)
    (other / "crosswalk.csv").write_text(CROSSWALK)
    (folder / "mappings" / "std.yaml").write_text(MAPPING)
    (folder / "profiles" / "base.yaml").write_text(PROFILE)
    return folder


def profile(folder: Path, text: str | None = None, name: str = "mine") -> Profile:
    if text is None:
        return load_profile(name, CHECKS, [folder])
    path = folder / "profiles" / f"{name}.yaml"
    path.write_text(f"id: {name}\ntitle: {{zh: 我, en: Mine}}\n{text}")
    return load_profile(name, CHECKS, [folder])


def error(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        profile(folder, text)
    line = str(caught.value)
    assert line.isprintable()
    return line.removeprefix(f"{folder}/profiles/")


def roles(found: Profile) -> dict[tuple[str, str], Role]:
    return {(b.clause, b.check): b.role for b in found.bindings}
