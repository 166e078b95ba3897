"""The recorded host, and what else a run of it has."""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

from audit_core.api import plugins
from audit_core.model import Target

from . import recordings

NAME = "debian-12"
HOST = Target(
    id="web1",
    kind="host",
    object_type="server",
    address="127.0.0.1",
    settings={"allowed_ports": ("22/tcp", "443/tcp")},
)
TARGETS = (
    HOST,
    Target(id="site", kind="site", object_type="site"),
    Target(id="network", kind="network", object_type="network"),
    Target(id="organisation", kind="organisation", object_type="organisation"),
)


@functools.cache
def asked() -> tuple[recordings.Question, ...]:
    """Every request that is asked of the host."""
    return recordings.questions(plugins.load(), NAME, HOST)


@functools.cache
def recorded() -> Path:
    """A bundle of the recorded answers; it goes away when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="golden-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "web1.bundle"
    recordings.bundle(path, asked(), HOST)
    return path
