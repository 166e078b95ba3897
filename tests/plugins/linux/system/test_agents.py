"""Agents against malware and intrusion, and the integrity of files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit_core.api.sdk import msg
from audit_core.model import (
    Absent,
    Answer,
    Answers,
    Judgement,
    ParseError,
    Reason,
    Target,
    Verdict,
)
from audit_linux.processes import Process
from audit_linux.system import agents, intrusion, malware, products
from audit_linux.units import Units

Make = Callable[..., Answer]
MakeAll = Callable[..., Answers]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


_PLAIN = frozenset({"bash", "openssh-server"})


def _malware(host: Target, processes: tuple[Process, ...]) -> Judgement:
    return malware.malware_agent.judge(host, processes, _PLAIN, None, None)


def test_agents_are_known_by_their_names_cut_to_fifteen_bytes(
    subtests: Any, target: MakeTarget
) -> None:
    for product in products.PRODUCTS:
        for name in product.processes:
            with subtests.test(name):
                seen = (INIT, Process(pid=5, uid=0, name=name[:15]))
                setting = "malware_agents" if product.malware else "intrusion_agents"
                found = agents.judged(
                    target(), seen, products.PRODUCTS, setting, _PLAIN, None, None
                )
                assert found.verdict is Verdict.PASS
                assert found.detail[0].args["products"] == (product.name,)


def test_what_looks_like_an_agent_is_told_and_does_not_fail(
    subtests: Any, target: MakeTarget
) -> None:
    units = Units(active=frozenset({"ssh.service"}), enabled=frozenset())
    known = Units(active=frozenset(), enabled=frozenset({"falcon-sensor.service"}))
    closed = Absent(reason=Reason.NOT_PERMITTED, detail=msg("closed"))
    edr = frozenset({"/opt/CrowdStrike/falcond"})
    # (process, packages, units, programs) -> verdict
    cases: list[tuple[str, Any, Any, Any, Verdict]] = [
        ("bash", _PLAIN, units, None, Verdict.FAIL),
        ("ssh-agent", _PLAIN, units, None, Verdict.FAIL),
        ("qemu-guest-agen", _PLAIN, units, None, Verdict.FAIL),
        ("acme-edr", _PLAIN, units, None, Verdict.UNDETERMINED),
        ("NewProtectSvc", _PLAIN, units, None, Verdict.UNDETERMINED),
        ("bash", frozenset({"efs"}), units, None, Verdict.UNDETERMINED),
        ("bash", _PLAIN, known, None, Verdict.UNDETERMINED),
        ("bash", closed, units, None, Verdict.UNDETERMINED),
        ("bash", _PLAIN, closed, None, Verdict.UNDETERMINED),
        ("bash", _PLAIN, units, edr, Verdict.UNDETERMINED),
        ("bash", _PLAIN, units, closed, Verdict.UNDETERMINED),
    ]
    for name, packages_, booted, there, verdict in cases:
        with subtests.test(f"{name} {booted}"):
            seen = (INIT, Process(pid=5, uid=0, name=name))
            judged = malware.malware_agent.judge(target(), seen, packages_, booted, there)
            assert judged.verdict is verdict
            signed = malware.malware_signatures.judge(
                target(), seen, packages_, booted, there, None
            )
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
    reported = [part.args.get("processes") for part in judgement.detail]
    assert verdict is Verdict.FAIL or (f"{name} (pid 5, uid {uid})",) in reported


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
    assert intrusion.intrusion_agent.judge(host, processes, _PLAIN, None, None).verdict is verdict


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
    judgement = malware.malware_signatures.judge(target(), processes, _PLAIN, None, None, built)
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


def test_an_agent_of_the_other_kind_is_no_unknown_one(target: MakeTarget) -> None:
    runs = (Process(pid=1, uid=0, name="systemd"), Process(pid=7, uid=0, name="sitehids"))
    judge = malware.malware_agent.judge
    both = target(malware_agents=["siteav"], intrusion_agents=["sitehids"])
    assert judge(both, runs, frozenset(), None, None).verdict is Verdict.FAIL
    # It may be both where the site tells of no other.
    one = target(intrusion_agents=["sitehids"])
    assert judge(one, runs, frozenset(), None, None).verdict is Verdict.UNDETERMINED
