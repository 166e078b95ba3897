"""Whether PAM asks for a proof at logins and in su(1): a stack can let everybody in."""

from __future__ import annotations

from audit_core.api.sdk import Judgement, Severity, capped, check, failed, msg, passed, undetermined
from audit_linux.pam import PAM, Pam, Rule, Unresolved, entrances, stack, ways, wrong_password

_TO_ROOT = ("su", "su-l")


def _accepts_wrong_passwords(pam: Pam, service: str) -> set[bool]:
    outcomes = _for_root if service in _TO_ROOT else wrong_password
    return {way.granted for way in ways(stack(pam, service, "auth"), outcomes)}


def _for_root(rule: Rule) -> tuple[str, ...]:
    """What a module may return where an ordinary user becomes root with a wrong password."""
    if rule.module in ("pam_usertype.so", "pam_succeed_if.so"):
        return ("success", "auth_err")  # of root, or with use_uid of the user
    return wrong_password(rule)


@check(
    "linux.pam-proof",
    needs=PAM,
    severity=Severity.HIGH,
    version=2,
    remedy=msg("Remove pam_permit and the like from the auth stacks of /etc/pam.d, before and "
               "beside pam_unix"),
)  # fmt: skip
def pam_proof(pam: Pam) -> Judgement:
    """Logins on the console and over SSH, and su, are refused where the password is wrong."""
    expected = msg("a PAM stack that refuses a wrong password")
    services = (*entrances(pam), *(name for name in _TO_ROOT if name in pam.services))
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
