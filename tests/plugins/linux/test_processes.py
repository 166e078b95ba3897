"""The list of processes, and which of them belong to the system."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answers, Command, ParseError, Reason
from audit_linux.processes import PROCESSES, Process, parse_processes, running

MakeAll = Callable[..., Answers]


def _process(name: str, uid: int = 0, pid: int = 7) -> Process:
    return Process(pid=pid, uid=uid, name=name)


# --- processes ----------------------------------------------------------------------------------


def test_processes_of_a_recording(recorded_answers: MakeAll) -> None:
    found = whole(parse_processes(recorded_answers("processes")))
    assert [(p.pid, p.uid, p.name) for p in found][:2] == [(1, 0, "sh"), (3, 103, "chronyd")]


# control groups as systemd 252 with docker 24, and runc of Kubernetes, name them
@pytest.mark.parametrize(
    ("group", "contained"),
    [
        ("0::/system.slice/docker-0123456789abcdef.scope", True),
        ("12:pids:/docker/0123456789abcdef", True),
        ("0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-01.scope", True),
        ("0::/machine.slice/libpod-01ab.scope/container", True),
        ("0::/lxc.payload.web/system.slice/ssh.service", True),
        ("0::/machine.slice/machine-web.scope/payload", True),
        ("0::/system.slice/docker.service", False),
        ("0::/system.slice/containerd.service", False),
        ("0::/system.slice/clamav-daemon.service", False),
        ("0::/", False),
    ],
)
def test_processes_in_containers_are_told_by_their_control_group(
    group: str, contained: bool, tmp_path: Path, answers: MakeAll
) -> None:
    ask = PROCESSES.providers[0].asks["contained"]
    assert isinstance(ask, Command)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(group + "\n")
    argv = [word.replace("/proc", str(tmp_path)) for word in ask.argv]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert done.returncode in ask.ok
    paths = done.stdout.decode().replace(str(tmp_path), "/proc")
    found = whole(parse_processes(answers(ps="1 0 init\n7 0 clamd\n", contained=paths)))
    assert [p.contained for p in found] == [False, contained]
    assert bool(running(found, ("clamd",))) is not contained


def test_in_a_container_its_own_processes_count(answers: MakeAll) -> None:
    paths = "/proc/1/cgroup\n/proc/7/cgroup\n"
    found = whole(parse_processes(answers(ps="1 0 init\n7 0 clamd\n", contained=paths)))
    assert running(found, ("clamd",)) != ()


def test_a_hidden_process_1_is_not_permitted(answers: MakeAll) -> None:
    absent = parse_processes(answers(ps="  900  1000 bash\n  901  1000 ps\n", contained=""))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PERMITTED


@pytest.mark.parametrize("text", ["", "one two three\n", "1\n", "PID UID COMMAND\n"])
def test_what_is_no_list_of_processes_is_refused(text: str, answers: MakeAll) -> None:
    with pytest.raises(ParseError):
        parse_processes(answers(ps=text, contained=""))


def test_zombies_and_people_s_processes_do_not_count(answers: MakeAll) -> None:
    reported = "1 0 init\n2 0 clamd <defunct>\n3 1000 clamd\n4 0 clamd helper\n5 65534 auditd\n"
    found = whole(parse_processes(answers(ps=reported, contained="")))
    assert running(found, ("clamd", "auditd")) == ()


def test_long_names_are_cut_like_the_kernel_cuts_them() -> None:
    assert running((_process("systemd-timesyn"),), ("systemd-timesyncd",))
