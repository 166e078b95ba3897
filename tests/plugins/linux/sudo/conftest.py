"""What the tests of sudo share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Answer
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import parse_sudoers

Make = Callable[..., Answer]


@pytest.fixture(scope="session")
def read(files: Make) -> Callable[..., Sudoers]:
    """Reads /etc/sudoers and drop-ins given by name."""

    def make(main: str, **drop_ins: str) -> Sudoers:
        contents = {"/etc/sudoers": main}
        contents |= {f"/etc/sudoers.d/{name}": text for name, text in drop_ins.items()}
        got = parse_sudoers(files(contents))
        assert isinstance(got, Sudoers)
        return got

    return make
