"""Residual memory: dumps of crashed programs."""

from __future__ import annotations

from audit_core.api.sdk import Severity, check, expect, msg, undetermined
from audit_core.model import Judgement
from audit_linux.system.kernel import SYSCTL


@check(
    "linux.core-dumps",
    needs=SYSCTL,
    severity=Severity.LOW,
    remedy=msg("Set fs.suid_dumpable=0 and kernel.core_pattern=|/bin/false"),
)
def core_dumps(sysctl: dict[str, str]) -> Judgement:
    """Programs that handle credentials leave no memory dump on disk."""
    pattern, suid = sysctl.get("kernel.core_pattern"), sysctl.get("fs.suid_dumpable")
    expected = msg("fs.suid_dumpable 0 and a core_pattern that keeps no dump")
    if pattern is None or suid is None:
        return undetermined(
            msg("This kernel does not provide its dump settings"), expected=expected
        )
    detail = msg("fs.suid_dumpable {suid}, core_pattern {pattern}", suid=suid, pattern=pattern)
    nowhere = pattern in ("", "|/bin/false", "|/usr/bin/false", "|/bin/true", "/dev/null")
    if suid == "0" and not nowhere:
        # Dumps of ordinary programs may still be switched off by their limits.
        return undetermined(detail, msg("Whether resource limits disable dumps was not checked"),
                            expected=expected)  # fmt: skip
    return expect(suid == "0" and nowhere, detail=detail, expected=expected)


CHECKS = (core_dumps,)
