"""Log files of a host over SSH: counted before anything is stored, with the printed sudoers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from core.toy import toy
from live import customers
from live.island import USER, Island, host, inventory, need_namespaces
from live.product import dengbao, environment, every_byte

pytestmark = pytest.mark.live

CHECKS = ("data.log-files", "data.log-files-real-values", "data.log-files-secrets")
IDS = customers.id_cards(20)
CLEAN = (
    "mount -t tmpfs none /var/log; echo started >/var/log/app.log; "
    "for d in /opt /srv /data /app /u01; do [ ! -d $d ] || mount -t tmpfs none $d; done"
)
# A program that holds a log open in a place that no search goes to, under a name of its own.
HELD = (
    "mount -t tmpfs none /mnt; mkdir -p /mnt/x/log; printf 'id %s\\n' {ids} >/mnt/x/log/today; "
    "sh -c 'exec 9>>/mnt/x/log/today; exec sleep 900' &"
)
NAMED = {"/etc/app.conf": b"# log /mnt/a/b.log\nlog_file = /mnt/y/z.log\npassword = s3cretword\n"}


def test_log_files_of_hosts(tmp_path: Path) -> None:
    need_namespaces()
    env = environment(tmp_path, (toy(tmp_path / "site", "", CHECKS).parent,))
    logs = "    logs: [{environment: production}]\n"
    plan = inventory(tmp_path / "p.yaml", f"  - id: h\n    access: {{via: local}}\n{logs}")
    sudoers = dengbao("plan", "toy", "-i", plan, "--grants", USER, env=env).ended(0).stdout
    with contextlib.ExitStack() as stack:
        made = {
            "clean": Island(user=USER, setup=CLEAN, sudoers=sudoers),
            "held": Island(user=USER, setup=f"{CLEAN}; {HELD.format(ids=' '.join(IDS))}",
                           sudoers=sudoers),
            "named": Island(user=USER, setup=CLEAN, sudoers=sudoers, files=NAMED),
            "plain": Island(["PasswordAuthentication yes"], user=USER, setup=CLEAN),
        }  # fmt: skip
        hosts = {id: stack.enter_context(server) for id, server in made.items()}
        listed = inventory(tmp_path / "i.yaml", *(host(i, s, more=logs) for i, s in hosts.items()))
        done = dengbao("run", "toy", "-i", listed, "--store", tmp_path / "store", "-o",
                       tmp_path / "p.zip", "--format", "json", env=env).ended(0)  # fmt: skip
    found = {f["id"].partition("/")[0]: f for f in done.json["findings"]
             if f["check"] in CHECKS[:1]}  # fmt: skip
    verdicts = {id.partition("@")[2]: f["verdict"] for id, f in found.items()}
    assert verdicts == {
        "clean": "pass", "held": "fail", "named": "undetermined", "plain": "undetermined",
    }, found  # fmt: skip
    assert "/mnt/x/log/today" in str(found["data.log-files@held"])
    assert "/mnt/y/z.log" in str(found["data.log-files@named"])
    assert "/mnt/a/b.log" not in str(found["data.log-files@named"])
    stored = b"".join(every_byte(tmp_path / "store").values())
    assert not [value for value in (*IDS, "s3cretword") if value[4:-1].encode() in stored]
