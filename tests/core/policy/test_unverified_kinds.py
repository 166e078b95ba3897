"""What was never tried on a real system settles nothing, whatever the profile."""

from __future__ import annotations

from audit_core.api.plugins import load
from audit_core.model import Role
from audit_core.policy import load_policy


def test_no_check_of_an_unverified_kind_settles_a_step() -> None:
    registry = load()
    marked = {id for id, kind in registry.kinds.by_id.items() if kind.unverified is not None}
    assert marked
    policy = load_policy(registry.policy_dirs)
    for name in policy.profile_ids():
        bindings = policy.profile(name, registry.checks).bindings
        mine = [b for b in bindings if b.role is Role.SETTLES and b.check in registry.checks]
        assert not [b for b in mine if registry.checks[b.check].kind in marked], name
