"""faillock.conf, compared with what pam_faillock did (`recorded/faillock.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from audit_core.model import Answer
from audit_linux.accounts.lockout import Lock, locks_of
from audit_linux.accounts.security_conf import parse_faillock
from audit_linux.pam import Pam
from recorded import faillock as real

RECORDED = json.loads(real.DID.read_text())
STACK = "auth required pam_faillock.so {}\n"
SERVICE = STACK.format("preauth") + "auth [success=1] pam_unix.so\n" + STACK.format("authfail")


def _expected(deny: int, unlock: int, interval: int) -> dict[str, Any]:
    """What the recording program sees of these values."""
    if not 0 < deny <= real.MOST:
        return {"deny": 0}
    counted = [age for age in real.AGES if deny == 1 or age < interval]
    if not interval:
        return {"deny": 0}
    return {
        "deny": deny,
        "locked": [age for age in real.AGES if not unlock or age <= unlock],
        "counted": counted,
    }


def _lock_reported(lock: Lock, user: str) -> dict[str, Any]:
    like_root = user == "root" or lock.admins == "nogroup"
    unlock = lock.root_unlock if like_root else lock.unlock
    if unlock is None:
        return {"deny": 0}
    return _expected(lock.deny, unlock, lock.interval or 0)


def test_pam_faillock_locks_as_is_read_here(
    subtests: Any, answer: Callable[..., Answer], pam: Callable[[dict[str, str]], Pam]
) -> None:
    assert tuple(case["text"] for case in RECORDED["cases"]) == real.CASES
    stack = pam({"sshd": SERVICE})
    for case in RECORDED["cases"]:
        text = case["text"]
        # The module fails at longer lines and takes numbers modulo 2**32; nobody relies on it.
        if (
            len(text) > 1000
            or "\0" in text
            or text in ("deny = 4294967302\n",)
            or "deny = -" in text
        ):
            continue
        with subtests.test(case["text"][-60:]):
            conf = parse_faillock(answer(case["text"])).values
            (lock,) = locks_of(stack, "sshd", conf)
            assert lock is not None
            for user, did in case["did"].items():
                assert _lock_reported(lock, user) == did, user
