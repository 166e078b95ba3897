"""Errors of the operating system as messages. Pure."""

from __future__ import annotations

import errno

from audit_core.model import Message, msg, verbatim

_ERRNO = {
    errno.ENOENT: msg("No such file or directory"),
    errno.EACCES: msg("Permission denied"),
    errno.EISDIR: msg("Is a directory"),
    errno.ENOTDIR: msg("Not a directory"),
    errno.ELOOP: msg("Too many levels of symbolic links"),
    errno.ENAMETOOLONG: msg("File name too long"),
    errno.EIO: msg("Input/output error"),
    errno.ENXIO: msg("No such device or address"),
    errno.EPERM: msg("Operation not permitted"),
    errno.ENOSPC: msg("No space left on device"),
    errno.EROFS: msg("Read-only file system"),
    errno.EMFILE: msg("Too many open files"),
    errno.EPIPE: msg("Broken pipe"),
    errno.ECONNREFUSED: msg("Connection refused"),
    errno.ECONNRESET: msg("Connection reset by peer"),
    errno.ETIMEDOUT: msg("Connection timed out"),
    errno.EHOSTUNREACH: msg("No route to host"),
    errno.EHOSTDOWN: msg("Host is down"),
    errno.ENETUNREACH: msg("Network is unreachable"),
    errno.EADDRNOTAVAIL: msg("Cannot assign requested address"),
    errno.EAFNOSUPPORT: msg("Address family not supported by protocol"),
    # getaddrinfo numbers its errors below zero (netdb.h of glibc and musl).
    -2: msg("Name or service not known"),
    -3: msg("Temporary failure in name resolution"),
    -5: msg("No address associated with hostname"),
}


def os_error(error: OSError) -> Message:
    """Why the system refused, without the file's name; quoted where no translation exists."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return _ERRNO[errno.ETIMEDOUT]
    known = _ERRNO.get(error.errno) if error.errno is not None else None
    if known is not None:
        return known
    return msg("{words}", words=verbatim(error.strerror or str(error) or type(error).__name__))
