"""Programs that differ from their packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Verdict
from audit_linux.system.package_integrity import (
    Differing,
    Verified,
    package_integrity,
    parse_verified,
)
from invented.answers import answer

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
FILES = ("usr/bin/a", "usr/bin/b", "usr/lib/x/security/pam_a.so", "lib/systemd/system/a.service",
         "usr/share/doc/a")  # fmt: skip
CONTROL = "Package: aaa\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example>\nDescription: x\n"


def _installed(folder: Path) -> Path:
    """A directory in which the real dpkg has installed one package."""
    package, root = folder / "aaa", folder / "root"
    for name in (*FILES, "etc/a", "DEBIAN/control"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(CONTROL if name.endswith("control") else name)
    (package / "DEBIAN/conffiles").write_text("/etc/a\n")
    sums = subprocess.run(["md5sum", *FILES], cwd=package, capture_output=True, check=True)
    (package / "DEBIAN/md5sums").write_bytes(sums.stdout)
    for name in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()
    subprocess.run(
        ["dpkg-deb", "-b", str(package), f"{package}.deb"], check=True, capture_output=True
    )
    subprocess.run(["dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "-i",
                    f"{package}.deb"], check=True, capture_output=True)  # fmt: skip
    return root


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dpkg-deb"), reason="needs root and dpkg")
def test_what_the_real_dpkg_tells(tmp_path: Path) -> None:
    root = _installed(tmp_path)

    def verified() -> Verified:
        # zlib1g:loong64 is not installed, which ends with 1 and stops nothing.
        argv = ["dpkg", f"--root={root}", "--verify", "zlib1g:loong64", "aaa"]
        done = subprocess.run(argv, capture_output=True, check=False)
        return whole(parse_verified(answer(done.stdout, done.stderr, done.returncode)))

    assert verified() == Verified(rows=())
    (root / "etc/a").write_text("edited")
    assert verified().rows == (Differing(path="/etc/a", marks="??5??????", config=True),)
    assert package_integrity.judge(verified()).verdict is P
    (root / "lib/systemd/system/a.service").write_text("edited")
    assert package_integrity.judge(verified()).verdict is U
    for name in FILES[:3]:
        (root / name).write_text("another program")
        judged = package_integrity.judge(verified())
        assert judged.verdict is F
        assert f"/{name}" in str(judged.detail[0].args["names"])
        (root / name).write_text(name)
    (root / "usr/share/doc/a").unlink()  # as where documentation is left out on purpose
    (root / "lib/systemd/system/a.service").write_text("lib/systemd/system/a.service")
    assert package_integrity.judge(verified()).verdict is P
    (root / "usr/bin/b").unlink()
    assert package_integrity.judge(verified()).verdict is U


def test_lines_of_rpm_and_what_was_not_read() -> None:
    # The first four are lines of rpm 4.18.0; the others are invented after rpm(8).
    cases = (
        ("S.5....T.  c /etc/aaa.conf\n.M.......    /usr/bin/bbb\n", P),
        ("S.5....T.    /usr/bin/aaa\n", F),
        ("missing   d /usr/share/doc/aaa/x\n", P),
        ("package nosuch is not installed\n", P),
        ("S.5....T.    /usr/sbin/sshd\n", F),
        ("S.5....T.  c /etc/ssh/sshd_config\n.M...UG..    /usr/bin/x\n", P),
        ("S.5......  d /usr/share/man/man1/ls.1.gz\n", U),
        ("..?......    /usr/bin/sudo\n", U),
        ("missing     /usr/bin/sudo (Permission denied)\n", U),
        ("missing     /usr/share/doc/x\npackage zypper is not installed\n", P),
        ("missing   c /etc/x\n", P),
        ("?????????   /usr/bin/aaa\n", U),
        ("S.5....T.  g /usr/lib64/libcrypt.so.1.1.0\n", F),
    )
    for text, verdict in cases:
        assert package_integrity.judge(whole(parse_verified(answer(text)))).verdict is verdict, text
