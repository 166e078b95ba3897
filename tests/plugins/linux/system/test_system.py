"""Packages, agents, trusted start, storage, kernel settings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from audit_core.api.sdk import msg
from audit_core.api.testkit import whole
from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Command,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    ParseError,
    Partial,
    Reason,
    Target,
    Verdict,
)
from audit_core.model.files import encode_files
from audit_linux.processes import Process
from audit_linux.system import (
    agents,
    intrusion,
    kernel,
    malware,
    packages,
    products,
    residual,
    storage,
    trust,  # fmt: skip
)
from audit_linux.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeAll = Callable[..., Answers]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


# --- packages -----------------------------------------------------------------------------------


def test_packages_of_a_recording(recorded: Read, target: MakeTarget) -> None:
    found = whole(packages.parse_dpkg(recorded("packages")))
    assert {"dpkg", "gcc", "chrony"} <= found
    judgement = packages.needless_packages.judge(target(), found)
    assert judgement.verdict is Verdict.FAIL
    assert "gcc" in judgement.detail[0].args["found"]  # type: ignore[operator]


def test_removed_packages_are_not_installed(answer: Make) -> None:
    text = "ii \tbash\nrc \tgcc\nun \tnmap\niU \tftp\nhi \ttelnet\n"
    assert whole(packages.parse_dpkg(answer(text))) == {"bash", "ftp", "telnet"}


def test_rpm_names(answer: Make) -> None:
    # invented after `rpm -qa --qf` on RHEL 9
    text = "glibc\ngpg-pubkey\ngpg-pubkey\njava-17-openjdk-headless\n"
    assert whole(packages.parse_rpm(answer(text))) == {
        "glibc",
        "gpg-pubkey",
        "java-17-openjdk-headless",
    }


@pytest.mark.parametrize("text", ["", "bash\n", "ii \t../x y\n", "rc \tgcc\n"])
def test_what_dpkg_does_not_say_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        packages.parse_dpkg(answer(text))


@pytest.mark.parametrize("text", ["", "error: db is broken\n"])
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


_PLAIN = frozenset({"bash", "openssh-server"})


def _malware(host: Target, processes: tuple[Process, ...]) -> Judgement:
    return malware.malware_agent.judge(host, processes, _PLAIN, None)


def test_agents_are_known_by_their_names_cut_to_fifteen_bytes(
    subtests: Any, target: MakeTarget
) -> None:
    for product in products.PRODUCTS:
        for name in product.processes:
            with subtests.test(name):
                seen = (INIT, Process(pid=5, uid=0, name=name[:15]))
                setting = "malware_agents" if product.malware else "intrusion_agents"
                found = agents.judged(target(), seen, products.PRODUCTS, setting, _PLAIN, None)
                assert found.verdict is Verdict.PASS
                assert found.detail[0].args["products"] == (product.name,)


def test_what_looks_like_an_agent_is_told_and_does_not_fail(
    subtests: Any, target: MakeTarget
) -> None:
    units = Units(active=frozenset({"ssh.service"}), enabled=frozenset())
    known = Units(active=frozenset(), enabled=frozenset({"falcon-sensor.service"}))
    closed = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    # (process, packages, units) -> verdict
    cases: list[tuple[str, Any, Any, Verdict]] = [
        ("bash", _PLAIN, units, Verdict.FAIL),
        ("ssh-agent", _PLAIN, units, Verdict.FAIL),
        ("qemu-guest-agen", _PLAIN, units, Verdict.FAIL),
        ("acme-edr", _PLAIN, units, Verdict.UNDETERMINED),
        ("NewProtectSvc", _PLAIN, units, Verdict.UNDETERMINED),
        ("bash", frozenset({"efs"}), units, Verdict.UNDETERMINED),
        ("bash", _PLAIN, known, Verdict.UNDETERMINED),
        ("bash", closed, units, Verdict.UNDETERMINED),
        ("bash", _PLAIN, closed, Verdict.UNDETERMINED),
    ]
    for name, packages_, booted, verdict in cases:
        with subtests.test(f"{name} {booted}"):
            seen = (INIT, Process(pid=5, uid=0, name=name))
            judged = malware.malware_agent.judge(target(), seen, packages_, booted)
            assert judged.verdict is verdict
            signed = malware.malware_signatures.judge(target(), seen, packages_, booted, None)
            assert signed.verdict is verdict


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
    judgement = _malware(target(malware_agents=declared), processes)
    assert judgement.verdict is verdict
    told = [part.args.get("processes") for part in judgement.detail]
    assert verdict is Verdict.FAIL or (f"{name} (pid 5, uid {uid})",) in told


def test_an_agent_in_a_container_does_not_guard_the_host(target: MakeTarget) -> None:
    processes = (INIT, Process(pid=5, uid=0, name="clamd", contained=True))
    judgement = _malware(target(), processes)
    assert judgement.verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("wazuh-agentd", Verdict.PASS), ("clamd", Verdict.FAIL), ("hids", Verdict.PASS)],
)
def test_intrusion_agent(name: str, verdict: Verdict, target: MakeTarget) -> None:
    processes = (INIT, Process(pid=5, uid=0, name=name))
    host = target(intrusion_agents=["hids"])
    assert intrusion.intrusion_agent.judge(host, processes, _PLAIN, None).verdict is verdict


HEADER = "ClamAV-VDB:{} 2026 08-24 +0000:27500:2048123:90:0123456789abcdef:sig"
NOW = 1_795_434_704  # 2026-11-23T11:51:44Z


def _signatures(answers: MakeAll, *days: str) -> Any:
    paths = ("/var/lib/clamav/daily.cvd", "/var/lib/clamav/daily.cld")
    heads = "\n".join(
        f"==> {p} <==\n" + HEADER.format(d) for p, d in zip(paths, days, strict=False)
    )
    return malware.parse_signatures(answers(clock=f"{NOW}\n", heads=heads))


def test_signature_headers(answer: Make, answers: MakeAll) -> None:
    # invented after the header of daily.cvd, which ClamAV documents as 512 bytes of text
    found = _signatures(answers, "01 Nov", "22 Nov")
    assert found == malware.Signatures(version=27500, built=NOW - 98_864, now=NOW)
    detail = "head: cannot open '/var/lib/clamav/daily.cld' for reading: {}\n".format
    for why, reason in (("No such file or directory", Reason.NOT_PRESENT),
                        ("Permission denied", Reason.NOT_PERMITTED)):  # fmt: skip
        heads = answer("", detail(why).encode(), 1)
        absent = malware.parse_signatures(answers(clock=f"{NOW}\n", heads=heads))
        assert isinstance(absent, Absent)
        assert absent.reason is reason


@pytest.mark.parametrize("day", ["32 Nov", "01 Foo", "xx"])
def test_a_signature_header_with_no_date_is_refused(day: str, answers: MakeAll) -> None:
    with pytest.raises(ParseError):
        _signatures(answers, day)


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
    judgement = malware.malware_signatures.judge(target(), processes, _PLAIN, None, built)
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
def test_file_integrity(name: str, age: int | None, verdict: Verdict, answers: MakeAll) -> None:
    records = "" if age is None else f"{NOW - age * 86_400}.5 /var/lib/aide/aide.db\0"
    found = intrusion.parse_baseline(answers(clock=f"{NOW}\n", files=records))
    baseline = None if isinstance(found, Absent) else found
    processes = (INIT, Process(pid=9, uid=0, name=name[:15]))
    assert intrusion.file_integrity.judge(processes, baseline).verdict is verdict


def test_a_closed_folder_of_baselines_is_not_an_empty_one(answer: Make, answers: MakeAll) -> None:
    closed = answer("", b"find: '/var/lib/aide': Permission denied\n", 1)
    got = intrusion.parse_baseline(answers(clock=f"{NOW}\n", files=closed))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED


# --- trusted start ------------------------------------------------------------------------------


def test_a_container_is_started_by_its_host(recorded_answers: MakeAll) -> None:
    boot = trust.parse_boot(recorded_answers("boot-container"))
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE
    assert trust.measured_boot.judge(boot).verdict is Verdict.NOT_APPLICABLE


def test_a_machine_made_from_a_container_s_image_is_a_machine(recorded_answers: MakeAll) -> None:
    boot = trust.parse_boot(recorded_answers("boot-machine"))
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is Verdict.FAIL


VARIABLES = "/sys/firmware/efi/efivars"
GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
SHIM = f"{VARIABLES}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
SECURE, SETUP = f"{VARIABLES}/SecureBoot-{GUID}", f"{VARIABLES}/SetupMode-{GUID}"
UEFI = ("/sys/firmware/efi", VARIABLES, SECURE)
TPM = "/sys/class/tpm/tpm0"


def _boot(
    answers: MakeAll,
    values: dict[str, bytes],
    places: tuple[str, ...] = (*UEFI, TPM),
    ima: str = " ima_policy=tcb\n",
) -> trust.Boot | Absent:
    """`values` are the bytes of EFI variables after their attributes, and of other files."""
    attributes = {True: b"\6\0\0\0", False: b""}
    entries = [
        FileEntry(path=p, status=FileStatus.READ, data=attributes[p.startswith(VARIABLES)] + data)
        for p, data in values.items()
    ]
    found = "".join(f"9 {place}\0" for place in places)
    return trust.parse_boot(answers(files=encode_files(entries), places=found, ima=ima))


ON = {SECURE: b"\1", SETUP: b"\0", f"{TPM}/tpm_version_major": b"2\n"}


@pytest.mark.parametrize(
    ("given", "secure", "measured"),
    [
        ({}, Verdict.PASS, Verdict.PASS),
        ({"values": {**ON, SECURE: b"\0"}}, Verdict.FAIL, Verdict.PASS),
        ({"values": {**ON, SETUP: b"\1"}}, Verdict.FAIL, Verdict.PASS),
        ({"values": {}, "places": (TPM,)}, Verdict.FAIL, Verdict.PASS),
        ({"places": UEFI}, Verdict.PASS, Verdict.FAIL),
        ({"ima": ""}, Verdict.PASS, Verdict.FAIL),
        ({"ima": " ima_hash=sha256\n"}, Verdict.PASS, Verdict.FAIL),
        ({"ima": " ima_appraise=off\n"}, Verdict.PASS, Verdict.FAIL),
        ({"values": {**ON, SHIM: b"\1"}}, Verdict.FAIL, Verdict.PASS),
        ({"ima": "", "places": (*UEFI, TPM, "/etc/ima/ima-policy")}, Verdict.PASS,
         Verdict.UNDETERMINED),
        ({"ima": "", "places": (*UEFI, "/etc/ima/ima-policy")}, Verdict.PASS, Verdict.FAIL),
    ],
)  # fmt: skip
def test_boot(given: dict[str, Any], secure: Verdict, measured: Verdict, answers: MakeAll) -> None:
    boot = _boot(answers, **{"values": ON, **given})
    assert isinstance(boot, trust.Boot)
    assert trust.secure_boot.judge(boot).verdict is secure
    assert trust.measured_boot.judge(boot).verdict is measured


def test_uefi_that_does_not_show_its_variables_is_not_permitted(answers: MakeAll) -> None:
    closed = encode_files([FileEntry(path=SECURE, status=FileStatus.NOT_PERMITTED)])
    places = "".join(f"9 {place}\0" for place in UEFI)
    for boot in (
        trust.parse_boot(answers(files=closed, places=places, ima="")),
        _boot(answers, {}, places=UEFI[:2]),
        _boot(answers, {}, places=UEFI[:1]),
    ):
        assert isinstance(boot, Absent)
        assert boot.reason is Reason.NOT_PERMITTED


def test_no_kernel_command_line_is_called_empty_that_was_searched_for_ima_only(
    recorded_answers: MakeAll,
) -> None:
    boot = trust.parse_boot(recorded_answers("boot-machine"))
    assert isinstance(boot, trust.Boot)
    detail = trust.measured_boot.judge(boot).detail[0]
    assert "IMA on the kernel command line: {ima}" in detail.id
    assert detail.args["ima"] == "-"


def test_what_does_not_tell_the_start_is_refused(answers: MakeAll) -> None:
    for values, places in (({SECURE: b""}, UEFI), ({SECURE: b"\2"}, UEFI), (ON, ("sys",))):
        with pytest.raises(ParseError):
            _boot(answers, values, places=places)


# --- storage ------------------------------------------------------------------------------------


def test_block_devices_of_a_recording(recorded: Read) -> None:
    mounts = whole(storage.parse_lsblk(recorded("lsblk")))
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
        whole(storage.parse_places(told)), whole(storage.parse_lsblk(answer(LSBLK)))
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
    found = whole(storage.parse_places(structs.replace(answer(done.stdout), target=host)))
    assert [p.path for p in found] == ["/", "/tmp", "/etc/hostname"]
    assert found[0].mounted == "/"
    with pytest.raises(ParseError):
        storage.parse_places(structs.replace(answer(done.stdout[:90]), target=host))


def test_a_raid_with_one_plain_leg_is_not_encrypted(answer: Make) -> None:
    leg = '{{"name": "{0}", "type": "{1}", "children": [{{"name": "md0", "mountpoint": "/d"}}]}}'
    text = f'{{"blockdevices": [{leg.format("a", "crypt")}, {leg.format("b", "disk")}]}}'
    assert [m.encrypted for m in whole(storage.parse_lsblk(answer(text)))] == [False]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"blockdevices": 1}', '{"blockdevices": [1]}',
                                  '{"blockdevices": [{"name": "a", "mountpoint": 7}]}',
                                  '{"blockdevices": [{"name": "a", "children": {}}]}'])  # fmt: skip
def test_what_is_no_tree_of_devices_is_refused(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        storage.parse_lsblk(answer(text))


SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
LINKS = "/dev/mapper/vg-swap\0../dm-2\0/dev/loop\0loop\0"
DEVICES = {"/sys/class/block/dm-1/dm/uuid": "CRYPT-PLAIN-swap\n",
           "/sys/class/block/dm-2/dm/uuid": "LVM-abcdef\n",
           "/sys/class/block/zram0/backing_dev": "none\n",
           "/sys/class/block/zram1/backing_dev": "/dev/sda4\n"}  # fmt: skip


def _swaps(files: Make, answers: MakeAll, *rows: str) -> tuple[storage.Swap, ...]:
    swaps = SWAPS + "".join(f"{row}\t975868\t0\t-2\n" for row in rows)
    return whole(storage.parse_swaps(answers(swaps=swaps, links=LINKS, devices=files(DEVICES))))


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((), Verdict.NOT_APPLICABLE),
        (("/dev/dm-1   partition",), Verdict.PASS),
        (("/dev/zram0 partition",), Verdict.PASS),
        (("/dev/zram1 partition",), Verdict.FAIL),
        (("/dev/sda3 partition",), Verdict.FAIL),
        (("/dev/dm-2 partition",), Verdict.FAIL),
        (("/dev/loop partition",), Verdict.FAIL),
        (("/swapfile file",), Verdict.UNDETERMINED),
        (("/dev/zram0 partition", "/dev/sda3 partition"), Verdict.FAIL),
    ],
)
def test_swap(rows: tuple[str, ...], verdict: Verdict, files: Make, answers: MakeAll) -> None:
    swaps = _swaps(files, answers, *rows)
    assert storage.swap_encrypted.judge(swaps, ()).verdict is verdict


def test_what_is_no_list_of_swap_areas_is_refused(files: Make, answers: MakeAll) -> None:
    for row in ("swap partition", "/dev/sda3 disk", "/dev/sda3"):
        with pytest.raises(ParseError):
            _swaps(files, answers, row)
    with pytest.raises(ParseError):
        storage.parse_swaps(answers(swaps="", links="", devices=files({})))


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
    encrypted: tuple[bool, ...], verdict: Verdict, files: Make, answers: MakeAll
) -> None:
    swaps = _swaps(files, answers, "/dev/mapper/vg-swap partition")
    assert swaps[0].uuid == "LVM-abcdef"
    mounts = tuple(
        storage.Mount(device=f"vg-swap{i}", place="[SWAP]", encrypted=e)
        for i, e in enumerate(encrypted)
    )
    assert storage.swap_encrypted.judge(swaps, mounts).verdict is verdict


# --- kernel -------------------------------------------------------------------------------------


def test_settings_of_a_recording(recorded_answers: MakeAll) -> None:
    values = whole(kernel.parse_sysctl(recorded_answers("sysctl")))
    judgement = kernel.kernel_hardening.judge(values)
    assert judgement.verdict is Verdict.FAIL
    assert "fs.protected_symlinks = 0" in judgement.detail[0].args["wrong"]  # type: ignore[operator]


RANDOMISED = {"/proc/sys/kernel/randomize_va_space": "2\n"}


def test_settings_must_be_whole(files: Make, answers: MakeAll) -> None:
    every, own = files(RANDOMISED), "/proc/sys/net/ipv4/conf/eth0/forwarding:1\n"
    assert whole(kernel.parse_sysctl(answers(settings=every, interfaces=own))) == {
        "kernel.randomize_va_space": "2", "net/ipv4/conf/eth0/forwarding": "1",
    }  # fmt: skip
    for settings, interfaces in (
        (files({}), ""),
        (files({"/proc/sys/kernel/dmesg_restrict": "1\n"}), ""),
        (files({**RANDOMISED, "/proc/sys/a/b": "1\n"}), ""),
        (every, own + "net.ipv4.conf.eth0.forwarding = 1\n"),
    ):
        with pytest.raises(ParseError):
            kernel.parse_sysctl(answers(settings=settings, interfaces=interfaces))
    closed = files(RANDOMISED, not_permitted="/proc/sys/fs/protected_symlinks")
    part = kernel.parse_sysctl(answers(settings=closed, interfaces=own))
    assert isinstance(part, Partial)
    assert part.problems[0].args == {"keys": ("fs.protected_symlinks",)}
    assert part.value["kernel.randomize_va_space"] == "2"


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


def test_interfaces_with_dots_in_their_names(files: Make, answers: MakeAll) -> None:
    own = "/proc/sys/net/ipv4/conf/eth0.7/accept_redirects:1\n"
    values = whole(kernel.parse_sysctl(answers(settings=files(RANDOMISED), interfaces=own)))
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
