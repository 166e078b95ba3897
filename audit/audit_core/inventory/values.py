"""Checks single values of an inventory; errors name their line."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from audit_core.model import msg
from audit_core.model.schemas import is_host
from audit_core.policy.input_errors import NOTHING, YamlPath, as_quoted, wrong_id, wrong_text
from audit_core.policy.strict_yaml import Document

TEXT_MAX = 200
_REFERENCE = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*|(file|prompt|vault):\S.*|keyring:[^\s/].*/.*\S"
)

Networks = list[ipaddress.IPv4Network | ipaddress.IPv6Network]


def networks(document: Document, scope: tuple[str, ...] | None) -> Networks | None:
    """The networks that may be contacted; None where none are declared."""
    if scope is None:
        # an empty list would allow any address
        if document.at(("scope",)) is not None:
            expected = msg("a list of networks; without the key nothing is limited")
            document.fail(("scope",), expected, NOTHING)
        return None
    found = []
    for index, text in enumerate(scope):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError:
            expected = msg("a network like 10.0.0.0/8")
            document.fail(("scope", index), expected, as_quoted(text))
    return found


class Values:
    """Refuses single values of `document`; `networks` limit its addresses."""

    def __init__(self, document: Document, networks: Networks | None) -> None:
        self._document = document
        self._networks = networks
        self._seen: dict[str, str] = {}

    def id(
        self, place: YamlPath, id: str, *, shown: str | None = None, under: str | None = None
    ) -> None:
        """Refuses an id that is none, or that is there already under `under`."""
        wrong = wrong_id(id)
        if wrong is not None:
            self._document.fail(place, wrong, as_quoted(shown if shown is not None else id))
        key = unicodedata.normalize("NFKC", f"{under or ''}/{shown or id}").casefold()
        if key in self._seen:
            expected = msg("each id once ({other} is there)", other=self._seen[key])
            self._document.fail(place, expected, as_quoted(shown or id))
        self._seen[key] = shown or id

    def plain_text(self, place: YamlPath, text: str | None) -> None:
        """Refuses text that could not stand in a record."""
        wrong = wrong_text(text, TEXT_MAX) if text is not None else None
        if wrong is not None:
            self._document.fail(place, wrong, as_quoted(text or ""))

    def host(self, place: YamlPath, name: str) -> None:
        """Refuses what is no host name and no address."""
        if not is_host(name):
            # text that looks like a login may contain a password and is not repeated
            got = msg("a login") if "@" in name else as_quoted(name)
            self._document.fail(place, msg("a host name (ASCII) or an address"), got)

    def address(self, place: YamlPath, address: str) -> None:
        """Refuses what is no address of one host inside the scope; names are looked up later."""
        self.host(place, address)
        try:
            literal = ipaddress.ip_address(address)
        except ValueError:
            return
        if isinstance(literal, ipaddress.IPv6Address) and literal.ipv4_mapped is not None:
            literal = literal.ipv4_mapped
        if literal.is_unspecified or literal.is_multicast or str(literal) == "255.255.255.255":
            self._document.fail(place, msg("the address of one host"), as_quoted(address))
        if self._networks is not None and not any(literal in net for net in self._networks):
            self._document.fail(
                place, msg("an address inside the declared scope"), as_quoted(address)
            )

    def reference(self, place: YamlPath, text: str | None) -> None:
        """Refuses what is no reference to a secret; never repeats it."""
        if text is not None and not (_REFERENCE.fullmatch(text) and text.isprintable()):
            expected = msg(
                "a reference to the secret (env:NAME, file:PATH, prompt:LABEL, keyring:S/U)"
            )
            got = msg("something else (not shown; it may be the secret)")
            self._document.fail(place, expected, got)

    def key(self, place: YamlPath, key: str | None) -> None:
        """Refuses what is no path of a key file and no reference; never repeats it."""
        if key is not None and (
            not key.strip() or not key.isprintable() or "-----" in key or len(key) > 1000
        ):
            expected = msg("the path of a key file, or a reference to the key")
            got = msg("something else (not shown; it may be the key)")
            self._document.fail(place, expected, got)
