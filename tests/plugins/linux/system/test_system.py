"""Packages, agents, trusted start, storage, kernel settings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Command, Message, ParseError, Target, Verdict
from audit_linux.processes import Process
from audit_linux.system import (
    intrusion,
    kernel,
    malware,
    packages,
    residual,
    storage,
    trust,  # fmt: skip
)

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


# --- packages -----------------------------------------------------------------------------------


def test_packages_of_a_recording(recorded: Read, target: MakeTarget) -> None:
    found = packages.parse_dpkg(recorded("packages"))
    assert {"dpkg", "gcc", "chrony"} <= found
    judgement = packages.needless_packages.judge(target(), found)
    assert judgement.verdict is Verdict.FAIL
    assert "gcc" in judgement.said[0].args["found"]  # type: ignore[operator]


def test_removed_packages_are_not_installed(answer: Make) -> None:
    text = "ii \tbash\nrc \tgcc\nun \tnmap\niU \tftp\nhi \ttelnet\n"
    assert packages.parse_dpkg(answer(text)) == {"bash", "ftp", "telnet"}


def test_rpm_names(answer: Make) -> None:
    # invented after `rpm -qa --qf` on RHEL 9
    text = "glibc\ngpg-pubkey\ngpg-pubkey\njava-17-openjdk-headless\n"
    assert packages.parse_rpm(answer(text)) == {"glibc", "gpg-pubkey", "java-17-openjdk-headless"}


@pytest.mark.parametrize("text", ["", "bash\n", "ii \t../x y\n", "rc \tgcc\n"])
def test_what_dpkg_does_not_say_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        packages.parse_dpkg(answer(text))


@pytest.mark.parametrize("text", ["", "error: db is broken\n", "a\n\nb\n"])
def test_what_rpm_does_not_say_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        packages.parse_rpm(answer(text))


@pytest.mark.parametrize(
    ("installed", "needed", "verdict"),
    [
        ({"bash"}, (), Verdict.PASS),
        ({"bash", "gcc"}, (), Verdict.FAIL),
        ({"bash", "gcc"}, ("gcc",), Verdict.PASS),
        ({"gcc", "nmap"}, ("gcc",), Verdict.FAIL),
        ({"gcc-12-base"}, (), Verdict.PASS),
        ({"gcc-12"}, (), Verdict.FAIL),
        ({"gcc7"}, (), Verdict.FAIL),
        ({"gcc", "gcc-12"}, ("gcc",), Verdict.PASS),
        ({"gcc-c++"}, (), Verdict.FAIL),
        ({"libgcc-12-dev"}, (), Verdict.PASS),
    ],
)
def test_needless(
    installed: set[str], needed: tuple[str, ...], verdict: Verdict, target: MakeTarget
) -> None:
    host = target(needed_packages=needed)
    assert packages.needless_packages.judge(host, frozenset(installed)).verdict is verdict


# --- agents -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "uid", "declared", "verdict"),
    [
        ("clamd", 110, [], Verdict.PASS),
        ("AliYunDun", 0, [], Verdict.PASS),
        ("titanagent", 0, [], Verdict.PASS),
        ("clamd", 1000, [], Verdict.UNDETERMINED),
        ("own-agent", 1003, ["own-agent"], Verdict.UNDETERMINED),
        ("clamdx", 0, [], Verdict.FAIL),
        ("freshclam", 110, [], Verdict.FAIL),
        ("my-very-long-agent-name"[:15], 0, ["my-very-long-agent-name"], Verdict.PASS),
        ("bash", 0, ["other"], Verdict.FAIL),
    ],
)
def test_malware_agent(
    name: str, uid: int, declared: list[str], verdict: Verdict, target: MakeTarget
) -> None:
    processes = (INIT, Process(pid=5, uid=uid, name=name))
    judgement = malware.malware_agent.judge(target(malware_agents=declared), processes)
    assert judgement.verdict is verdict
    seen = judgement.said[0].args.get("processes")
    assert verdict is Verdict.FAIL or seen == (f"{name} (pid 5, uid {uid})",)


def test_an_agent_in_a_container_does_not_guard_the_host(target: MakeTarget) -> None:
    processes = (INIT, Process(pid=5, uid=0, name="clamd", contained=True))
    judgement = malware.malware_agent.judge(target(), processes)
    assert judgement.verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("wazuh-agentd", Verdict.PASS), ("clamd", Verdict.FAIL), ("hids", Verdict.PASS)],
)
def test_intrusion_agent(name: str, verdict: Verdict, target: MakeTarget) -> None:
    processes = (INIT, Process(pid=5, uid=0, name=name))
    host = target(intrusion_agents=["hids"])
    assert intrusion.intrusion_agent.judge(host, processes).verdict is verdict


HEADER = "ClamAV-VDB:{} 2026 08-24 +0000:27500:2048123:90:0123456789abcdef:sig"
NOW = 1_795_434_704  # 2026-11-23T11:51:44Z


def _signatures(answer: Make, *days: str) -> Any:
    return malware.parse_signatures(
        answer(f"{NOW}\n" + "".join(HEADER.format(day) + "\n" for day in days))
    )


def test_signature_headers(answer: Make) -> None:
    # invented after the header of daily.cvd, which ClamAV documents as 512 bytes of text
    found = _signatures(answer, "01 Nov", "22 Nov")
    assert found == malware.Signatures(version=27500, built=NOW - 98_864, now=NOW)
    assert isinstance(_signatures(answer), Absent)


@pytest.mark.parametrize("day", ["32 Nov", "01 Foo", "xx"])
def test_a_signature_header_with_no_date_is_refused(day: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        _signatures(answer, day)


@pytest.mark.parametrize(
    ("names", "age", "verdict"),
    [
        (("clamd",), 0, Verdict.PASS),
        (("clamd",), 30, Verdict.PASS),
        (("clamd",), 31, Verdict.FAIL),
        (("clamd",), -3, Verdict.UNDETERMINED),
        (("clamd",), None, Verdict.FAIL),
        ((), 1, Verdict.PASS),
        ((), None, Verdict.FAIL),
        (("AliYunDun",), None, Verdict.UNDETERMINED),
        (("AliYunDun",), 90, Verdict.UNDETERMINED),
        # freshclam goes on for a scanner that does not run; the agent has signatures of its own
        (("AliYunDun",), 1, Verdict.UNDETERMINED),
        (("AliYunDun", "clamd"), 1, Verdict.PASS),
    ],
)
def test_signatures(
    names: tuple[str, ...], age: int | None, verdict: Verdict, target: MakeTarget
) -> None:
    processes = (INIT, *(Process(pid=9, uid=0, name=n) for n in names))
    built = (
        None if age is None else malware.Signatures(version=1, built=NOW - age * 86_400, now=NOW)
    )
    judgement = malware.malware_signatures.judge(target(), processes, built)
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("name", "age", "verdict"),
    [
        ("wazuh-syscheckd", None, Verdict.PASS),
        ("aideinit", None, Verdict.FAIL),
        ("osqueryd", None, Verdict.UNDETERMINED),
        ("bash", None, Verdict.FAIL),
        ("bash", 400, Verdict.FAIL),
        ("bash", 4, Verdict.UNDETERMINED),
    ],
)
def test_file_integrity(name: str, age: int | None, verdict: Verdict, answer: Make) -> None:
    lines = "" if age is None else f"{NOW - age * 86_400} /var/lib/aide/aide.db\n"
    found = intrusion.parse_baseline(answer(f"{NOW}\n{lines}"))
    baseline = None if isinstance(found, Absent) else found
    processes = (INIT, Process(pid=9, uid=0, name=name[:15]))
    assert intrusion.file_integrity.judge(processes, baseline).verdict is verdict


# --- trusted start ------------------------------------------------------------------------------


def test_a_container_is_started_by_its_host(recorded: Read) -> None:
    boot = trust.parse_boot(recorded("boot-container"))
    assert trust.secure_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE
    assert trust.measured_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE


def test_a_machine_made_from_a_container_s_image_is_a_machine(recorded: Read) -> None:
    boot = trust.parse_boot(recorded("boot-machine"))
    assert trust.secure_boot.judge(boot).verdict is Verdict.FAIL


BOOT = {"uefi": "1", "secureboot": "1", "setupmode": "0", "tpm": "2",
        "ima": " ima_policy=tcb", "container": "0"}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "secure", "measured"),
    [
        ({}, Verdict.PASS, Verdict.PASS),
        ({"secureboot": "0"}, Verdict.FAIL, Verdict.PASS),
        ({"setupmode": "1"}, Verdict.FAIL, Verdict.PASS),
        ({"uefi": "0", "secureboot": "", "setupmode": ""}, Verdict.FAIL, Verdict.PASS),
        ({"tpm": ""}, Verdict.PASS, Verdict.FAIL),
        ({"ima": ""}, Verdict.PASS, Verdict.FAIL),
        ({"ima": " ima_appraise=off"}, Verdict.PASS, Verdict.FAIL),
        ({"shim_off": "1"}, Verdict.FAIL, Verdict.PASS),
        ({"ima": "", "ima_file": "1"}, Verdict.PASS, Verdict.UNDETERMINED),
        ({"tpm": "", "ima": "", "ima_file": "1"}, Verdict.PASS, Verdict.FAIL),
    ],
)
def test_boot(changes: dict[str, str], secure: Verdict, measured: Verdict, answer: Make) -> None:
    text = "".join(f"{k}={v}\n" for k, v in {**BOOT, **changes}.items())
    boot = trust.parse_boot(answer(text))
    assert trust.secure_boot.judge(boot).verdict is secure
    assert trust.measured_boot.judge(boot).verdict is measured


def test_no_kernel_command_line_is_called_empty_that_was_searched_for_ima_only(
    recorded: Read,
) -> None:
    said = trust.measured_boot.judge(trust.parse_boot(recorded("boot-machine"))).said[0]
    assert "IMA on the kernel command line: {ima}" in said.id
    assert said.args["ima"] == "-"


@pytest.mark.parametrize("text", ["", "uefi=1\n", "uefi=1\nuefi=0\n", "x=1\n", "uefi=2\n"])
def test_what_does_not_tell_the_start_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        trust.parse_boot(answer(text))


# --- storage ------------------------------------------------------------------------------------


def test_block_devices_of_a_recording(recorded: Read) -> None:
    mounts = storage.parse_lsblk(recorded("lsblk"))
    assert mounts == (storage.Mount(device="vda", place="/", encrypted=False),)


# invented after util-linux 2.38 with LUKS under LVM, and one plain disk
LSBLK = """{"blockdevices": [
 {"name": "sda", "type": "disk", "mountpoint": null, "children": [
  {"name": "sda1", "type": "part", "mountpoint": "/boot"},
  {"name": "sda2", "type": "part", "mountpoint": null, "children": [
   {"name": "c", "type": "crypt", "mountpoint": null, "children": [
    {"name": "vg-root", "type": "lvm", "mountpoint": "/"},
    {"name": "vg-data", "type": "lvm", "mountpoints": ["/data", null]}]}]}]},
 {"name": "sdb", "type": "disk", "mountpoint": "/srv"}]}"""


def _df(**places: tuple[str, str]) -> str:
    rows = [f"{source}  100 10 90  10% {mounted}" for source, mounted in places.values()]
    return "\n".join(("Filesystem 1024-blocks Used Available Capacity Mounted on", *rows, ""))


DATA = ("/dev/mapper/vg-data", "/data")


@pytest.mark.parametrize(
    ("places", "verdict"),
    [
        ({"a": DATA}, Verdict.PASS),
        ({"a": ("/dev/mapper/vg-root", "/")}, Verdict.PASS),
        ({"a": ("/dev/sdb", "/srv")}, Verdict.FAIL),
        ({"a": DATA, "b": ("/dev/sdb", "/srv")}, Verdict.FAIL),
        # a share mounted below an encrypted volume
        ({"a": DATA, "b": ("nas:/export", "/data/nfs")}, Verdict.UNDETERMINED),
        ({"a": ("tmpfs", "/data/tmp")}, Verdict.UNDETERMINED),
        ({"a": ("pool/data", "/tank")}, Verdict.UNDETERMINED),
        ({"a": ("/dev/md9", "/x")}, Verdict.UNDETERMINED),
        # a second mount of the same device, of which lsblk shows one place only
        ({"a": ("/dev/sdb", "/elsewhere")}, Verdict.FAIL),
    ],
)
def test_data_encrypted(
    places: dict[str, tuple[str, str]], verdict: Verdict, answer: Make, target: MakeTarget
) -> None:
    host = target(data_mounts=[f"/{name}" for name in places])
    told = structs.replace(answer(_df(**places)), target=host)
    judgement = storage.data_encrypted.judge(
        storage.parse_places(told), storage.parse_lsblk(answer(LSBLK))
    )
    assert judgement.verdict is verdict


@pytest.mark.parametrize("paths", [None, [], ["relative"], ["/a\nb"]])
def test_without_places_of_data_nothing_is_asked(
    paths: list[str] | None, target: MakeTarget
) -> None:
    host = target() if paths is None else target(data_mounts=paths)
    ask = storage.PLACES.providers[0].ask
    assert callable(ask)
    assert isinstance(ask(host), Message)


def test_df_of_this_machine_tells_of_every_path(answer: Make, target: MakeTarget) -> None:
    host = target(data_mounts=["/", "/tmp", "/etc/hostname"])
    ask = storage.PLACES.providers[0].ask
    assert callable(ask)
    command = ask(host)
    assert isinstance(command, Command)
    done = subprocess.run(command.argv, capture_output=True, check=True)
    found = storage.parse_places(structs.replace(answer(done.stdout), target=host))
    assert [p.path for p in found] == ["/", "/tmp", "/etc/hostname"]
    assert found[0].mounted == "/"
    with pytest.raises(ParseError):
        storage.parse_places(structs.replace(answer(done.stdout[:90]), target=host))


def test_a_raid_with_one_plain_leg_is_not_encrypted(answer: Make) -> None:
    leg = '{{"name": "{0}", "type": "{1}", "children": [{{"name": "md0", "mountpoint": "/d"}}]}}'
    text = f'{{"blockdevices": [{leg.format("a", "crypt")}, {leg.format("b", "disk")}]}}'
    assert [m.encrypted for m in storage.parse_lsblk(answer(text))] == [False]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"blockdevices": 1}', '{"blockdevices": [1]}',
                                  '{"blockdevices": [{"name": "a", "mountpoint": 7}]}',
                                  '{"blockdevices": [{"name": "a", "children": {}}]}'])  # fmt: skip
def test_what_is_no_tree_of_devices_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        storage.parse_lsblk(answer(text))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.NOT_APPLICABLE),
        ("/dev/dm-1 partition CRYPT-PLAIN-swap\n", Verdict.PASS),
        ("/dev/zram0 partition -\n", Verdict.PASS),
        ("/dev/zram0 partition backed\n", Verdict.FAIL),
        ("/dev/sda3 partition -\n", Verdict.FAIL),
        ("/dev/dm-2 partition LVM-abc\n", Verdict.FAIL),
        ("/swapfile file -\n", Verdict.UNDETERMINED),
        ("/dev/zram0 partition -\n/dev/sda3 partition -\n", Verdict.FAIL),
    ],
)
def test_swap(text: str, verdict: Verdict, answer: Make) -> None:
    assert storage.swap_encrypted.judge(storage.parse_swaps(answer(text)), ()).verdict is verdict


@pytest.mark.parametrize(
    ("encrypted", "verdict"),
    [
        ((True,), Verdict.PASS),
        ((False,), Verdict.FAIL),
        ((True, False), Verdict.UNDETERMINED),
        ((), Verdict.FAIL),
    ],
)
def test_swap_on_an_encrypted_lvm(
    encrypted: tuple[bool, ...], verdict: Verdict, answer: Make
) -> None:
    swaps = storage.parse_swaps(answer("/dev/dm-2 partition LVM-abcdef\n"))
    mounts = tuple(
        storage.Mount(device=f"vg-swap{i}", place="[SWAP]", encrypted=e)
        for i, e in enumerate(encrypted)
    )
    assert storage.swap_encrypted.judge(swaps, mounts).verdict is verdict


# --- kernel -------------------------------------------------------------------------------------


def test_settings_of_a_recording(recorded: Read) -> None:
    values = kernel.parse_sysctl(recorded("sysctl"))
    judgement = kernel.kernel_hardening.judge(values)
    assert judgement.verdict is Verdict.FAIL
    assert "fs.protected_symlinks = 0" in judgement.said[0].args["wrong"]  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "0 kernel.dmesg_restrict 1\n", "0 a.b 1\n",
                                  "1 kernel.randomize_va_space\n",
                                  "0 kernel.randomize_va_space 2\n" * 2])  # fmt: skip
def test_settings_must_be_whole(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        kernel.parse_sysctl(answer(text))


def test_a_key_without_a_known_value_settles_nothing() -> None:
    judgement = kernel.kernel_hardening.judge(HARD, keys=frozenset({"kernel.panic"}))
    assert judgement.verdict is Verdict.UNDETERMINED


HARD = {k: v[0] for k, v in kernel.WANTED.items()}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"kernel.randomize_va_space": "1"}, Verdict.FAIL),
        ({"net.ipv4.tcp_syncookies": "0"}, Verdict.FAIL),
        ({"net.ipv4.tcp_syncookies": "2"}, Verdict.PASS),
        ({"net.ipv4.ip_forward": "1"}, Verdict.PASS),
    ],
)
def test_hardening(changes: dict[str, str], verdict: Verdict) -> None:
    assert kernel.kernel_hardening.judge({**HARD, **changes}).verdict is verdict


_OWN = "net/{}/conf/eth0/{}".format


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        # on IPv4 the interface alone is enough unless it forwards; on IPv6 only it counts
        ({_OWN("ipv4", "accept_redirects"): "1"}, Verdict.FAIL),
        ({_OWN("ipv4", "accept_redirects"): "0"}, Verdict.PASS),
        ({_OWN("ipv4", "accept_redirects"): "1", _OWN("ipv4", "forwarding"): "1"}, Verdict.PASS),
        ({_OWN("ipv6", "accept_redirects"): "1"}, Verdict.FAIL),
        ({_OWN("ipv6", "accept_redirects"): "1", _OWN("ipv6", "forwarding"): "1"}, Verdict.PASS),
        ({"net/ipv6/conf/lo/accept_redirects": "1"}, Verdict.PASS),
        ({"net/ipv6/conf/default/accept_redirects": "1"}, Verdict.PASS),
        # without IPv6 its settings are no matter
        ({_OWN("ipv6", "accept_redirects"): "1", _OWN("ipv6", "disable_ipv6"): "1",
          "net.ipv6.conf.all.accept_redirects": "1"}, Verdict.PASS),
    ],
)  # fmt: skip
def test_redirects_are_judged_by_interface(changes: dict[str, str], verdict: Verdict) -> None:
    values = {**HARD, "net.ipv6.conf.all.disable_ipv6": "0", **changes}
    assert kernel.kernel_hardening.judge(values).verdict is verdict


def test_a_setting_that_the_kernel_does_not_tell_is_no_pass() -> None:
    values = {k: v for k, v in HARD.items() if k != "net.ipv4.tcp_syncookies"}
    assert kernel.kernel_hardening.judge(values).verdict is Verdict.UNDETERMINED


def test_interfaces_with_dots_in_their_names(answer: Make) -> None:
    text = "0 kernel.randomize_va_space 2\n= net/ipv4/conf/eth0.7/accept_redirects 1\n"
    values = kernel.parse_sysctl(answer(text))
    assert values["net/ipv4/conf/eth0.7/accept_redirects"] == "1"


@pytest.mark.parametrize(
    ("suid", "pattern", "verdict"),
    [
        ("0", "|/bin/false", Verdict.PASS),
        ("0", "core", Verdict.UNDETERMINED),
        ("0", "|/usr/lib/systemd/systemd-coredump %P", Verdict.UNDETERMINED),
        ("1", "|/bin/false", Verdict.FAIL),
        ("2", "core", Verdict.FAIL),
        (None, "core", Verdict.UNDETERMINED),
    ],
)
def test_core_dumps(suid: str | None, pattern: str, verdict: Verdict) -> None:
    values = {"kernel.core_pattern": pattern} | ({} if suid is None else {"fs.suid_dumpable": suid})
    assert residual.core_dumps.judge(values).verdict is verdict
