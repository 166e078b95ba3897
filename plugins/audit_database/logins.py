"""Accounts of a database server that somebody may log in with, for checks of whose they are."""

from __future__ import annotations

from msgspec import Struct


class LoginAccount(Struct, frozen=True, kw_only=True):
    """An account, and its rights that reach past the data of one application."""

    name: str
    powers: tuple[str, ...] = ()
