"""What daemons of root start on behalf of their settings: readers for `root_settings`.

| file | what runs as root |
|---|---|
| `/usr/share/dbus-1/system-services` (dbus-daemon(1)) | `Exec=` where `User=` is root |
| `/etc/inetd.conf` (inetd(8)), `/etc/xinetd.d` (xinetd.conf(5)) | servers of root |
| `/etc/hosts.allow`, `hosts.deny` (hosts_options(5)) | commands of spawn, twist and aclexec |
| `/etc/incron.d` (incrontab(5)), jobs of at(1) that are root's | the commands |
| `/etc/supervisor` (supervisord) | `command=` without `user=` |
| `/etc/mdadm`, `smartd.conf`, `/etc/acpi/events`, keepalived, monit | programs that are notified |
| fail2ban, wg-quick(8), openvpn(8), units of root's own systemd | the commands |
| generators and hooks of systemd, needrestart, certbot, grub, resolvconf, libvirt | the scripts |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from audit_core.api.sdk import FileEntry
from audit_linux.files.command_lines import started_by, started_by_words

Read = Callable[[FileEntry], Iterator[str]]


def script(file: FileEntry) -> Iterator[str]:
    """The interpreter of a script, and the programs with a path that one of a shell starts."""
    first = file.lines[0] if file.lines else ""
    if not file.mode & 0o111:
        return
    if first.startswith("#!"):
        yield from started_by_words(first[2:].split()).paths
    if not first.startswith("#!") or re.search(r"sh\b", first):
        yield from started_by(file.text).paths


def _sections(text: str) -> Iterator[dict[str, str]]:
    """The settings of each section of an INI file; keys in small letters."""
    rows: dict[str, str] = {}
    for line in [*text.split("\n"), "["]:
        if line.lstrip().startswith("["):
            yield rows
            rows = {}
        elif "=" in line and line.lstrip()[:1] not in ("#", ";"):
            key, _, value = line.partition("=")
            rows[key.strip().lower()] = value.strip()


def _as_root(user: str) -> bool:
    return user.partition(":")[0] in ("", "root", "0")


def _bus(file: FileEntry) -> Iterator[str]:
    for rows in _sections(file.text):
        if _as_root(rows.get("user", "")):
            yield from started_by_words(rows.get("exec", "").split()).paths


def _supervised(file: FileEntry) -> Iterator[str]:
    for rows in _sections(file.text):
        if _as_root(rows.get("user", "")):
            yield from started_by(rows.get("command", ""), rows.get("directory", "")).paths


def _inetd(file: FileEntry) -> Iterator[str]:
    for line in file.lines:
        words = line.split()
        if len(words) > 5 and not line.startswith("#") and _as_root(re.split(r"[.:]", words[4])[0]):
            # the sixth word is the program, the seventh its name, or what tcpd starts
            yield from started_by_words([words[5], *words[7:]]).paths
            yield from started_by_words(words[6:7] if words[5].endswith("/tcpd") else ()).paths


_XINETD = re.compile(r"(?m)^\s*(server|server_args|user)\s*=\s*(.*?)\s*$")


def _xinetd(file: FileEntry) -> Iterator[str]:
    for block in file.text.split("}"):
        rows = dict(_XINETD.findall(block))
        if _as_root(rows.get("user", "")):
            yield from started_by_words(
                [*rows.get("server", "").split(), *rows.get("server_args", "").split()]
            ).paths


_WRAPPED = re.compile(r":\s*(?:spawn|twist|aclexec)\b\s*=?\s*((?:\\:|[^:])*)")


def _tcpd(file: FileEntry) -> Iterator[str]:
    for line in file.text.replace("\\\n", " ").split("\n"):
        if not line.lstrip().startswith("#"):
            for command in _WRAPPED.findall(line):
                yield from started_by(command.replace("\\:", ":")).paths


def _incron(file: FileEntry) -> Iterator[str]:
    for line in file.lines:
        words = line.split(None, 2)
        if len(words) == 3 and not line.startswith("#"):
            yield from started_by(words[2], "/root").paths


def _at(file: FileEntry) -> Iterator[str]:
    if not file.uid:
        yield from started_by(file.text).paths


def _commands(pattern: str) -> Read:
    """A reader for settings whose value, the group of `pattern`, is a command."""
    found = re.compile(r"(?mi)^[ \t]*" + pattern)

    def read(file: FileEntry) -> Iterator[str]:
        for value in found.findall(file.text):
            yield from started_by(value.strip().strip("\"'")).paths

    return read


# Each job belongs to whoever owns the file.
OF_THEIR_OWNERS = ("/var/spool/cron/atjobs", "/var/spool/at")
READERS: tuple[tuple[tuple[str, ...], Read], ...] = (
    (OF_THEIR_OWNERS, _at),
    (("/usr/share/dbus-1/system-services", "/usr/local/share/dbus-1/system-services",
      "/etc/dbus-1/system-services"), _bus),
    (("/etc/inetd.conf", "/etc/inetd.d"), _inetd),
    (("/etc/xinetd.conf", "/etc/xinetd.d"), _xinetd),
    (("/etc/hosts.allow", "/etc/hosts.deny"), _tcpd),
    (("/etc/incron.d", "/var/spool/incron/root"), _incron),
    (("/etc/supervisord.conf", "/etc/supervisord.d", "/etc/supervisor"), _supervised),
    (("/etc/nginx/nginx.conf", "/etc/nginx/modules-enabled"),
     _commands(r"load_module[ \t]+[\"']?(/[^\s;\"']+)")),
    (("/etc/apache2/mods-enabled", "/etc/httpd/conf.modules.d", "/etc/httpd/conf/httpd.conf"),
     _commands(r"LoadModule[ \t]+\S+[ \t]+\"?(/[^\s\"]+)")),
    (("/etc/docker/daemon.json",), _commands(r"[^\n]*?\"path\"[ \t]*:[ \t]*\"(/[^\"\n]+)\"")),
    (("/etc/letsencrypt/cli.ini", "/etc/letsencrypt/renewal"),
     _commands(r"(?:pre|post|renew|deploy)[-_]hook[ \t]*=[ \t]*(.*)$")),
    (("/etc/mdadm.conf", "/etc/mdadm"), _commands(r"PROGRAM[ \t]+(\S+)")),
    (("/etc/smartd.conf",), _commands(r"[^#\n]*-M[ \t]+exec[ \t]+(\S+)")),
    (("/etc/acpi/events",), _commands(r"action[ \t]*=[ \t]*(.*)$")),
    (("/etc/keepalived",), _commands(r"(?:notify\w*|script)[ \t]+(\"[^\"\n]*\"|\S+)")),
    (("/etc/monitrc", "/etc/monit.conf", "/etc/monit", "/etc/monit.d"),
     _commands(r"[^#\n]*\b(?:exec|(?:start|stop|restart) program[ \t]*=?|with path)[ \t]+"
               r"(\"[^\"\n]*\"|\S+)")),
    (("/etc/systemd/system-generators", "/run/systemd/system-generators",
      "/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-sleep",
      "/usr/lib/systemd/system-shutdown", "/etc/systemd/system-sleep", "/etc/needrestart/hook.d",
      "/etc/needrestart/restart.d", "/etc/needrestart/notify.d", "/etc/acpi", "/etc/grub.d",
      "/etc/letsencrypt/renewal-hooks", "/etc/resolvconf/update.d", "/etc/libvirt/hooks",
      "/etc/resolvconf/update-libc.d", "/etc/pm/sleep.d", "/etc/apcupsd"), script),
    (("/etc/fail2ban/action.d",), _commands(r"action\w+[ \t]*=[ \t]*(.*)$")),
    (("/etc/wireguard",), _commands(r"(?:Pre|Post)(?:Up|Down)[ \t]*=[ \t]*(.*)$")),
    (("/etc/openvpn",),
     _commands(r"(?:up|down|route-up|route-pre-down|ipchange|learn-address|tls-verify|"
               r"auth-user-pass-verify|client-connect|client-disconnect)[ \t]+(.*)$")),
    (("/root/.config/systemd/user",), _commands(r"Exec\w+[ \t]*=[ \t]*[-@:+!|]*(.*)$")),
)  # fmt: skip
