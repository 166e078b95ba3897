"""Start-up files of shells: the idle time-out and the umask, sure or not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Message,
    ParseError,
    Platform,
    Reason,
    Verdict,
)
from audit_linux.accounts import login_defs
from audit_linux.accounts.login_defs import LoginDefs, parse_login_defs
from audit_linux.accounts.sessions import _defaults, parse_logind, session_timeout, umask
from audit_linux.accounts.shell_startup import parse_environment, seconds, timeouts, umasks
from audit_linux.accounts.startup_files import Startup, parse_startup
from audit_linux.pam import Pam, parse_pam
from audit_linux.passwd import Account, Accounts
from recorded import login_defs as programs

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
NO_STACKS = Pam(services={})
EL = Platform(values={"os_family": "rhel"})
ALICE = Accounts(
    rows=(Account(name="a", uid=1, gid=1, home="/", shell="/bin/bash", field="shadowed"),)
)
SOURCES = "for i in /etc/profile.d/*.sh; do\n  . $i\ndone\n"


@pytest.fixture(scope="session")
def startup(files: Make, answers: Callable[..., Answers]) -> Callable[[dict[str, str]], Startup]:
    """Reads start-up files given as a mapping from path to text."""

    def make(contents: dict[str, str]) -> Startup:
        got = parse_startup(answers(files=files(contents), more=files({})))
        assert isinstance(got, Startup)
        return got

    return make


MakeStartup = Callable[[dict[str, str]], Startup]


def test_recorded_debian(recording: Make, files: Make, answers: Callable[..., Answers]) -> None:
    got = parse_startup(answers(files=recording("linux.shell-startup.files"), more=files({})))
    assert isinstance(got, Startup)
    assert timeouts(got) == ()
    assert umasks(got) == ()
    assert session_timeout.judge(got, ALICE, EL, (), NO_STACKS, "").verdict is FAIL


def test_no_start_up_file(files: Make, answers: Callable[..., Answers]) -> None:
    assert isinstance(parse_startup(answers(files="", more=files({}))), Absent)


LOST = Absent(reason=Reason.TIMED_OUT, detail=Message(id="late"))
TIMEOUT_IN_PROFILE = [
    ("TMOUT=600\n", PASS),
    ("TMOUT=601\n", FAIL),
    ("TMOUT=1\n", PASS),
    ("TMOUT=0\n", FAIL),
    ("TMOUT=-1\n", FAIL),
    ("export TMOUT=300\r\n", PASS),
    ("readonly TMOUT=300; export TMOUT\n", PASS),
    ("declare -rx TMOUT='300'\n", PASS),
    ('typeset -xr TMOUT="300"\n', PASS),
    ("TMOUT=\\\n300\n", PASS),  # a shell joins these two lines without a space
    ("#TMOUT=300\n", FAIL),
    ("x=1 # TMOUT=300\n", FAIL),
    ("TMOUT=300\nexport X=$TMOUT\n", PASS),
    ("TMOUT=300 command\n", FAIL),
    ("echo TMOUT=300\n", FAIL),
    ("[ -z $TMOUT ] && exit\n", FAIL),
    ("export TMOUT\n", FAIL),
    ("TMOUT=300\nTMOUT=9999\n", FAIL),
    ("TMOUT=9999\nTMOUT=300\n", PASS),
    ("TMOUT=300\nunset TMOUT\n", FAIL),
    ("readonly TMOUT=300\nTMOUT=9999\n", PASS),
    ("TMOUT=300\nreadonly TMOUT\nTMOUT=0\n", PASS),
    ("if [ a ]; then\n TMOUT=300\nfi\n", UNDETERMINED),
    ("if [ a ]; then TMOUT=300; fi\n", UNDETERMINED),
    ("if [ a ]; then\n x=1\nfi\nTMOUT=300\n", PASS),
    ("[ a ] && TMOUT=300\n", UNDETERMINED),
    ("[ a ] && x=1; TMOUT=300\n", PASS),
    ("case $- in\n *i*) TMOUT=300;;\nesac\n", PASS),
    ("case $- in *i*) TMOUT=300;; esac\n", PASS),
    ("f() {\n TMOUT=300\n}\n", UNDETERMINED),
    ("f() { x=1; }\nTMOUT=300\n", PASS),
    ("if a; then\n f() { x; }\n TMOUT=300\nfi\n", UNDETERMINED),
    ("TMOUT=${T:-300}\n", UNDETERMINED),
    (": ${TMOUT:=300}\n", UNDETERMINED),
    ("TMOUT=300\nif [ a ]; then TMOUT=0; fi\n", UNDETERMINED),
    ("TMOUT=300\nif [ a ]; then TMOUT=200; fi\n", PASS),
    ("if [ a ]; then TMOUT=0; fi\n", FAIL),
    ("if [ a ]; then TMOUT=0; fi\nTMOUT=300\n", PASS),
    ("[ a ] && return\nTMOUT=300\n", UNDETERMINED),
    ("exit 0\nTMOUT=300\n", UNDETERMINED),
    ("TMOUT=300\nreturn\n", PASS),
    ("cat <<END\nTMOUT=300\nEND\n", FAIL),
    # as bash 5.2 ended with them on Debian 12
    ('[ -z "$TMOUT" ] && TMOUT=300\nreadonly TMOUT\n', PASS),
    ('if [[ -z "${TMOUT:-}" ]]; then export TMOUT=300; fi\n', PASS),
    ('if [ "$PS1" ]; then TMOUT=300; readonly TMOUT; fi\n', PASS),
    ('[ -n "$PS1" ] && TMOUT=300 && readonly TMOUT\n', PASS),
    ('[ -n "$PS1" ] && { TMOUT=300; readonly TMOUT; }\n', PASS),
    ('[ -z "$PS1" ] || TMOUT=900\n', FAIL),
    ("[[ $- != *i* ]] && return\nTMOUT=300\n", PASS),
    ("case $- in\n *i*) ;;\n *) return;;\nesac\nTMOUT=300\n", PASS),
    ("case $- in\n *i*) ;;\n *) TMOUT=300;;\nesac\n", FAIL),
    ('[ -z "$PS1" ] && TMOUT=300\n', FAIL),
    ('if [ -n "$PS1" ]; then TMOUT=0; else TMOUT=300; fi\n', FAIL),
    ('if [ -z "$PS1" ]; then TMOUT=0; else TMOUT=300; fi\n', PASS),
    ('if [ a ]; then x; elif [ "$PS1" ]; then TMOUT=300; fi\n', UNDETERMINED),
    ('if [ "$PS1" ]; then x; elif b; then TMOUT=300; fi\n', FAIL),
    ('[ a ] && [ "$PS1" ] && TMOUT=300\n', UNDETERMINED),
    ('TMOUT=0\n[ -z "$TMOUT" ] && TMOUT=300\n', UNDETERMINED),
    ("TMOUT=$((60 * 5))\n", PASS),
    ('TMOUT="$(( 60*60 ))"\n', FAIL),
    ('case "$SHELL" in *i*) TMOUT=300;; esac\n', UNDETERMINED),
]


def test_timeout_in_profile(subtests: pytest.Subtests, startup: MakeStartup) -> None:
    for text, verdict in TIMEOUT_IN_PROFILE:
        with subtests.test(text[:80]):
            assert (
                session_timeout.judge(
                    startup({"/etc/profile": text}), ALICE, EL, (), NO_STACKS, ""
                ).verdict
                is verdict
            )


@pytest.mark.parametrize(
    ("contents", "verdict"),
    [
        ({"/etc/profile": SOURCES, "/etc/profile.d/t.sh": "TMOUT=300\n"}, PASS),
        ({"/etc/profile": "x\n", "/etc/profile.d/t.sh": "TMOUT=300\n"}, UNDETERMINED),
        ({"/etc/profile.d/t.sh": "TMOUT=300\n"}, UNDETERMINED),
        ({"/etc/profile": SOURCES, "/etc/profile.d/t.csh": "TMOUT=300\n"}, FAIL),
        ({"/etc/profile": SOURCES, "/etc/profile.d/t.sh.bak": "TMOUT=300\n"}, FAIL),
        ({"/etc/profile": SOURCES, "/etc/profile.d/sh.local": "TMOUT=300\n"}, FAIL),
        ({"/etc/profile": "x", "/etc/bashrc": "TMOUT=300\n"}, UNDETERMINED),
        ({"/etc/profile": "TMOUT=300\n", "/etc/bash.bashrc": "TMOUT=0\n"}, UNDETERMINED),
        (
            {
                "/etc/profile": SOURCES,
                "/etc/profile.d/z.sh": "TMOUT=9999\n",
                "/etc/profile.d/a.sh": "TMOUT=300\n",
            },
            FAIL,
        ),
        (
            {
                "/etc/profile": SOURCES + "TMOUT=9999\n",  # what stands behind the loop runs last
                "/etc/profile.d/a.sh": "TMOUT=300\n",
            },
            FAIL,
        ),
        (
            {
                "/etc/profile": "TMOUT=9999\n" + SOURCES,
                "/etc/profile.d/a.sh": "TMOUT=300\n",
            },
            PASS,
        ),
        (
            {
                "/etc/profile": SOURCES + "TMOUT=9999\n",
                "/etc/profile.d/a.sh": "readonly TMOUT=300\n",
            },
            PASS,
        ),
        (
            {"/etc/profile": "# see /etc/profile.d\n", "/etc/profile.d/a.sh": "TMOUT=300\n"},
            UNDETERMINED,
        ),
    ],
)
def test_timeout_over_files(
    contents: dict[str, str], verdict: Verdict, startup: MakeStartup
) -> None:
    assert session_timeout.judge(startup(contents), ALICE, EL, (), NO_STACKS, "").verdict is verdict


# What /etc/profile runs from elsewhere, behind TMOUT=300 and umask 027, and both verdicts.
SOURCED = [
    (". /other\n", {}, UNDETERMINED),
    (". /opt/site/env.sh\n", {}, UNDETERMINED),
    ("source $FILE\n", {}, UNDETERMINED),
    ("for f in /etc/site.d/*; do . $f; done\n", {}, UNDETERMINED),
    ("eval '. /other'\n", {}, UNDETERMINED),
    ('eval "$(cat /other)"\n', {}, UNDETERMINED),
    ('eval "$(dircolors -b)"\n', {}, PASS),
    ("[ -r /etc/profile.local ] && . /etc/profile.local\n", {}, PASS),
    (". /etc/profile.local\n", {"/etc/profile.local": "TMOUT=0; umask 000\n"}, FAIL),
    (". /etc/a.sh\n", {"/etc/a.sh": ". /etc/b.sh", "/etc/b.sh": "TMOUT=0; umask 0\n"}, FAIL),
    (". /etc/a.sh\n", {"/etc/a.sh": ". /etc/a.sh"}, UNDETERMINED),  # without an end
    (". ~/.site; . $HOME/.x\n", {}, PASS),  # what a user sets for himself
    (". /usr/share/bash-completion/bash_completion\n", {}, PASS),
    ("[ a ] && . /other\nTMOUT=300; umask 027\n", {}, PASS),
]


def test_what_start_up_files_run(
    subtests: pytest.Subtests, files: Make, answers: Callable[..., Answers], pam: Callable[..., Pam]
) -> None:
    for text, more, verdict in SOURCED:
        with subtests.test(text):
            profile = files({"/etc/profile": f"TMOUT=300\numask 027\n{text}"})
            got = parse_startup(answers(files=profile, more=files(more)))
            assert isinstance(got, Startup)
            assert session_timeout.judge(got, ALICE, EL, (), NO_STACKS, "").verdict is verdict
            assert umask.judge(got, None, pam("# none\n"), ALICE).verdict is verdict
    closed = files({}, not_permitted="/etc/site")
    profile = files({"/etc/profile": "TMOUT=300\n. /etc/site/profile\n"})
    got = parse_startup(answers(files=profile, more=closed))
    assert isinstance(got, Startup)
    assert session_timeout.judge(got, ALICE, EL, (), NO_STACKS, "").verdict is UNDETERMINED


# The end of /etc/profile of base-files 14 (Debian 13 and later).
_BY_RUN_PARTS = """
if [ -d /etc/profile.d ]; then
  for i in $(run-parts --list --regex '^[a-zA-Z0-9_][a-zA-Z0-9._-]*\\.sh$' /etc/profile.d); do
    if [ -r $i ]; then
      . $i
    fi
  done
  unset i
fi
"""


def test_the_loop_by_run_parts(
    files: Make, answers: Callable[..., Answers], tmp_path: Path
) -> None:
    texts = {"b.sh": "TMOUT=600\n", "a@.sh": "TMOUT=1\n", "c.txt": "TMOUT=2\n", "9-a.b.sh": "\n"}
    there = {f"/etc/profile.d/{name}": text for name, text in texts.items()}
    got = parse_startup(
        answers(files=files({"/etc/profile": _BY_RUN_PARTS, **there}), more=files({}))
    )
    assert isinstance(got, Startup)
    assert [(s.path, s.sure) for s in got.statements] == [("/etc/profile.d/b.sh", True)]
    for name in texts:
        (tmp_path / name).touch()
    regex = _BY_RUN_PARTS.split("'")[1]
    listed = subprocess.run(
        ["run-parts", "--list", "--regex", regex, str(tmp_path)], capture_output=True, text=True
    ).stdout.split()  # fmt: skip
    assert [Path(path).name for path in listed] == ["9-a.b.sh", "b.sh"]


# Lines of /etc/environment and what pam_env of Linux-PAM 1.5.2 and 1.7.0 makes of TMOUT; None: not
# set. Of these the first column is what bash takes the value for, None where that is not told.
ENVIRONMENT = (
    (600, "TMOUT=600"), (600, "export TMOUT=600"), (None, "export\tTMOUT=600"),
    (600, "  TMOUT=600"),
    (600, "TMOUT=600\r"), (600, "TMOUT=600 # c"), (600, "TMOUT=600#c"), (600, 'TMOUT="600"'),
    (600, "TMOUT='600'"), (600, 'TMOUT="600'), (None, "TMOUT = 600"), (600, "TMOUT= 600"),
    (None, "TMOUT =600"), (None, "#TMOUT=600"), (None, "\ufeffTMOUT=600"),
    (900, "TMOUT=6\nTMOUT=900"),
    (0, "TMOUT="), (None, "TMOUT"), (None, "A=1 TMOUT=600"), (600, "TMOUT=600 x"),
    (0, "TMOUT=600\nTMOUT="), (None, "readonly TMOUT=600"), (600, 'export TMOUT="600" # x'),
    (None, "export  TMOUT=600"), (600, "\tTMOUT=600"), (None, "X_TMOUT=1\nTMOUTS=1"),
)  # fmt: skip


def test_timeout_in_the_environment(
    startup: MakeStartup, answer: Make, pam: Callable[[str], Pam]
) -> None:
    for wanted, text in ENVIRONMENT:
        got = parse_environment(answer(f"{text}\n"))
        assert (seconds(got[-1]) if got else None) == wanted, text
    assert parse_environment(answer("TMOUT=6\\\n")) == ("?",)
    assert parse_environment(answer("", b"", 1)) == ()
    with pytest.raises(ParseError):
        parse_environment(answer("", b"grep: unknown option\n"))
    none, some = startup({"/etc/profile": "x\n"}), startup({"/etc/profile": "TMOUT=300\n"})
    read, off = (pam(f"session required pam_env.so{args}\n") for args in ("", " readenv=0"))
    for values, stacks, verdict in (
        (("300",), read, PASS), (("300",), off, UNDETERMINED), (("300",), NO_STACKS, UNDETERMINED),
        (("0",), NO_STACKS, FAIL), (("300", "9000"), read, FAIL), (("$X",), read, UNDETERMINED),
        ((), read, FAIL),
    ):  # fmt: skip
        judged = session_timeout.judge(none, ALICE, EL, values, stacks, "")
        assert judged.verdict is verdict, (values, stacks)
    strict = session_timeout.judge(none, ALICE, EL, ("300",), read, "", require_readonly=True)
    assert strict.verdict is FAIL
    assert session_timeout.judge(some, ALICE, EL, ("0",), NO_STACKS, "").verdict is PASS
    kept = startup({"/etc/profile": '[ -z "$TMOUT" ] && TMOUT=300\n'})
    for given, verdict in (((), PASS), (("0",), UNDETERMINED), (LOST, UNDETERMINED)):
        assert session_timeout.judge(kept, ALICE, EL, given, NO_STACKS, "").verdict is verdict


def test_logind_may_stop_idle_sessions(startup: MakeStartup, files: Make) -> None:
    none, short = startup({"/etc/profile": "x\n"}), startup({"/etc/profile": "TMOUT=300\n"})
    for stops, verdict in (
        ("", FAIL),
        ("infinity", FAIL),
        ("15min", UNDETERMINED),
        (LOST, UNDETERMINED),
    ):
        assert session_timeout.judge(none, ALICE, EL, (), NO_STACKS, stops).verdict is verdict
        assert session_timeout.judge(short, ALICE, EL, (), NO_STACKS, stops).verdict is PASS
    drop_in = "/usr/lib/systemd/logind.conf.d/a.conf"
    assert parse_logind(files({
        "/etc/systemd/logind.conf": "[Login]\nStopIdleSessionSec=0\n",
        drop_in: "[Login]\nStopIdleSessionSec=900\n",
    })) == "900"  # fmt: skip
    assert parse_logind(files({})) == ""


def test_timeout_parameters(startup: MakeStartup) -> None:
    plain = startup({"/etc/profile": "TMOUT=600\n"})
    fixed = startup({"/etc/profile": "readonly TMOUT=600\n"})
    assert (
        session_timeout.judge(plain, ALICE, EL, (), NO_STACKS, "", max_seconds=599).verdict is FAIL
    )
    assert (
        session_timeout.judge(plain, ALICE, EL, (), NO_STACKS, "", require_readonly=True).verdict
        is FAIL
    )
    assert (
        session_timeout.judge(fixed, ALICE, EL, (), NO_STACKS, "", require_readonly=True).verdict
        is PASS
    )
    flags = startup({"/etc/profile": "declare -x -r TMOUT=600\n"})
    assert (
        session_timeout.judge(flags, ALICE, EL, (), NO_STACKS, "", require_readonly=True).verdict
        is PASS
    )
    exported = startup({"/etc/profile": "declare -x TMOUT=600\n"})
    assert (
        session_timeout.judge(exported, ALICE, EL, (), NO_STACKS, "", require_readonly=True).verdict
        is FAIL
    )


@pytest.mark.parametrize(
    ("shell", "family", "verdict"),
    [
        ("/bin/bash", "debian", PASS),
        ("/usr/bin/ksh", "rhel", PASS),
        ("/bin/sh", "rhel", PASS),
        ("", "rhel", PASS),
        ("/bin/sh", "debian", UNDETERMINED),  # dash knows no TMOUT
        ("", "debian", UNDETERMINED),
        ("/bin/sh", "unknown", UNDETERMINED),
        ("/bin/zsh", "rhel", UNDETERMINED),
        ("/bin/csh", "rhel", UNDETERMINED),
        ("/usr/sbin/nologin", "debian", PASS),
    ],
)
def test_timeout_holds_only_for_shells_that_obey_it(
    shell: str, family: str, verdict: Verdict, startup: MakeStartup
) -> None:
    bob = Account(name="bob", uid=1, gid=1, home="/", shell=shell, field="shadowed")
    given = startup({"/etc/profile": "TMOUT=300\n"})
    judged = session_timeout.judge(
        given, Accounts(rows=(bob,)), Platform(values={"os_family": family}), (), NO_STACKS, ""
    )
    assert judged.verdict is verdict


# --- umask ------------------------------------------------------------------------------------

WIRED = "session optional pam_umask.so\n"


@pytest.fixture(scope="session")
def pam(files: Make) -> Callable[[str], Pam]:
    """A host whose sshd has these session rules."""

    def make(session: str) -> Pam:
        got = parse_pam(files({"/etc/pam.d/sshd": session}))
        assert isinstance(got, Pam)
        return got

    return make


UMASK = [
    ("umask 027\n", None, "", PASS),
    ("umask 077\n", "022", "", PASS),
    ("umask 0027\n", None, "", PASS),
    ("umask 022\n", "077", WIRED, FAIL),
    ("umask 026\n", None, "", FAIL),
    ("umask 017\n", None, "", FAIL),
    ("umask 022\numask 027\n", None, "", PASS),
    ("umask 027\numask 022\n", None, "", FAIL),
    ("if a; then\n umask 002\nelse\n umask 022\nfi\n", None, "", FAIL),
    ("if a; then umask 027; fi\n", None, "", UNDETERMINED),
    ("if a; then umask 027; fi\n", "027", WIRED, PASS),
    ("umask 027\n[ a ] && umask 022\n", None, "", UNDETERMINED),
    ("umask u=rwx,g=rx,o=\n", None, "", PASS),
    ("umask -S 027\n", None, "", PASS),
    ("umask\n", "022", "", FAIL),
    ("x\n", "022", "", FAIL),
    ("x\n", None, "", FAIL),
    ("x\n", "027", WIRED, PASS),
    ("x\n", "027", "", UNDETERMINED),
    ("x\n", "026", WIRED, FAIL),
    ("x\n", None, WIRED, UNDETERMINED),  # /usr/etc/login.defs of openSUSE
    ("x\n", "junk", WIRED, FAIL),  # 0022 stays
    ("umask 027\n", "000", WIRED, FAIL),  # of SFTP
    ("umask 027\n", "0x17", WIRED, FAIL),
    ("umask 027\n", "022", WIRED, PASS),
    ("umask 027\n", "000", "session optional pam_umask.so umask=027\n", PASS),
    ("umask 027\n", "027", "session optional pam_umask.so umask=0\n", FAIL),
    ("x\n", "027", "session optional pam_umask.so umask=022\n", FAIL),
    ("x\n", "022", "session optional pam_umask.so umask=027\n", PASS),
    ("x\n", None, "session optional pam_umask.so umask=0077\n", PASS),
    ("x\n", "022", "session optional pam_umask.so umask=x\n", FAIL),
    # Tried on Debian 12: 0007 for a user whose group bears his name.
    ("x\n", "027", "session optional pam_umask.so usergroups\n", UNDETERMINED),
    ("x\n", "022", "session optional pam_umask.so usergroups\n", FAIL),
    ("x\n", "027", "session include missing\n", UNDETERMINED),
]


def test_umask(subtests: pytest.Subtests, startup: MakeStartup, pam: Callable[[str], Pam]) -> None:
    for profile, default, session, verdict in UMASK:
        with subtests.test(profile[:80]):
            defs = None if default is None else LoginDefs(values={}, searched={"umask": default})
            judged = umask.judge(
                startup({"/etc/profile": profile}), defs, pam(session or "# none\n"), ALICE
            )
            assert judged.verdict is verdict


def test_umask_holds_only_for_shells_that_read_etc_profile(
    startup: MakeStartup, pam: Callable[[str], Pam]
) -> None:
    given, wired = startup({"/etc/profile": "umask 027\n"}), pam(WIRED)
    for shell, default, verdict in (
        ("/bin/zsh", "022", UNDETERMINED), ("/usr/bin/fish", "022", UNDETERMINED),
        ("/bin/tcsh", "027", PASS), ("/bin/dash", "022", PASS), ("", "022", PASS),
        ("/usr/sbin/nologin", "022", PASS),
    ):  # fmt: skip
        bob = Account(name="b", uid=1, gid=1, home="/", shell=shell, field="shadowed")
        defs = LoginDefs(values={}, searched={"umask": default})
        assert umask.judge(given, defs, wired, Accounts(rows=(bob,))).verdict is verdict


def test_login_defs_as_useradd_and_pam_umask_read_them(
    subtests: pytest.Subtests, answer: Make, pam: Callable[[str], Pam]
) -> None:
    """Compared with what the programs did (`recorded/login_defs.py`)."""
    for case in json.loads(programs.READ.read_text())["cases"]:
        with subtests.test(case["text"][:60]):
            defs = parse_login_defs(answer(case["text"]))
            ages = [defs.integer(f"PASS_{name}") for name in ("MIN_DAYS", "MAX_DAYS", "WARN_AGE")]
            added = [case["added"][name] for name in ("min", "max", "warn")]
            assert [None if age is None or age < 0 else str(age) for age in ages] == [
                age or None for age in added
            ]
            for arguments, did in case["umask"].items():
                stack = pam(f"session required pam_umask.so {arguments}\n")
                assert _defaults(defs, stack) == {int(mask, 8) for mask in did.values()}


def test_umask_must_hold_on_the_console_too(startup: MakeStartup, files: Make) -> None:
    half = parse_pam(files({"/etc/pam.d/sshd": WIRED, "/etc/pam.d/login": "# none\n"}))
    assert isinstance(half, Pam)
    defs = LoginDefs(values={}, searched={"umask": "027"})
    judged = umask.judge(startup({"/etc/profile": "x\n"}), defs, half, ALICE)
    assert judged.verdict is UNDETERMINED


def test_umask_parameter(startup: MakeStartup, pam: Callable[[str], Pam]) -> None:
    given = startup({"/etc/profile": "umask 022\n"})
    assert umask.judge(given, None, pam(WIRED), ALICE, masked="0022").verdict is PASS


def test_login_defs_of_the_vendor() -> None:
    vendor = LoginDefs(values={"UMASK": "027"})
    gone = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="none"))
    make = login_defs.VENDOR_LOGIN_DEFS.make
    assert make is not None
    assert make(None, vendor) is vendor
    assert make(gone, vendor) is gone
    assert isinstance(make(LoginDefs(values={}), vendor), Absent)


def test_drop_ins_of_login_defs_where_the_vendor_has_a_file(files: Make, answer: Make) -> None:
    """As libeconf merges them (econf_readDirs); not compared with a SUSE host."""
    assert login_defs.LOGIN_DEFS_IN_FORCE.make is not None
    own, vendor = (login_defs.parse_login_defs(answer(f"PASS_MAX_DAYS {n}\nUMASK 027\n"))
                   for n in (90, 80))  # fmt: skip
    etc, usr = "/etc/login.defs.d", "/usr/etc/login.defs.d"
    for texts, main, days in (
        ({f"{etc}/a.defs": "PASS_MAX_DAYS 99999\n"}, own, "99999"),
        ({f"{usr}/a.defs": "PASS_MAX_DAYS 99999\n"}, None, "99999"),
        ({f"{etc}/a.defs": "UMASK 077\n", f"{usr}/a.defs": "PASS_MAX_DAYS 1\n"}, own, "90"),
        ({f"{usr}/b.defs": "PASS_MAX_DAYS 5\n", f"{etc}/a.defs": "PASS_MAX_DAYS 6\n"}, own, "6"),
        ({f"{etc}/a.defs": "# nothing\n"}, None, "80"),
    ):
        drop_ins = login_defs.parse_login_defs_drop_ins(files(texts))
        found = login_defs.LOGIN_DEFS_IN_FORCE.make(main, vendor, drop_ins)
        assert found.values["PASS_MAX_DAYS"] == days, texts
    assert isinstance(login_defs.parse_login_defs_drop_ins(files({})), Absent)


# Lines of login.defs and what libeconf 0.5.1 and 0.7.7 give for PASS_MAX_DAYS.
ECONF = (
    ("PASS_MAX_DAYS 90", "90"), ("PASS_MAX_DAYS 90 # c", "90"), ('PASS_MAX_DAYS "90"', "90"),
    ("PASS_MAX_DAYS 90\nPASS_MAX_DAYS 80", "90"), ("PASS_MAX_DAYS=90", None),
    ("  PASS_MAX_DAYS 90", "90"), ("\ufeffPASS_MAX_DAYS 90", None), ("PASS_MAX_DAYS 90\r", "90"),
    ("pass_max_days 90", None), ("X\nPASS_MAX_DAYS 90", "90"), ("PASS_MAX_DAYS\t\t90", "90"),
    ("#PASS_MAX_DAYS 90", None), ("PASS_MAX_DAYS 90 7", "90 7"), ("[x]\nPASS_MAX_DAYS 90", None),
)  # fmt: skip


def test_login_defs_as_libeconf_reads_it(answer: Make) -> None:
    assert login_defs.LOGIN_DEFS_IN_FORCE.make is not None
    for text, days in ECONF:
        vendor = login_defs.parse_login_defs(answer(f"{text}\n"))
        found = login_defs.LOGIN_DEFS_IN_FORCE.make(None, vendor, None)
        assert found.values.get("PASS_MAX_DAYS") == days, text
