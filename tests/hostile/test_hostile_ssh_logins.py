"""SSH servers that ask for more than they should get (hostile input 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import AUTH_FAILED
from paramiko.server import InteractiveQuery

from audit_core.model import Reason
from hostile.ssh_servers import (
    ESC,
    Server,
    access,
    assert_times_out,
    playing,
    refusal,
)
from live.patience import PATIENCE_S

pytestmark = pytest.mark.usefixtures("nothing_is_left", "ours_is_first")


def test_a_login_that_is_never_answered(files: Path) -> None:
    class Slow(Server):
        def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
            self.over.wait(2 * PATIENCE_S)
            return AUTH_FAILED

    server = Slow()
    with playing(server) as port:
        try:
            assert_times_out(files, port)
        finally:
            server.over.set()


def test_the_password_is_offered_once(files: Path) -> None:
    server = Server()
    with playing(server) as port:
        error = refusal(access(files, port, key=None, password="env:PASSWORD"))
    assert error.refused
    assert server.attempts == ["password"]


class Curious(Server):
    """Asks and asks."""

    def __init__(self, first: list[tuple[str, bool]]) -> None:
        super().__init__()
        self.first = first
        self.answers: list[list[str]] = []

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: str) -> InteractiveQuery:
        return InteractiveQuery(ESC, ESC, *self.first)

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        self.answers.append(responses)
        return InteractiveQuery("", "", *self.first)


@pytest.mark.parametrize(
    ("first", "answers"),
    [
        pytest.param([("Password: ", False)] * 100, [], id="100 at once"),
        pytest.param([("Password: ", False)], [["hunter2"]], id="one after the other"),
        pytest.param([("Say it aloud: ", True)], [], id="echoed"),
        pytest.param([], [[], [], []], id="no question, for ever"),
    ],
)
def test_a_server_that_asks_too_much(
    files: Path, first: list[tuple[str, bool]], answers: list[list[str]]
) -> None:
    server = Curious(first)
    with playing(server) as port:
        error = refusal(access(files, port, key=None, password="env:PASSWORD"))
    assert error.reason is Reason.NOT_PERMITTED
    assert "more than for one password" in str(error)
    assert server.answers == answers


def test_the_password_never_goes_to_a_server_that_is_not_known(files: Path) -> None:
    server = Server()
    with playing(server) as port:
        way = access(files, port, key=None, password="env:PASSWORD", known_hosts=())
        assert "unknown host key" in str(refusal(way))
    assert server.attempts == []
