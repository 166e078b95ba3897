"""What a file says of its routes, whatever its format. Pure."""

from __future__ import annotations

from msgspec import Struct


class Head(Struct, frozen=True, kw_only=True):
    """The file, its format (`openapi`, `swagger`, `kong`, `apisix`, `nginx`), and its title.

    `problems` name routes that were left out, and why.
    """

    format: str
    file: str
    sha256: str
    title: str = ""
    problems: tuple[str, ...] = ()


class Route(Struct, frozen=True, kw_only=True):
    """A route: its methods (`*` for all), its path, and the names that it has.

    `authenticated`: a caller has to say who it is; `encrypted`: over TLS only; `limited`: calls
    are limited in number; `monitored`: calls are logged or counted. None where the file does not
    tell.
    """

    method: str
    path: str
    names: tuple[str, ...] = ()
    authenticated: bool | None = None
    encrypted: bool | None = None
    limited: bool | None = None
    monitored: bool | None = None

    @property
    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"
