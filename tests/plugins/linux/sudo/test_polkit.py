"""Rules of polkit: whom they let act as root."""

from __future__ import annotations

import pytest
from msgspec import structs

from audit_core.api.sdk import Partial
from audit_core.model import Verdict
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.polkit import Polkit, _grants, _Host, parse_polkit, polkit_rules
from audit_linux.sudo.polkit_script import Request, Rule
from invented import answers as invented

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
POLICY = "/usr/share/polkit-1/actions/org.freedesktop.policykit.policy"
EXEC, UNITS = "org.freedesktop.policykit.exec", "org.freedesktop.systemd1.manage-units"
NAMES = Names(
    groups_of={
        "root": frozenset({"root"}), "alice": frozenset({"alice", "sudo"}),
        "bob": frozenset({"bob", "users"}), "svc": frozenset({"svc"}),
    },
    shells=("root", "alice", "bob"),
)  # fmt: skip
YES = "return polkit.Result.YES;"
DEFAULT = 'polkit.addAdminRule(function(action, subject) { return ["unix-group:sudo"]; });\n'


def polkit(files: dict[str, str], policy: str = "<policyconfig/>") -> Polkit:
    named = {"rules": invented.files(files), "policies": invented.files({POLICY: policy})}
    found = parse_polkit(invented.answers(**named))
    assert isinstance(found, Polkit), found
    return found


def judged(found: Polkit, names: Names = NAMES) -> Verdict:
    verdict: Verdict = polkit_rules.judge(invented.TARGET, found, names).verdict
    return verdict


def rule(body: str) -> str:
    return f"polkit.addRule(function(action, subject) {{\n{body}\n}});\n"


def test_rules() -> None:
    units = f'action.id == "{UNITS}"'
    program = f'action.id == "{EXEC}" && action.lookup("program")'
    for body, expected in {
        "YES!": FAIL,
        'return "yes"': FAIL,
        "return polkit.Result.AUTH_ADMIN;": PASS,
        "return polkit.Result.AUTH_SELF_KEEP;": FAIL,
        'if (subject.isInGroup("sudo")) { return polkit.Result.AUTH_SELF; }': PASS,
        'if (subject.isInGroup("sudo")) { YES! }': FAIL,
        'if (subject.user == "svc") YES!': PASS,
        "if (subject.user === 'bob' && subject.local && subject.active) return 'yes';": FAIL,
        f"if ({units}) {{ YES! }}": FAIL,
        f'if ({units} && subject.isInGroup("nobody")) {{ YES! }}': PASS,
        f'if ({units} && action.lookup("unit") == "app.service") {{ YES! }}': PASS,
        f'if ({units} && action.lookup("unit") != "app.service") {{ YES! }}': FAIL,
        f'if ({units} && action.lookup("verb") == "restart") {{ YES! }}': FAIL,
        f'if ({program} == "/usr/bin/vim") return "yes"': FAIL,
        f'if ({program} == "/opt/tool") return "yes"': OPEN,
        'if (action.id.indexOf("org.freedesktop.systemd1.") == 0) YES!': FAIL,
        'if (action.id.startsWith("org.freedesktop.NetworkManager")) YES!': PASS,
        "if (action.id.match(/^org\\.freedesktop\\.systemd1\\./)) { YES! }": FAIL,
        "if (/colord/.test(action.id)) { YES! }": PASS,
        f'var a = ["{UNITS}", "x"]; if (a.indexOf(action.id) > -1) return "yes"': FAIL,
        'if (["a", "b"].includes(action.id)) YES!': PASS,
        "polkit.log(action); if (!subject.active) { return polkit.Result.NO; } /* YES */": PASS,
        f'if ({units}) return subject.isInGroup("users") ? polkit.Result.YES : null;': FAIL,
        f"if ({units}) {{ if (subject.user == 'bob') {{ return null; }} else {{ YES! }} }}": FAIL,
        'polkit.spawn(["/opt/ask"]); YES!': OPEN,
        "for (var i in subject.groups) { YES! }": OPEN,
        "for (var i in subject.groups) { return polkit.Result.NO; }": PASS,
        "return decide(action);": OPEN,
    }.items():
        found = polkit(
            {"/etc/polkit-1/rules.d/10-x.rules": DEFAULT + rule(body.replace("YES!", YES))}
        )
        assert judged(found) is expected, body
    arrow = "polkit.addRule((action, subject) => { YES! });"
    renamed = f'polkit.addRule(function(a, s) {{ if (a.id == "{EXEC}") return "yes"; }});'
    for text in (arrow, renamed, "var broken = `;\n" + rule("return polkit.Result.YES")):
        found = polkit({"/etc/polkit-1/rules.d/10-x.rules": text})
        assert judged(found) in (FAIL, OPEN), text


def test_accounts_that_are_alike_are_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """40,000 of them took longer than a check may take; each rule finds whom it is for."""
    many = {f"u{number}": frozenset({f"u{number}"}) for number in range(2000)}
    others = {"alice": frozenset({"alice"}), "svc_a": frozenset({"svc_a"}),
              "carol": frozenset({"carol", "wheel2"}), "dbops": frozenset({"dbops"})}  # fmt: skip
    names = Names(groups_of=many | others, shells=(*many, *others))
    calls = [0]
    returns = Rule.returns

    def counted(self: Rule, request: Request) -> frozenset[object]:
        calls[0] += 1
        return returns(self, request)

    monkeypatch.setattr(Rule, "returns", counted)
    for body, who in {
        'if (subject.user == "alice") YES!': "alice",
        "if (/^svc_/.test(subject.user)) YES!": "svc_a",
        'if (subject.isInGroup("wheel2")) YES!': "carol",
        'if (subject.groups.indexOf("wheel2") >= 0) YES!': "carol",
        'if (subject.user.indexOf("ops") > 0) YES!': "dbops",
        'if (subject.user.startsWith("svc")) YES!': "svc_a",
        'if (["alice"].indexOf(subject.user) >= 0) YES!': "alice",
    }.items():
        found = polkit({"/etc/polkit-1/rules.d/50.rules": rule(body.replace("YES!", YES))})
        judgement = polkit_rules.judge(invented.TARGET, found, names)
        assert judgement.verdict is FAIL, body
        grants = _grants(found, _Host(names=names, admins=frozenset()))
        assert {grant.who for grant in grants} == {who}, body
    assert calls[0] < 6000, calls
    every = polkit({"/etc/polkit-1/rules.d/50.rules": rule(YES)})
    assert len(list(_grants(every, _Host(names=names, admins=frozenset())))) == 7 * len(
        names.shells
    )


def test_the_first_rule_that_answers_holds() -> None:
    yes, no = rule("return polkit.Result.YES;"), rule("return polkit.Result.NO;")
    etc, usr = "/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"
    for files, expected in (
        ({f"{etc}/10.rules": no, f"{usr}/20.rules": yes}, PASS),
        ({f"{usr}/10.rules": yes, f"{etc}/20.rules": no}, FAIL),
        ({f"{etc}/10.rules": no, f"{usr}/10.rules": yes}, PASS),
        ({f"{etc}/10.rules": rule("return decide();"), f"{usr}/20.rules": no}, OPEN),
    ):
        assert judged(polkit({**files, f"{usr}/50-default.rules": DEFAULT})) is expected, files


def test_administrators_entries_defaults_and_owners() -> None:
    usr = "/usr/share/polkit-1/rules.d"
    for groups, expected in (("sudo", PASS), ("users", FAIL), ("nobody", PASS)):
        text = DEFAULT.replace("sudo", groups)
        assert judged(polkit({"/etc/polkit-1/rules.d/40.rules": text})) is expected, groups
    entry = "[x]\nIdentity=unix-group:users\nAction=org.freedesktop.*\nResultAny=yes\n"
    local = "/etc/polkit-1/localauthority/50-local.d/x.pkla"
    conf = "/etc/polkit-1/localauthority.conf.d/51-debian-sudo.conf"
    compat = f"{usr}/49-polkit-pkla-compat.rules"
    for files, expected in (
        ({local: entry, conf: ""}, FAIL),
        ({local: entry, compat: ""}, FAIL),
        ({local: entry, f"{usr}/50-default.rules": DEFAULT}, PASS),
        ({local: entry.replace("users", "adm"), conf: ""}, PASS),
        ({local: entry.replace("=yes", "=auth_admin"), conf: ""}, PASS),
    ):
        assert judged(polkit(files)) is expected, files
    action = f'<action id="{EXEC}"><defaults><allow_any>{{}}</allow_any></defaults></action>'
    for value, expected in (("yes", FAIL), ("auth_self_keep", FAIL), ("auth_admin", PASS)):
        assert judged(polkit({}, policy=action.format(value))) is expected, value
    owned = invented.owned_file(f"{usr}/1.rules", rule("return null;"), 0o644, 1000, 0)
    named = {"rules": owned, "policies": invented.files({POLICY: ""})}
    found = parse_polkit(invented.answers(**named))
    assert isinstance(found, Polkit)
    assert judged(found) is FAIL


# Entries and what polkit 0.105 (Debian 11) and polkitd-pkla 122 (Debian 12) let bob do by them.
BOB = f"[x]\nIdentity=unix-user:bob\nAction={EXEC}\nResultAny=yes\n"
OTHER = "[y]\nIdentity=unix-user:eve\nAction=a.b\n"
ENTRIES = (
    (BOB, FAIL), (BOB.replace("[x]\n", ""), PASS), (BOB.replace("Id", "id"), PASS),
    (BOB.replace("y=", "y = "), FAIL), (BOB.replace("yes", "YES"), PASS),
    (BOB.replace("yes", "yes "), PASS), (BOB.replace("\n", "\r\n"), FAIL), ("\ufeff" + BOB, PASS),
    (f"# c\n{BOB}", FAIL), (f"; c\n{BOB}", PASS), (BOB.replace("yes", "yes # c"), PASS),
    ("  " + BOB.replace("\n", "\n  "), FAIL), (BOB.replace("unix-user:bob", "*"), FAIL),
    (BOB.replace("user:bob", "user:b?b"), FAIL), (BOB.replace("user:bob", "user:[b]ob"), PASS),
    (BOB.replace("user:bob", "group:*"), FAIL), (BOB.replace("user:bob", "group:users"), FAIL),
    (BOB.replace("user:bob", "user:eve;unix-user:bob"), FAIL), (BOB.replace(EXEC, "*"), FAIL),
    (BOB.replace("user:bob", "user:eve; unix-user:bob"), PASS),
    (BOB.replace("user:bob", "user:bob "), PASS), (BOB.replace(EXEC, f"a.b;{EXEC}"), FAIL),
    (BOB + BOB.replace("[x]", "[y]").replace("yes", "no"), PASS), (BOB + "ResultAny=no\n", PASS),
    (BOB.replace("yes", "no") + BOB, FAIL), (f"junk\n{BOB}", PASS), (f"{BOB}junk\n", PASS),
    (BOB + OTHER, FAIL), (OTHER + BOB, FAIL), (BOB.replace("[x]", "[x]  "), FAIL),
    (BOB.replace("[x]", "[x"), PASS), (BOB.replace("yes", "auth_self_one_shot"), PASS),
    (BOB + "ResultActive=bogus\n", PASS), (BOB.replace("yes", "auth_self"), FAIL),
)  # fmt: skip


def test_entries_are_read_as_polkit_reads_them() -> None:
    etc, var = (f"/{top}/polkit-1/localauthority" for top in ("etc", "var/lib"))
    conf = {"/etc/polkit-1/localauthority.conf.d/51.conf": "[Configuration]\n"}
    compat = {"/usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules": rule("return decide();"),
              "/usr/share/polkit-1/rules.d/50-default.rules": DEFAULT}  # fmt: skip
    for text, expected in ENTRIES:
        for more in (conf, compat):
            assert judged(polkit({f"{etc}/50-local.d/x.pkla": text, **more})) is expected, text
    no = BOB.replace("yes", "no")
    for first, second in (
        (f"{var}/50-local.d/b", f"{etc}/50-local.d/a"), (f"{etc}/10-vendor.d/a", f"{var}/50-x.d/a"),
        (f"{etc}/50-local.d/a", f"{etc}/60-x.d/a"), (f"{etc}/a", f"{etc}/50-local.d/a"),
    ):  # fmt: skip
        for more in (conf, compat):
            for texts, expected in (((BOB, no), PASS), ((no, BOB), FAIL)):
                held = {f"{first}.pkla": texts[0], f"{second}.pkla": texts[1]}
                assert judged(polkit({**held, **more})) is expected, (first, second)
    two = {f"{etc}/50-local.d/a.pkla": BOB, f"{etc}/50-local.d/b.pkla": no}
    assert judged(polkit({**two, **conf})) is FAIL  # of one folder 0.105 takes the first
    assert judged(polkit({**two, **compat})) is PASS


def test_polkit_0_105_has_no_rules_and_administrators_of_its_own() -> None:
    conf = "/etc/polkit-1/localauthority.conf.d"
    rules = {"/etc/polkit-1/rules.d/1.rules": rule("return polkit.Result.YES;")}
    for named, expected in (
        ("unix-user:0", PASS), ("unix-group:sudo", PASS), ("unix-group:users", FAIL),
        ("unix-user:bob", FAIL), ("unix-user:bob\n[Configuration]\nAdminIdentities=", PASS),
        ("unix-group:sudo\n[Other]\nAdminIdentities=unix-user:bob", PASS),
    ):  # as pkla-admin-identities of polkitd-pkla 122 answers  # fmt: skip
        text = f"[Configuration]\nAdminIdentities={named}\n"
        assert judged(polkit({f"{conf}/60.conf": text, **rules})) is expected, named


def test_accounts_that_are_not_known() -> None:
    elsewhere = structs.replace(NAMES, whole=False)
    for body, expected in (
        ('if (subject.isInGroup("domain admins")) return polkit.Result.YES;', OPEN),
        ("return polkit.Result.AUTH_ADMIN;", PASS),
    ):
        found = polkit({"/etc/polkit-1/rules.d/1.rules": rule(body)})
        assert judged(found, elsewhere) is expected, body


def test_what_cannot_be_read() -> None:
    named = {"rules": invented.files({}, not_permitted="/etc/polkit-1/rules.d"),
             "policies": invented.files({POLICY: ""})}  # fmt: skip
    assert isinstance(parse_polkit(invented.answers(**named)), Partial)
    deep = "(" * 5000 + "1" + ")" * 5000
    for text in (rule(f"if ({deep}) return polkit.Result.YES;"), rule("if (" * 9000), "\0" * 50):
        assert judged(polkit({"/etc/polkit-1/rules.d/1.rules": text})) in (OPEN, PASS)
