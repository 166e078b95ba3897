"""What the bytes of a file tell of its content. Pure.

Sources: RFC 1952 (gzip: the last 4 bytes are the size of what was compressed), the xz file format
1.2 (an index of no blocks), RFC 8878 (zstd), the LZ4 frame format, APPNOTE.TXT (zip: the number of
entries), tar(5) (an archive ends with blocks of zeros). bzip2 has no document; its stream of
nothing is what bzip2 1.0.8 writes.
"""

from __future__ import annotations

from audit_backup import names
from audit_backup.magic import encrypted_as, plain_as
from audit_backup.model import BackupFile, Content, Ends, Inside

SMALL = 64 << 10  # up to here archives are looked into; a larger one holds something
_TINY = 512  # a compressed file below this may be one of nothing but headers
_TAR_RECORD = 1 << 20  # the largest record of zeros that tar is usually told to write
_NO_BZIP2 = b"\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"
_ZIP_END = b"PK\x05\x06"
_FORMATS_OF_NOTHING = frozenset({"gzip", "bzip2", "xz", "zstd", "lz4", "zip", "cpio archive"})


def content(file: BackupFile, ends: Ends | None, inside: Inside | None) -> Content:
    """What is known of the content of `file`; `ends` and `inside` are None where not read."""
    if file.size == 0:
        return Content.EMPTY
    if file.sparse:
        return Content.DOUBTFUL
    if ends is None:
        return Content.FULL if file.size > SMALL else Content.UNREAD
    if _is_empty(file, ends):
        return Content.EMPTY
    if inside is not None and (found := _by_inside(inside)) is not None:
        return found
    return _by_size(file, ends)


def _by_inside(inside: Inside) -> Content | None:
    if inside.holds:
        return Content.FULL
    if inside.readable and inside.header:
        return Content.EMPTY
    return None if inside.readable else Content.DOUBTFUL


def _by_size(file: BackupFile, ends: Ends) -> Content:
    zeros = not any(ends.head)
    if zeros and (names.is_tar(file.name) or file.size <= SMALL):
        return Content.DOUBTFUL
    archive = names.is_archive(file.name) or plain_as(ends.head) in _FORMATS_OF_NOTHING
    if file.size < _TINY and (archive or encrypted_as(ends.head)):
        return Content.DOUBTFUL
    return Content.FULL


def _is_empty(file: BackupFile, ends: Ends) -> bool:
    """Whether the file is certainly an archive of nothing."""
    head, tail = ends.head, ends.tail or b""
    if not any(head):
        return names.is_tar(file.name) and file.size <= _TAR_RECORD and not any(tail)
    if head.startswith(b"\x1f\x8b"):
        return file.size < _TINY and len(tail) >= 8 and tail[-8:] == bytes(8)
    if head.startswith(b"BZh"):
        return file.size == 14 and head[4:14] == _NO_BZIP2
    if head.startswith(b"\xfd7zXZ\x00"):
        return file.size == 32 and tail[-2:] == b"YZ"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _no_zstd(file.size, head)
    if head.startswith(b"\x04\x22\x4d\x18"):
        return file.size <= 32 and _no_lz4(tail if len(tail) == file.size else head)
    return head.startswith(_ZIP_END)


def _no_lz4(frame: bytes) -> bool:
    """Whether the end mark follows the header at once."""
    flags = frame[4]
    start = 7 + 8 * (flags >> 3 & 1) + 4 * (flags & 1)
    return frame[start : start + 4] == bytes(4)


def _no_zstd(size: int, head: bytes) -> bool:
    """Whether the first block is the last, raw and of no bytes; behind it a checksum at most."""
    if size > 18 or len(head) < 9:
        return False
    flags = head[4]
    single, dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
    width = (single, 2, 4, 8)[flags >> 6]
    start = 5 + (not single) + dictionary + width
    return head[start : start + 3] == b"\x01\x00\x00"
