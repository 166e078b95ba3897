"""Whether PAM asks for a proof at logins, in su(1) and sudo(8): a stack can let everybody in.

pam_wheel (pam_wheel.c of Linux-PAM 1.5): with `trust` it lets the members of a group become another
account without a password, with `deny` as well all others. The group is that of `group=`, else
wheel, else that with number 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import (
    Absent,
    Judgement,
    Message,
    Severity,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
)
from audit_linux.groups import GROUPS, Groups
from audit_linux.nsswitch import ELSEWHERE, Sources, unless_more_sources
from audit_linux.pam import (
    PAM,
    Outcomes,
    Pam,
    Rule,
    Unresolved,
    entrances,
    flat,
    stack,
    ways,
    wrong_password,
)
from audit_linux.passwd import ACCOUNTS, Accounts

_TO_ROOT = ("su", "su-l", "sudo", "sudo-i")
# They ask for another proof than a password: a wrong one is refused, one that nobody has set up is
# passed over (nullok).
_OTHER_PROOF = frozenset({
    "pam_ssh_agent_auth.so", "pam_u2f.so", "pam_google_authenticator.so", "pam_oath.so",
    "pam_yubico.so", "pam_pkcs11.so", "pam_radius_auth.so", "pam_duo.so", "pam_sss_gss.so",
})  # fmt: skip
_WHEEL = "pam_wheel.so"


def _wrong_proof(rule: Rule, *, regular: bool = True) -> tuple[str, ...]:
    """What a module may return for a wrong password, and a wrong proof of another kind."""
    if rule.module in _OTHER_PROOF:
        return ("auth_err", "ignore")
    return wrong_password(rule, regular=regular)


def _by_system(rule: Rule) -> tuple[str, ...]:
    """The same for an account of the system, such as root."""
    return _wrong_proof(rule, regular=False)


def _for_root(service: str) -> Outcomes:
    """The same where an ordinary user becomes root through `service`, and pam_wheel trusts nobody.

    PAM is asked about root by su, about the user by sudo, with use_uid always about the user.
    """

    def outcomes(rule: Rule) -> tuple[str, ...]:
        if rule.module == _WHEEL:  # without `trust` it only refuses
            return ("ignore", "perm_denied")
        if rule.module == "pam_rootok.so":
            return ("auth_err",)
        return _wrong_proof(rule, regular=service not in ("su", "su-l") or "use_uid" in rule.args)

    return outcomes


def _whom(service: str) -> tuple[Outcomes, ...]:
    """What modules return to those who come in through `service` with a wrong password."""
    return (_for_root(service),) if service in _TO_ROOT else (_wrong_proof, _by_system)


def _trusting(rule: Rule, service: str) -> Outcomes:
    """The same for those whom this pam_wheel trusts."""

    def outcomes(other: Rule) -> tuple[str, ...]:
        return ("success",) if other == rule else _for_root(service)(other)

    return outcomes


def _group(rule: Rule, groups: Groups) -> str:
    """The group that this pam_wheel looks at; empty where there is none."""
    named = rule.option("group")
    if named is None and "wheel" not in groups.gids:
        return next((name for name, number in groups.gids.items() if number == 0), "")
    name = named or "wheel"
    return name if name in groups.gids else ""


def _trusted(rule: Rule, groups: Groups, accounts: Accounts) -> list[str]:
    """The accounts that can log in and that this pam_wheel trusts, root left out."""
    group = _group(rule, groups)
    number = groups.gids.get(group)
    members = set(groups.members.get(group, ()))
    others = [a for a in accounts.rows if a.uid != 0 and a.has_shell]
    inside = [a.name for a in others if a.name in members or a.gid == number]
    if "deny" in rule.args:
        return [a.name for a in others if a.name not in inside] if group else []
    return inside


def _granted(pam: Pam, service: str, outcomes: Outcomes) -> set[bool]:
    return {way.granted for way in ways(stack(pam, service, "auth"), outcomes)}


def _by_wheel(pam: Pam, services: tuple[str, ...]) -> Iterator[tuple[str, Rule]]:
    """The rules of pam_wheel that let those whom they trust in without a password."""
    for service in services:
        if service in _TO_ROOT:
            for rule in flat(stack(pam, service, "auth")):
                trusts = rule.module == _WHEEL and "trust" in rule.args
                if trusts and True in _granted(pam, service, _trusting(rule, service)):
                    yield service, rule


@check(
    "linux.pam-proof",
    needs=(PAM, known_or_absent(GROUPS), known_or_absent(ACCOUNTS), ELSEWHERE),
    severity=Severity.HIGH,
    version=4,
    remedy=msg("Remove pam_permit and the like from the auth stacks of /etc/pam.d, before and "
               "beside pam_unix, and `trust` from pam_wheel"),
)  # fmt: skip
def pam_proof(
    pam: Pam, groups: Groups | Absent, accounts: Accounts | Absent, sources: Sources | Absent
) -> Judgement:
    """Logins on the console and over SSH, su and sudo, are refused where the password is wrong."""
    expected = msg("a PAM stack that refuses a wrong password")
    services = (*entrances(pam), *(name for name in _TO_ROOT if name in pam.services))
    try:
        results = {name: [_granted(pam, name, one) for one in _whom(name)] for name in services}
        trusting = tuple(_by_wheel(pam, services))
    except Unresolved as error:
        return undetermined(error.detail, expected=expected)
    if open_ := [service for service, granted in results.items() if {True} in granted]:
        detail = msg("PAM lets accounts in with any password: {names}", names=capped(open_))
        return failed(detail, expected=expected)
    if bad := _let_in(trusting, known(groups), known(accounts)):
        return failed(bad, expected=expected)
    if unclear := [name for name, granted in results.items() if any(True in g for g in granted)]:
        detail = msg("Whether a wrong password is refused depends on the results of other modules: "
                     "{names}", names=capped(unclear))  # fmt: skip
        return undetermined(detail, expected=expected)
    judgement = passed(
        msg("A wrong password is refused: {names}", names=capped(services)), expected=expected
    )
    if not trusting:
        return judgement
    return unless_more_sources(judgement, sources, "passwd", "group")


def _let_in(
    trusting: tuple[tuple[str, Rule], ...], groups: Groups | None, accounts: Accounts | None
) -> Message | None:
    """Whom pam_wheel lets become root without a password; None for nobody."""
    if groups is None or accounts is None:
        return None
    found = {
        f"{service}: {', '.join(names)}"
        for service, rule in trusting
        if (names := _trusted(rule, groups, accounts))
    }
    if not found:
        return None
    return msg("pam_wheel lets these accounts in without a password: {names}", names=capped(found))


CHECKS = (pam_proof,)
