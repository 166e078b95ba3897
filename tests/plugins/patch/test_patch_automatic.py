"""Whether updates are installed by themselves: every verdict."""

from __future__ import annotations

import pytest
from msgspec import structs

from audit_core.model import Verdict
from audit_patch import checks
from audit_patch.model import Automatic, Unattended
from recorded.patch_values import PASS, UNDETERMINED, judge


@pytest.mark.parametrize(
    ("installs", "programs", "starters", "verdict"),
    [
        (True, ("/usr/bin/unattended-upgrade",), ("apt-daily-upgrade.timer",), PASS),
        (True, ("/usr/bin/unattended-upgrade",), (), UNDETERMINED),
        (True, ("/usr/bin/unattended-upgrade",), None, UNDETERMINED),
        (True, (), ("apt-daily-upgrade.timer",), UNDETERMINED),
        (False, ("/usr/bin/unattended-upgrade",), ("apt-daily-upgrade.timer",), UNDETERMINED),
    ],
)
def test_automatic_updates(
    installs: bool, programs: tuple[str, ...], starters: tuple[str, ...] | None, verdict: Verdict
) -> None:
    automatic = Automatic(installs=installs, settings=())
    found = judge(checks.automatic_updates, automatic, programs, starters, None)
    assert found.verdict is verdict


def test_what_unattended_upgrades_leaves_out() -> None:
    automatic, rest = Automatic(installs=True, settings=()), (("uu",), ("x.timer",))
    security = "origin=Debian,codename=${distro_codename},label=Debian-Security"
    for given, verdict in (
        (Unattended(origins=(security,)), PASS),
        (Unattended(origins=("${distro_id}:${distro_codename}-security",)), PASS),
        (Unattended(origins=("origin=*",)), PASS),
        (Unattended(origins=(security,), left_out=("linux-",)), UNDETERMINED),
        (Unattended(origins=(security,), only=("bash",)), UNDETERMINED),
        (Unattended(origins=("origin=Debian,label=Debian",)), UNDETERMINED),
        (Unattended(), UNDETERMINED),
    ):
        assert judge(checks.automatic_updates, automatic, *rest, given).verdict is verdict, given
    stale = structs.replace(automatic, refreshes=False)
    good = Unattended(origins=(security,))
    assert judge(checks.automatic_updates, stale, *rest, good).verdict is UNDETERMINED
