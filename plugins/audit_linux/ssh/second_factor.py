"""Whether logins over SSH need two different factors, by the server itself or by PAM."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Judgement,
    Message,
    Severity,
    Target,
    Values,
    capped,
    failed,
    known_or_absent,
    msg,
    optional,
    passed,
    shortened,
    undetermined,
    verbatim,
)
from audit_linux.pam import (
    LOCAL_PROOF,
    PAM,
    PROOF,
    Outcomes,
    Pam,
    Rule,
    Unresolved,
    flat,
    paths,
    right_password,
    stack,
    ways,
    wrong_password,
)
from audit_linux.ssh.sshd import Sshd
from audit_linux.ssh.sshd_logins import KEYS, Login, sure_logins
from audit_linux.ssh.sshd_offered import SHOWN, OfferedAlgorithms
from audit_linux.ssh.sshd_server import Server, sshd_check

_OTP = (
    "pam_google_authenticator*", "pam_oath*", "pam_yubico*", "pam_u2f*", "pam_pkcs11*", "pam_otp*",
    "pam_privacyidea*", "pam_linotp*", "pam_rsa*", "pam_securid*", "pam_poldi*", "pam_barada*",
)  # fmt: skip
# What they ask for depends on settings and servers that are not read: pam_duo without settings lets
# everybody in (1.11), a RADIUS server may ask for the password alone.
_BY_SETTINGS = ("pam_duo*", "pam_radius*")
# Who has set nothing up passes; who has no server to ask, too.
_SKIPPING = frozenset({"nullok", "nouserok", "localifdown"})


# password and keyboard-interactive both end in one PAM password prompt: one proof.
_PROOFS = {
    "publickey": "key", "password": "password", "keyboard-interactive": "password",
    "gssapi-with-mic": "ticket", "gssapi-keyex": "ticket",
}  # fmt: skip


def _proofs(methods: str) -> set[str]:
    return {_PROOFS.get(one.partition(":")[0], "") for one in methods.split(",")} - {""}


def _two(methods: str, *, token: bool | None = False) -> bool:
    """Whether a key and another proof of the user are asked for, or the key of a `token`.

    hostbased proves the client's machine, and a ticket may have been given for the same password.
    """
    proofs = _proofs(methods)
    return "key" in proofs and (len(proofs) > 1 or token is True)


def _two_each(methods: str, token: bool | None) -> bool:
    """Whether each list of AuthenticationMethods asks for two different proofs."""
    lists = methods.split()
    return bool(lists) and all(_two(one, token=token) for one in lists)


_TOKENS = ("sk-", "webauthn-sk-")


def _by_token(server: Server) -> bool | None:
    """Whether every key is one of a token (FIDO) that asks for a PIN or a finger: two factors.

    None where other keys are accepted as well: these need not ask (PubkeyAuthOptions).
    """
    sshd = server.sshd
    if "verify-required" not in sshd.one("pubkeyauthoptions").lower().split(","):
        return False
    names = sshd.algorithms("pubkeyacceptedalgorithms")
    if server.overrides("pubkeyauthoptions", "pubkeyacceptedalgorithms"):
        return None
    return True if names and all(name.startswith(_TOKENS) for name in names) else None


# Modules of an auth stack that ask for no second proof: those of Linux-PAM, and the usual others.
_ONE_PROOF = PROOF | {
    "pam_env.so", "pam_faildelay.so", "pam_faillock.so", "pam_tally.so", "pam_tally2.so",
    "pam_usertype.so", "pam_localuser.so", "pam_succeed_if.so", "pam_deny.so", "pam_permit.so",
    "pam_nologin.so", "pam_cap.so", "pam_group.so", "pam_sepermit.so", "pam_shells.so",
    "pam_securetty.so", "pam_access.so", "pam_listfile.so", "pam_warn.so", "pam_time.so",
    "pam_gnome_keyring.so", "pam_kwallet5.so", "pam_keyinit.so", "pam_rootok.so", "pam_wheel.so",
    "pam_umask.so", "pam_limits.so", "pam_systemd_home.so", "pam_fprintd.so", "pam_mount.so",
    "pam_ecryptfs.so", "pam_echo.so", "pam_issue.so",
}  # fmt: skip


class _Stack(Struct, frozen=True, kw_only=True):
    """What sshd's stack asks for: one-time passwords, and modules that `may` ask for more.

    `refuses`: it lets nobody in who has no proof at all; None where that is not certain.
    """

    otp: Values = ()
    may: Values = ()
    refuses: bool | None = True

    @property
    def one_proof(self) -> bool:
        """Whether nothing asks for more than a password."""
        return not self.otp and not self.may


_UNKNOWN = _Stack(may=("PAM",), refuses=None)


def _of_stack(pam: Pam | Absent | None) -> _Stack:
    """What is asked for in sshd's stack.

    Modules behind the one that asks for the password are reached with the right one only.
    """
    if not isinstance(pam, Pam):
        return _Stack() if pam is None else _UNKNOWN
    try:
        rules = stack(pam, "sshd", "auth")
        reached = (*paths(rules, wrong_password), *paths(rules, right_password))
        refused = {not way.granted for way in ways(rules, _no_proof)}
        local = any(way.granted for way in ways(rules, right_password))
    except Unresolved:
        return _UNKNOWN
    modules = {rule.module for way in reached for rule in way}
    otp = {one for one in modules if _is(one, _OTP)}
    # a directory service may ask for a second factor itself
    remote = set() if local else modules & (PROOF - LOCAL_PROOF)
    return _Stack(
        otp=capped(sorted(otp)), may=capped(sorted((modules - otp - _ONE_PROOF) | remote)),
        refuses=refused.pop() if len(refused) == 1 else None,
    )  # fmt: skip


def _is(module: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


# They choose whom the next modules ask: by account, group, address or time.
_CHOOSING = frozenset({
    "pam_access.so", "pam_listfile.so", "pam_localuser.so", "pam_time.so", "pam_securetty.so",
    "pam_shells.so", "pam_succeed_if.so", "pam_usertype.so", "pam_sepermit.so", "pam_group.so",
    "pam_exec.so",
})  # fmt: skip
_ANY_RESULT = ("success", "ignore", "auth_err", "perm_denied")


def _without_token(rule: Rule) -> tuple[str, ...]:
    """What a module may return for somebody who has none of what it asks for."""
    if _is(rule.module, _BY_SETTINGS) or rule.module in _CHOOSING:
        return _ANY_RESULT
    if _is(rule.module, _OTP):
        skips = rule.loose or _SKIPPING & set(rule.args)
        return _ANY_RESULT if skips else ("auth_err",)
    found = wrong_password(rule)
    return _ANY_RESULT if len(found) > 1 else found


def _no_proof(rule: Rule) -> tuple[str, ...]:
    return ("auth_err",) if rule.module in PROOF else _without_token(rule)


def _password_alone(rule: Rule) -> tuple[str, ...]:
    if rule.module in LOCAL_PROOF:
        return ("success",)
    return ("success", "auth_err") if rule.module in PROOF else _without_token(rule)


def _token_alone(rule: Rule) -> tuple[str, ...]:
    return ("success",) if _is(rule.module, _OTP) else _no_proof(rule)


def _both_by_pam(pam: Pam) -> bool:
    """Whether sshd's stack surely refuses a password without the other proof, and the reverse."""
    rules = stack(pam, "sshd", "auth")
    alone: tuple[Outcomes, ...] = (_password_alone, _token_alone)
    return any(_is(rule.module, _OTP) for rule in flat(rules)) and not any(
        way.granted for outcomes in alone for way in ways(rules, outcomes)
    )


_THROUGH_PAM = frozenset({"password", "keyboard-interactive"})
# Builds without GSSAPI print nothing of it.
_PAST_PAM = ("gssapiauthentication", "hostbasedauthentication")


def _only_through_pam(server: Server) -> bool:
    """Whether each login, but for one with two factors of sshd's own, goes through PAM."""
    sshd = server.sshd
    if sshd.unread or sshd.one("usepam").lower() != "yes":
        return False
    if server.overrides(*KEYS, *_PAST_PAM):
        return False
    lists = [one for one in sshd.one("authenticationmethods").split() if one != "any"]
    if not lists:
        others = all(sshd.one(key).lower() in ("no", "") for key in _PAST_PAM)
        return others and sshd.one("pubkeyauthentication").lower() == "no"
    return all(
        _two(one) or {m.partition(":")[0] for m in one.split(",")} & _THROUGH_PAM for one in lists
    )


def _one_is_enough(sshd: Sshd, *, keys: bool) -> bool:
    """Whether some way in surely asks for one proof only; a key counts where `keys` says so."""
    methods = [one for one in sshd.one("authenticationmethods").split() if one != "any"]
    alone = [one.partition(":")[0] for one in methods if len(one.split(",")) == 1]
    if methods:
        return any(keys or one != "publickey" for one in alone)
    return any(
        sshd.one(key).lower() == "yes" for key in KEYS[1:]
        if keys or key != "pubkeyauthentication"
    )  # fmt: skip


def _key_alone(sshd: Sshd) -> bool:
    """Whether a key alone surely opens an account: PAM asks for nothing then."""
    return "publickey" in sshd.one("authenticationmethods").split()


def _only_keys(server: Server) -> bool:
    """Whether nothing but a key opens an account."""
    sshd, others = server.sshd, (*_PAST_PAM, KEYS[1], KEYS[3])
    lists = [one for one in sshd.one(_METHODS).split() if one != "any"]
    off = all(sshd.one(key).lower() in ("no", "") for key in others)
    return not lists and not sshd.unread and off and not server.overrides(*KEYS, *_PAST_PAM)


@sshd_check(
    "linux.second-factor",
    severity=Severity.MEDIUM,
    version=10,
    also=(known_or_absent(optional(PAM)), TARGET, known_or_absent(optional(SHOWN))),
    remedy=msg(
        "Set AuthenticationMethods publickey,password, or add a one-time password to PAM; declare "
        "second_factor_at where a bastion host asks for it"
    ),
)
def second_factor(
    server: Server,
    pam: Pam | Absent | None,
    target: Target,
    shown: OfferedAlgorithms | Absent | None,
) -> Judgement:
    """Login over SSH requires two different factors on this host.

    It fails where a password or a key alone surely opens an account, also by a Match block that
    fits one, unless a place is declared that asks for the second factor (`second_factor_at`), or
    the host was reached through a jump host, which may ask for it: then it is undetermined.
    """
    token, asked = _by_token(server), _of_stack(pam)
    detail = _shown_settings(server, asked)
    if _is_settled_by_pam(server, pam):
        return server.settled(passed(*detail, _BOTH, expected=_EXPECTED))
    changed = server.overrides(_METHODS)
    lists = (server.sshd.one(_METHODS), *(one.value for one in changed))
    if all(_two_each(each, token) for each in lists):
        return _two_of_lists(server, lists, asked, detail)
    if token and _only_keys(server):
        return server.settled(passed(*detail, _TOKEN, expected=_EXPECTED))
    place = target.settings.get("second_factor_at")
    if isinstance(place, str) and place:
        declared = msg("The second factor is declared to be asked for at {place}; check it there",
                       place=verbatim(place))  # fmt: skip
        return undetermined(*detail, declared, expected=_EXPECTED)
    if token is None:
        return undetermined(*detail, _OTHER_KEYS, expected=_EXPECTED)
    if not changed and _one_opens(server.sshd, asked, keys=not token):
        return _one_factor(shown, detail)
    return _of_accounts(server, asked, detail, shown, token=token)


def _shown_settings(server: Server, asked: _Stack) -> tuple[Message, ...]:
    methods = server.sshd.one(_METHODS) or "any"
    detail = (
        msg("AuthenticationMethods is {methods}", methods=shortened(methods)),
        msg("One-time password modules in PAM: {names}", names=asked.otp),
    )
    if not asked.may or asked is _UNKNOWN:
        return detail
    return (*detail, msg("Modules in PAM that may ask for more: {names}", names=asked.may))


def _of_accounts(
    server: Server, asked: _Stack, detail: tuple[Message, ...],
    shown: OfferedAlgorithms | Absent | None, *, token: bool,
) -> Judgement:  # fmt: skip
    """The judgement by the accounts that Match blocks set something for."""
    if weak := _weak_logins(server, none=asked.one_proof, token=token):
        named = msg("One factor is enough for these accounts: {names}", names=capped(weak))
        return _one_factor(shown, (*detail, named))
    elsewhere = msg("Not determined on this host; a bastion host may require the second factor")
    return undetermined(*detail, elsewhere, expected=_EXPECTED)


_METHODS = "authenticationmethods"
_EXPECTED = msg("two factors, one of them based on cryptography")
_TOKEN = msg("Only keys of tokens that ask for a PIN or a finger are accepted (verify-required)")
_OTHER_KEYS = msg(
    "Keys of tokens have to ask for a PIN (verify-required), but other types of keys are accepted: "
    "name the sk- types alone in PubkeyAcceptedAlgorithms"
)


def _one_opens(sshd: Sshd, asked: _Stack, *, keys: bool) -> bool:
    """Whether a key or a password alone surely opens an account."""
    return (keys and _key_alone(sshd)) or (asked.one_proof and _one_is_enough(sshd, keys=keys))


def _two_of_lists(
    server: Server, lists: tuple[str, ...], asked: _Stack, detail: tuple[Message, ...]
) -> Judgement:
    """The judgement where each list names two proofs: PAM has to refuse who has no password."""
    by_pam = any("password" in _proofs(one) for each in lists for one in each.split())
    if not by_pam or server.sshd.one("usepam").lower() == "no" or asked.refuses:
        return server.settled(passed(*detail, expected=_EXPECTED))
    if asked.refuses is None:
        return undetermined(*detail, _MAY_LET_IN, expected=_EXPECTED)
    return failed(*detail, _LETS_IN, expected=_EXPECTED)


_LETS_IN = msg("PAM asks for no proof: whoever has a key gets in with any password")
_MAY_LET_IN = msg(
    "Whether PAM refuses somebody who has a key alone depends on the results of its modules, such "
    "as nullok for those who have set nothing up"
)


def _is_settled_by_pam(server: Server, pam: Pam | Absent | None) -> bool:
    try:
        return isinstance(pam, Pam) and _only_through_pam(server) and _both_by_pam(pam)
    except Unresolved:
        return False


_BOTH = msg("PAM refuses a password without the one-time password, and the reverse")


def _weak_logins(server: Server, *, none: bool, token: bool) -> list[str]:
    """The accounts that one factor surely opens where Match blocks set something; with `none`, PAM
    asks for no more than a password.
    """
    if not server.overrides(*KEYS):
        return []
    return [f"{one.name} ({one.methods or 'any'})" for one in sure_logins(server)
            if _opens(one, none=none, token=token)]  # fmt: skip


def _opens(login: Login, *, none: bool, token: bool) -> bool:
    single = login.single - ({"publickey"} if token else set())
    return bool(single) and (none or ("publickey" in single and "any" not in login.methods))


def _one_factor(shown: OfferedAlgorithms | Absent | None, detail: tuple[Message, ...]) -> Judgement:
    """The judgement where one factor is enough on the host itself."""
    if isinstance(shown, Absent):
        return undetermined(*detail, _WAY, expected=_EXPECTED)
    if shown is None or not shown.through:
        return failed(*detail, _ONE, expected=_EXPECTED)
    through = msg(
        "One factor is enough on this host, which was reached through {place}. Check whether that "
        "asks for the second factor and is the only way in, and declare it as second_factor_at",
        place=shown.through,
    )
    return undetermined(*detail, through, expected=_EXPECTED)


_WAY = msg(
    "One factor is enough on this host; whether it was reached through a jump host that asks for "
    "the second is not known"
)
_ONE = msg(
    "One factor is enough to log in to this host; declare second_factor_at where a bastion host "
    "asks for the second and the host accepts no other logins"
)


CHECKS = (second_factor,)
