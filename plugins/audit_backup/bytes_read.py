"""The first and last bytes of each file, and the digests of small ones."""

from __future__ import annotations

import os
import re

from audit_backup import declared, names
from audit_backup.model import Ends
from audit_backup.searches import (
    GREP,
    LIMIT,
    NO_TAR,
    below,
    command,
    either,
    ending,
    files_in,
    framed,
    records,
    refusal,
    runs,
)
from audit_core.api.sdk import Absent, Answer, Command, Message, ParseError, Reason, Target, msg

_HEAD, _TAIL, _SHA256SUM = "/usr/bin/head", "/usr/bin/tail", "/usr/bin/sha256sum"


def ask_ends(target: Target) -> Command | Message:
    """Read the first 16 bytes of each file, and the last 32 of those that are archives by name.

    No more: the bytes are stored, and those of a text may be data. A zip archive ends with the list
    of its members.
    """
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), "-size", "+0", *_read(_HEAD, 16),
            *either((*ending(".zip"), *_read(_TAIL, 192)),
                    (*ending(*names.ARCHIVES), *_read(_TAIL, 32))),
        ),
        LIMIT * 4,
    )  # fmt: skip


def _read(program: str, count: int) -> tuple[str, ...]:
    return ("-exec", program, "-v", "-c", str(count), "--", "{}", "+")


_DIGESTED = 8 << 20  # bytes of a file; thirty of them take a second


def ask_digests(target: Target) -> Command | Message:
    """The digest of each small file: copies of one backup have one."""
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), "-size", "+0", "-size", f"-{_DIGESTED + 1}c",
            "-exec", _SHA256SUM, "-bz", "--", "{}", "+",
        ),
        LIMIT * 4,
    )  # fmt: skip


_TITLE = rb"\n?==> (%s[^\0]*?) <==\n"


def parse_ends(answer: Answer) -> dict[str, Ends] | Absent:
    """First and last bytes by name; a file that could not be read has none.

    head and tail name each file before its bytes; the first time that a name stands there it is
    head's.
    """
    if absent := refusal(answer):
        return absent
    folder = os.fsencode(str(declared.folder(answer.target)))
    parts = re.split(_TITLE % re.escape(folder), answer.stdout)
    found: dict[str, Ends] = {}
    for name, data in zip(parts[1::2], parts[2::2], strict=True):
        key = os.fsdecode(name).removeprefix(os.fsdecode(folder))
        before = found.get(key)
        found[key] = Ends(head=data[:16]) if before is None else Ends(head=before.head, tail=data)
    return found


_PACKED = (
    ("/usr/bin/xzgrep", (".xz", ".bz2", ".lzma", ".lz")), ("/usr/bin/zstdgrep", (".zst", ".lz4")),
    ("/usr/bin/zgrep", (".gz",)),
)  # fmt: skip
_LITTLE_GREP = (GREP[0], "--as=268435456", *GREP[2:])  # a disk of zeros is one line


def ask_packed_heads(target: Target) -> Command | Message:
    """Read how the first line begins of what each packed file holds: 16 characters."""
    first = ("-aoE", "-m", "1", "^[^[:cntrl:]]{1,16}")
    return command(
        target,
        lambda folder, pattern, depth: (
            *files_in(folder, pattern, depth), "-size", "+0", *NO_TAR,
            *either(*(framed(ending(*ends), *_LITTLE_GREP, program, *first)
                      for program, ends in _PACKED)),
        ),
        LIMIT * 4, timeout_s=180,
    )  # fmt: skip


def parse_packed_heads(answer: Answer) -> dict[str, bytes] | Absent:
    """The printable bytes that the content of packed files begins with, by name."""
    if absent := refusal(answer):
        return absent
    return {
        name: os.fsencode(text.removesuffix("\n"))
        for name, text, letter in runs(answer) if letter == "y"
    }  # fmt: skip


def parse_digests(answer: Answer) -> dict[str, str] | Absent:
    """The SHA-256 of small files by name; a cut answer would hide copies."""
    if absent := refusal(answer):
        return absent
    if answer.truncated:
        detail = msg("The set has too many small files to compare them")
        return Absent(reason=Reason.TRUNCATED, detail=detail)
    rows = [re.fullmatch(r"([0-9a-f]{64}) [ *](/.*)", record, re.S) for record in records(answer)]
    if None in rows:
        raise ParseError(msg("not the output of sha256sum"))
    return {below(row[2], answer): row[1] for row in rows if row}
