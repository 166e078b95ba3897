"""PAM stacks invented after authselect 1.4 and the manuals of RHEL 7, and what they ask for."""

from __future__ import annotations

from audit_core.model import Platform
from audit_linux.accounts.password_quality import effective_quality
from audit_linux.accounts.security_conf import Settings
from audit_linux.pam import Pam

DEBIAN = Platform(values={"os_id": "debian", "os_family": "debian", "version_id": "12"})
EL9 = Platform(values={"os_id": "rocky", "os_family": "rhel", "version_id": "9.4"})
AMAZON2 = Platform(values={"os_id": "amzn", "os_family": "rhel", "version_id": "2"})
EL7 = Platform(values={"os_id": "centos", "os_family": "rhel", "version_id": "7"})
# invented: authselect's profile "sssd" with the features with-faillock and with-pwhistory
EL_AUTH = """\
auth required pam_env.so
auth required pam_faildelay.so delay=2000000
auth required pam_faillock.so preauth silent
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth [default=1 ignore=ignore success=ok] pam_localuser.so
auth sufficient pam_unix.so nullok
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth sufficient pam_sss.so forward_pass
auth required pam_faillock.so authfail
auth required pam_deny.so
account required pam_faillock.so
account required pam_unix.so
password requisite pam_pwquality.so local_users_only
password [default=1 ignore=ignore success=ok] pam_localuser.so
password requisite pam_pwhistory.so use_authtok
password sufficient pam_unix.so sha512 shadow nullok use_authtok
password [success=1 default=ignore] pam_localuser.so
password sufficient pam_sss.so use_authtok
password required pam_deny.so
session optional pam_keyinit.so revoke
-session optional pam_systemd.so
session [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid
session required pam_unix.so
"""
EL = {
    "sshd": "auth substack password-auth\naccount include password-auth\n",
    "login": "auth substack system-auth\nauth include postlogin\naccount include system-auth\n",
    "passwd": "auth include system-auth\npassword substack system-auth\n",
    "postlogin": "session optional pam_umask.so silent\n",
    "system-auth": EL_AUTH,
    "password-auth": EL_AUTH,
}


def quality(pam: Pam, values: dict[str, str] | None, platform: Platform) -> tuple[int, int]:
    settings = None if values is None else Settings(values=values)
    got = effective_quality(pam, settings, platform)[-1]
    return got.length, got.classes


UNIX = "\npassword required pam_unix.so use_authtok"
