"""What root runs, joined with what others may change: one fault at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.model import Verdict
from audit_linux.files.root_runs import Job, parse_cron, parse_units_of_root, programs, root_runs
from audit_linux.files.sweep import Acl, Entry, Sweep, argv, parse_sweep
from audit_linux.sudo.sudoers import Grant, Sudoers
from audit_linux.units import Units
from invented import answers as invented

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
UNITS = Units(active=frozenset({"app.service"}), enabled=frozenset())


def jobs(**files: str) -> tuple[Job, ...]:
    found = parse_cron(
        invented.files({f"/etc/cron.d/{name}": text for name, text in files.items()})
    )
    assert isinstance(found, tuple)
    return found


def unit(text: str, path: str = "/etc/systemd/system/app.service") -> tuple[Job, ...]:
    found = parse_units_of_root(invented.files({path: text}))
    assert isinstance(found, tuple)
    return found


def verdict(
    sweep: Sweep,
    cron: tuple[Job, ...] = (),
    units: tuple[Job, ...] = (),
    sudoers: Sudoers | None = None,
) -> Verdict:
    found: Verdict = root_runs.judge(sweep, cron, units, UNITS, sudoers).verdict
    return found


def entry(path: str, bits: int = 0o755, uid: int = 0, gid: int = 0, kind: str = "d") -> Entry:
    return Entry(path=path, kind=kind, bits=bits, uid=uid, gid=gid)


FINE = Sweep()
CRON = "17 * * * * root cd / && /opt/site/run.sh --all >> /home/bob/log 2>&1\n"
SERVICE = "[Service]\nExecStart=/usr/bin/python3 -u /opt/app/main.py\n"


def test_each_component_of_a_path_counts() -> None:
    cron = jobs(site=CRON)
    assert verdict(FINE, cron) is PASS
    for place in ("/opt", "/opt/site", "/opt/site/run.sh"):
        assert verdict(structs.replace(FINE, owned=(entry(place, uid=1000),)), cron) is FAIL
        assert verdict(structs.replace(FINE, owned=(entry(place, 0o775, gid=9),)), cron) is FAIL
        assert verdict(structs.replace(FINE, entries=(entry(place, 0o777),)), cron) is FAIL
        acl = Acl(path=place, entries=("user:1000:rwx",))
        assert verdict(structs.replace(FINE, acls=(acl,)), cron) is FAIL
    for place in ("/home/bob", "/opt/other", "/opt/site/run.sh.old"):  # not run
        assert verdict(structs.replace(FINE, owned=(entry(place, uid=1000),)), cron) is PASS
    link = structs.replace(FINE, links={"/opt/site": "/srv/x"}, owned=(entry("/srv/x", uid=1000),))
    assert verdict(link, cron) is FAIL


def test_what_root_runs() -> None:
    bad = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    assert verdict(bad, jobs(x=CRON)) is FAIL
    assert verdict(bad, jobs(x=CRON.replace("root", "bob"))) is PASS
    assert verdict(bad, jobs(x="# " + CRON)) is PASS
    assert verdict(bad, jobs(x="PATH=/opt/bin:/usr/bin\n@daily root backup\n")) is FAIL
    assert verdict(bad, jobs(x="PATH=/usr/bin\n@daily root backup\n")) is PASS
    assert verdict(bad, jobs(x="@daily root $HOME/x\n")) is UNDETERMINED
    assert verdict(bad, (), unit(SERVICE)) is FAIL
    assert verdict(bad, (), unit(SERVICE + "User=app\n")) is PASS
    assert verdict(bad, (), unit(SERVICE.replace("=/usr", "=+/usr") + "User=app\n")) is FAIL
    idle = "/etc/systemd/system/idle.service"
    assert verdict(bad, (), unit(SERVICE, idle)) is UNDETERMINED
    for runas, expected in ((("root",), FAIL), (("www",), PASS)):
        grant = Grant(who=("bob",), runas=runas, command="/opt/tool -x", no_password=True)
        assert verdict(bad, sudoers=Sudoers(grants=(grant,))) is expected
    writable = structs.replace(bad, entries=(entry("/etc/environment", 0o666, kind="f"),))
    for more, expected in (
        ({"env_files": ("/etc/environment",)}, FAIL),
        ({"env_files": ("/etc/sudo.env",)}, PASS),
        ({"secure_path": ("/usr/bin", "/opt/bin")}, FAIL),
        ({"secure_path": ("/usr/bin", "/tmp")}, FAIL),
        ({"secure_path": ("/usr/bin", ".")}, FAIL),
        ({"secure_path": ("/usr/sbin", "/usr/bin", "/snap/bin")}, PASS),
    ):
        assert verdict(writable, sudoers=Sudoers(grants=(), **more)) is expected, more
    assert verdict(structs.replace(FINE, owned=(entry("/etc/cron.daily/x", uid=9),))) is FAIL
    assert verdict(FINE, jobs(x="@daily root /tmp/x\n")) is FAIL
    assert verdict(FINE, jobs(x="@daily root /opt/a/b/c/d/e/f\n")) is UNDETERMINED


def test_programs_of_a_shell_line() -> None:
    cases = {
        "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }": (
            "run-parts", "/etc/cron.daily",
        ),
        "A=1 /opt/x 2>/dev/null | mail -s x root": ("/opt/x", "mail"),
        "if [ -x /a ]; then /usr/bin/nice -n 9 /b /c; fi": ("/usr/bin/nice", "/b"),
        "bash '/srv/a.sh' < /etc/hosts": ("bash", "/srv/a.sh"),
    }  # fmt: skip
    for line, wanted in cases.items():
        assert programs(line)[0] == wanted, line


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_real_tree() -> None:
    root = Path("/opt/dengbao-test")
    root.mkdir()
    try:
        script = root / "run.sh"
        script.write_text("x")
        script.chmod(0o755)
        cron = jobs(x=f"@daily root {script}\n")
        for uid, bits, expected in ((0, 0o755, PASS), (1000, 0o755, FAIL), (0, 0o757, FAIL)):
            os.chown(root, uid, 0)
            root.chmod(bits)
            done = subprocess.run(argv(str(root)), capture_output=True, check=False)
            found = parse_sweep(
                invented.answer(done.stdout, done.stderr, done.returncode), as_root=True
            )
            assert isinstance(found, Sweep)
            assert verdict(found, cron) is expected
    finally:
        shutil.rmtree(root)
