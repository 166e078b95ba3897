"""What the inventory must declare of an endpoint before it is asked."""

from __future__ import annotations

import pytest

from audit_core.model import Message, Target
from audit_tls.ask_endpoint import ask
from audit_tls.request import TlsHellos


def target(address: str | None = "10.0.0.1", **settings: object) -> Target:
    return Target(
        id="web1/tls:443", kind="endpoint", object_type="server", address=address,
        settings=settings,
    )  # fmt: skip


@pytest.mark.parametrize("port", [443, "8443"])
def test_ask(port: object) -> None:
    asked = ask(target(port=port, server_name="a.example"))
    assert isinstance(asked, TlsHellos)
    assert asked == TlsHellos(address="10.0.0.1", port=int(str(port)), server_name="a.example")


@pytest.mark.parametrize(
    "wrong",
    [
        target(None), target("web1"), target("-x"), target(port="x"), target(port=0),
        target(port=65536), target(starttls="mysql"), target(server_name="口令"),
        target(server_name="a b"), target(server_name="a" * 300),
    ],
)  # fmt: skip
def test_ask_for_a_declaration(wrong: Target) -> None:
    assert isinstance(ask(wrong), Message)
