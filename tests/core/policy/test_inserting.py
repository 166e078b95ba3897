"""Parts are inserted into an inventory of any style; everything else stays unchanged."""

from __future__ import annotations

import pytest

from audit_core.inventory import read_inventory
from audit_core.inventory.inserting import Parts, flow, fragment, inserted
from audit_core.policy.strict_yaml import as_written, load_bytes
from installed import registry

ADDED: Parts = {
    "endpoints": [({"port": 443}, "seen: a # b\nc"), ({"port": 25, "starttls": "smtp"}, "")],
    "backups": [({"id": "b", "path": "/b 2"}, "")],
}
NEW = {"a/tls:443", "a/tls:25", "a/backup:b"}
STYLES = {
    "block": "# top\ntargets:\n  - id: a   # me\n    access: {via: local}\n\n  # next\n"
    "  - {id: dc, kind: site}\n",
    "flow": "targets: [{id: a, access: {via: local}}, {id: dc, kind: site}]",
    "flow in block": "targets:\n- {id: a, access: {via: local}} # me\n# end\n"
    "- {id: dc, kind: site}",
    "a list is there": "targets:\n- id: a\n  endpoints:\n  - port: 1 # one\n  # about two\n"
    "  - port: 2\n  access:\n    via: local\n",
    "a flow list is there": "targets:\n- id: a\n  endpoints: [{port: 1}, {port: 2}]\n"
    "  backups: []\n  access: {via: local}",
    "the last line is a remark": "targets:\n  - id: a\n    access:\n      via: local\n# end",
    "after a long text": "targets:\n  - id: a\n    access: {via: local}\n    zone: >-\n      x\n"
    "      y\n\n\nscope: [127.0.0.0/8]\n",
    "crlf": "targets:\r\n  - id: a\r\n    access: {via: local}\r\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_parts_are_added_and_nothing_else_changes(style: str) -> None:
    text = STYLES[style]
    made = inserted(text, {"a": ADDED})
    before = read_inventory(load_bytes(text.encode(), "i"), registry())
    after = read_inventory(load_bytes(made.encode(), "i"), registry())
    added = {t.id for t in after.targets} - {t.id for t in before.targets}
    assert added == NEW
    assert [t for t in after.targets if t.id not in added] == list(before.targets)
    kept = iter(made)
    assert all(char in kept for char in text), "what was written is still there, in its order"
    assert [line for line in text.split("\n") if line.strip().startswith("#")] == [
        line for line in made.split("\n") if line.strip().startswith("#")
    ]


def test_values_are_read_back_as_they_are() -> None:
    value: dict[str, list[object]] = {
        "text": ["a", "no", "1", "", "a: b", "# x", "é\n\t\"\\'", "- a", "/x/y.z", "*a", "\u2028"],
        "more": [True, False, 5, -1], "none": [],
    }  # fmt: skip
    document = load_bytes(f"x: {flow(value)}\n".encode(), "i")
    read = as_written(document.root)["x"]
    assert read == {name: tuple(items) for name, items in value.items()}


def test_a_fragment_is_what_stands_at_the_target() -> None:
    assert fragment("a", {"endpoints": ADDED["endpoints"]}).splitlines()[:2] == [
        "    # a", "    endpoints:",
    ]  # fmt: skip
