"""What root runs, joined with what others may change: one fault at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.api.sdk import Answers
from audit_core.api.testkit import target_of
from audit_core.model import Platform, Verdict
from audit_linux.files.command_lines import HERE, of_variable, started_by
from audit_linux.files.empty_groups import parse_empty_groups
from audit_linux.files.root_hooks import of_pam, parse_hooks
from audit_linux.files.root_jobs import Job, parse_cron
from audit_linux.files.root_runs import root_runs
from audit_linux.files.root_settings import parse_root_settings, parse_root_shells
from audit_linux.files.root_units import parse_units_of_root
from audit_linux.files.script_lines import files_of, programs_of, sed
from audit_linux.files.sweep import Acl, Entry, Sweep, argv, parse_sweep
from audit_linux.pam import Pam, parse_pam
from audit_linux.ssh.sshd_match import Names
from audit_linux.sudo.sudoers import Grant, Sudoers
from audit_linux.units import Units
from invented import answers as invented

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
UNITS = Units(active=frozenset({"app.service"}), enabled=frozenset())


DEBIAN = Platform(values={"os_family": "debian"})
NAMES = Names(groups_of={}, uids={"root": 0, "toor": 0, "bob": 1000})


def jobs(**files: str) -> tuple[Job, ...]:
    found = parse_cron(
        invented.files({f"/etc/cron.d/{name}": text for name, text in files.items()})
    )
    assert isinstance(found, tuple)
    return found


def unit(text: str, path: str = "/etc/systemd/system/app.service") -> tuple[Job, ...]:
    return units({path: text})


def units(files: dict[str, str]) -> tuple[Job, ...]:
    """The jobs of these unit files, drop-ins, timers and sockets."""
    plain = {path: text for path, text in files.items()
             if path.endswith(".service") and ".wants/" not in path}  # fmt: skip
    more = {path: text for path, text in files.items() if path not in plain}
    named = {"units": invented.files(plain), "more": invented.files(more)}
    found = parse_units_of_root(Answers(target=target_of("host"), named=named))
    assert isinstance(found, tuple)
    return found


def verdict(
    sweep: Sweep,
    cron: tuple[Job, ...] = (),
    units: tuple[Job, ...] = (),
    sudoers: Sudoers | None = None,
    hooks: tuple[Job, ...] = (),
    pam: Pam | None = None,
    groups: str = "root:x:0:\ndev:x:9:bob\nstaff:x:50:\n",
    accounts: str = "root:x:0:0:root:/root:/bin/sh\n",
    settings: tuple[Job, ...] = (),
) -> Verdict:
    named = {
        "group": invented.answer(groups.encode()),
        "passwd": invented.answer(accounts.encode()),
    }
    empty = parse_empty_groups(Answers(target=target_of("host"), named=named))
    found: Verdict = root_runs.judge(
        DEBIAN, sweep, NAMES, cron, units, UNITS, sudoers, hooks, pam, empty, settings, ()
    ).verdict
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
    assert verdict(bad, jobs(x=CRON.replace("root", "toor"))) is FAIL
    assert verdict(bad, jobs(**{"x.bak": CRON})) is PASS  # cron of Debian passes it over
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
    writable = structs.replace(bad, entries=(entry("/etc/sudo.vars", 0o666, kind="f"),))
    for more, expected in (
        ({"env_files": ("/etc/sudo.vars",)}, FAIL),
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


def test_what_starts_a_unit() -> None:
    bad = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    idle = "/etc/systemd/system/idle.service"
    above = idle.rsplit("/", 1)[0]
    for more, expected in (
        ({f"{above}/idle.timer": "[Timer]\nOnCalendar=daily\n"}, UNDETERMINED),
        ({f"{above}/timers.target.wants/idle.timer": "[Timer]\n"}, FAIL),
        ({f"{above}/paths.target.wants/x.path": "[Path]\nUnit=idle.service\n"}, FAIL),
        ({f"{above}/timers.target.wants/x.timer": "[Timer]\nUnit=other.service\n"}, UNDETERMINED),
        ({f"{above}/idle.service.d/x.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/x\n"}, PASS),
        ({f"{above}/idle.service.d/x.conf": "[Service]\nUser=app\n"}, PASS),
        ({f"{above}/a@.service": SERVICE, f"{above}/x.wants/a@1.service": SERVICE}, FAIL),
        ({f"{above}/a@.service": SERVICE, f"{above}/timers.target.wants/a@1.timer": ""}, FAIL),
    ):
        assert verdict(bad, (), units({idle: SERVICE, **more})) is expected, more
    app = "/etc/systemd/system/app.service"
    plain = SERVICE.replace("/opt/app", "/srv")
    for line, expected in (
        ("ExecStartPre=-/opt/pre.sh", FAIL),
        ("ExecStartPre=-/bin/sh -c 'cd / && /opt/pre.sh'", FAIL),
        ("EnvironmentFile=-/opt/env", FAIL),
        ("EnvironmentFile=-/etc/default/app", PASS),
        ("User=app\nEnvironmentFile=-/opt/env", PASS),
        ("User=app\nExecStartPre=!/opt/pre.sh", FAIL),
        ("User=app\nPermissionsStartOnly=yes\nExecStartPre=/opt/pre.sh", FAIL),
        ("BindReadOnlyPaths=/opt/bin:/usr/local/bin", FAIL),
        ("BindPaths=/opt/data", PASS),
        ("User=app\nBindPaths=/opt/bin:/usr/bin", PASS),
        ('ExecStartPre=-"/opt/my app/x" -a', FAIL),
        ("ExecStartPre=/bin/true ; /opt/x", FAIL),
        ("WorkingDirectory=/opt\nExecStartPre=/usr/bin/python3 x.py", FAIL),
        ("ExecStartPre=/usr/bin/env \\\n# why\n  /opt/x", FAIL),
    ):
        for place in ("app.service.d", "service.d"):
            files = {app: plain, f"{above}/{place}/x.conf": f"[Service]\n{line}\n"}
            assert verdict(bad, (), units(files)) is expected, (line, place)


def test_what_a_folder_or_a_setting_makes_root_run() -> None:
    bad = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    for path, text, expected in (
        ("/etc/ld.so.preload", "# x\n/opt/x.so /lib/y.so\n", FAIL),
        ("/etc/ld.so.conf.d/x.conf", "/opt/lib\n", FAIL),
        ("/etc/ld.so.conf.d/x.conf", "include x/*.conf\n# /opt/lib\n", PASS),
        ("/etc/logrotate.d/x", "compresscmd /opt/x\n", FAIL),
        ("/etc/apt/apt.conf.d/x", 'Acquire::http::Proxy-Auto-Detect "/opt/x";\n', FAIL),
        ("/etc/cron.daily/x", "#!/bin/sh\nset -e\n[ -x /opt/x ] && /opt/x --all\n", FAIL),
        ("/etc/cron.daily/x", "#!/bin/sh\necho '\n/opt/x\n'\ncat <<E\n/opt/x\nE\n", PASS),
        ("/etc/cron.daily/x", "#!/usr/bin/perl\n/opt/x\n", PASS),
        ("/etc/rc.local", "#!/bin/bash\n. /opt/x.conf\nexit 0\n", FAIL),
        ("/etc/logrotate.d/x", "/opt/log {\n daily\n postrotate\n  /opt/x\n endscript\n}\n", FAIL),
        ("/etc/logrotate.d/x", "/opt/log {\n daily\n}\n", PASS),
        ("/etc/udev/rules.d/x.rules", 'ACTION=="add", RUN+="/opt/x %k"\n', FAIL),
        ("/etc/udev/rules.d/x.rules", '# RUN+="/opt/x"\nENV{A}="/opt/x"\n', PASS),
        (
            "/etc/apt/apt.conf.d/x",
            'DPkg::Post-Invoke {"true && /opt/x || true";};\n',
            FAIL,
        ),
        ("/etc/apt/apt.conf.d/x", 'DPkg::Pre-Install-Pkgs:: "/opt/x";\n', FAIL),
        ("/etc/apt/apt.conf.d/x", '// DPkg::Post-Invoke {"/opt/x";};\nDir "/opt";\n', PASS),
        ("/etc/rsyslog.d/x.conf", 'action(type="omprog" binary="/opt/x a")\n', FAIL),
        ("/etc/environment", 'PATH="/opt/bin:/usr/bin"\n', FAIL),
        ("/etc/environment", 'A="/opt/bin:/usr/bin"\n', PASS),
        ("/etc/init.d/x", "#!/bin/sh\n/opt/x start\n", UNDETERMINED),  # of no unit
    ):
        found = parse_hooks(invented.owned_file(path, text, 0o755))
        assert isinstance(found, tuple)
        assert verdict(bad, hooks=found) is expected, (path, text)
        assert verdict(FINE, hooks=found) is PASS
    for line, expected in (
        ("session optional pam_exec.so quiet /opt/x", FAIL),
        ("auth [success=ok default=die] /opt/pam_x.so", FAIL),
        ("auth required pam_unix.so /opt", PASS),
    ):
        pam = parse_pam(invented.owned_file("/etc/pam.d/sshd", f"{line}\n", 0o644))
        assert isinstance(pam, Pam)
        assert [job.where for job in of_pam(pam)] == (["PAM sshd"] if expected is FAIL else [])
        assert verdict(bad, pam=pam) is expected


def test_directories_with_the_sticky_bit_and_devices() -> None:
    """Others add programs there, and do not change those that are there."""
    cron = (Job(where="/etc/crontab", programs=("/usr/local/bin/x",)),)
    for bits, gid, expected in ((0o1777, 0, FAIL), (0o1775, 1001, FAIL), (0o1755, 1001, PASS)):
        folder = Entry(path="/usr/local/bin", kind="d", bits=bits, uid=0, gid=gid)
        assert verdict(structs.replace(FINE, entries=(folder,), owned=(folder,))) is expected
    shared = Entry(path="/opt/drop", kind="d", bits=0o1777, uid=0, gid=0)
    sweep = structs.replace(FINE, entries=(shared,))
    assert verdict(sweep, cron) is PASS
    inside = (Job(where="/etc/crontab", programs=("/opt/drop/x",)),)
    assert verdict(sweep, inside) is PASS
    path = (Job(where="/etc/crontab", programs=("x",), path=("/opt/drop", "/usr/bin")),)
    assert verdict(sweep, path) is FAIL
    null = Entry(path="/dev/null", kind="c", bits=0o666, uid=0, gid=0)
    masked = structs.replace(
        FINE, entries=(null,), links={"/usr/lib/systemd/system/x": "/dev/null"}
    )
    assert verdict(masked) is PASS
    for name, kind, expected in (("sda", "b", FAIL), ("tty1", "c", PASS), ("mem", "c", FAIL)):
        device = Entry(path=f"/dev/{name}", kind=kind, bits=0o600, uid=1000, gid=5)
        assert verdict(structs.replace(FINE, owned=(device,))) is expected, name


def test_owners_of_the_files_and_groups_without_members() -> None:
    for uid, gid, mode, expected in (
        (0, 0, 0o755, PASS), (9, 0, 0o755, FAIL), (0, 9, 0o775, FAIL), (0, 50, 0o775, PASS),
        (0, 0, 0o757, FAIL),
    ):  # fmt: skip
        found = parse_hooks(invented.owned_file("/etc/profile.d/x.sh", "x", mode, uid, gid))
        assert isinstance(found, tuple)
        assert verdict(FINE, hooks=found) is expected, (uid, gid, mode)
    group = structs.replace(FINE, owned=(entry("/usr/local/bin", 0o2775, gid=50),))
    cron = jobs(x="PATH=/usr/local/bin:/usr/bin\n@daily root backup\n")
    assert verdict(group, cron) is PASS
    assert verdict(group, cron, groups="staff:x:50:bob\n") is FAIL
    link = structs.replace(FINE, links={"/etc/profile.d/x.sh": "/home/bob/x"},
                           owned=(entry("/home/bob", uid=1000),))  # fmt: skip
    assert verdict(link) is FAIL


def test_a_row_that_cannot_be_read_matters_only_to_groups_without_members() -> None:
    cron = jobs(x="@daily root /opt/run\n")
    group = "root:x:0:\ndev:x:9:bob\nstaff:x:50:\n"
    account = "root:x:0:0:root:/root:/bin/sh\n"
    bad_row, nis = "eve:x:many:\n", "+::::::\n"
    gaps = (
        (group + bad_row, account), (group, account + bad_row), (group, account + nis),
        (group + "+:::\n", account),
    )  # fmt: skip
    for sweep, whole, gap in (
        (FINE, PASS, PASS),
        (structs.replace(FINE, owned=(entry("/opt", uid=9),)), FAIL, FAIL),
        (structs.replace(FINE, owned=(entry("/opt", 0o775, gid=9),)), FAIL, FAIL),
        (structs.replace(FINE, owned=(entry("/opt", 0o775, gid=50),)), PASS, UNDETERMINED),
    ):
        assert verdict(sweep, cron) is whole
        for rows in gaps:
            judged = verdict(sweep, cron, groups=rows[0], accounts=rows[1])
            assert judged is gap, (sweep, rows)


def test_files_that_start_up_files_of_shells_run() -> None:
    for text, expected in (
        (". /opt/x\n", FAIL), ("[ -r /opt/x ] && source /opt/x\n", FAIL), ("/opt/x\n", FAIL),
        ('. "$HOME/x"\n', PASS), ("# . /opt/x\n", PASS), (". /etc/x\n", PASS),
        ("export PATH=/opt/bin:$PATH\n", FAIL), ("alias ls='/opt/ls -l'\n", FAIL),
        ("LD_PRELOAD=/opt/x.so\n", FAIL), ("PATH=$PATH:/usr/games\n", PASS),
    ):  # fmt: skip
        found = parse_hooks(invented.owned_file("/etc/profile.d/x.sh", text, 0o644, 0, 0))
        assert isinstance(found, tuple)
        bad = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
        assert verdict(bad, hooks=found) is expected, text


def test_settings_that_make_root_start_or_load_programs() -> None:
    cases = {
        "/etc/systemd/system.conf.d/x.conf": '[Manager]\nDefaultEnvironment="A=1" LD_PRELOAD=X',
        "/etc/modprobe.d/x.conf": "install dccp X --all",
        "/usr/lib/sysctl.d/x.conf": "kernel.core_pattern = |X %p",
        "/etc/sysctl.conf": "kernel/modprobe=X",
        "/etc/binfmt.d/x.conf": ":x:E::ext::X:OC",
        "/etc/dpkg/dpkg.cfg.d/x": "post-invoke=X",
        "/etc/kernel/postinst.d/x": "#!/bin/sh\nX",
        "/etc/dhcp/dhclient-exit-hooks.d/x": ". X",
        "/etc/NetworkManager/dispatcher.d/x": "#!/bin/sh\nif true; then X; fi",
        "/etc/network/interfaces": "iface a inet dhcp\n  pre-up X",
        "/etc/audit/plugins.d/x.conf": "active = yes\npath = X",
        "/etc/audit/auditd.conf": "space_left_action = exec X",
        "/etc/sudo.conf": "Plugin sudoers_policy X",
        "/etc/ssl/openssl.cnf": "[x]\nmodule = X",
        "/etc/crypttab": "root /dev/sda none luks,keyscript=X",
        "/etc/security/pam_env.conf": "LD_PRELOAD DEFAULT=X",
        "/etc/login.defs": "ENV_SUPATH PATH=X:/bin",
        "/etc/zsh/zshenv": "path+=(/bin)\nsource X",
        "/usr/share/dbus-1/system-services/x.service": "[D-BUS Service]\nExec=X\nUser=root",
        "/etc/inetd.conf": "a stream tcp nowait root /usr/sbin/tcpd X",
        "/etc/xinetd.d/x": "service x\n{\n user = root\n server = X\n}",
        "/etc/hosts.allow": "sshd: ALL: spawn (X %h) &: allow",
        "/etc/hosts.deny": "ALL: \\\n ALL: twist = X",
        "/etc/incron.d/x": "/srv IN_CREATE X $@",
        "/var/spool/cron/atjobs/a1": "#!/bin/sh\n# atrun uid=0\numask 22\nX\n",
        "/etc/supervisor/conf.d/x.conf": "[program:x]\ncommand=X -a",
        "/etc/tmpfiles.d/x.conf": "C+ /usr/local/bin/x - - - - X",
        "/etc/mdadm/mdadm.conf": "PROGRAM X",
        "/etc/nginx/modules-enabled/x.conf": "load_module X;",
        "/etc/apache2/mods-enabled/x.load": "LoadModule x_module X",
        "/etc/docker/daemon.json": '{"runtimes": {"a": {"path": "X"}}}',
        "/etc/letsencrypt/renewal/x.conf": "[renewalparams]\nrenew_hook = X -a",
        "/etc/smartd.conf": "DEVICESCAN -m root -M exec X",
        "/etc/acpi/events/x": "event=button\naction=X",
        "/etc/keepalived/keepalived.conf": 'vrrp_script a {\n script "X -a"\n}',
        "/etc/monitrc": 'check process a\n start program = "X"',
        "/etc/systemd/system-generators/x": "#!/bin/sh\nX",
        "/etc/grub.d/99_x": "#!/bin/sh\nX",
        "/etc/resolvconf/update.d/x": "#!/bin/sh\nX",
        "/etc/fail2ban/action.d/x.conf": "[Definition]\nactionban = X <ip>",
        "/etc/wireguard/wg0.conf": "[Interface]\nPostUp = X %i",
        "/etc/openvpn/server.conf": "script-security 2\nclient-connect X",
        "/root/.config/systemd/user/x.service": "[Service]\nExecStart=-X -a",
        "/etc/NetworkManager/dispatcher.d/pre-up.d/x": "#!/bin/sh\nX",
    }
    others = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    for path, text in cases.items():
        for place, expected in (("/opt/x", FAIL), ("/usr/bin/x", PASS)):
            file = invented.owned_file(path, text.replace("X", place) + "\n", 0o755, 0, 0)
            found = parse_root_settings(file)
            assert isinstance(found, tuple)
            assert verdict(others, settings=found) is expected, (path, place)
    for path, text, uid in (
        ("/etc/audit/plugins.d/x", "active = no\npath = /opt/x\n", 0),
        ("/usr/share/dbus-1/system-services/x.service", "[D-BUS Service]\nExec=/opt/x\nUser=a", 0),
        ("/etc/inetd.conf", "# a stream tcp nowait root /opt/x\nb dgram udp wait a /opt/x x\n", 0),
        ("/etc/supervisord.conf", "[program:x]\ncommand=/opt/x\nuser=app\n", 0),
        ("/var/spool/cron/atjobs/a1", "/opt/x\n", 1000),
    ):
        found = parse_root_settings(invented.owned_file(path, text, 0o640, uid, 0))
        assert isinstance(found, tuple)
        assert verdict(others, settings=found) is PASS


def test_files_that_others_include() -> None:
    others = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    for path, text in (
        ("/etc/logrotate.conf", "include /opt/rotate\n"),
        ("/etc/ld.so.conf", "include /opt/ld/*.conf\n"),
    ):
        found = parse_hooks(invented.owned_file(path, text, 0o644, 0, 0))
        assert isinstance(found, tuple)
        assert verdict(others, hooks=found) is FAIL
        assert verdict(FINE, hooks=found) is UNDETERMINED  # what they say was not read


def test_directories_of_polkit_may_be_of_its_account() -> None:
    for uid, gid, mode, expected in (
        (997, 0, 0o700, PASS), (0, 997, 0o770, PASS), (1000, 0, 0o700, FAIL),
        (0, 1005, 0o770, FAIL), (0, 0, 0o777, FAIL), (997, 1005, 0o770, FAIL),
        (997, 50, 0o770, PASS),
    ):  # fmt: skip
        place = entry("/etc/polkit-1/rules.d", mode, uid=uid, gid=gid)
        open_ = (place,) if mode & 0o002 else ()
        assert verdict(structs.replace(FINE, owned=(place,), entries=open_)) is expected, (uid, gid)


def test_links_and_libraries_of_the_site() -> None:
    home = structs.replace(FINE, owned=(entry("/home/bob", uid=1000),))
    for link, expected in (("/usr/sbin/x", FAIL), ("/usr/local/bin/x", UNDETERMINED),
                           ("/etc/alternatives/x", FAIL), ("/srv/x", PASS)):  # fmt: skip
        assert verdict(structs.replace(home, links={link: "/home/bob/x"})) is expected, link
    for place, expected in (
        ("/usr/local/lib/python3.11/dist-packages", FAIL), ("/usr/local/lib/libx.so.1", FAIL),
        ("/usr/local/lib/app", PASS), ("/usr/local/lib", FAIL),
    ):  # fmt: skip
        assert verdict(structs.replace(FINE, owned=(entry(place, uid=1000),))) is expected, place
    named = structs.replace(home, links={"/usr/local/sbin/job": "/home/bob/x"})
    assert verdict(named, jobs(x="PATH=/usr/local/sbin:/bin\n@daily root job\n")) is FAIL


def test_variables_of_jobs_and_units() -> None:
    others = structs.replace(FINE, owned=(entry("/opt", uid=1000),))
    for line in ("SHELL=/opt/x", "BASH_ENV = /opt/x", "LD_PRELOAD='/opt/x'"):
        assert verdict(others, jobs(x=f"{line}\n@daily root /bin/true\n")) is FAIL, line
        assert verdict(others, jobs(x=f"{line}\n@daily bob /bin/true\n")) is PASS, line
    for line, expected in (
        ("Environment=A=b \"PATH=/opt/bin:/bin\"", FAIL), ("Environment=LD_PRELOAD=/opt/x", FAIL),
        ("RootDirectory=/opt/x", FAIL), ("Environment=HOME=/opt/x", PASS),
        ("User=bob\nEnvironment=LD_PRELOAD=/opt/x", PASS),
    ):  # fmt: skip
        found = unit(f"[Service]\nExecStart=/bin/true\n{line}\n")
        assert verdict(others, units=found) is expected, line


# A line of a script or start-up file, and what root then runs or reads.
_OF_LINES = {
    ". /opt/x": ("/opt/x",), "if [ -f ~/x ]; then . ~/x; fi": ("/root/x",),
    "export PATH=\"$HOME/bin:/opt/bin:$PATH\"": ("/root/bin", "/opt/bin"), "# . /opt/x": (),
    "alias ls='/opt/ls -l'": ("/opt/ls",), "/opt/run --password secret": ("/opt/run",),
    "eval \"$(/opt/tool init)\"": ("/opt/tool",), "source \"$HOME/.cargo/env\"":
    ("/root/.cargo/env",), "for f in ~/.bashrc.d/*; do . \"$f\"; done": (),
    "export TOKEN=/abc/secret": (), "x=1 # . /opt/x": (), "echo secret": (),
    "PASS='secret; /opt/x'": (), "mysqldump -psecret a | /opt/x": ("/opt/x",),
    "B=/opt/app\n\"${B}/x\" -p secret && $B/y || /opt/z; true": (
        "/opt/app/x", "/opt/app/y", "/opt/z",
    ),
    "cat >/a <<EOF\n/opt/secret\nEOF\n/opt/x": ("/opt/x",),
    "grep -vE '(/proc|/opt/no)' x": (), "echo \"a; /opt/secret\"": (),
    "su - bob -c /opt/x": (), "sudo -u bob /opt/x": (), "sudo -n /opt/x": ("/opt/x",),
    "runuser -u bob -- /opt/x": (), "su root -c /opt/x": ("/opt/x",),
    "nice -n 19 ionice -c3 /opt/x": ("/opt/x",), "/usr/bin/python3 -u /opt/x.py": ("/opt/x.py",),
    "timeout 5 flock -n /run/lock/a /opt/x": ("/opt/x",), "cd /opt/a && ./x": ("/opt/a/x",),
    "tar czf /opt/x /home": (), "rm -rf /opt/x": (), "[ -x /opt/x ] && echo": (),
    "A=1 B=secret /opt/x": ("/opt/x",), "/tmp/ { print }": (), "{ /opt/x; } 2>&1 &": ("/opt/x",),
    "while true; do x=$(/opt/x); done": ("/opt/x",), "PATH=.:/bin": ("/bin", "."),
    "NODE_PATH='/opt/js'": ("/opt/js",), "run-parts /opt/d": ("/opt/d",),
}  # fmt: skip


def test_scripts_and_start_up_files_as_the_real_sed_reads_them(tmp_path: Path) -> None:
    startup = sed(scripts=False)
    paths = []
    for number, (text, expected) in enumerate(_OF_LINES.items()):
        script = tmp_path / f"{number}.sh"
        script.write_text(f"#!/opt/sh\n{text}\n")
        paths.append(script)
        file = tmp_path / "rc"
        file.write_text(text + "\n")
        done = subprocess.run([*startup, str(file)], capture_output=True, check=True)
        assert b"secret" not in done.stdout, text
        found = parse_root_shells(invented.answer(done.stdout))
        assert tuple(p for job in found for p in job.programs) == expected, text
    (tmp_path / "binary").write_bytes(b"\x7fELF\n/opt/x\n")
    done = subprocess.run([*sed(scripts=True), str(tmp_path / "binary"), *map(str, paths)],
                          capture_output=True, check=True)  # fmt: skip
    read = dict(files_of(done.stdout.decode().splitlines()))
    assert [programs_of(read[str(path)]) for path in paths] == [
        ("/opt/sh", *expected) for expected in _OF_LINES.values()
    ]
    assert len(read) == len(paths)


def test_scripts_that_jobs_start_are_followed() -> None:
    bad = structs.replace(FINE, owned=(entry("/home/bob", uid=1000),))
    for scripts, expected in (
        ({"/usr/local/sbin/j": ("run /home/bob/x",)}, FAIL),
        ({"/usr/local/sbin/j": ("run /opt/k",), "/opt/k": ("source /home/bob/x",)}, FAIL),
        ({"/usr/local/sbin/j": ("run /usr/bin/env -S /home/bob/py -u",)}, FAIL),
        ({"/usr/local/sbin/j": ("run /opt/k",), "/opt/k": ("run /usr/local/sbin/j",)}, PASS),
        ({"/usr/local/sbin/k": ("run /home/bob/x",)}, PASS),  # nothing runs it
    ):
        sweep = structs.replace(bad, scripts=scripts)
        for line in ("@daily root /usr/local/sbin/j\n", "PATH=/usr/local/sbin\n@daily root j\n"):
            assert verdict(sweep, jobs(x=line)) is expected, (scripts, line)
    for text, expected in (
        ("#!/home/bob/py -u\nprint(1)\n", FAIL), ("#!/usr/bin/python3\nrun('/home/bob')\n", PASS),
    ):  # fmt: skip
        found = parse_hooks(invented.owned_file("/etc/cron.daily/x", text, 0o755))
        assert isinstance(found, tuple)
        assert verdict(bad, hooks=found) is expected, text


# A setting, and the path that it names.
_OF_SETTINGS = {
    "PERL5OPT=-I/opt/x": True, 'NODE_OPTIONS="--require /opt/x"': True, "GEM_PATH=/a:/opt/x": True,
    "CLASSPATH=/opt/x:.": True, "JAVA_TOOL_OPTIONS=-javaagent:/opt/x": True,
    "LESSOPEN=|/opt/x %s": True, "PYTHONHOME=/opt/x": True, "EDITOR=/opt/x": True,
    "HOME=/opt/x": False, "TZ=/opt/x": False,
}  # fmt: skip


def test_settings_that_name_code(tmp_path: Path) -> None:
    for setting, expected in _OF_SETTINGS.items():
        assert ("/opt/x" in of_variable(setting)) is expected, setting
    for path, expected in (("PATH=.:/bin", True), ("PATH=/bin:", True), ("PATH=$PATH:/bin", False),
                           ("PATH=${PATH:+$PATH:}/bin", False), ("PATH=", False)):  # fmt: skip
        assert (HERE in of_variable(path)) is expected, path
    assert verdict(FINE, hooks=(Job(where="/etc/environment", programs=(HERE,)),)) is FAIL
    for text, expected in (
        ("PostUp = /opt/x", True), ("  root preexec = /opt/x %u", True), ("up /opt/x", True),
        ("actionban = /opt/x <ip>", True), ("dhcp-script=/opt/x", True), ("/opt/x", True),
        ("\tfsmonitor = /opt/x", True), ("/mnt program:/opt/x", True), ("*:any:/opt/x", True),
        ("ExecStart=-/opt/x", True), ("extension=/opt/x", True), ("# PostUp = /opt/x", False),
        ("import sys; sys.path.insert(0,'/opt/x')", True), ("MAPPING = {'x': '/opt/x'}", True),
        ("PrivateKey = secret", False), ("path = /opt/x", False), ("Address = 10.0.0.1/24", False),
    ):  # fmt: skip
        (tmp_path / "file").write_text(f"{text}\n")
        done = subprocess.run([*sed(scripts=False), str(tmp_path / "file")], capture_output=True,
                              check=True)  # fmt: skip
        found = parse_root_shells(invented.answer(done.stdout))
        assert [job.programs for job in found] == ([("/opt/x",)] if expected else []), text
        assert b"secret" not in done.stdout


def test_what_lies_deep_and_devices() -> None:
    for path, kind, uid, expected in (
        ("/usr/lib/python3/dist-packages/a/b/c.py", "f", 1000, FAIL),
        ("/usr/local/share/perl/5.36.0", "d", 1000, FAIL), ("/etc/perl", "d", 1000, FAIL),
        ("/usr/local/lib/site_ruby", "d", 1000, FAIL), ("/srv/disk", "b", 1000, FAIL),
        ("/srv/disk", "b", 0, PASS), ("/srv/data", "f", 1000, PASS),
    ):  # fmt: skip
        place = structs.replace(entry(path, uid=uid), kind=kind)
        assert verdict(structs.replace(FINE, owned=(place,))) is expected, path
    group = structs.replace(FINE, owned=(entry("/opt", 0o775, gid=9),))
    assert verdict(group, jobs(x="@daily root /opt/x\n"), groups="ops:x:9:root\n") is PASS


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
        assert started_by(line).programs == wanted, line


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
