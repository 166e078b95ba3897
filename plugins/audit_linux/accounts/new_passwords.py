"""How the next password will be hashed, by pam_unix (pam_unix(8)).

The last of its options that name a method holds; without one ENCRYPT_METHOD of login.defs, in any
case. Tried with chpasswd of Debian 12 (Linux-PAM 1.5.2): a value that names no method leads to DES
there, which later releases may do otherwise.
"""

from __future__ import annotations

from audit_core.api.sdk import Absent, Message, known, msg
from audit_linux.accounts.login_defs import LoginDefs
from audit_linux.pam import LOCAL_PROOF, Pam, Unresolved, flat, stack

_METHODS = frozenset({
    "md5", "bigcrypt", "sha256", "sha512", "blowfish", "gost_yescrypt", "yescrypt", "sm3",
    "sm3_yescrypt",
})  # fmt: skip
_WEAK = frozenset({"md5", "bigcrypt", "des"})
_SERVICES = ("passwd", "chpasswd")


def weak_methods(pam: Pam | Absent | None, defs: LoginDefs | Absent | None) -> list[Message]:
    """The weak methods by which new passwords are hashed, for each service that sets them."""
    stacks = known(pam)
    if stacks is None:
        return []
    methods = {name: _method(stacks, name, known(defs)) for name in _SERVICES}
    return [
        msg("New passwords set by {service} are hashed by {method}", service=name, method=method)
        for name, method in methods.items()
        if method in _WEAK
    ]


def _method(pam: Pam, service: str, defs: LoginDefs | None) -> str:
    """The method of the first pam_unix that sets passwords; empty where it is not known."""
    try:
        rules = stack(pam, service, "password") if service in pam.services else ()
    except Unresolved:
        return ""
    rule = next((rule for rule in flat(rules) if rule.module in LOCAL_PROOF), None)
    if rule is None:
        return ""
    named = [word for word in (arg.partition("=")[0] for arg in rule.args) if word in _METHODS]
    return named[-1] if named else (defs.searched.get("encrypt_method", "") if defs else "").lower()
