"""What is asked of each host: the whole level 3 profile, or the quick part of it.

On one machine that plays all twenty hosts the slow questions (apt and systemctl take seconds of
CPU) would drown what the collector costs. The quick part is every fact of the Linux plugin but
the package list and the units; it makes every ratio worse for dengbao, never better.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from audit_core import plan
from audit_core.api.plugins import Registry, load
from audit_core.evaluate import Work, profile_checks
from audit_core.model import Target
from audit_core.policy import load_policy

WHOLE = "gbt22239-l3"
_SLOW = {"linux.units", "linux.packages"}


class Questions(Struct, frozen=True, kw_only=True):
    """A profile as the command takes it, and everything that is needed to carry it out."""

    profile: str
    registry: Registry
    work: Work

    def groups(self, ids: tuple[str, ...]) -> tuple[plan.Group, ...]:
        """What is asked of the hosts `ids`."""
        checks, _ = profile_checks(self.work.profile, self.registry)
        return plan.groups(tuple(target(id) for id in ids), checks)


def target(id: str) -> Target:
    """The host `id`, without the sweep of its file system, which `benchmarks/sweep.py` measures."""
    return Target(id=id, kind="host", object_type="server", settings={"file_sweep": False})


def asked(profile: str) -> Questions:
    """The questions of `profile` (an id, or the path of a YAML file)."""
    registry = load()
    policy = load_policy(registry.policy_dirs)
    found = policy.profile(profile, registry.checks, ())
    digests = {id: policy.catalog(id).sha256 for id in found.catalogs}
    work = Work(profile=found, registry=registry, policy=digests)
    return Questions(profile=profile, registry=registry, work=work)


def quick(folder: Path) -> Questions:
    """The quick questions, as a profile that is written to `folder`."""
    facts = sorted(id for id in load().facts if id.startswith("linux.") and id not in _SLOW)
    checks = "".join(
        f"  - id: bench.{id}\n    title: {{zh: 事实, en: A fact}}\n    fact: {id}\n"
        "    absent: true\n    clauses: []\n"
        for id in facts
    )
    path = folder / "quick.yaml"
    # The clauses of the cloud extension: no check of a plugin speaks for them.
    path.write_text(
        "id: bench-quick\ntitle: {zh: 快, en: Quick}\n"
        "catalogs:\n  - {catalog: gbt22239-2019, level: 3, scopes: [cloud]}\n"
        f"checks:\n{checks}"
    )
    return asked(str(path))
