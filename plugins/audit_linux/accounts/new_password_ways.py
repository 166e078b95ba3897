"""The ways to a new password through PAM, and what of them is not evaluated."""

from __future__ import annotations

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    Verdict,
    capped,
    failed,
    integer,
    msg,
    shortened,
    undetermined,
)
from audit_linux.accounts.security_conf import Settings
from audit_linux.pam import LOCAL_PROOF, Pam, Reached, Rule, Unresolved, accepted, paths, stack


def argument_number(rule: Rule, settings: dict[str, str], name: str, default: int) -> int:
    """The number of an argument `name=` of the rule, else of `settings`, else `default`."""
    text = rule.option(name)
    return number_of(settings if text is None else {name: text}, name, default)


def number_of(settings: dict[str, str], name: str, default: int) -> int:
    """The number of `name` in `settings`; raises Unresolved where it is none."""
    text = settings.get(name)
    if text is None:
        return default
    value = integer(text)
    if value is None:
        raise Unresolved(
            msg("{name} is {value}, which is not a number", name=name, value=shortened(text))
        )
    return value


# Modules of a password stack that ask nothing of the strength of a new password, or whose rules are
# evaluated here: those of Linux-PAM 1.7, and those that Debian 12, RHEL 9 and openSUSE bring.
EVALUATED = frozenset({
    "pam_unix.so", "pam_unix2.so", "pam_pwdb.so", "pam_tcb.so", "pam_pwquality.so",
    "pam_cracklib.so", "pam_pwhistory.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so",
    "pam_krb5.so", "pam_permit.so", "pam_deny.so", "pam_gnome_keyring.so", "pam_kwallet.so",
    "pam_kwallet5.so", "pam_localuser.so", "pam_succeed_if.so", "pam_usertype.so", "pam_env.so",
    "pam_warn.so", "pam_echo.so", "pam_debug.so", "pam_cap.so", "pam_faillock.so", "pam_tally.so",
    "pam_tally2.so", "pam_systemd_home.so", "pam_selinux.so", "pam_rootok.so", "pam_ecryptfs.so",
    "pam_mount.so", "pam_mkhomedir.so", "pam_umask.so", "pam_limits.so", "pam_nologin.so",
    "pam_fprintd.so", "pam_smbpass.so", "pam_wheel.so", "pam_access.so", "pam_time.so",
    "pam_listfile.so", "pam_shells.so", "pam_securetty.so", "pam_loginuid.so", "pam_keyinit.so",
})  # fmt: skip


def more_rules(reached: Reached, evaluated: frozenset[str] = EVALUATED) -> Message | None:
    """A message that modules on this way have rules that are not evaluated; None without any."""
    others = {rule.module for rule in reached if rule.module not in evaluated}
    if not others:
        return None
    return msg(
        "These PAM modules may require more of a new password, which is not evaluated; look at "
        "their settings: {names}",
        names=capped(others),
    )


def ways_to_change(pam: Pam) -> list[Reached]:
    """The ways to set a new password: passwd(1), and a login with an expired one."""
    by_passwd = list(paths(stack(pam, "passwd", "password"), accepted))
    found = list(filter(_local, by_passwd)) or by_passwd
    for service in ("login", "sshd"):
        if service in pam.services:
            found += filter(_local, paths(stack(pam, service, "password"), accepted))
    return found


def _local(way: Reached) -> bool:
    """Whether this way sets the password of an account of the host."""
    return any(rule.module in LOCAL_PROOF for rule in way)


SETTINGS_UNREAD = msg("It depends on a configuration file in /etc/security that was not read")

# The strictest possible configuration file: what is too weak with it is too weak with any.
STRICTEST = Settings(values={
    "minlen": "9999", "minclass": "4", "enforcing": "1", "enforce_for_root": "", "remember": "400",
})  # fmt: skip


def only_failing(
    judgement: Judgement, settings: Settings | Absent | None, *bound: Message
) -> Judgement:
    """`judgement`, but with settings that are not known only a fail, and of it only `bound`."""
    if not isinstance(settings, Absent):
        return judgement
    if judgement.verdict is Verdict.FAIL:
        return failed(*(bound or judgement.detail), expected=judgement.expected)
    return undetermined(SETTINGS_UNREAD, expected=judgement.expected)


def unresolved(error: Unresolved) -> Judgement:
    """The judgement where the stack is not certain."""
    return undetermined(error.detail)
