"""Whether PAM asks for a proof at logins: a stack can let everybody in, whatever he types."""

from __future__ import annotations

from audit_core.api.sdk import Judgement, Severity, capped, check, failed, msg, passed, undetermined
from audit_linux.pam import PAM, Pam, Unresolved, entrances, stack, ways, wrong_password


def _accepts_wrong_passwords(pam: Pam, service: str) -> set[bool]:
    return {way.granted for way in ways(stack(pam, service, "auth"), wrong_password)}


@check(
    "linux.pam-proof",
    needs=PAM,
    severity=Severity.HIGH,
    remedy=msg("Remove pam_permit and the like from the auth stacks of /etc/pam.d, before and "
               "beside pam_unix"),
)  # fmt: skip
def pam_proof(pam: Pam) -> Judgement:
    """Logins on the console and over SSH are refused where the password is wrong."""
    expected = msg("a PAM stack that refuses a wrong password")
    services = entrances(pam)
    try:
        results = {service: _accepts_wrong_passwords(pam, service) for service in services}
    except Unresolved as error:
        return undetermined(error.detail, expected=expected)
    if open_ := [service for service, granted in results.items() if granted == {True}]:
        detail = msg("PAM lets everybody in with any password: {names}", names=capped(open_))
        return failed(detail, expected=expected)
    if unclear := [service for service, granted in results.items() if True in granted]:
        detail = msg("Whether a wrong password is refused depends on the results of other modules: "
                     "{names}", names=capped(unclear))  # fmt: skip
        return undetermined(detail, expected=expected)
    detail = msg("A wrong password is refused: {names}", names=capped(services))
    return passed(detail, expected=expected)


CHECKS = (pam_proof,)
