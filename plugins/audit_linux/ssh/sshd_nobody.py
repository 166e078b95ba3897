"""The settings of a server whose Match blocks keep `sshd -T` from answering without `-C`.

OpenSSH 7.7 to 8.0 end with 255 at any criterion that nothing is given for; later releases do so at
LocalPort alone (tried with 8.0p1, 9.2p1 and 10.6p1). So the server is asked for a connection that
no server has: an account without a name, from nowhere, to port 1. Addresses, groups and ports then
fit nothing; patterns such as `*` fit, and what such a block sets is taken from the files.
"""

from __future__ import annotations

from msgspec import structs

from audit_core.api.sdk import Command, Privilege, Reason, derive, fact
from audit_linux.ssh.sshd import Sshd, parse_sshd_t
from audit_linux.ssh.sshd_files import FILES, Override, SshdFiles, set_outside
from audit_linux.ssh.sshd_match import fits

_PORT = "1"
SSHD_NOBODY = fact(
    "linux.sshd-nobody",
    Sshd,
    kind="host",
    ask=Command(
        argv=("/usr/sbin/sshd", "-T", "-C", f"user=,host=,addr=,laddr=,lport={_PORT},rdomain="),
        privilege=Privilege.ROOT,
        not_found=Reason.NOT_PRESENT,
        aside=True,
    ),
    parse=parse_sshd_t,
)


def outside_of_blocks(sshd: Sshd, files: SshdFiles) -> Sshd:
    """What holds outside of Match blocks; a value is missing where that is not known."""
    changed = {one.key for one in files.overrides if _fits_nobody(one)}
    kept = {key: values for key, values in sshd.values.items() if key not in changed}
    outside = set_outside(files)
    return structs.replace(
        sshd, values=kept | {key: outside[key] for key in changed if key in outside}
    )


def _fits_nobody(override: Override) -> bool:
    """Whether a block may fit the connection that was asked for; `Match all` fits every one."""
    return override.terms != (("all", ""),) and all(
        _ASKED.get(term, _unknown)(argument) for term, argument in override.terms
    )


def _nothing(_: str) -> bool:
    return False


def _empty(patterns: str) -> bool:
    return fits("", patterns)


def _unknown(_: str) -> bool:
    return True


_ASKED = {
    "user": _empty, "host": _empty, "rdomain": _empty, "group": _nothing, "address": _nothing,
    "localaddress": _nothing, "invalid-user": _nothing, "localport": _PORT.__eq__,
}  # fmt: skip

SSHD_OUTSIDE = derive(
    "linux.sshd-outside",
    Sshd,
    needs=(SSHD_NOBODY, FILES),
    make=outside_of_blocks,
)
FACTS = (SSHD_NOBODY, SSHD_OUTSIDE)
