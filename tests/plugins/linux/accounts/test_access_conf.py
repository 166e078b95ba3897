"""access.conf as read here, and as the real pam_access of Linux-PAM applies it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, Message, Reason, Verdict
from audit_linux.accounts.access_conf import access_conf, deciding, parse_access
from audit_linux.pam import Pam
from recorded.libpam import LIBRARY, SILENT

P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.NOT_APPLICABLE
RHOST = 4
# Whether an account that no rule names may log in from an address that none names.
CASES = (
    ("", True), ("-:ALL:ALL\n", False), ("- : ALL : ALL\n", False), ("-\t:\tALL\t:\tALL\n", False),
    (" -:ALL:ALL\n", True), ("#-:ALL:ALL\n", True), (" #-:ALL:ALL\n", True),
    ("+:root:ALL\n-:ALL:ALL\n", False), ("+:ALL:ALL\n-:ALL:ALL\n", True),
    ("-:ALL EXCEPT root:ALL\n", False), ("-:ALL EXCEPT root wheel:ALL EXCEPT LOCAL\n", False),
    ("-:root:ALL\n", True), ("-:ALL:192.0.2.0/24\n", True),
    ("-:ALL:ALL EXCEPT 192.0.2.0/24\n", False),
    ("+:ALL:0.0.0.0/0\n-:ALL:ALL\n", False), ("-:ALL:0.0.0.0/0\n", True),
    ("+:ALL:192.0.2.\n-:ALL:ALL\n", False),
    ("-:ALL\n", True), ("deny:ALL:ALL\n", True), ("--:ALL:ALL\n", False), ("-:all:ALL\n", False),
    ("-:ALL:all\n", False), ("-:ALL EXCEPT ALL:ALL\n", True), ("-:ALL:LOCAL\n", True),
    ("-:ALL except root:ALL\n", False), ("-:ALL:ALL # all\n", False),
    ("-:nobody-else ALL:ALL\n", False), ("-:ALL,root:ALL\n", False), ("-:ALL:ALL\r\n", False),
    ("-:ALL:ALL EXCEPT ALL\n", True),
    ("+:(wheel):ALL\n-:ALL:ALL\n", False), ("-::ALL:ALL\n", False),
    ("+:ALL:NONE\n-:ALL:ALL\n", False),
)  # fmt: skip


def by_pam(folder: Path, text: str) -> bool:
    """Whether pam_acct_mgmt(3) lets `daemon` in from 198.51.100.7."""
    (folder / "access.conf").write_text(text)
    (folder / "service").write_text(
        f"account required pam_access.so accessfile={folder}/access.conf noaudit\n"
    )
    handle = ctypes.c_void_p()
    assert not LIBRARY.pam_start_confdir(
        b"service", b"daemon", ctypes.byref(SILENT), str(folder).encode(), ctypes.byref(handle)
    )
    LIBRARY.pam_set_item(handle, RHOST, b"198.51.100.7")
    result = LIBRARY.pam_acct_mgmt(handle, 0)
    LIBRARY.pam_end(handle, result)
    return bool(result == 0)


@pytest.mark.skipif(not hasattr(LIBRARY, "pam_start_confdir"), reason="Linux-PAM is older than 1.4")
def test_rules_are_read_as_pam_access_does(
    tmp_path: Path, subtests: Any, files: Callable[..., Answer]
) -> None:
    for text, permitted in CASES:
        with subtests.test(text):
            rule = deciding(whole(parse_access(files({"/etc/security/access.conf": text}))))
            assert by_pam(tmp_path, text) is permitted
            assert (rule is None or rule.permits) is permitted


def test_where_pam_uses_it(
    files: Callable[..., Answer], pam: Callable[[dict[str, str]], Pam]
) -> None:
    access = "account required pam_access.so"
    closed = whole(parse_access(files({"/etc/security/access.conf": "+:root:ALL\n-:ALL:ALL\n"})))
    late = whole(parse_access(files({"/etc/security/access.d/z.conf": "-:ALL:ALL\n"})))
    network = whole(parse_access(files({"/etc/security/access.conf": "-:ALL:0.0.0.0/0\n"})))
    gone = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="none"))
    for service, rules, verdict in (
        (access, closed, P), (access, late, P), (access, (), F), (access, gone, U),
        (access, network, U),
        ("account required pam_unix.so", closed, N),
        ("account optional pam_access.so", closed, U),
        ("account sufficient pam_unix.so\n" + access, closed, U),
        (access + " accessfile=/etc/other.conf", closed, U),
        ("auth required pam_access.so", closed, P),
        ("account [success=ok default=die] pam_access.so", closed, P),
    ):  # fmt: skip
        found = access_conf.judge(pam({"sshd": service + "\n"}), rules)
        assert found.verdict is verdict, service
