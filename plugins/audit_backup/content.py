"""What the bytes of a file tell of its content. Pure.

Sources: RFC 1952 (gzip: the last 4 bytes are the size of what was compressed), the xz file format
1.2 (an index of no blocks), RFC 8878 (zstd), the LZ4 frame format, APPNOTE.TXT (zip: the number of
entries), tar(5) (an archive ends with blocks of zeros). bzip2 has no document; its stream of
nothing is what bzip2 1.0.8 writes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from audit_backup import names
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Content, Ends, Held, Inside
from audit_backup.packed_sizes import holds_much, is_one_byte
from audit_backup.parts import is_part

SMALL = 64 << 10  # up to here all statements of a dump are read; a larger file holds something
_TINY = 512  # a compressed file below this may be one of nothing but headers
_TAR_RECORD = 1 << 20  # the largest record of zeros that tar usually writes
_NO_BZIP2 = b"\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"
_ZIP_END = b"PK\x05\x06"
_FORMATS_OF_NOTHING = frozenset({"gzip", "bzip2", "xz", "zstd", "lz4", "zip"})
_CIPHER = 4096  # an encrypted file below this may be one of nothing: keys to many are long
_CIPHER_OF_TAR = 20480  # tar fills its archive up to 10 kB
# A file up to this size may be a header without data: what the programs write for an empty data
# base, archive or disk (Redis 7, pg_dump 15, MySQL 8, cpio, dar, 7-Zip); SQLite 3 takes a page for
# each table, etcd 3.4 five of them, an image (qemu-img 7.2: vmdk, vhdx, vdi, vhd) grows with the
# disk.
_OF_NOTHING = {
    b"REDIS0": 256, b"PGDMP": 4096, b"SQLite format 3": 64 << 10, b"\xfebin": 256,
    b"XBSTCK01": 4096, b"QFI\xfb": 256 << 10, b"KDMV": 16 << 20, b"vhdxfile": 8 << 20,
    b"<<< ": 8 << 20, b"conectix": 8 << 20, b"\0\0\0\x7b": 2 << 20, b"07070": 512,
    b"7z\xbc\xaf\x27\x1c": 512, b"Rar!": 512, b"!<arch>\n": 68, b"\x6d\xe2\x99\x81": 512,
    b"TAPE": 4 << 20, b"MSSQLBAK": 4 << 20, b"xFSdump0": 64 << 10, b"VMA\0": 1 << 20,
    b"partclone-image": 1 << 20,
    b"\xc7q": 64 << 10, b"btrfs-stream": 512, b"\x1f\x9d": 512,
    b"\0" * 8 + b"\4\0\0\0": 32 << 10, b"LZIP": 512, b"\x5d\x00\x00": 512, b"\x89LZO": 512,
    b"\xff\x06\x00\x00sNaPpY": 512,
}  # fmt: skip
_KNOWN = tuple(magic for magic in _OF_NOTHING if len(magic) > 3)  # no chance
_HEAD = 16  # bytes that are read of each file
# How a small configuration file begins, and no message of a job that failed.
_SETTING = re.compile(
    rb"(?!(?i:err|fail|exit|status|code|ret|msg|mess))[A-Za-z_][\w.-]* ?="
    rb"|\[[A-Za-z][\w.: -]*\]\r?\n"
)
_GZIP = b"\x1f\x8b\x08"
_NAMELESS = 32  # bytes of a file of no known kind, which may be a header or a mark
# Skippable frames, with which parallel zstd and lz4 may begin.
_SKIPPABLE = b"\x2a\x4d\x18"
# Volumes of Bacula, Bareos and Amanda hold many backups or none: only their catalog tells.
_VOLUMES = (b"BB01", b"BB02", b"BB03")


def content(
    file: BackupFile,
    ends: Ends | None,
    inside: Inside | None,
    held: Held | None = None,
    packed: bytes = b"",
) -> Content:
    """What is known of the content of `file`.

    `ends`, `inside` and `held` are None where not read; `packed` is how that begins which was
    packed into the file.
    """
    if file.size == 0:
        return Content.EMPTY
    if file.sparse:
        return Content.DOUBTFUL
    if ends is None:
        return Content.UNREAD
    if _is_empty(file, ends):
        return Content.EMPTY
    if (found := _by_held(file, ends, held)) is not None:
        return found
    if inside is not None and (found := _by_inside(file, ends, inside)) is not None:
        return found
    if _was_not_searched(file, ends, inside, held) or _is_packed_nothing(file, ends, packed):
        return Content.DOUBTFUL
    return _by_size(file, ends)


_BY_HELD = {
    Held.CONTENT: Content.FULL, Held.NESTED: Content.DOUBTFUL, Held.NOTHING: Content.EMPTY,
}  # fmt: skip


def _by_held(file: BackupFile, ends: Ends, held: Held | None) -> Content | None:
    """None of a file that is no archive, as far as is known, or is encrypted."""
    if encrypted_as(ends.head) and held is Held.NESTED:
        return None
    if held is Held.ENCRYPTED:
        return Content.DOUBTFUL if file.size <= _CIPHER else Content.FULL
    if held in _BY_HELD:
        return _BY_HELD[held]
    if holds_much(file.size, ends.head, ends.tail or b""):
        return Content.FULL
    sought = names.is_container(file.name) and not is_part(file.name)
    return Content.DOUBTFUL if sought and not encrypted_as(ends.head) else None


def _by_inside(file: BackupFile, ends: Ends, inside: Inside) -> Content | None:
    """None where `inside` does not tell."""
    if inside.holds:
        return Content.DOUBTFUL if inside.schema else Content.FULL
    if inside.readable and inside.header:
        return Content.EMPTY
    dump = names.is_sql(file.name) or (names.is_dump(file.name) and _is_text(ends.head))
    if not inside.readable or dump or _is_sql(ends.head) or _needs_row(ends.head):
        return Content.DOUBTFUL  # as a dump it would have a row somewhere
    return None


_LOOKED = 16 << 20  # bytes up to which files are searched, whatever their names
_SPARSELY = 16  # a header of nothing is packed to a sixteenth at least


def _was_not_searched(
    file: BackupFile, ends: Ends, inside: Inside | None, held: Held | None
) -> bool:
    """Whether the search that would tell did not take place: its program is missing, or no answer.

    Of parts of an archive only the first begins like one, and what is encrypted cannot be searched.
    """
    if file.size > _LOOKED or is_part(file.name) or _is_sealed(file, ends.head):
        return False
    if inside is None and (names.is_searched(file.name) or _is_sql(ends.head)):
        return True
    return held is None and names.is_packed(file.name)


def _is_sql(head: bytes) -> bool:
    return plain_as(head) == "SQL text"


def _is_sealed(file: BackupFile, head: bytes) -> bool:
    return bool(encrypted_as(head)) or names.is_sealed(file.name)


def _needs_row(head: bytes) -> bool:
    """Whether it is a dump of pg_dump or Oracle's exp, which names each table with rows."""
    return head.startswith(b"PGDMP") or head[3:11] == b"EXPORT:V"


def _is_packed_nothing(file: BackupFile, ends: Ends, head: bytes) -> bool:
    """Whether what was packed, beginning with `head`, may be no backup or nothing but a header."""
    if not names.is_packed(file.name):
        return False
    stem = posixpath.splitext(names.unrotated(file.name))[0]
    if names.is_container(stem):
        return True  # packed twice
    if _needs_row(head) and file.size <= _LOOKED:
        return True
    if _is_of_no_known_format(stem, head) and _may_be_small(file, ends):
        return True
    least = next((size for magic, size in _OF_NOTHING.items() if head.startswith(magic)), 0)
    return _is_page(head) or _is_archive(head) or file.size <= least // _SPARSELY


def _may_be_small(file: BackupFile, ends: Ends) -> bool:
    """Whether what was packed is small, or may be, where only gzip tells its size."""
    if file.size <= _LOOKED // _SPARSELY or not ends.head.startswith(_GZIP):
        return file.size <= _LOOKED
    return int.from_bytes((ends.tail or b"")[-4:], "little") <= _LOOKED


def _is_of_no_known_format(name: str, head: bytes) -> bool:
    """Whether a dump by its name begins like no format that is known here.

    It may be encrypted, of another program, the message of a job that failed, or random bytes.
    """
    if names.is_opaque(name):
        return True
    known = plain_as(head) or encrypted_as(head) or head.startswith(_KNOWN)
    return names.is_dump(name) and not names.is_ldif(name) and not known


def _is_utf_8(head: bytes) -> bool:
    """Whether it is a text, of which the last sign may be cut: 3 of a million random bytes are."""
    text = head.decode("utf-8", "ignore")
    return (
        len(head) == _HEAD
        and head.startswith(text.encode())
        and len(text.encode()) > _HEAD - 4
        and all(sign.isprintable() or sign in "\t\n\r" for sign in text)
    )


def _is_page(head: bytes) -> bool:
    return head.lower().startswith((b"<!doctype html", b"<html"))


def _is_archive(head: bytes) -> bool:
    """Whether the first printable bytes are those of a packed file or an archive."""
    return head.startswith((b"PK", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd", b"7z\xbc\xaf", b"Rar!"))


def _by_size(file: BackupFile, ends: Ends) -> Content:
    head = ends.head
    if file.size <= _LOOKED and _needs_row(head):
        return Content.DOUBTFUL
    unknown = _is_of_no_known_format(file.name, head) and not _is_utf_8(head)
    if file.size <= _LOOKED and unknown:
        return Content.DOUBTFUL
    if _needs_base(head) or not any(head) or _is_something_else(file, ends) or _is_volume(head):
        return Content.DOUBTFUL
    return Content.DOUBTFUL if file.size <= _may_hold_nothing(file, head) else Content.FULL


def _needs_base(head: bytes) -> bool:
    """Whether it is an image that holds only what differs from another (qcow2)."""
    return head.startswith(b"QFI\xfb") and any(head[8:16])


def _is_volume(head: bytes) -> bool:
    return head[12:16] in _VOLUMES or head.startswith(b"AMANDA: ")


def _is_something_else(file: BackupFile, ends: Ends) -> bool:
    """Whether the file may be no backup: an error message or page, or an archive of zeros."""
    tail = b"" if is_part(file.name) else ends.tail or b""
    if is_one_byte(file.size, ends.head, tail):
        return True
    if names.is_packed(file.name):
        return not _is_packed_by_head(ends.head)
    return _is_text(ends.head) and _is_message(file, ends.head)


def _is_packed_by_head(head: bytes) -> bool:
    """Whether the first bytes are those of a packed or an encrypted file."""
    known = plain_as(head) or encrypted_as(head) or head[1:4] == _SKIPPABLE
    return bool(known) or head.startswith(_ZIP_END)


def _is_message(file: BackupFile, head: bytes) -> bool:
    """Whether a text may be what a job that failed leaves: `mysqldump: Got error: 1045`."""
    if encrypted_as(head):
        return False
    if file.size > _NAMELESS and _SETTING.match(head) and not names.is_dump(file.name):
        return False
    return _is_page(head) or file.size <= (SMALL if names.is_dump(file.name) else _TINY)


def _is_text(head: bytes) -> bool:
    """Whether the first bytes are those of a text."""
    plain = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)
    return plain == len(head) or (min(head) >= 32 and plain * 4 >= len(head) * 3)


def _may_hold_nothing(file: BackupFile, head: bytes) -> int:
    """Up to what size a file of this kind may have no data.

    An SQL text in which no statement was looked for may be no more than its header.
    """
    if _is_sealed(file, head):
        return _CIPHER_OF_TAR if names.is_sealed_tar(file.name) else _CIPHER
    if _is_sql(head):
        return SMALL
    if names.is_archive(file.name) or plain_as(head) in _FORMATS_OF_NOTHING:
        return _TINY
    found = (size for magic, size in _OF_NOTHING.items() if head.startswith(magic))
    return next(found, _NAMELESS)


def _is_empty(file: BackupFile, ends: Ends) -> bool:
    """Whether the file is certainly an archive of nothing."""
    head, tail = ends.head, ends.tail or b""
    if not any(head):
        return names.is_tar(file.name) and file.size <= _TAR_RECORD and not any(tail)
    tests = (test for magic, test in _EMPTY.items() if head.startswith(magic))
    return any(test(file.size, head, tail) for test in tests)


def _no_gzip(size: int, head: bytes, tail: bytes) -> bool:
    """Whether it ends with one of nothing, and nothing stands before that.

    gzip files may be put one behind the other. A file of nothing has 20 bytes, and the name of
    the original where there is one.
    """
    named = head[3:4] != b"\0" and size < _TINY
    return tail[-8:] == bytes(8) and (named or size == 20)


def _no_bzip2(size: int, head: bytes, tail: bytes) -> bool:
    return size == 14 and head[4:14] == _NO_BZIP2


def _no_xz(size: int, head: bytes, tail: bytes) -> bool:
    return size == 32 and tail[-2:] == b"YZ"


def _no_lz4(size: int, head: bytes, tail: bytes) -> bool:
    """Whether the end mark follows the header at once."""
    frame = tail if len(tail) == size else head
    if size > 32 or len(frame) < 11:
        return False
    flags = frame[4]
    start = 7 + 8 * (flags >> 3 & 1) + 4 * (flags & 1)
    return frame[start : start + 4] == bytes(4)


def _no_zstd(size: int, head: bytes, tail: bytes) -> bool:
    """Whether the first block is the last, raw and of no bytes; behind it a checksum at most."""
    if size > 18 or len(head) < 9:
        return False
    flags = head[4]
    single, dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
    width = (single, 2, 4, 8)[flags >> 6]
    start = 5 + (not single) + dictionary + width
    return head[start : start + 3] == b"\x01\x00\x00"


def _no_zip(size: int, head: bytes, tail: bytes) -> bool:
    return True  # the end of the list of files stands where the first file would


_EMPTY: dict[bytes, Callable[[int, bytes, bytes], bool]] = {
    b"\x1f\x8b": _no_gzip,
    b"BZh": _no_bzip2,
    b"\xfd7zXZ\x00": _no_xz,
    b"\x28\xb5\x2f\xfd": _no_zstd,
    b"\x04\x22\x4d\x18": _no_lz4,
    _ZIP_END: _no_zip,
}
