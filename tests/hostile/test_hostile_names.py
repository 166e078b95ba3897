"""Invalid names, and addresses out of scope (hostile inputs 40 and 46)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.connectors import scope
from audit_core.model import ConnectError, Reason
from audit_core.model.errors import ConfigError
from audit_shell.ssh import SshAccess, SshTransport

pytestmark = pytest.mark.usefixtures("nothing_is_left")


NO_HOSTS = [
    "-oProxyCommand=touch /tmp/x", "a b", "*", "web*", "", ".", "a..b", "web\n1", "web\x1b[2J",
    "w" * 300, "a." * 150, "https://web", "web/1", "root@web", "web:22", "[::1]", "127.1", "0x7f.1",
    "2130706433", "127.0.0.01", "1.2.3.4.5", "💥.example", "等保.example", "web$(id)", "a;id", "'",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_HOSTS)
def test_what_is_not_a_host_name(name: str) -> None:
    for change in ({"host": name}, {"host": "127.0.0.1", "host_name_for_keys": name or " "}):
        with pytest.raises(ConfigError) as caught:
            SshTransport(SshAccess(user="auditor", use_agent=True, **change))  # type: ignore[arg-type]
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
    with pytest.raises(ConfigError):
        scope.resolve(name, None)


@pytest.mark.parametrize("name", ["-l", "", "a b", "a*", "a\nb", "a\x1b", "a\u202eb", "x" * 300])
def test_what_is_not_a_user_name(name: str) -> None:
    with pytest.raises(ConfigError):
        SshTransport(SshAccess(host="127.0.0.1", user=name, use_agent=True))


@pytest.mark.parametrize("name", ["web1", "web-1.example.org.", "_sip.example", "10.0.0.1", "::1"])
def test_what_is_a_host_name(name: str) -> None:
    assert scope.checked_host(name) == name


@pytest.mark.parametrize("name", ["root", "_apt", "EXAMPLE\\admin", "a@example", "审计员"])
def test_what_is_a_user_name(name: str) -> None:
    assert scope.checked_user(name) == name


def test_an_idn_is_told_its_ascii_form() -> None:
    with pytest.raises(ConfigError, match="xn--"):
        scope.checked_host("等保.example")


def test_it_connects_to_addresses_only() -> None:
    with pytest.raises(ConfigError, match="checked address"):
        SshTransport(SshAccess(host="localhost", user="auditor", use_agent=True))


def test_a_port_is_a_port() -> None:
    for port in (0, -1, 65536):
        with pytest.raises(ConfigError, match="not a port"):
            SshTransport(SshAccess(host="::1", user="auditor", port=port, use_agent=True))


def test_without_a_credential_nothing_is_opened() -> None:
    with pytest.raises(ConfigError, match="no key, password or agent"):
        SshTransport(SshAccess(host="127.0.0.1", user="auditor"))


def test_the_jump_host_is_checked_too() -> None:
    jump = SshAccess(host="-oX", user="auditor", use_agent=True)
    with pytest.raises(ConfigError):
        SshTransport(SshAccess(host="127.0.0.1", user="auditor", use_agent=True, jump=jump))


@pytest.mark.parametrize(
    ("name", "allowed", "address"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), "10.1.2.3"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), "10.1.2.3"),
        ("fd00::5", ("10.0.0.0/8", "fd00::/8"), "fd00::5"),
    ],
)
def test_an_address_in_scope(name: str, allowed: tuple[str, ...] | None, address: str) -> None:
    assert scope.resolve(name, allowed) == address


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("192.0.2.1", ("10.0.0.0/8",)),
        ("10.1.2.3", ()),
        ("::ffff:192.0.2.1", ("::/0",)),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
    ],
)
def test_an_address_out_of_scope(name: str, allowed: tuple[str, ...] | None) -> None:
    with pytest.raises(ConfigError, match="outside the declared scope"):
        scope.resolve(name, allowed)


def test_a_scope_that_is_no_network() -> None:
    with pytest.raises(ConfigError, match="not a network"):
        scope.resolve("10.1.2.3", ("10.1.2.3/8",))


def _answering(*answers: list[str]) -> Callable[..., Any]:
    left = list(answers)

    def getaddrinfo(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in left.pop(0)]

    return getaddrinfo


def test_a_name_that_leads_out_of_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering(["192.0.2.1", "2001:db8::1"]))
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1, 2001:db8::1 is outside"):
        scope.resolve("web1", ("10.0.0.0/8",))


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # A second lookup would find the list empty and raise.
    monkeypatch.setattr(socket, "getaddrinfo", _answering(["192.0.2.1", "10.1.1.1"]))
    assert scope.resolve("web1", ("10.0.0.0/8",)) == "10.1.1.1"


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ConnectError) as caught:
        scope.resolve("web1", None)
    assert caught.value.reason is Reason.UNREACHABLE
