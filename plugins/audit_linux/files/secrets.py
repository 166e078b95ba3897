"""Secrets in files of accounts: where one lies and of what kind, never its value.

find(1) looks at files of known names in homes, /etc, /var/backups and tables of cron, and has
grep(1) say whether one holds a secret (-q: nothing of the file is printed). What comes back is
kind, mode, owner and path. Of all files in /etc that everybody may read, grep prints the names of
those with a password in them (-l). Private keys in other places are found by the search of the
file systems.
Of start-up files sed(1) then says by its exit status, line by line, whether a value is a secret for
sure or may be a placeholder, and prints nothing either (-n).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Answer,
    Command,
    Judgement,
    Message,
    ParseError,
    Partial,
    Privilege,
    Reason,
    Severity,
    Target,
    Values,
    capped,
    check,
    fact,
    failed,
    first_of,
    known_or_absent,
    msg,
    partial,
    passed,
    read_rows,
    undetermined,
    verbatim,
)
from audit_linux.files.secret_patterns import (
    HASHES,
    HISTORIES,
    KINDS,
    OF_CONFIG,
    PASSWORDS,
    STRONG,
    TYPED,
    B,
)
from audit_linux.files.sweep import SWEEP, Sweep
from audit_linux.homes import Homes, homes_of, not_searched
from audit_linux.passwd import ACCOUNTS, Accounts
from audit_linux.ssh.sshd import plainly

_GREP, _SED = "/bin/grep", "/bin/sed"
_DEEP = "4"
_STARTS = ("/etc", "/var/backups", "/var/spool/cron")
_BIG = "1024"  # blocks of 512 bytes; none of these files is larger
# Directories of programs that keep credentials, and of those that they lie in.
_FOLDERS = (
    ".ssh", ".aws", ".azure", ".docker", ".kube", ".config", ".m2", ".cargo", ".composer", "gh",
    "rclone", "composer", "containers", ".gradle", ".terraform.d", ".nuget", "NuGet",
)  # fmt: skip
_STARTUP = (
    ".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_aliases", ".zshrc", ".zprofile",
    ".zshenv", ".kshrc", ".cshrc", ".tcshrc", ".login", ".env", ".envrc", ".pam_environment",
)  # fmt: skip
_SYSTEM = ("profile", "environment", "bash.bashrc", "bashrc", "zshrc", "zshenv", "csh.cshrc")
# A name that ends so, and a value of four characters or more that is neither a path nor made.
_NAME = (
    r"[A-Za-z0-9_]*(PASSWORD|PASSWD|PASSPHRASE|_PWD|TOKEN|SECRET|SECRET_KEY|API_?KEY|ACCESS_KEY)"
    rf"(=|{B}+)[\"']?"
)
_EXPORT = rf"^{B}*(export|declare{B}+-x|setenv){B}+"  # in any case of letters
_VALUE = "[^]\"'`$(/~<[:blank:]#;][^\"'`$[:blank:]]{3}"
# Words that switch something off or on, or say that there is no value.
_NO_VALUE = "(none|null|true|false|disabled|enabled|undefined|unset|empty)([\"';[:blank:]]|$)"
# What people write where a value is to be put, what programs put in the place of it (templates,
# `vault:…`, `op://…`), and names of methods.
_PLACEHOLDER = (
    "([]{%@*<$(~/.[]|(change|replace|your|my[-_]|example|sample|dummy|placeholder|todo|fixme|xxx|insert"
    "|enter|put[-_]|test|foo|oauth|sha-?[0-9]|md5|base64|pkcs|v[0-9])|[a-z][a-z+.-]*:)"
)
_PEM = "^-----BEGIN (RSA |EC |DSA )?PRIVATE KEY-----"
# The first bytes of OpenSSH's format with the cipher "none", in base64 (PROTOCOL.key).
_OPENSSH_PLAIN = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"
# A row of shadow(5) or gshadow(5) with a hash; /etc/shadow is judged in linux.file-modes.
_ROW = r"^[^:]+:[!*]*\$[0-9a-z]+\$[^:]+:"
_COPIES = (("-name", "*shadow[._~]*"), ("-name", "*shadow-?*"), ("-path", "*/home/*/shadow"))
# Of keys outside of .ssh only those count that everybody may read: those of servers have no
# passphrase, and a group of their own may read them. What libraries bring along is public.
_SERVER_KEY = "private key outside of .ssh"
_PUBLIC = re.compile(
    r"/(?:tests?|testdata|fixtures|examples?|samples?|docs?|node_modules|(?:site|dist)-packages"
    r"|gems|vendor)/"
)
# Settings of programs that everybody may read: passwords that nobody takes for a word.
_CONFIG = "password in a configuration file"
# What holds no settings with passwords, or much else.
_CLOSED_IN_ETC = (
    "alternatives",
    "pam.d",
    "rc[0-6S].d",
    "*.wants",
    "fonts",
    "X11",
    "apparmor.d",
    "selinux",
)
_TYPED = "password in a command"
_KEY, _PLAIN_KEY, _SETS = "private key", "private key without passphrase", "startup"
_MAYBE = "startup, perhaps a placeholder"
_FILE = re.compile(r"(.+) ([0-7]{3,5}) ([0-9]+) (/.*)", re.DOTALL)
_MOST_ROWS = 20_000


class SecretFile(Struct, frozen=True, kw_only=True):
    """A file that holds a secret of `kind`, or a directory (`kind` is "d") that leads to it."""

    kind: str
    mode: int
    uid: int
    path: str


class Secrets(Struct, frozen=True, kw_only=True):
    """The files that hold secrets, and the modes of the directories above them, by path."""

    files: tuple[SecretFile, ...]
    folders: dict[str, int]

    def open(self, file: SecretFile, bits: int) -> bool:
        """Whether these `bits` of the mode give somebody a right: each directory above lets him in.

        A group may also come in where others may.
        """
        above = (file.path[: at.start()] for at in re.finditer("/", file.path) if at.start())
        way = 0o001 if bits & 0o007 else 0o011
        return bool(file.mode & bits) and all(
            self.folders.get(folder, 0o755) & way for folder in above
        )


def _grep(pattern: str, fixed: str = "-qE") -> tuple[str, ...]:
    return "-exec", _GREP, fixed, "-e", pattern, "{}", ";"


def _sets(value: str, unlike: str) -> tuple[str, ...]:
    """True where a line sets such a name to `value` and not to what begins `unlike` it."""
    lines = (rf"^{B}*{_NAME}", f"{_EXPORT}{_NAME}")
    script = (
        *(rf"\>{line}{unlike}>I b e" for line in lines),
        rf"\>{lines[0]}{value}> q", rf"\>{lines[1]}{value}>I q", ":e", "$ q 1",
    )  # fmt: skip
    return ("-exec", _SED, "-nE", *(word for line in script for word in ("-e", line)), "{}", ";")


def _record(kind: str) -> tuple[str, ...]:
    return "-printf", f"{kind} %m %U %p\\0"


def _names(names: Iterable[str]) -> tuple[str, ...]:
    parts = [part for name in names for part in ("-o", "-name", name)]
    return "(", *parts[1:], ")"


def search(homes: Homes, top: str = "") -> tuple[str, ...]:
    """The command line of find below `top`, the root directory where it is empty."""
    elsewhere = (
        "(", "-path", f"{top}/etc/?*", *_names(_CLOSED_IN_ETC),
        *(part for within in (*(f"{home}/?*" for home in homes.single),
                              *(f"{folder}/*/?*" for folder in homes.folders))
          for part in ("-o", "-path", f"{top}{within}", "-not", *_names(_FOLDERS))), ")",
    )  # fmt: skip
    startup = (
        "(", "-not", "-path", f"{top}/etc/*", *_names(_STARTUP), "-o", "-path",
        f"{top}/etc/profile.d/*",
        *(part for name in _SYSTEM for part in ("-o", "-path", f"{top}/etc/{name}")), ")",
    )  # fmt: skip
    kinds = [
        part
        for kind, by, name, pattern in (*KINDS, *((HASHES, *copy, _ROW) for copy in _COPIES))
        for part in ("-o", by, name, *_grep(pattern), *_record(kind))
    ]
    typed = (
        "-o", "(", *_names(HISTORIES), "-o", "-path", f"{top}/var/spool/cron/*", ")",
        *_grep(TYPED, "-qiaP"), *_record(_TYPED),
    )  # fmt: skip
    keys = (
        "-o", "-path", "*/.ssh/*", *_grep("PRIVATE KEY-----", "-qF"),
        "(", *_grep(_OPENSSH_PLAIN, "-qF"), *_record(_PLAIN_KEY),
        "-o", *_grep(_PEM), "-not", *_grep("ENCRYPTED", "-qF"), *_record(_PLAIN_KEY),
        "-o", *_record(_KEY), ")",
    )  # fmt: skip
    config = [
        part
        for kind, names, pattern in OF_CONFIG
        for part in ("-o", "-path", f"{top}/etc/*", "-perm", "-0004", *_names(names),
                     *_grep(pattern), *_record(kind))
    ]  # fmt: skip
    # One grep for many files: it prints the names of those that hold a password.
    others = (
        "-o", "-path", f"{top}/etc/*", "-perm", "-0004", "-not", "-path", f"{top}/etc/ssl/certs/*",
        "-exec", _GREP, "-lZIiP", "-e", PASSWORDS, "{}", "+",
    )  # fmt: skip
    return (
        "/usr/bin/find", "-L",
        *(f"{top}{start}" for start in (*homes.folders, *homes.single, *_STARTS)),
        "-maxdepth", _DEEP,
        "-type", "d", "(", *elsewhere, "-prune", "-o", *_record("d"), ")",
        "-o", "-type", "f", "-size", f"-{_BIG}",
        "(", *startup, "(", *_grep(rf"^{B}*{_NAME}{_VALUE}"),
        "-o", *_grep(f"{_EXPORT}{_NAME}{_VALUE}", "-qiE"), ")",
        "(", *_sets(STRONG, f"({_NO_VALUE}|{_PLACEHOLDER})"), *_record(_SETS),
        "-o", *_sets(_VALUE, _NO_VALUE), *_record(_MAYBE), ")",
        *kinds, *typed, *keys, *config, *others, ")",
    )  # fmt: skip


def _place(row: str) -> SecretFile:
    if row.startswith("/"):  # only files that everybody may read are looked at for these
        return SecretFile(kind=_CONFIG, mode=0o004, uid=0, path=row)
    found = _FILE.fullmatch(row)
    if found is None:
        raise ParseError(msg("not a result of the search: {line}", line=verbatim(row)))
    return SecretFile(kind=found[1], mode=int(found[2], 8), uid=int(found[3]), path=found[4])


# A loop of links, and a place that is not there, hide nothing.
_HARMLESS = (b"No such file or directory", b"File system loop detected", b"symbolic links")


def parse_secrets(answer: Answer) -> Secrets | Partial | Absent:
    """The files that were found; incomplete where a directory or a file was closed."""
    text = answer.stdout.decode("utf-8", "surrogateescape")
    rows, problems = read_rows(enumerate(text.split("\0")[:_MOST_ROWS][:-1] or [], 1), _place)
    if answer.truncated or any(map(_hides, answer.stderr.splitlines())):
        problems.append(msg("Some files were not searched for secrets"))
    if not rows:
        detail = msg("Some files were not searched for secrets")
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    return partial(_sorted(rows), problems)


def _hides(line: bytes) -> bool:
    """Whether a complaint of the search may stand for files that were not looked at."""
    of_tool = any(tool.encode() in line for tool in (_GREP, _SED))
    return bool(line) and (of_tool or not any(harmless in line for harmless in _HARMLESS))


def _sorted(rows: Iterable[SecretFile]) -> Secrets:
    folders = {row.path: row.mode for row in rows if row.kind == "d"}
    files = (row for row in rows if row.kind != "d")
    return Secrets(files=tuple(sorted(files, key=lambda r: (r.path, r.kind))), folders=folders)


def _ask(target: Target) -> Command:
    return Command(
        argv=search(homes_of(target)), privilege=Privilege.ROOT, ok=(0, 1), timeout_s=60,
        limit=1 << 20, partial_ok=True,
    )  # fmt: skip


SECRETS = fact("linux.secrets", Secrets, kind="host", ask=_ask, parse=parse_secrets)
SECRETS_SEEN = fact(
    "linux.secrets-seen", Secrets, kind="host", ask=lambda target: plainly(_ask(target)),
    parse=parse_secrets,
)  # fmt: skip
_NEEDS = (TARGET, first_of(SECRETS, SECRETS_SEEN), known_or_absent(ACCOUNTS))


def _keys(sweep: Sweep | Absent, found: Secrets) -> list[SecretFile]:
    """The private keys outside of .ssh that everybody may read, by the search of file systems."""
    known_keys = {file.path for file in found.files}
    return [
        SecretFile(kind=_SERVER_KEY, mode=key.bits, uid=key.uid, path=key.path)
        for key in (sweep.open_keys() if isinstance(sweep, Sweep) else ())
        if key.path not in known_keys and not _PUBLIC.search(key.path)
    ]


def _unseen(sweep: Sweep | Absent) -> list[Message]:
    if isinstance(sweep, Sweep):
        return []
    return [msg("Private keys outside of .ssh were not looked for: {why}", why=sweep.detail)]


def _labels(files: Iterable[SecretFile]) -> Values:
    return capped(f"{file.path} ({file.kind}, {file.mode:04o})" for file in files)


def _far(target: Target, accounts: Accounts | Absent) -> list[Message]:
    """That homes in other places were not searched, where there are any."""
    far = homes_of(target).far(accounts)
    return [not_searched(far)] if far else []


@check(
    "linux.private-files",
    needs=(*_NEEDS, known_or_absent(SWEEP)),
    severity=Severity.HIGH,
    version=9,
    remedy=msg("Make the account the owner of each file and close it to others (chmod 600)"),
)
def private_files(
    target: Target, found: Secrets, accounts: Accounts | Absent, sweep: Sweep | Absent
) -> Judgement:
    """Private keys and files with secrets are closed to other accounts."""
    expected = msg("private keys and files with secrets that only their account may read")
    kept = [file for file in found.files if file.kind not in (_SETS, _MAYBE)]
    bare = [*(file for file in kept if found.open(file, 0o007)), *_keys(sweep, found)]
    foreign = _of_others(kept, _owners(homes_of(target), accounts))
    if bare or foreign:
        rows = ((bare, _bare), (foreign, _foreign))
        return failed(*(say(_labels(names)) for names, say in rows if names), expected=expected)
    shared = [f for f in kept if found.open(f, 0o070)]
    doubts = [*_far(target, accounts), *_unseen(sweep)]
    if shared:
        doubts = [msg("Open to their group: {names}", names=_labels(shared)), *doubts]
    count = msg("{count} private keys and files with secrets are closed to others", count=len(kept))
    if doubts:
        return undetermined(count, *doubts, expected=expected)
    return passed(count, expected=expected)


def _of_others(kept: Sequence[SecretFile], owners: dict[str, set[int]]) -> list[SecretFile]:
    """The files in a home that belong neither to root nor to an account of that home."""
    found = []
    for file in kept:
        homes = (owners[top] for top in map(str, PurePosixPath(file.path).parents) if top in owners)
        if file.uid not in {0, *next(homes, {file.uid})}:
            found.append(file)
    return found


def _bare(names: Values) -> Message:
    return msg("Open to others: {names}", names=names)


def _foreign(names: Values) -> Message:
    return msg("Owned by another account: {names}", names=names)


def _owners(homes: Homes, accounts: Accounts | Absent) -> dict[str, set[int]]:
    """The numbers of the accounts of each home that is searched."""
    owners: dict[str, set[int]] = {}
    for account in accounts.rows if isinstance(accounts, Accounts) else ():
        if homes.holds(account.home):
            owners.setdefault(account.home.rstrip("/"), set()).add(account.uid)
    return owners


@check(
    "linux.stored-secrets",
    needs=_NEEDS,
    severity=Severity.MEDIUM,
    version=5,
    remedy=msg(
        "Remove the secrets from these files and change them; keep them in a password store or "
        "give the programs certificates, and protect private keys by a passphrase"
    ),
)
def stored_secrets(target: Target, found: Secrets, accounts: Accounts | Absent) -> Judgement:
    """The files of accounts hold no passwords, tokens or unprotected keys in plain text."""
    expected = msg("no secrets in start-up files and dotfiles")
    plain = [file for file in found.files if not _apart(file)]
    # What a start-up file sets every program of the account is handed; what others may read is out.
    out = [f for f in plain if f.kind == _SETS or (f.kind != _MAYBE and found.open(f, 0o004))]
    if out:
        detail = msg("Secrets in plain text (place and kind): {names}", names=_labels(out))
        return failed(detail, expected=expected)
    doubts = _far(target, accounts)
    if plain:
        text = msg("Ask whether these secrets may be kept in plain text: {names}",
                   names=_labels(plain))  # fmt: skip
        doubts = [text, *doubts]
    if doubts:
        return undetermined(*doubts, expected=expected)
    return passed(msg("No secrets were found in start-up files and dotfiles"), expected=expected)


def _apart(file: SecretFile) -> bool:
    """Whether it is none of start-up files and dotfiles: keys, hashes, settings of programs."""
    of_config = file.path.startswith("/etc/") and file.kind in {kind for kind, _, _ in OF_CONFIG}
    return of_config or file.kind in (_KEY, HASHES, _CONFIG)


FACTS = (SECRETS, SECRETS_SEEN)
CHECKS = (private_files, stored_secrets)
