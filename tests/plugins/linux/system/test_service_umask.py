"""The umask of services, by what `systemctl show` of systemd 252 prints (one value changed)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, ParseError, Partial, Verdict
from audit_linux.system.service_umask import parse_masks, service_umask

Make = Callable[..., Answer]
SHOWN = """UMask=0022
Id=user@1100.service
ActiveState=active

UMask=0022
Id=sshd@0.service
ActiveState=inactive

UMask=0022
Id=systemd-sysctl.service
ActiveState=active

UMask=0000
Id=rescue.service
ActiveState=inactive
"""


def test_services(answer: Make) -> None:
    services = whole(parse_masks(answer(SHOWN)))
    assert [s.name for s in services] == [
        "user@1100.service", "sshd@0.service", "systemd-sysctl.service"
    ]  # fmt: skip
    assert service_umask.judge(services).verdict is Verdict.PASS
    for name in ("user@1100", "sshd@0", "systemd-sysctl"):
        changed = SHOWN.replace(f"0022\nId={name}.", f"0000\nId={name}.")
        assert service_umask.judge(whole(parse_masks(answer(changed)))).verdict is Verdict.FAIL
    assert service_umask.judge(()).verdict is Verdict.UNDETERMINED


def test_what_is_not_known(answer: Make) -> None:
    assert isinstance(parse_masks(answer(SHOWN.replace("UMask=0022\n", "", 1))), Partial)
    silent = b"System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    assert isinstance(parse_masks(answer("", stderr=silent, exit_code=1)), Absent)
    with pytest.raises(ParseError):
        parse_masks(answer("", exit_code=1))
