"""The question for the TCP ports of one address."""

from __future__ import annotations

from typing import ClassVar

from audit_core.model import Message, Request, msg


class PortScan(Request, frozen=True, kw_only=True, tag="ports"):
    """A connect scan of `ports` of `address`, and a second look at the open ones and at `again`.

    `ports` and `again` are in nmap's words, `max_rate` is in connections begun per second.
    """

    evidence_kind: ClassVar[str] = "ports"
    evidence_title: ClassVar[Message] = msg("port scan")

    address: str
    ports: str
    again: str
    max_rate: int
    timeout_s: int = 150
    limit: int = 8 << 20

    def as_message(self) -> Message:
        """The command line of nmap, and where it looks again, in words."""
        return msg(
            "nmap -sT -Pn -n --max-rate {rate} -p {ports} {host}; open ports, and {again} where "
            "they look closed or silent, are connected to once more, at most 10 a second",
            rate=self.max_rate, ports=self.ports, host=self.address, again=self.again,
        )  # fmt: skip

    def short(self) -> str:
        """The program."""
        return "nmap"

    def describe(self) -> str:
        """The command line of nmap, and where it looks again."""
        return (
            f"nmap -sT -Pn -n --max-rate {self.max_rate} -p {self.ports} {self.address};"
            f" open ports and {self.again} once more, at most 10 a second"
        )
