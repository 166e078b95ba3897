"""What the installed plugins offer, loaded once for all tests."""

from __future__ import annotations

import functools

from audit_core.api import plugins


@functools.cache
def registry() -> plugins.Registry:
    """Everything that is installed here."""
    return plugins.load()
