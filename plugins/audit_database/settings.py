"""The settings of a server, the same for each SQL product. Pure."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import Message, decimal, msg


class ServerSettings(Struct, frozen=True, kw_only=True):
    """The settings of a server by name."""

    values: dict[str, str]

    def get(self, name: str) -> str:
        """The value; empty where there is no such setting, or the account may not see it."""
        return self.values.get(name, "")

    def number(self, name: str) -> int | None:
        """The value as a whole number, without its fraction; None where it is none."""
        found = decimal(self.get(name))
        return None if found is None or found < 0 else int(found)

    def as_message(self, *names: str) -> Message:
        """The settings `names` with their values, for a record; `-` where there is none."""
        pairs = (f"{name} = {self.get(name) or '-'}" for name in names)
        return msg("{values}", values=", ".join(pairs))
