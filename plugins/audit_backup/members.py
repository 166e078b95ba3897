"""What the archives of a set hold: members with content, only archives and dumps, or nothing.

The headers of tar (POSIX.1 pax, ustar, GNU, v7) and cpio (newc, odc) archives are searched for in
the unpacked bytes, so that the first fitting one ends the reading and no listing can fill the
answer. Each program may use 5 seconds of the processor and 1 GiB; what is not found by then is
unknown. Sources: tar(5) and cpio(5) of libarchive, APPNOTE.TXT (zip).
"""

from __future__ import annotations

import re

from audit_backup.model import Held
from audit_backup.searches import (
    FIND,
    GREP,
    LIMIT,
    Step,
    command,
    either,
    ending,
    refusal,
    runs,
    stepped,
)
from audit_backup.statements import ROWS
from audit_core.api.sdk import Absent, Answer, Command, Message, Target

_TAR, _UNZIP, _ZIPGREP = "/usr/bin/tar", "/usr/bin/unzip", "/usr/bin/zipgrep"
_SEVENZIP = "/usr/bin/7z"
_ZGREP, _XZGREP, _ZSTDGREP = "/usr/bin/zgrep", "/usr/bin/xzgrep", "/usr/bin/zstdgrep"
_PLAIN_GREP = "/usr/bin/grep"
_LARGE = 16 << 20  # up to here files whose names do not say what they hold are searched

# A header of tar: name, mode, owner, group, size, time, checksum, type. Numbers are octal texts,
# or binary with the highest bit set. In a name of 100 bytes or more no NUL stands before the mode.
_RUN = "[^[:cntrl:]]++"
_OCTAL = "[0-7 ]{11}[[:cntrl:] ]"
_BINARY = "[^[:print:][:cntrl:]].{11}"
_NUMBER = "(?:[0-7 ]{6,7}[[:cntrl:] ]++|[^[:print:]].{7})"
_SIZE = f"(?:[0 ]{{0,10}}+[1-7][0-7]{{0,10}}[[:cntrl:] ]|{_BINARY})"
_SIZE_512 = f"(?:[0 ]{{0,7}}+[1-7][0-7]{{3,10}}[[:cntrl:] ]|{_BINARY})"
_REST = f"(?:{_OCTAL}|{_BINARY})(?:[0-7 ]{{6}}[[:cntrl:]] |[0-7 ]{{7}}[[:cntrl:] ])"
_REGULAR = "[07SM[:cntrl:]]"  # M: continued from another volume
_ANY_TYPE = "[0-9A-Zxg[:cntrl:]]"
# A header of cpio, in hexadecimal (newc) and in octal digits (odc).
_NEWC = "07070[12][[:xdigit:]]{8}00008[[:xdigit:]]{35}(?!0{8})[[:xdigit:]]{56}"
_ODC = "070707[0-7]{12}100[0-7]{38}[0-7]{6}(?!0{11})[0-7]{11}"

# What has to be looked into itself, by the ends of names, and what is no content.
_PACKS = "(?:gz|xz|bz2|zst|lz4)"
_NESTED = (
    "(?:(?:[.](?:sql|dump|dmp|bak|pgdump|backup|custom|tar|cpio|img|vma)"
    f"(?:[.]{_PACKS})?|[.](?:tgz|txz|tbz2?|tzst|zip|7z|rar|qcow2|vmdk|vdi|vhdx?)|toc[.]dat"
    "|readme|license|[.](?:md5|sha1|sha256|sha512|asc|sig|lock)))"
)


def _not_named(what: str) -> str:
    """The place before a name that does not end like `what`."""
    return f"(?![^[:cntrl:]]*(?:GNUSparseFile[.]|{what}[[:cntrl:]]))"


# Of a small packed file the size does not tell whether something is packed.
_MEMBER = (
    f"(?:^|[[:cntrl:]]){_not_named(_NESTED)}"
    f"(?:{_not_named(f'[.]{_PACKS}')}{_RUN}[[:cntrl:]]++{_NUMBER}{{3}}{_SIZE}"
    f"|{_RUN}[[:cntrl:]]++{_NUMBER}{{3}}{_SIZE_512}"
    f"|[^[:cntrl:]]{{107,}}+[[:cntrl:]]{_NUMBER}{{2}}{_SIZE})"
    f"{_REST}{_REGULAR}|(?:{_NEWC}|{_ODC}){_not_named(_NESTED)}"
)
_ANY_MEMBER = f"{_NUMBER}{{2}}{_SIZE}{_REST}{_REGULAR}|{_NEWC}|{_ODC}"
_HEADER = f"{_NUMBER}{{2}}{_OCTAL}{_REST}{_ANY_TYPE}|07070[127][[:xdigit:]]{{64}}"
# A file of 16 MiB is no schema and no header: 100000000 in octal digits.
_LARGE_MEMBER = (
    f"(?:^|[[:cntrl:]]){_not_named('[.](?:tar|img|vma)')}{_RUN}[[:cntrl:]]++{_NUMBER}{{3}}"
    f"(?:[0 ]{{0,2}}+[1-7][0-7]{{8,10}}[[:cntrl:] ]|{_BINARY}){_REST}{_REGULAR}"
)
_LDIF = "^dn: ."


def _searched(program: str, *, whole: bool) -> tuple[Step, ...]:
    """What is searched for, one after the other, and the letter for what is found first.

    `whole`: the name is that of an archive, so that it is read to its end.
    """
    grep = (*GREP, program)
    member, rows = (*grep, "-aqiP", _MEMBER), (*grep, "-aqE", f"{ROWS}|{_LDIF}")
    ended = ("-exec", *grep, "-acE", "^", "{}", ";")
    header = (*grep, "-aqP", _HEADER)
    found = (
        Step("c", member), Step("c", rows), Step("c", (*grep, "-aqiP", _LARGE_MEMBER)),
        Step("a", (*grep, "-aqP", _ANY_MEMBER)), Step("e", header, ended),
    )  # fmt: skip
    if not whole:
        return found
    printed = ("-exec", *grep, "-aqE", "[[:graph:]]", "{}", ";")
    return (*found, Step("e", (*grep, "-acE", "^"), ("!", *printed)))


_TARS = (
    (_XZGREP, (".tar.xz*", ".txz", ".tar.bz2*", ".tbz2", ".tbz", ".tar.lzma", ".cpio.xz")),
    (_ZSTDGREP, (".tar.zst*", ".tzst", ".cpio.zst")),
    (_ZGREP, (".tar", ".tgz", ".tar.[gzZ]*", ".taz", ".tar.[0-9a-z][0-9a-z]", ".cpio", ".cpio.gz")),
)  # fmt: skip
_OTHERS = ((_XZGREP, (".xz", ".bz2")), (_ZSTDGREP, (".zst",)), (_ZGREP, (".gz",)))
# tar itself reads these: it lists what begins in the first 200 kB, and waits to be ended.
_LISTED = ("/usr/bin/timeout", "2", _TAR, "--checkpoint=20", "--checkpoint-action=sleep=9")
_UNSEARCHABLE = (((".tar.lz4",), ("-I", "lz4", "-tvf")), ((".tar.lz", ".tar.lzo"), ("-tvf",)))
# The same kinds of names for zip and 7z, which add up the sizes themselves.
_OF_ZIP = (
    *(f"*.{end}" for stem in ("sql", "dump", "dmp", "bak", "tar") for end in (stem, f"{stem}.*")),
    "*.gz", "*.xz", "*.bz2", "*.zst", "*.lz4",
    "*.tgz", "*.txz", "*.zip", "*.7z", "*.rar", "*.backup", "*toc.dat", "*README*", "*.md5",
)  # fmt: skip
_ROW_OF_ZIP = "^[ICic][NOno][SPsp][EYey][Rr ]"  # INSERT and COPY: zipgrep takes no `|`
_SUMMED = (*GREP, _UNZIP, "-Zt")
_TESTED = (*GREP, _SEVENZIP, "t", "-bd", "-bse1", "-p-")  # errors among the output


def _summed() -> tuple[tuple[str, ...], ...]:
    """The bytes of all members of zip and 7z archives, and then those of some or all others."""
    nested = ("(", "-exec", *_SUMMED, "{}", *_OF_ZIP, ";", "-o", "-true", ")")
    others = ("-exec", *_TESTED, *(f"-xr!{name}" for name in _OF_ZIP), "{}", ";")
    first = Step("c", (*GREP, _ZGREP, "-aqE", ROWS))  # of the first member
    rows = Step("c", (*GREP, _ZIPGREP, "-haqm1", _ROW_OF_ZIP, "{}", "*.sql"))
    return (
        stepped(ending(".zip"), first, rows, Step("z", _SUMMED, nested)),
        stepped(ending(".7z"), Step("z", _TESTED, others)),
    )


def ask_members(target: Target) -> Command | Message:
    """Search archives of any size, and smaller packed files, for members with content."""
    unnamed = ("!", "-name", "*.*", "-exec", _PLAIN_GREP, "-aqP", f"^PGDMP|{_HEADER}", "{}", ";")
    small = ("-size", f"-{_LARGE + 1}c")
    return command(
        target,
        lambda folder, pattern, depth: (
            FIND, "-H", folder, "-maxdepth", depth, "-xdev", "-type", "f", "-name", pattern,
            "-size", "+0",
            *either(
                *(stepped(ending(*ends), Step("l", (*_LISTED, *words)))
                  for ends, words in _UNSEARCHABLE),
                *(stepped(ending(*ends), *_searched(program, whole=True))
                  for program, ends in _TARS),
                *_summed(),
                *(stepped((*small, *ending(*ends)), *_searched(program, whole=False))
                  for program, ends in _OTHERS),
                stepped((*small, *unnamed), *_searched(_ZGREP, whole=False)),
            ),
        ),
        LIMIT * 4, timeout_s=240,
    )  # fmt: skip


_LETTERS = {"c": Held.CONTENT, "a": Held.NESTED, "e": Held.NOTHING}


def parse_members(answer: Answer) -> dict[str, Held] | Absent:
    """What each archive or packed file holds, by name; UNKNOWN where the search did not end."""
    if absent := refusal(answer):
        return absent
    return {name: _held(name, text, letter) for name, text, letter in runs(answer, "caezln")}


def _held(name: str, text: str, letter: str) -> Held:
    if letter == "l" or _lists(name):
        return _by_list(text.splitlines(), ended=letter == "l")
    if letter == "z":
        return _by_sums(name, text)
    if "Wrong password" in text:
        return Held.ENCRYPTED
    return _LETTERS.get(letter, Held.UNKNOWN)


def _lists(name: str) -> bool:
    return name.lower().endswith(tuple(end for ends, _ in _UNSEARCHABLE for end in ends))


_ROW = re.compile(r"[-hl]\S{9}\S? +\S+ +(\d+) \S+ \S+ (.*)")
_LOOK = re.compile(_NESTED.replace("[.]", r"\."), re.IGNORECASE)


def _by_list(lines: list[str], *, ended: bool) -> Held:
    """By the listing of tar, which is cut where `ended` is False."""
    rows = [row for line in lines if (row := _ROW.match(line)) and row[1] != "0"]
    if any(not _LOOK.search(row[2][-20:]) for row in rows):
        return Held.CONTENT
    if rows:
        return Held.NESTED
    return Held.NOTHING if ended else Held.UNKNOWN


_SUM = re.compile(r"(?:^Size: +|\d+ files?, )(\d+)(?: bytes uncompressed|$)", re.MULTILINE)


def _by_sums(name: str, text: str) -> Held:
    """By the bytes of all members, and then of those to be looked into (zip) or of the others."""
    sums = [int(number) for number in _SUM.findall(text)]
    if not sums:
        return Held.UNKNOWN
    total, second = sums[0], sums[-1]
    others = total - second if name.lower().endswith(".zip") and len(sums) > 1 else second
    if not total:
        return Held.NOTHING
    return Held.CONTENT if others or total >= _LARGE else Held.NESTED
