"""Encryption formats by the first 16 bytes of a file."""

from __future__ import annotations

# Sources: RFC 9580 (OpenPGP packets), age-encryption.org/v1, enc(1ssl), LUKS1/LUKS2 on-disk
# formats, APPNOTE.TXT (zip: bit 0 of the flags), pg_dump's archive header, tar has none here.
_ENCRYPTED = {
    b"-----BEGIN PGP M": "OpenPGP message (armoured)",
    b"age-encryption.o": "age",
    b"-----BEGIN AGE E": "age (armoured)",
    b"Salted__": "openssl enc",
    b"LUKS\xba\xbe": "LUKS",
}
_PLAIN = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PGDMP": "pg_dump archive",
    b"-- MySQL dump": "SQL text",
    b"-- MariaDB dump": "SQL text",
    b"--\n-- PostgreSQL": "SQL text",
    b"/*M!999999": "SQL text",
    b"/*!": "SQL text",
    b"CREATE ": "SQL text",
    b"INSERT ": "SQL text",
    b"SQLite format 3\x00": "SQLite database",
    b"REDIS0": "Redis dump",
    b"\xfebin": "MySQL binary log",
    b"<?xml": "XML",
    b"XBSTCK01": "xbstream",
    b"KDMV": "VMDK image",
    b"070701": "cpio archive",
}


def encrypted_as(head: bytes) -> str:
    """The encrypted format that `head` begins, or an empty text."""
    for magic, name in _ENCRYPTED.items():
        if head.startswith(magic):
            return name
    if head.startswith(b"PK\x03\x04") and len(head) > 6 and head[6] & 1:
        return "zip (encrypted)"
    return "OpenPGP message" if _openpgp(head) else ""


def plain_as(head: bytes) -> str:
    """The format without encryption of its own that `head` begins, or an empty text."""
    for magic, name in _PLAIN.items():
        if head.startswith(magic):
            return name
    if head.startswith(b"PK\x03\x04") and len(head) > 6 and not head[6] & 1:
        return "zip"
    return ""


def _openpgp(head: bytes) -> bool:
    """Whether the first packet is a session key encrypted to a key (1) or a passphrase (3)."""
    if len(head) < 6 or not head[0] & 0x80:
        return False
    tag, body = _packet(head)
    version = head[body] if body < len(head) else 0
    return (tag == 1 and version in (3, 6)) or (tag == 3 and version in (4, 5, 6))


def _packet(head: bytes) -> tuple[int, int]:
    """The tag of the first packet and where its body begins."""
    if head[0] & 0x40:
        return head[0] & 0x3F, 2 if head[1] < 192 else 3 if head[1] < 224 else 6
    return (head[0] & 0x3C) >> 2, {0: 2, 1: 3, 2: 5}.get(head[0] & 3, 1)


# Signatures, keys, certificates and scripts lie beside backups.
_NO_BACKUP = (b"-----BEGIN PGP S", b"-----BEGIN CERTI", b"-----BEGIN PUBLI", b"ssh-", b"#!")


def is_beside(head: bytes) -> bool:
    """Whether the first bytes are those of a signature, a certificate, a key or a script."""
    return head.startswith(_NO_BACKUP)
