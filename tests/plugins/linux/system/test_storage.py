"""Block devices, encryption of data and of swap."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from msgspec import structs

from audit_core.api.testkit import whole
from audit_core.model import (
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Target,
    Verdict,
)
from audit_linux.system import storage

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeAll = Callable[..., Answers]
MakeTarget = Callable[..., Target]


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
    reported = structs.replace(answer(_df(**places)), target=host)
    judgement = storage.data_encrypted.judge(
        whole(storage.parse_places(reported)), whole(storage.parse_lsblk(answer(LSBLK)))
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
