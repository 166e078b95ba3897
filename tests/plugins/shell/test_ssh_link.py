"""A connection through a jump host that was cut before it."""

from __future__ import annotations

from audit_shell.ssh._link import _Through


class _Cut:
    """A channel of the SSH library whose jump host is gone."""

    active = True

    def close(self) -> None:
        raise EOFError


def test_closing_a_channel_of_a_jump_host_that_is_gone_is_no_error() -> None:
    channel = _Through(_Cut())
    channel.close()
    assert channel.active
