"""What settings make programs of root load or start, besides the scripts of `root_hooks`.

| file | what runs as root |
|---|---|
| `/root/.bashrc` and its kin (bash(1), zsh(1)) | files it sources, programs, directories of PATH |
| `/etc/zsh/*`, `bash.bash_logout` | the same |
| `/etc/systemd/system.conf` (systemd-system.conf(5)) | libraries and directories in variables |
| `/etc/modprobe.d/*` (modprobe.d(5)) | the commands of `install` and `remove` |
| `/etc/sysctl.d/*` (core(5), sysctl.d(5)) | a program behind `|`, that of `kernel.modprobe` |
| `/etc/binfmt.d/*` (binfmt.d(5)) | the interpreters |
| `/etc/tmpfiles.d/*` (tmpfiles.d(5)) | sources of copies and links among programs |
| `/etc/dpkg/dpkg.cfg.d/*` (dpkg(1)) | `pre-invoke`, `post-invoke`, `status-logger` |
| `/etc/kernel/*.d`, `/etc/initramfs-tools`, dispatchers of networks | the scripts |
| `/etc/network/interfaces` (interfaces(5)) | the commands of `up`, `down` and the like |
| `/etc/audit/auditd.conf`, `plugins.d` (auditd.conf(5)) | `path`, and the programs behind `exec` |
| `/etc/sudo.conf` (sudo.conf(5)) | plugins and programs |
| `/etc/ssl/openssl.cnf` (config(5)) | modules that every program with OpenSSL loads |
| `/etc/security/pam_env.conf`, `/etc/login.defs` | libraries and directories in variables |
| `/etc/crypttab` (crypttab(5)) | `keyscript=` |

What daemons of root start: `root_starters`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from audit_core.api.sdk import (
    Answer,
    Command,
    FileEntry,
    Partial,
    Privilege,
    ReadFiles,
    fact,
    provider,
)
from audit_linux.files.command_lines import of_variable, started_by
from audit_linux.files.root_jobs import Job, Reader, jobs_of_files, of_variables
from audit_linux.files.root_starters import OF_THEIR_OWNERS, READERS, script
from audit_linux.files.script_lines import files_of, programs_of, sed


def of_shell_file(file: FileEntry) -> Iterator[str]:
    """What a start-up file of shells runs, sources, and takes its programs from."""
    yield from started_by(file.text).paths


_SETTING = re.compile(r"(?m)^[ \t]*(?:DefaultEnvironment|ManagerEnvironment)[ \t]*=[ \t]*(.*)$")


def _manager(file: FileEntry) -> Iterator[str]:
    for value in _SETTING.findall(file.text.replace("\\\n", " ")):
        yield from of_variables(value)


_MODPROBE = re.compile(r"(?m)^[ \t]*(?:install|remove)[ \t]+\S+[ \t]+(.*)$")


def _modprobe(file: FileEntry) -> Iterator[str]:
    for command in _MODPROBE.findall(file.text.replace("\\\n", " ")):
        yield from started_by(command).paths


_KERNEL = re.compile(
    r"(?m)^[ \t]*-?kernel[./](core_pattern|modprobe|hotplug|poweroff_cmd)[ \t]*=[ \t]*(.*)$"
)


def _sysctl(file: FileEntry) -> Iterator[str]:
    for key, value in _KERNEL.findall(file.text):
        if key != "core_pattern" or value.startswith("|"):
            yield from started_by(value.lstrip("| \t")).paths


def _binfmt(file: FileEntry) -> Iterator[str]:
    for line in file.lines:
        fields = line[1:].split(line[:1]) if line[:1] not in ("", "#", ";") else []
        if len(fields) > 5 and fields[5].startswith("/"):
            yield fields[5]


_DPKG = re.compile(
    r"(?m)^[ \t]*(?:--)?(?:pre-invoke|post-invoke|status-logger)[ \t]*[= \t][ \t]*(.*)$"
)


def _dpkg(file: FileEntry) -> Iterator[str]:
    for command in _DPKG.findall(file.text):
        yield from started_by(command.strip().strip("\"'")).paths


_INTERFACE = re.compile(r"(?m)^[ \t]*(?:pre-up|up|post-up|pre-down|down|post-down)[ \t]+(.*)$")


def _interfaces(file: FileEntry) -> Iterator[str]:
    for command in _INTERFACE.findall(file.text.replace("\\\n", " ")):
        yield from started_by(command).paths


_AUDIT = re.compile(r"(?im)^[ \t]*(?:path|dispatcher|\w+_action)[ \t]*=[ \t]*(?:exec[ \t]+)?(/\S+)")
_INACTIVE = re.compile(r"(?im)^[ \t]*active[ \t]*=[ \t]*no\b")


def _audit(file: FileEntry) -> Iterator[str]:
    if not _INACTIVE.search(file.text):
        yield from _AUDIT.findall(file.text)


_SUDO = re.compile(r"(?m)^[ \t]*(?:Plugin|Path)[ \t]+\S+[ \t]+(/\S+)")
_OPENSSL = re.compile(
    r"(?im)^[ \t]*(?:dynamic_path|module|modulesdir|enginesdir|\.include)[ \t]*[= \t][ \t]*(/\S+)"
)
# Copies and links that root makes where programs and settings lie.
_MADE = re.compile(
    r"(?m)^[ \t]*[CL]\S*[ \t]+/(?:usr|s?bin|lib|etc|root|boot)\S*[ \t]+(?:\S+[ \t]+){4}(/\S+)"
)
_KEYSCRIPT = re.compile(r"(?m)^[^#\n]*\bkeyscript=(/[^\s,]+)")
_PAM_ENV = re.compile(r"(?m)^[ \t]*(\w+)[ \t]+(.*)$")
_PAM_VALUE = re.compile(r"(?:DEFAULT|OVERRIDE)=(?:\"([^\"]*)\"|(\S+))")
_PATHS_OF_LOGINS = re.compile(r"(?m)^[ \t]*ENV_(?:SU)?PATH[ \t]+\"?(?:PATH=)?([^\s\"]+)")


def _found(pattern: re.Pattern[str]) -> Callable[[FileEntry], Iterator[str]]:
    return lambda file: iter(pattern.findall(file.text))


def _pam_env(file: FileEntry) -> Iterator[str]:
    for name, rest in _PAM_ENV.findall(file.text.replace("\\\n", " ")):
        for quoted, plain in _PAM_VALUE.findall(rest):
            yield from of_variable(f"{name}={quoted or plain}")


def _login_defs(file: FileEntry) -> Iterator[str]:
    for value in _PATHS_OF_LOGINS.findall(file.text)[-2:]:
        yield from of_variable(f"PATH={value}")


def _below(*folders: str) -> tuple[str, ...]:
    return tuple(f"{top}/{name}" for name in folders for top in ("/etc", "/run", "/usr/local/lib",
                                                                 "/usr/lib"))  # fmt: skip


_DISPATCHED = (
    *(f"/etc/kernel/{name}" for name in ("preinst.d", "postinst.d", "prerm.d", "postrm.d",
                                         "install.d")),
    "/etc/initramfs-tools/hooks", "/etc/ppp/ip-up.d", "/etc/ppp/ip-down.d",
    "/etc/NetworkManager/dispatcher.d", "/etc/networkd-dispatcher",
    *(f"/etc/network/if-{name}.d" for name in ("pre-up", "down", "post-down")),
)  # fmt: skip
_READERS: tuple[Reader, ...] = (
    (("/etc/bash.bash_logout", "/etc/zsh", "/etc/zshrc", "/etc/zshenv", "/etc/zprofile"),
     of_shell_file),
    ((*_below("systemd/system.conf", "systemd/system.conf.d"),), _manager),
    ((*_below("modprobe.d"),), _modprobe),
    (("/etc/sysctl.conf", *_below("sysctl.d")), _sysctl),
    ((*_below("binfmt.d"),), _binfmt),
    ((*_below("tmpfiles.d"),), _found(_MADE)),
    (("/etc/dpkg/dpkg.cfg", "/etc/dpkg/dpkg.cfg.d"), _dpkg),
    (_DISPATCHED, script),
    # dhclient-script(8) reads them into its own shell
    (("/etc/dhcp/dhclient-enter-hooks.d", "/etc/dhcp/dhclient-exit-hooks.d",
      "/etc/dhcp/dhclient-enter-hooks", "/etc/dhcp/dhclient-exit-hooks"), of_shell_file),
    (("/etc/network/interfaces", "/etc/network/interfaces.d"), _interfaces),
    (("/etc/audit/auditd.conf", "/etc/audit/plugins.d", "/etc/audisp/plugins.d"), _audit),
    (("/etc/sudo.conf",), _found(_SUDO)),
    (("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"), _found(_OPENSSL)),
    (("/etc/crypttab",), _found(_KEYSCRIPT)),
    (("/etc/security/pam_env.conf",), _pam_env),
    (("/etc/login.defs",), _login_defs),
    *READERS,
)  # fmt: skip


def parse_root_settings(answer: Answer) -> tuple[Job, ...] | Partial:
    """What each file makes root load or start, and who else may change the file itself."""
    return jobs_of_files(answer, _READERS, of_owners=OF_THEIR_OWNERS)


def _ask(privilege: Privilege) -> ReadFiles:
    places = tuple(place for places, _ in _READERS for place in places)
    return ReadFiles(paths=places, depth=2, privilege=privilege, partial_ok=True)


ROOT_SETTINGS = fact(
    "linux.root-settings",
    tuple[Job, ...],
    kind="host",
    providers=(
        provider(_ask(Privilege.ROOT), parse_root_settings, root="yes"),
        provider(_ask(Privilege.USER), parse_root_settings, root="no"),
    ),
)


# --- settings that may hold secrets -------------------------------------------------------------

_STARTUP = tuple(
    f"/root/.{name}"
    for name in ("bashrc", "profile", "bash_profile", "bash_login", "bash_logout", "zshrc",
                 "zshenv", "zprofile", "kshrc")
)  # fmt: skip
LINES_OF = (
    *_STARTUP, "/root/.gitconfig", "/root/.ssh/rc", "/root/.config/systemd/user", "/etc/ssh/sshrc",
    "/etc/gitconfig", "/etc/systemd/user", "/etc/default", "/etc/sysconfig", "/etc/wireguard",
    "/etc/openvpn", "/etc/samba/smb.conf", "/etc/dnsmasq.conf", "/etc/dnsmasq.d",
    "/etc/fail2ban/action.d", "/etc/auto.master", "/etc/auto.master.d",
    "/etc/dnf/plugins/post-transaction-actions.d", "/etc/libvirt/hooks", "/etc/qemu",
    "/etc/vmware-tools", "/etc/ca-certificates/update.d", "/etc/resolvconf/update.d",
    "/etc/initramfs-tools/scripts", "/var/lib/cloud/scripts", "/etc/php.ini", "/etc/php.d",
    "/etc/php",
)  # fmt: skip
"""Files and directories of which only the commands are read."""
_OF_PYTHON = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")


def parse_root_shells(answer: Answer) -> tuple[Job, ...]:
    """What each file runs, sources, and takes its programs from."""
    found = ((path, programs_of(lines)) for path, lines in files_of(answer.lines))
    return tuple(Job(where=path, programs=programs) for path, programs in found if programs)


def _lines(privilege: Privilege) -> Command:
    named = ("(", "-name", "*.pth", "-o", "-name", "__editable__*.py", ")")
    return Command(
        argv=(
            "/usr/bin/find", *LINES_OF, *_OF_PYTHON, "-maxdepth", "4", "-type", "f",
            "-size", "-1024k", "(", "!", "-path", "/usr/*", "-o", *named, ")",
            "-exec", *sed(scripts=False), "{}", "+",
        ),
        privilege=privilege,
        ok=(0, 1),
    )  # fmt: skip


ROOT_SHELLS = fact(
    "linux.root-shells",
    tuple[Job, ...],
    kind="host",
    providers=(
        provider(_lines(Privilege.ROOT), parse_root_shells, root="yes"),
        provider(_lines(Privilege.USER), parse_root_shells, root="no"),
    ),
)
FACTS = (ROOT_SETTINGS, ROOT_SHELLS)
