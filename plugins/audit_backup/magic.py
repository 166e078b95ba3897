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
    b"\x1f\x8b\x08": "gzip",
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
    """Whether the first packet is a session key encrypted to a key (1) or a passphrase (3).

    A length, a version and numbers of algorithms stand there: the first byte alone is nothing.
    """
    if len(head) < 16 or not head[0] & 0x80:
        return False
    tag, length, body = _packet(head)
    fields = head[body:]
    if tag == 1 and fields[0] == 3:  # version, 8 bytes of key id, algorithm, bits of a number
        return _is_key_packet(fields[9], length, int.from_bytes(fields[10:12]))
    if tag == 1 and fields[0] == 6:  # version, length of the fingerprint with its version
        return (fields[1], fields[2]) in _FINGERPRINTS and length > fields[1]
    if tag == 3 and fields[0] in _S2K_AT:
        return fields[1] in range(1, 14) and fields[_S2K_AT[fields[0]]] in range(5) and length < 256
    return False


# Of version 6: the length of a fingerprint with the version of its key.
_FINGERPRINTS = {(0, 0), (21, 4), (33, 6)}
# Versions of packets with a passphrase: where the number of the derivation stands.
_S2K_AT = {4: 2, 5: 3, 6: 4}
_RSA, _ELGAMAL, _ECDH, _NATIVE = (1, 2), (16,), (18,), (25, 26)
_BEFORE = 12  # bytes of a packet before the number itself


def _is_key_packet(algorithm: int, length: int, bits: int) -> bool:
    """Whether algorithm, length and bits of the first number of a session key fit together."""
    size = (bits + 7) // 8
    if algorithm in _RSA:
        return size + _BEFORE == length
    if algorithm in (*_ELGAMAL, *_ECDH):
        return 32 <= size < length - _BEFORE <= 4 * size
    return algorithm in _NATIVE and length < 256


def _packet(head: bytes) -> tuple[int, int, int]:
    """The tag of the first packet, its length, and where its body begins."""
    if not head[0] & 0x40:
        width = {0: 1, 1: 2, 2: 4}.get(head[0] & 3, 0)
        return (head[0] & 0x3C) >> 2, int.from_bytes(head[1 : 1 + width]), 1 + width
    tag, first = head[0] & 0x3F, head[1]
    if first < 192:
        return tag, first, 2
    if first < 224:
        return tag, ((first - 192) << 8) + head[2] + 192, 3
    return tag, int.from_bytes(head[2:6]), 6


# Signatures, keys, certificates and scripts lie beside backups.
_NO_BACKUP = (b"-----BEGIN PGP S", b"-----BEGIN CERTI", b"-----BEGIN PUBLI", b"ssh-", b"#!")


def is_beside(head: bytes) -> bool:
    """Whether the first bytes are those of a signature, a certificate, a key or a script."""
    return head.startswith(_NO_BACKUP)
