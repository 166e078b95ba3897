"""What an SSH server shows to every client before a login: its algorithms and its host keys.

The lists come from the connection that is logged in to, whose key exchange signs them. The name of
an RSA key does not tell its length. OpenSSH tells all its keys after the login; of another server
the key is looked at in a connection of its own, in which nobody logs in.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import Struct

from audit_core.api.sdk import Answer, Message, ParseError, Request, fact, msg, verbatim
from audit_core.model import Reply

SCHEMA = 1


class SshKeyExchange(Request, frozen=True, kw_only=True, tag="ssh-key-exchange"):
    """The lists and host keys of the SSH server over which the target is asked.

    NOT_PRESENT where it is not asked over SSH.
    """

    evidence_kind: ClassVar[str] = "ssh-key-exchange"
    evidence_title: ClassVar[Message] = msg("SSH key exchange")

    timeout_s: int = 40
    limit: int = 256 << 10

    def describe(self) -> str:
        """The messages of the SSH protocol that are read, by name."""
        return "SSH_MSG_KEXINIT, SSH_MSG_KEXDH_REPLY"

    def as_message(self) -> Message:
        """What is read, for the reader of a record."""
        return msg("Algorithms and host keys that the SSH server shows in its key exchange")


class StoredKeyExchange(Struct, frozen=True, kw_only=True):
    """The stored answer, as JSON: the lists as sent, and keys in base64 by the algorithm asked for.

    `unread`: the algorithms of keys that could not be looked at. `through`: the host in between.
    """

    schema: int = SCHEMA
    server: str = ""
    through: str = ""
    lists: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    unread: list[str] = []


def as_reply(request: SshKeyExchange, shown: StoredKeyExchange) -> Reply:
    """The answer to `request`."""
    return Reply(request=request, exit_code=0, stdout=msgspec.json.encode(shown))


class KeyExchange(Struct, frozen=True, kw_only=True):
    """The algorithms that a server offers, by the keyword of sshd_config(5), and its host keys.

    Both directions count. `keys` are host keys in base64 by their type; `unread` names algorithms
    whose key was not looked at. `through` is the host in between over which it was reached, if any.
    """

    server: str
    algorithms: dict[str, tuple[str, ...]]
    keys: dict[str, str] = {}
    unread: tuple[str, ...] = ()
    through: str = ""


# RFC 4253, 7.1: the names in the first packet, and the keyword that sets them.
_LISTS = {
    "kexalgorithms": ("kex",),
    "hostkeyalgorithms": ("host_keys",),
    "ciphers": ("ciphers_in", "ciphers_out"),
    "macs": ("macs_in", "macs_out"),
    "compression": ("compression_in", "compression_out"),
}
# Marks of what the other side can do, which are no algorithms (RFC 8308; OpenSSH's PROTOCOL, 1.10).
_MARKS = ("ext-info-s", "ext-info-c", "kex-strict-")
_MOST_NAMES = 300


def parse_key_exchange(answer: Answer) -> KeyExchange:
    """The lists without the marks that are no algorithms, and the host keys that were shown."""
    try:
        shown = msgspec.json.decode(answer.stdout, type=StoredKeyExchange)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParseError(msg("not a key exchange: {error}", error=verbatim(str(error)))) from error
    algorithms = {
        key: tuple(dict.fromkeys(name for part in parts for name in _names(shown, part)))
        for key, parts in _LISTS.items()
    }
    if not all(algorithms[key] for key in ("kexalgorithms", "hostkeyalgorithms", "ciphers")):
        raise ParseError(msg("the server named no algorithms"))
    return KeyExchange(
        server=shown.server,
        algorithms=algorithms,
        keys=shown.keys,
        unread=tuple(shown.unread),
        through=shown.through,
    )


def _names(shown: StoredKeyExchange, part: str) -> list[str]:
    names = shown.lists.get(part, [])[:_MOST_NAMES]
    return [name for name in names if not name.startswith(_MARKS)]


KEY_EXCHANGE = fact(
    "shell.ssh-key-exchange",
    KeyExchange,
    kind="host",
    ask=SshKeyExchange(),
    parse=parse_key_exchange,
)
FACTS = (KEY_EXCHANGE,)
