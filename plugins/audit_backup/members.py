"""What the archives of a set hold: members with content, only archives and dumps, or nothing.

The headers of tar (POSIX.1 pax, ustar, GNU, v7) and cpio (newc, odc) archives are searched for in
the unpacked bytes, so that the first fitting one ends the reading and no listing can fill the
answer. Each program may use 5 seconds of the processor and 1 GiB; what is not found by then is
unknown. Sources: tar(5) and cpio(5) of libarchive, APPNOTE.TXT (zip).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from audit_backup import declared
from audit_backup.model import Held
from audit_backup.searches import (
    GREP,
    LIMIT,
    Step,
    command,
    either,
    ending,
    files_in,
    may_match,
    ran,
    refusal,
    runs,
    stepped,
)
from audit_backup.statements import DUMP, ROWS, SURE_ROWS, has_rows, rows
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_UNZIP, _ZIPGREP, _SEVENZIP = "/usr/bin/unzip", "/usr/bin/zipgrep", "/usr/bin/7z"
_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"
_BSDTAR, _PLAIN_GREP = "/usr/bin/bsdtar", "/usr/bin/grep"
_LARGE = 16 << 20  # up to here files whose names do not say what they hold are searched
_LARGE_PACKED = 2 << 20  # no schema and no header is packed into so much

# A header of tar: name, mode, owner, group, size, time, checksum, type. Numbers are octal texts,
# or but for the mode and the checksum binary with the highest bit set. Signs that can be printed
# are written from the blank to `~`, as each word stands in sudoers. In a name of 100 bytes no NUL
# stands before the mode. A blank ends the numbers of pg_basebackup.
_END = "[[:cntrl:]]"
_MODE = "[0-7 ]{6,7}[[:cntrl:] ]++"
_OWNERS = f"(?:{_MODE}|[^ -~].{{7}}){{2}}"
_NAME = f"[^[:cntrl:]]++{_END}++{_MODE}{_OWNERS}"
_REST = (
    f"(?:[0-7 ]{{11}}[[:cntrl:] ]|[^ -~[:cntrl:]].{{11}}){{2}}"
    f"(?:[0-7 ]{{6}}{_END} |[0-7 ]{{7}}[[:cntrl:] ])"
)
_REGULAR = "[07SM[:cntrl:]]"  # M: continued from another volume
_ANY_TYPE = "[0-9A-Zxg[:cntrl:]]"
# A header of cpio, in hexadecimal (newc) and in octal digits (odc).
_NEWC = "07070[12].{8}00008.{35}(?!0{8})[[:xdigit:]]{16}.{40}"
_ODC = "070707.{12}100[0-7]{9}.{35}(?!0{11})[0-7]{11}"
# In binary numbers: two bytes have the type, and a size of control characters only may be none.
# Any bytes hold one now and then, but not the name of the last member.
_HIGH = "[^ -~[:cntrl:]]"
_BINARY = f"{_HIGH}q.{{5}}{_HIGH}.{{4}}{_END}{{4}}.{{5}}{_END}(?!{_END}{{4}}).{{4}}"
_LAST = "TRAILER!!!"

# What has to be looked into itself, by the ends of names, and what is no content.
_PACKS = "[.](?:gz|xz|bz2|zst|lz4)"
_DISKS = "tar|cpio|img|vma|qcow2|vmdk|vdi|vhdx?"
_NESTED = (
    f"(?:[.](?:sql|dump|dmp|bak|pgdump|backup|custom|{_DISKS})(?:{_PACKS})?"
    "|[.](?:tgz|txz|tbz2?|tzst|zip|7z|rar)|toc[.]dat"
    "|readme|license|[.](?:md5|sha1|sha256|sha512|asc|sig|lock))"
)
_PACKED_DUMP = f"[.](?:sql|dump|dmp|bak|pgdump|backup|custom){_PACKS}"


def _named(what: str, yes: str = "!") -> str:
    """The place before a name that does not end like `what`, or does where `yes` is `=`."""
    return f"(?{yes}[^[:cntrl:]]*(?:GNUSparseFile[.]|(?:{what}){_END}))"


# Of a small packed file the size does not tell whether something is packed, nor of a table of
# pg_dump's own format. A size of 512 bytes has another digit than 0 before the last three of 11,
# one of 2 MiB before the last seven; a file of 16 MiB (eight) is no schema and no header.
_MEMBER = (
    f"(?:^|{_END})(?:{_named(_NESTED)}(?:{_named(f'{_PACKS}|[0-9][.]dat')}{_NAME}(?![0 ]{{11}})"
    f"|{_NAME}(?![0 ]{{8}})|[^[:cntrl:]]{{100}}{_MODE}{_OWNERS}(?![0 ]{{11}}))"
    f"|{_named(f'[.](?:{_DISKS})')}{_NAME}(?![0 ]{{3}})"
    f"|{_named(_PACKED_DUMP, '=')}{_NAME}(?![0 ]{{4}})){_REST}{_REGULAR}"
    f"|(?:{_NEWC}|{_ODC}){_named(_NESTED)}"
)
_ANY_MEMBER = f"{_MODE}{_OWNERS}(?![0 ]{{11}}){_REST}{_REGULAR}|{_NEWC}|{_ODC}"
_HEADER = f"{_MODE}{_OWNERS}{_REST}{_ANY_TYPE}|07070[127][[:xdigit:]]{{64}}"

# By program: archives by their names, which are read to their end, and other packed files.
_SEARCHED = (
    (_XZGREP, (".(tar|cpio).(xz|bz2|lzma|lz|lzo)", ".t(xz|bz2?)"),
     (".(xz|bz2|lzma|lz|lzo)",)),
    (_ZSTDGREP, (".(tar|cpio).(zst|lz4)", ".tzst"), (".(zst|lz4)",)),
    (_ZGREP, (".(tar|cpio)(.(gz|z))?", ".t(gz|az)", ".tar.(gz.)?(aa|0?0[01])"),
     (".(gz|z)",)),
)  # fmt: skip


# tar hands each packed member to the program, which prints how many rows are in it.
_UNPACKED = ("--wildcards", "*.gz", f"--to-command={_ZGREP} -acP '{SURE_ROWS}'")
_PACKED_ROWS = (
    "(", *ran("/usr/bin/timeout", "20", *GREP, "/usr/bin/tar", "-xf", "{}", *_UNPACKED),
    "-o", "-true", ")",
)  # fmt: skip


def _searched(program: str, whole: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """What is searched for, one after the other, and the letter for what is found first."""
    grep, small = (*GREP, program), ("-size", f"-{_LARGE + 1}c")
    unnamed = (*small, "!", "-name", "*.*", *ran(_PLAIN_GREP, "-aqP", f"^PGDMP|{_HEADER}"))
    ended, printed = ran(*grep, "-acE", "^"), ran(*grep, "-aqE", "[!-~]")
    more = (unnamed,) if program == _ZGREP else ()
    return stepped(
        either(ending(*whole), (*small, *ending(*others)), *more),
        Step("c", (*grep, "-aqiP", _MEMBER)),
        Step(
            "c",
            (*grep, "-aqP", f"{_BINARY}{_named(_NESTED)}"),
            ran(*grep, "-aqF", _LAST),
            only=("-iname", "*cpio*"),
        ),
        *rows(program, "c"),
        Step("a", (*grep, "-aqP", _ANY_MEMBER), _PACKED_ROWS),
        Step("e", (*grep, "-aqP", _HEADER), ended),
        Step("e", (*grep, "-acE", "^"), ("!", *printed), only=ending(*whole)),
    )


# The same kinds of names for zip and 7z, which add up the sizes themselves.
_PACK_ENDS = ("gz", "xz", "bz2", "zst", "lz4")
_DUMPS_OF_ZIP = tuple(
    f"*.{end}" for stem in ("sql", "dump", "dmp", "bak", "tar") for end in (stem, f"{stem}.*")
)
_OF_ZIP = (
    *_DUMPS_OF_ZIP, "*.tgz", "*.txz", "*.zip", "*.7z", "*.rar", "*.backup", "*toc.dat", "*README*",
    "*.md5",
)  # fmt: skip
_PACKS_OF_ZIP = tuple(f"*.{end}" for end in _PACK_ENDS)
_DUMPS_PACKED = tuple(f"*.{stem}.{end}" for stem in ("sql", "dump", "dmp") for end in _PACK_ENDS)
# zipgrep takes no `|`. A short row of COPY may be chance, and needs the statement as well.
_INSERT_OF_ZIP = "^[Ii][Nn][Ss][Ee][Rr][Tt] "
_ROW_OF_ZIP = "^[0-9][0-9a-f:.-]*[[:cntrl:]][^[:cntrl:]]"
_COPY_OF_ZIP = "^COPY .* FROM stdin"
_PACK = 512  # bytes of a packed member that is not one of nothing
_SUMMED = (*GREP, _UNZIP, "-Zt")
_TESTED = (*GREP, _SEVENZIP, "t", "-bd", "-bse1", "-p-")  # errors among the output


def _as_tar(*run: str) -> tuple[str, ...]:
    """bsdtar hands the members as a tar archive to a program; both have to end well."""
    words = " ".join(f'"{word}"' for word in run)
    made = (_BSDTAR, "-cf", "/dev/null", "--use-compress-program", words, "@{}")
    return ("/usr/bin/timeout", "20", *GREP, *made)


_BY_BSDTAR = ("-size", f"-{_LARGE + 1}c", "-exec", "/usr/bin/test", "-x", _BSDTAR, ";")


def _summed() -> tuple[str, ...]:
    """The bytes of all members of zip and 7z archives, and then those of some or all others.

    What is in dumps is searched before; of packed members all need rows, since tar ends well only
    if the program does for each.
    """
    zips, zipgrep = ending(".zip"), (*GREP, _ZIPGREP, "-haqm1")
    return stepped(
        ending(".zip", ".7z", ".rar", ".iso"),
        Step("c", _as_tar(_PLAIN_GREP, "-aciP", _MEMBER), only=_BY_BSDTAR),
        Step("c", _as_tar(_PLAIN_GREP, "-acP", ROWS), ran(*_as_tar(_PLAIN_GREP, "-acP", DUMP)),
             only=_BY_BSDTAR),
        Step("c", _as_tar("/usr/bin/tar", "-xf", "-", *_UNPACKED), only=_BY_BSDTAR),
        Step("c", (*zipgrep, _INSERT_OF_ZIP, "{}", "*.sql"), only=zips),
        Step("c", (*zipgrep, _ROW_OF_ZIP, "{}", "*.sql"),
             ran(*zipgrep, _COPY_OF_ZIP, "{}", "*.sql"), only=zips),
        Step("z", _SUMMED, _without(lambda names: (*_SUMMED, "{}", "-x", *names)), only=zips),
        Step("z", _TESTED, _without(
            lambda names: (*_TESTED, "{}", *(f"-xr!{name}" for name in names))
        )),
    )  # fmt: skip


def _without(run: Callable[[tuple[str, ...]], tuple[str, ...]]) -> tuple[str, ...]:
    """The expression that prints three sums, each without some of the members, and is true."""
    return tuple(
        word
        for names in ((*_OF_ZIP, *_PACKS_OF_ZIP), _OF_ZIP, _DUMPS_PACKED)
        for word in ("-printf", "|", "(", *ran(*run(names)), "-o", "-true", ")")
    )


def _parts(pattern: str) -> tuple[tuple[str, ...], ...]:
    """What is searched in the files that can fit the pattern."""
    searched = (_searched(*words) for words in _SEARCHED if may_match(pattern, words[0]))
    summed = (_summed(),) if may_match(pattern, _UNZIP) else ()
    return (*summed, *searched)


def ask_members(target: Target) -> Command | Message:
    """Search archives of any size, and smaller packed files, for members with content."""
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), "-size", "+0",
            *either(*_parts(pattern)),
        ),
        LIMIT * 4, timeout_s=240,
    )  # fmt: skip


_LETTERS = {"c": Held.CONTENT, "a": Held.NESTED, "e": Held.NOTHING}


def parse_members(answer: Answer) -> dict[str, Held] | Absent:
    """What each archive or packed file holds, by name; UNKNOWN where the search did not end.

    What a program could not read is left out.
    """
    if absent := refusal(answer):
        return absent
    errors = answer.stderr.decode("utf-8", "surrogateescape")
    folder, missing = str(declared.folder(answer.target)), bool(_MISSING.search(errors))
    found = {name: _held(text, letter) for name, text, letter in runs(answer, "ckaezn")}
    return {
        name: held for name, held in found.items()
        if held is not Held.UNKNOWN or not (missing or folder + name in errors)
    }  # fmt: skip


_MISSING = re.compile("grep'?: No such file")


def _held(text: str, letter: str) -> Held:
    if letter == "z":
        return _by_sums(text)
    if letter == "k":
        return Held.CONTENT if has_rows(text) else Held.NESTED
    if letter == "a" and _COUNTED.search(text):
        return Held.CONTENT
    if "Wrong password" in text:
        return Held.ENCRYPTED
    return _LETTERS.get(letter, Held.UNKNOWN)


_COUNTED = re.compile(r"^[1-9]\d*$", re.M)
_ZIP_SUM = re.compile(r"^(\d+) files?, (\d+) bytes uncompressed", re.MULTILINE)
_FILES, _SIZE = re.compile(r"^Files: +(\d+)$", re.M), re.compile(r"^Size: +(\d+)$", re.M)
_SUMS = re.compile(r"^(?:Size: |\d+ files?, )", re.M)


def _sum(text: str) -> tuple[int, int]:
    """How many members, and their bytes, as unzip or 7z prints them; none where it prints none."""
    if row := _ZIP_SUM.search(text):
        return int(row[1]), int(row[2])
    files, size = _FILES.search(text), _SIZE.search(text)
    return int(files[1]) if files else bool(size), int(size[1]) if size else 0


def _by_sums(text: str) -> Held:
    """By the members: all, without what is looked into and is packed, and two between."""
    every, *parts = text.split("|")
    (count, total), *sums = (_sum(part) for part in (every, *parts))
    if len(sums) != 3 or not _SUMS.search(every):
        return Held.UNKNOWN
    (plain, others), (unpacked, known), (kept, least) = sums
    if not total:
        return Held.NOTHING
    packs = known - others >= _PACK * max(unpacked - plain, 1)
    dumps = total - least >= _LARGE_PACKED * max(count - kept, 1)
    return Held.CONTENT if others or packs or dumps or total >= _LARGE else Held.NESTED
