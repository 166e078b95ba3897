"""What root runs on its own, through cron, systemd and sudo, and whether others can change it.

Nothing is asked about the paths that are found here: the search of the file systems has told of
everything near the root that somebody else may change, and the two are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from posixpath import join, normpath

from audit_core.api.sdk import (
    PLATFORM,
    Absent,
    Judgement,
    Message,
    Platform,
    Severity,
    capped,
    check,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.drop_ins import DropIns, drop_ins_of
from audit_linux.files.command_lines import HERE, started_by_words
from audit_linux.files.empty_groups import EMPTY_GROUPS, EmptyGroups
from audit_linux.files.root_hooks import HOOKS, of_pam
from audit_linux.files.root_jobs import CRON, Job
from audit_linux.files.root_settings import LINES_OF, ROOT_SETTINGS, ROOT_SHELLS
from audit_linux.files.root_units import UNIT_FILES, template_of
from audit_linux.files.script_lines import programs_of
from audit_linux.files.sweep import LEVELS, SWEEP, WHOLE, Acl, Entry, Sweep
from audit_linux.pam import PAM, Pam
from audit_linux.processes import FIRST_PERSON
from audit_linux.ssh.sshd_match import NAMES, Names
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import SUDOERS
from audit_linux.units import UNITS, Units

# --- who may change a path ----------------------------------------------------------------------

_SHARED = re.compile(r"/(?:tmp|var/tmp|dev/shm)/")
_MERGED = re.compile(r"/(?:bin|sbin|lib\w*)/")
# Read or run by root, or by everybody at login: their owners are root.
_PLACES = (
    "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
    "/etc/cron.monthly", "/etc/anacrontab", "/etc/init.d", "/etc/rc.local", "/etc/rc.d",
    "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/profile", "/etc/profile.d",
    "/etc/systemd", "/usr/lib/systemd", "/var/spool/cron/root", "/var/spool/cron/crontabs/root",
    "/etc/udev", "/etc/apt", "/etc/dpkg", "/etc/yum.repos.d", "/etc/yum.conf", "/etc/dnf",
    "/etc/zypp", "/etc/logrotate.d", "/etc/logrotate.conf", "/etc/rsyslog.d", "/etc/rsyslog.conf",
    "/etc/audit", "/etc/pam.d", "/etc/security", "/etc/update-motd.d", "/etc/network",
    "/etc/NetworkManager", "/etc/dhcp", "/etc/kernel", "/etc/modprobe.d", "/etc/modules-load.d",
    "/etc/sysctl.conf", "/etc/sysctl.d", "/etc/binfmt.d", "/etc/tmpfiles.d", "/etc/sysusers.d",
    "/etc/initramfs-tools", "/etc/dracut.conf.d", "/etc/grub.d", "/etc/default", "/etc/sysconfig",
    "/etc/environment", "/etc/login.defs", "/etc/fstab", "/etc/crypttab", "/etc/bash.bashrc",
    "/etc/bashrc", "/etc/zsh", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/nsswitch.conf",
    "/etc/ssl/openssl.cnf", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/etc/ssh/ssh_config",
    "/etc/ssh/ssh_config.d", "/etc/ssh/sshrc", "/etc/sudo.conf", "/boot", "/usr/lib/udev",
    "/usr/lib/modprobe.d", "/usr/lib/sysctl.d", "/usr/lib/tmpfiles.d", "/usr/lib/modules",
    "/root/.bashrc", "/root/.profile", "/root/.bash_profile", "/root/.bash_login",
    "/root/.bash_logout", "/root/.zshrc", "/root/.ssh", "/root/.vimrc", "/root/.vim",
    "/root/.config", "/etc/needrestart", "/etc/incron.d", "/var/spool/incron/root",
    "/etc/inetd.conf", "/etc/inetd.d", "/etc/xinetd.conf", "/etc/xinetd.d",
    "/etc/supervisor", "/etc/supervisord.conf", "/etc/supervisord.d", "/etc/monit",
    "/etc/bash_completion.d", "/etc/vim", "/etc/vimrc", "/etc/nanorc", "/etc/screenrc",
    "/etc/alternatives", "/etc/dbus-1", "/usr/share/dbus-1", "/usr/local/libexec",
    "/etc/letsencrypt/renewal-hooks", "/etc/networkd-dispatcher", "/etc/acpi", "/etc/ppp",
    "/etc/perl", "/etc/python", "/etc/python3", "/var/spool/cron", *LINES_OF,
)  # fmt: skip

_NO_DROP_INS = DropIns(debian=False)
_OF_DRIVERS = re.compile(r"/dev/(?!(?:mem|kmem|port)$)")


def _is_of_account(entry: Entry) -> bool:
    """Whether it is a disk, or memory, that an account owns; drivers give it what lies in /dev."""
    driver = entry.kind == "c" and not _OF_DRIVERS.match(entry.path)
    return entry.uid != 0 and (entry.kind == "b" or driver)


class Others:
    """Which paths somebody besides root may change, by what the search has told.

    A group in `empty` has no member: what it may change, nobody may. Drop-ins that nothing reads
    do not count.
    """

    def __init__(
        self, sweep: Sweep, empty: frozenset[int] = frozenset(), drop_ins: DropIns = _NO_DROP_INS
    ) -> None:
        self.empty = empty
        self._devices = {entry.path for entry in sweep.owned if _is_of_account(entry)}
        unread = drop_ins.is_unread
        self._links = {link: to for link, to in sweep.links.items() if not unread(link)}
        masked = {acl.path for acl in sweep.acls if not acl.group}
        open_ = [entry for entry in sweep.entries if entry.bits & 0o002 and entry.kind in "fd"]
        owned = ((entry.path, self._owner(entry, masked)) for entry in sweep.owned)
        found = {
            **{acl.path: names[0] for acl in sweep.acls if (names := self._listed(acl))},
            **{path: who for path, who in owned if who},
            **{entry.path: "everybody" for entry in open_},
        }
        self._who = {path: who for path, who in found.items() if not unread(path)}
        # Where the sticky bit is set, others add files but do not change those of root.
        self._sticky = {
            entry.path for entry in (*open_, *sweep.owned)
            if entry.kind == "d" and entry.bits & 0o1000 and not entry.uid
        }  # fmt: skip

    def _listed(self, acl: Acl) -> list[str]:
        """The entries of an access list that count now, and not for new files."""
        return [e for e in acl.others(self.empty) if not e.startswith("default:")]

    def _owner(self, entry: Entry, masked: set[str]) -> str:
        """Who may change it by owner and group; people before accounts of services."""
        spool = entry.bits & 0o1000 and entry.path.startswith("/var/spool/")
        nobody = entry.gid in (0, *self.empty) or entry.path in masked or spool
        by_group = bool(entry.bits & 0o020) and not nobody
        if entry.uid and (entry.uid >= FIRST_PERSON or not by_group):
            return f"uid {entry.uid}"
        return f"gid {entry.gid}" if by_group else ""

    def of(self, path: str) -> str | None:
        """Who may change `path` and through what; None where nobody else was seen."""
        if path == HERE:
            return "PATH '.' (everybody)"
        if not path.startswith("/"):
            return None
        plain = self._resolved(path)
        # Where /usr is merged, /bin and the like are links into it.
        for name in (plain, f"/usr{plain}") if _MERGED.match(plain) else (plain,):
            parts = name.strip("/").split("/")
            for count in range(len(parts) + 1):
                place = "/" + "/".join(parts[:count])
                if place in self._who and (place == name or place not in self._sticky):
                    return f"{path} ({place}: {self._who[place]})"
        return f"{path} (everybody)" if _SHARED.match(plain) else None

    def programs(self) -> Iterator[str]:
        """What somebody else may change where the programs and libraries of the system lie.

        So with devices that lie outside of /dev: who writes to one changes a disk, or memory.
        Accounts of services own some of them: at(1) is of daemon.
        """
        for place, who in self._who.items():
            service = who.startswith("uid ") and int(who[4:]) < FIRST_PERSON
            if place in self._devices or (_OF_SYSTEM.match(place) and not service):
                yield f"{place} ({who})"

    def linked(self, places: re.Pattern[str]) -> Iterator[str]:
        """The links in `places` that lead to what somebody else may change."""
        for link in self._links:
            if places.match(link) and (found := self.of(link)) is not None:
                yield found

    def below(self, folder: str) -> Iterator[str]:
        """What lies in `folder` and somebody else may change."""
        for place, who in self._who.items():
            if place.startswith(folder + "/"):
                yield f"{place} ({who})"
        yield from self.linked(re.compile(re.escape(folder) + "/"))

    def _resolved(self, path: str) -> str:
        plain = normpath(path)
        for _ in range(8):
            parts = plain.strip("/").split("/")
            for count in range(1, len(parts) + 1):
                place = "/" + "/".join(parts[:count])
                if place in self._links:
                    rest = parts[count:]
                    plain = normpath(join(place, "..", self._links[place], *rest))
                    break
            else:
                break
        return plain


_OF_SYSTEM = re.compile(
    r"/usr/(?:local/)?s?bin$|/usr/(?:s?bin|libexec|lib\w*)/|/(?:s?bin|lib\w*)/"
    # what the loader and python of root load from there
    r"|/usr/local/lib(?:64)?(?:/[^/]+\.so[.0-9]*|/python[^/]*(?:/(?:dist|site)-packages(?:/.*)?)?)?$"
    # and perl, ruby, node
    r"|/usr/local/(?:share|lib(?:/[^/]+)?)/(?:perl5?|site_perl|site_ruby|ruby|node_modules)(?:/|$)"
    r"|/usr/share/(?:perl5?|nodejs|ruby[^/]*)(?:/|$)|/var/lib/gems(?:/|$)"
)
_OF_SITE = re.compile(r"/usr/local/s?bin/")


# --- the check ----------------------------------------------------------------------------------


def _sudo_jobs(sudoers: Sudoers | None) -> Iterator[Job]:
    """The commands that ordinary accounts may run as root."""
    for grant in sudoers.grants if sudoers else ():
        as_root = {"root", "ALL"} & set(grant.runas)
        if as_root and grant.command.startswith("/") and set(grant.who) - {"root", "#0"}:
            words = [re.sub(r"\\(.)", r"\1", w) for w in grant.command.split()]
            yield Job(
                where=f"sudo {','.join(grant.who)}", programs=started_by_words(words).programs
            )


def _sudo_places(sudoers: Sudoers | None, others: Others) -> Iterator[str]:
    """The files of variables and directories of programs of sudo that others may change.

    A directory of secure_path that does not begin with `/` is where the user stands.
    """
    for file in sudoers.env_files if sudoers else ():
        if (who := others.of(file)) is not None:
            yield f"sudo env_file: {who}"
    for folder in sudoers.secure_path if sudoers else ():
        if not folder.startswith("/"):
            yield f"sudo secure_path: '{folder}'"
        elif (who := others.of(folder) or others.of(f"{folder}/*")) is not None:
            yield f"sudo secure_path: {who}"


# Where the service manager, udev and shells of root look for programs of the site.
_USUAL = ("/usr/local/sbin", "/usr/local/bin")


def _changed_by_others(jobs: list[Job], others: Others) -> list[str]:
    found: list[str] = []
    for job in jobs:
        if job.owner and job.owner not in {f"gid {gid}" for gid in others.empty}:
            found.append(f"{job.where} ({job.owner})")
        names = [program for program in job.programs if "/" not in program]
        searched = job.path if names else ()
        named = [f"{folder}/{name}" for folder in job.path or _USUAL for name in names]
        for path in (*job.programs, *searched, *named):
            who = others.of(path)
            if who is not None:
                found.append(f"{job.where}: {who}")
    return list(dict.fromkeys(found))


_DEEPEST = 5


def _of_scripts(jobs: Sequence[Job], scripts: dict[str, tuple[str, ...]]) -> list[Job]:
    """What the scripts that `jobs` run start in turn, as far as they were read."""
    done: set[str] = set()
    found: list[Job] = []
    new = list(jobs)
    for _ in range(_DEEPEST):
        named = {path for job in new for path in _named(job) if path in scripts} - done
        done |= named
        new = [Job(where=path, programs=programs_of(scripts[path]), path=_USUAL)
               for path in sorted(named)]  # fmt: skip
        found += new
    return found


def _named(job: Job) -> Iterator[str]:
    """The paths of what a job runs, where a name without one may be found."""
    for program in job.programs:
        if "/" in program:
            yield program
        else:
            yield from (f"{folder}/{program}" for folder in job.path or _USUAL)


def _runs_now(jobs: Iterable[Job], drop_ins: DropIns, names: Names | None) -> list[Job]:
    """Those in files that are read, which root, or an account of its user id, runs."""
    roots = {"root", *(name for name, uid in (names.uids if names else {}).items() if uid == 0)}
    return [job for job in jobs if job.user in roots and not drop_ins.is_unread(job.where)]


@check(
    "linux.root-runs",
    needs=(
        PLATFORM,
        SWEEP,
        known_or_absent(NAMES),
        known_or_absent(optional(CRON)),
        known_or_absent(optional(UNIT_FILES)),
        known_or_absent(optional(UNITS)),
        known_or_absent(optional(SUDOERS)),
        known_or_absent(optional(HOOKS)),
        known_or_absent(optional(PAM)),
        known_or_absent(EMPTY_GROUPS),
        known_or_absent(optional(ROOT_SETTINGS)),
        known_or_absent(optional(ROOT_SHELLS)),
    ),
    severity=Severity.HIGH,
    version=14,
    remedy=msg(
        "Make root the owner of the named programs and of all directories above them, "
        "and remove write permission for others (chown root, chmod go-w)"
    ),
)
def root_runs(
    platform: Platform,
    sweep: Sweep,
    names: Names | Absent,
    cron: tuple[Job, ...] | Absent | None,
    unit_files: tuple[Job, ...] | Absent | None,
    units: Units | Absent | None,
    sudoers: Sudoers | Absent | None,
    hooks: tuple[Job, ...] | Absent | None,
    pam: Pam | Absent | None,
    groups: EmptyGroups | Absent,
    *settings: tuple[Job, ...] | Absent | None,
) -> Judgement:
    """What root runs through cron, systemd and sudo cannot be changed by other accounts."""
    empty = known(groups) or EmptyGroups(gids=frozenset())
    begun, idle = _by_start(_every(unit_files, hooks), known(units))
    found = (*_every(cron), *begun, *_sudo_jobs(known(sudoers)), *of_pam(known(pam)),
             *_every(*settings))  # fmt: skip
    named = (program for job in found for program in job.programs)
    drop_ins = drop_ins_of(platform, units, named)
    others = Others(sweep, empty.gids, drop_ins)
    jobs = _runs_now(found, drop_ins, known(names))
    jobs += _of_scripts(jobs, sweep.scripts)
    idle += _of_scripts(idle, sweep.scripts)
    bad = _all_changed(jobs, known(sudoers), others)
    expected = msg("programs and directories above them that only root may change")
    if bad:
        detail = msg("Root runs programs, or reads settings, that others may change: {names}",
                     names=capped(bad))  # fmt: skip
        return failed(detail, expected=expected)
    later = _changed_by_others(idle, others)
    peopled = (
        [] if empty.whole else _all_changed(jobs, known(sudoers), Others(sweep, drop_ins=drop_ins))
    )
    rows = (
        (later, msg("Units that are not started now run programs that others may change: {names}",
                    names=capped(later))),
        (peopled, msg("Groups may change these, and whether they have members is not known (a row "
                      "of /etc/passwd or /etc/group was not read, or NIS adds to them): {names}",
                      names=capped(peopled))),
    )  # fmt: skip
    doubts = [*(message for wanted, message in rows if wanted), *_not_followed(jobs, sweep, others)]
    count = msg("{count} commands that root runs were followed", count=len(jobs))
    if doubts:
        return undetermined(count, *doubts, expected=expected)
    return passed(count, expected=expected)


def _not_followed(jobs: Sequence[Job], sweep: Sweep, others: Others) -> list[Message]:
    """What the search did not reach, and what a person has to look at."""
    deep = [p for job in jobs for p in job.programs
            if p.count("/") > LEVELS and not p.startswith(WHOLE)]  # fmt: skip
    local = [f"{e.path} (uid {e.uid})" for e in sweep.owned if e.uid and _OF_SITE.match(e.path)]
    local += others.linked(_OF_SITE)
    unclear = [f"{job.where}: {' '.join(job.programs)}" for job in jobs if job.unclear]
    rows = (
        (deep, msg("These directories are nested too deeply to be searched; check them: {names}",
                   names=capped(deep))),
        (local, msg("Ask whether root runs these programs of its search path, which others may "
                    "change: {names}", names=capped(local))),
        (unclear, msg("Check what these commands start: {names}", names=capped(unclear))),
    )  # fmt: skip
    return [message for wanted, message in rows if wanted]


def _all_changed(jobs: list[Job], sudoers: Sudoers | None, others: Others) -> list[str]:
    """What others may change of what `jobs` run, of the settings of root and of those of sudo."""
    found = _changed_by_others(jobs, others)
    found += [rows for place in _PLACES for rows in _place(place, others)]
    shared = [rows for place in _OF_POLKIT for rows in _place(place, others)]
    found += [row for row in shared if not _OF_SERVICE.search(row)]
    found += [*_sudo_places(sudoers, others), *others.programs(), *others.linked(_OF_SYSTEM)]
    return list(dict.fromkeys(found))


# polkitd, which reads its rules as an account of its own, owns their directories.
_OF_POLKIT = ("/etc/polkit-1", "/usr/share/polkit-1", "/var/lib/polkit-1")
_OF_SERVICE = re.compile(rf"[ug]id (?:[0-9]{{1,2}}|[1-{FIRST_PERSON // 100 - 1}][0-9]{{2}})\)$")


def _place(place: str, others: Others) -> list[str]:
    own = others.of(place)
    return [own] if own else list(others.below(place))


def _every(*found: tuple[Job, ...] | Absent | None) -> tuple[Job, ...]:
    """The jobs that are known."""
    return tuple(job for each in found for job in known(each) or ())


def _by_start(jobs: tuple[Job, ...], units: Units | None) -> tuple[list[Job], list[Job]]:
    """The commands of units that are started, and of those that are not, as far as is known.

    Start-up scripts are run where there is no systemd, or where it made a unit of them.
    """
    if units is None:
        free = [job for job in jobs if not job.unit or job.unit.startswith("init:")]
        return free, [job for job in jobs if job not in free]
    generated = {f"init:{name.removesuffix('.service')}" for name in units.generated}
    known_units = map(template_of, (*units.active, *units.enabled))
    runs = {"", "*", *units.active, *units.enabled, *known_units, *generated}
    begun = [job for job in jobs if runs & {job.unit, *job.by}]
    return begun, [job for job in jobs if not runs & {job.unit, *job.by}]


FACTS = (CRON, UNIT_FILES, HOOKS, ROOT_SETTINGS, ROOT_SHELLS)
CHECKS = (root_runs,)
