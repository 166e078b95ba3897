"""What a command granted by sudo can be abused for: a root shell, or writing any file.

The names are those that GTFOBins (https://gtfobins.github.io) lists under sudo for `shell`,
`command` or `file write`, and what belongs to the same families; and those that it lists for
`file read`, which show any file when their arguments are free.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise

from audit_linux.root_groups import ADMIN_GROUPS, ROOT_GROUPS
from audit_linux.sudo.containers import Reach, is_engine, reach
from audit_linux.sudo.sudo_regex import TooWide, examples, lets_shells_through


class Risk(enum.StrEnum):
    """What a command gives to whoever may run it as root. The order is that of gravity."""

    ROOT = "root"  # any command, or any file written
    REPLACEABLE = "replaceable"  # it stands where ordinary users may write
    READS = "reads"  # it shows any file, /etc/shadow among them
    UNSEEN = "unseen"  # a program of the site, or one ruled by files of the site
    PAGER = "pager"  # a pager opens, which systemd 247 and later lock
    NONE = "none"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# With a fixed script they do what the script says; else anything.
_INTERPRETERS = _names("""
    sh bash dash ash zsh ksh mksh csh tcsh fish rbash busybox toybox python pypy perl ruby lua
    luajit php node nodejs tclsh wish expect gawk awk mawk nawk java jjs jrunscript jshell guile
    julia octave ghci irb pwsh scala groovy ld ld-linux
""")
# They start a shell whatever file they are given, or take their commands from the keyboard.
_ALWAYS = _names("""
    vi vim vimdiff view rvim rview nvim nano rnano pico emacs ed red ex joe jed mc mcedit micro ne
    sensible-editor editor visudo vipw vigr less more most pg man sensible-pager pager ftp sftp
    telnet lftp mysql mariadb psql sqlite sqlite3 redis-cli mongo mongosh gdb lldb screen tmux
    script scriptreplay rlwrap ipython cpan debugfs parted fdisk iftop mail mailx mutt at batch
    parallel chpasswd newusers newgrp sg ghostscript gs dialog capsh setpriv pkexec doas
""")
# With one of these as first argument they show something and end (their manual pages).
_LISTING = {
    "fdisk": ("-l", "--list"), "parted": ("-l", "--list"), "screen": ("-ls", "-list"),
    "tmux": ("ls", "list-sessions"), "redis-cli": ("info", "ping", "dbsize"),
}  # fmt: skip
# Their arguments decide: free ones run a command or write a file.
_ARGUMENTS = _names("""
    7z 7za 7zr aa-exec add-shell adduser alien alternatives ansible ansible-playbook ansible-test
    apache2 apk apt apt-get aptitude ar aria2c arj aws bconsole borg bpftrace bundle bundler
    busctl byebug c89 c99 cabal cc cdist certbot chattr check_by_ssh check_ssl_cert chgrp chmod
    choom chown chroot chrt chsh cmake cobc composer coredumpctl cowsay cowthink cp cpio cpulimit
    crash crictl crontab csplit csvtool ctr curl dc dd debconf debootstrap distcc dmesg dmidecode
    dmsetup dnf docker docker-compose dos2unix dotnet dpkg dpkg-reconfigure dstat dvips
    easy_install eb elvish enscript env exiftool facter fail2ban-client fakeroot find firejail
    flock g++ gcc gcloud gem genie ghc gimp ginsh git gitlab-ctl gmake gnuplot gpasswd grc
    groupmod gtester helm hping httpd insmod install ionice ip ip6tables ip6tables-save ipset
    iptables iptables-restore iptables-save ispell k3s keepalived kexec kmod knife kubectl latex
    latexmk ld.so ldconfig ln logrotate logsave losetup ltrace lualatex luatex lwp-download lxc
    lxd machinectl make mkfs mknod mmdebstrap modprobe mount msfconsole msgfilter mtr multitime mv
    mysqld mysqldump nasm nc ncat ncdu nerdctl netcat nft nginx nice nmap nohup npm npx nroff
    nsenter ntpdate openssl openvpn opkg pacman pandoc passwd patch pdb pdflatex pdftex perf
    perlbug pexec pg_ctl pg_dump pic pidstat pip podman posh postfix pppd prlimit pry psad psftp
    puppet
    qemu-system rake ranger rc rclone rcp restic rpm rpmbuild rpmdb rpmquery rpmverify rscript
    rsync rtorrent run-mailcap run-parts runc runcon runscript runuser salt-call sash scanmem scp
    sed semanage sendmail service setarch setcap setfacl setlock setsid shuf slsh smbclient snap
    socat softlimit sort split sponge ssh ssh-agent ssh-copy-id ssh-keygen sshpass
    start-stop-daemon stdbuf strace su sudo sudoedit swapon sysctl systemctl systemd-nspawn
    systemd-run tar task taskset tasksh tc tcpdump tdbtool tee terraform tex tftp time timeout
    tmate top torify torsocks truncate tshark umount unshare unsquashfs unzip update-alternatives
    useradd usermod uudecode vagrant valgrind virsh virt-install volatility watch wget wireshark
    xargs xdotool xelatex xetex xxd yarn yash yum zip zsoelim zypper
    podman-remote isula buildah crun incus lxc-attach lxc-execute lxc-start lxc-create pct oc
    microk8s k0s minikube singularity apptainer toolbox distrobox schroot bwrap proot arch-chroot
    cgexec numactl unbuffer chronic ifne pee entr gosu su-exec setuidgid chpst dbus-run-session
    eatmydata faketime trickle lxc-usernsexec run0
""")
# Ruled by files of the site (hooks, make files, playbooks), whatever the arguments are.
_BY_FILES = _names("""
    make gmake git npm npx yarn pip gem bundle rake composer ansible ansible-playbook cmake
    docker-compose terraform vagrant puppet salt-call logrotate run-parts tmate chroot unshare
    systemd-nspawn schroot bwrap proot arch-chroot
""")
_WRAPPERS = _names("""
    env timeout nice ionice nohup stdbuf setsid taskset time chrt flock strace ltrace watch xargs
    systemd-run cpulimit choom setarch fakeroot start-stop-daemon sudo prlimit cgexec numactl
    unbuffer chronic ifne pee entr gosu su-exec setuidgid chpst dbus-run-session eatmydata faketime
    trickle run0
""")
_STARTERS = _WRAPPERS | {"find"}
_PAGERS = _names("journalctl loginctl timedatectl resolvectl networkctl bootctl")
_SHOWING = _names("""
    status cat help list-units list-unit-files list-timers list-sockets list-jobs list-dependencies
""")
_STDIN_TO_FILE = _names("tee dd sponge")
_READERS = _names("""
    cat tac head tail grep egrep fgrep zgrep bzgrep xzgrep zcat bzcat xzcat zstdcat lz4cat nl od hd
    hexdump strings base32 base64 basenc basez cut paste join comm cmp diff sdiff diff3 uniq wc fold
    fmt pr column colrm rev expand unexpand look iconv jq file ul tr ptx tbl troff eqn nm readelf
    objdump uuencode gzip gunzip bzip2 bunzip2 xz unxz zstd cksum sum highlight batcat bat aspell
    zdiff zcmp xmllint hexedit
""")
# What a reader shows of these gives root: hashes of passwords and private keys.
_SECRETS = re.compile(r"/etc/(?:g?shadow|ssh/ssh_host_\w+_key$)|/root/|.*/(?:\.ssh/|id_\w+$)")
_SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec",
           "/lib", "/lib64")  # fmt: skip
_OF_USERS = re.compile(r"/(?:home|tmp|var/tmp|dev/shm|run/user)/")
# Write access to one of these gives root.
_KEYS_TO_ALL = re.compile(
    r"(?:of=)?/(?:root/|boot/|bin/|sbin/|usr/|lib|etc/(?:passwd|shadow|group|gshadow|sudoers|pam|cron"
    r"|ssh/|profile|bash|ld\.so|security/|systemd/|init|rc|default/|sysconfig/|environment|modprobe"
    r"|udev/|logrotate))"
)


_LISTED = _INTERPRETERS | _ALWAYS | _ARGUMENTS
_ESCAPED = re.compile(r"\\(.)")
_WILDCARD = re.compile(r"[*?\[]")
_MOST_WORDS = 2000  # our own search for secrets has some 1,100
_MOST_NESTED = 90  # programs that start the next one; our search for zip files has some 60
_LONGEST_NAME = 255


@lru_cache(maxsize=512)  # two checks ask, and hosts share most of their rules
def risk(command: str) -> Risk:
    """What `command`, as written in sudoers, gives to whoever may run it as root."""
    if command.startswith("!") or command in ("list", ""):
        return Risk.NONE
    if command == "ALL":
        return Risk.ROOT
    expression = _EXPRESSIONS.fullmatch(command)
    if expression is not None and "^" in (expression[1][:1], (expression[2] or "")[:1]):
        return _of_expression(expression[1], expression[2] or "")
    words = re.findall(r"(?:\\.|[^\s\\])+", command)
    if not words or len(words) > _MOST_WORDS or _nested(words) > _MOST_NESTED:
        return Risk.UNSEEN
    return _program(words[0], words[1:])


# A path and arguments of which one or both are a regular expression.
_EXPRESSIONS = re.compile(r"(\^(?:\\.|[^\\$])*\$|\S+)(?:[ \t]+(.*))?", re.DOTALL)


def _of_expression(path: str, args: str) -> Risk:
    """What is given by all that the expressions let through; UNSEEN where that is not known."""
    try:
        paths = examples(path[1:-1], classes=False) if path.startswith("^") else (path,)
    except TooWide:
        return Risk.ROOT if lets_shells_through(path[1:-1]) else Risk.UNSEEN
    try:
        words = examples(args[1:-1], classes=True) if args[:1] == "^" else (args,)
    except TooWide:
        words = (args,)  # free arguments
    if len(paths) * len(words) > _MOST_WORDS:
        return Risk.UNSEEN
    given = [_program(one, more.split()) for one in paths for more in words]
    return _worst(given)


def program_name(command: str) -> str:
    """The name of the program of a command of sudoers, without its folder and version."""
    words = command.lstrip("!").split(None, 1)
    return _stem(_plain(words[0])) if words else ""


def _nested(words: list[str]) -> int:
    return sum(_stem(_plain(word)) in _STARTERS for word in words)


def _wild(word: str) -> bool:
    """Whether a wildcard stands in `word`; one behind a backslash is a character."""
    return bool(_WILDCARD.search(_ESCAPED.sub("", word)))


def _plain(word: str) -> str:
    return _ESCAPED.sub(r"\1", word) if "\\" in word else word


def _stem(path: str) -> str:
    """The name that the lists have: python3.11 is python, vim.basic is vim."""
    name = path.rsplit("/", 1)[-1]
    return name if name in _ARGUMENTS else re.sub(r"[-0-9]+$", "", name.split(".")[0]) or name


def _program(path: str, args: list[str]) -> Risk:
    if path != "sudoedit" and not path.startswith("/"):
        return Risk.UNSEEN
    if _OF_USERS.match(path):
        return Risk.REPLACEABLE
    folder, _, name = path.rpartition("/")
    if _wild(path):
        return _pattern(folder, name)
    if not name:
        return Risk.ROOT  # a whole folder
    known = _known(_stem(_plain(path)), args)
    if known is Risk.NONE and folder not in _SYSTEM and path != "sudoedit":
        return Risk.UNSEEN
    return known


def _pattern(folder: str, name: str) -> Risk:
    if name == "*" or not folder:
        return Risk.ROOT
    if folder in _SYSTEM and len(name) <= _LONGEST_NAME:
        return Risk.ROOT if any(fnmatchcase(one, name) for one in _LISTED) else Risk.NONE
    return Risk.UNSEEN


def _known(name: str, args: list[str]) -> Risk:
    none = args in (['""'], ["''"])
    if name in _ALWAYS:
        return Risk.NONE if _only_lists(name, args) else Risk.ROOT
    if name in _PAGERS:
        return Risk.NONE if "--no-pager" in args else Risk.PAGER
    if name in _READERS:
        return Risk.NONE if none else _shown(args)
    # Arguments that begin with ^ are a regular expression (sudo 1.9.10), a later word is not.
    free = not args or args[0].startswith("^") or any(_wild(word) for word in args)
    if free and name in _LISTED:
        return Risk.ROOT
    if name in _INTERPRETERS:
        return _script(args, none)
    return _fixed(name, [] if none else args)


def _only_lists(name: str, args: list[str]) -> bool:
    """Whether a program that else takes commands shows something with these arguments and ends."""
    return args[:1] != [] and args[0] in _LISTING.get(name, ()) and not any(map(_wild, args))


def _shown(args: list[str]) -> Risk:
    """What a program that shows files gives: a star in an argument stands for blanks and slashes,
    too, and whoever may write where the file is can put a link there."""
    reached = [
        word
        for word in args
        if "*" in _ESCAPED.sub("", word) or _OF_USERS.match(word) or _SECRETS.match(word)
    ]
    return Risk.READS if reached or not args else Risk.NONE


def _script(args: list[str], none: bool) -> Risk:
    """An interpreter with a fixed script does what the script says, and that was not looked at."""
    if none or all(word.startswith("-") for word in args):
        return Risk.ROOT
    return Risk.REPLACEABLE if any(_OF_USERS.match(word) for word in args) else Risk.UNSEEN


def _fixed(name: str, written: list[str]) -> Risk:
    """A program of the lists whose arguments are fixed."""
    args = [_plain(word) for word in written]
    if name in _WRAPPERS:
        return _wrapped(name, written)
    if name == "find":
        return _worst([_named(command) for command in _of_find(written)])
    if is_engine(name):
        return _OF_ENGINES[reach(name, args, of_users=_USERS_PLACE)]
    if name in _BY_FILES:
        return Risk.UNSEEN
    if name == "systemctl":
        return _systemctl(args)
    if _becomes_root(name, args) or _makes_root(name, args):
        return Risk.ROOT
    return _reached(name, args)


def _becomes_root(name: str, args: list[str]) -> bool:
    """Whether the arguments let a program start a shell or a program as root, or rewrite a file
    that decides who is root."""
    if name in ("su", "runuser"):
        return _is_for_root(args)
    if name in ("ssh", "scp"):
        return any(_RUNS.search(word) for word in args)
    if name == "passwd":
        return not args or "root" in args
    if name == "crontab":
        return "-l" not in args
    if name == "ip":
        return "exec" in args and any(_stem(word) in _SHELLS for word in args)
    writes = name == "sudoedit" or name in _STDIN_TO_FILE
    return writes and any(_KEYS_TO_ALL.match(word) for word in args)


_RUNS = re.compile("(?i)(?:Proxy|Local|KnownHosts)Command[= ]")
_SHELLS = _names("sh bash dash ash zsh ksh mksh csh tcsh fish")
_OF_ACCOUNTS = _names("usermod useradd adduser addgroup groupmod gpasswd groupmems newusers")
_GROUPS = ADMIN_GROUPS | ROOT_GROUPS.keys() | {"root"}
_COPIES = _names("cp mv ln install rsync scp rcp")
# They install or load what a file says.
_LOADS = _names("insmod dpkg rpm snap ldconfig update-alternatives alternatives setcap systemctl")
_WRITES = _COPIES | _names("""
    tee dd sponge chmod chown chgrp setfacl patch truncate wget curl aria2c tar unzip cpio 7z 7za
    7zr mount split csplit sed
""")
_USERS_PLACE = re.compile(r"(?:^|[=|:,@])/(?:home|tmp|var/tmp|dev/shm|run/user)/")
_WHOLE_SYSTEM = frozenset({"/", "/etc", "/etc/", "/usr", "/root", "/boot", "/lib", "/bin"})


def _makes_root(name: str, args: list[str]) -> bool:
    """Whether an account gets the rights of root: a group that means root, or user id 0."""
    if name not in _OF_ACCOUNTS:
        return False
    words = {part for word in args for part in re.split("[,=]", word)}
    return bool(words & _GROUPS) or ("-u", "0") in pairwise(args) or "--uid=0" in args


def _reached(name: str, args: list[str]) -> Risk:
    """What a program does to the files that its fixed arguments name.

    Where ordinary users may write, they choose what is read there, or put a link.
    """
    if any(_USERS_PLACE.search(word) for word in args):
        replaces = name in _LOADS or (name in _COPIES and _is_key(args[-1]))
        return Risk.REPLACEABLE if replaces else Risk.UNSEEN
    if name == "sed" and not any(re.match(r"-\w*i|--in-place", word) for word in args):
        return Risk.NONE  # a script that is fixed shows what it shows
    writes = name in _WRITES and any(_is_key(word) for word in args)
    shows = any(_SECRETS.match(word) for word in args)
    return Risk.UNSEEN if writes or shows else Risk.NONE


def _is_key(word: str) -> bool:
    """Whether who writes this file has the host."""
    return word in _WHOLE_SYSTEM or _KEYS_TO_ALL.match(word) is not None


_OF_ENGINES = {
    Reach.HOST: Risk.ROOT, Reach.MANIFEST: Risk.REPLACEABLE, Reach.OPEN: Risk.UNSEEN,
    Reach.NONE: Risk.NONE,
}  # fmt: skip


_EXEC = re.compile("-(?:exec|ok)(?:dir)?")


def _of_find(words: list[str]) -> Iterator[list[str]]:
    """The commands that find(1) starts: each ends at `;`, or at `+` behind `{}`."""
    rest = iter(words)
    for word in rest:
        if not _EXEC.fullmatch(_plain(word)):
            continue
        command: list[str] = []
        for part in rest:
            if _plain(part) == ";" or (part == "+" and command[-1:] == ["{}"]):
                break
            command.append(part)
        yield command


def _systemctl(args: list[str]) -> Risk:
    verb = next((word for word in args if not word.startswith("-")), "list-units")
    if verb == "edit":
        return Risk.ROOT
    if any(_USERS_PLACE.search(word) for word in args):  # enable or link a unit of a user
        return Risk.REPLACEABLE
    return Risk.PAGER if verb in _SHOWING and "--no-pager" not in args else Risk.NONE


def _is_for_root(args: list[str]) -> bool:
    """Whether su(1) is for root here: its user is the first word that is no option."""
    users = [word for word in args if not word.startswith("-")]
    return not users or users[0] == "root" or any("=" in u and "root" in u for u in args)


def _wrapped(name: str, args: list[str]) -> Risk:
    """What the wrapped command gives: it starts at the first word that names a program."""
    if not args and name in ("env", "sudo"):  # shows variables, or how it is used
        return Risk.NONE
    if name == "sudo" and {"-i", "-s", "--login", "--shell"} & set(args):
        return Risk.ROOT
    for at, word in enumerate(args):
        if word.startswith("/") or _stem(_plain(word)) in _LISTED:
            return _named(args[at:])
    return Risk.ROOT if name in ("env", "sudo") else Risk.NONE


def _named(words: list[str]) -> Risk:
    """What a command gives that a program starts, found on the path where no slash is in it."""
    if not words:
        return Risk.NONE
    path = words[0] if words[0].startswith("/") else f"/usr/bin/{words[0]}"
    return _program(path, words[1:] or ['""'])


def _worst(risks: list[Risk]) -> Risk:
    order = list(Risk)
    return min(risks, key=order.index, default=Risk.NONE)


def starts_anything(path: str) -> bool:
    """Whether the program starts a shell, runs code or writes any file for whoever may run it."""
    stem = _stem(path)
    return stem in _LISTED or stem in _READERS
