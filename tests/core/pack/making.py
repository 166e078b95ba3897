"""Small real runs, made through the store as a collector makes them, and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from audit_core.model import (
    Command,
    Conclusion,
    Coverage,
    Finding,
    Message,
    Observation,
    Reply,
    Result,
    SessionInfo,
    Severity,
    Status,
    StepResult,
    StepState,
    Target,
    Verdict,
    msg,
    observation_digest,
)
from audit_core.model.results import Evidence, PackSource, RunStamp
from audit_core.pack.writer import Packed
from audit_core.store.bundles import Stamp
from audit_core.store.runs import RUN_SCHEMA, Run, RunFile, Store
from core.whole import Whole

Pack = Callable[..., Packed]
RUN_ID = "20261123T101500Z-00c0de"
NASTY = b"\x1b[2J\r\n=cmd|'/C calc'!A0 ../../etc/passwd \xff\xfe\x00"


def _target(name: str) -> Target:
    return Target(id=name, kind="host", object_type="server", address="192.0.2.1")


def _reply(argv: tuple[str, ...], out: bytes, err: bytes, status: Status) -> Reply:
    return Reply(
        request=Command(argv=argv),
        status=status,
        exit_code=0 if status is Status.ANSWERED else None,
        stdout=out,
        stderr=err,
    )


STAMP = Stamp(
    round=1,
    started="2026-11-23T10:15:01Z",
    ended="2026-11-23T10:15:02Z",
    how=SessionInfo(connector="invented"),
)
REPLIES = (
    _reply(("/usr/sbin/sshd", "-T"), b"permitrootlogin no\n" * 40, b"", Status.ANSWERED),
    _reply(("cat", "../../../etc/passwd"), NASTY, b"cat: no\n", Status.ANSWERED),
    _reply(("true",), b"", b"", Status.ANSWERED),
    _reply(("yes",), b"y\n" * 100_000, b"", Status.ANSWERED),
    _reply(("sleep", "99"), b"", b"", Status.TIMED_OUT),
)


def collect(
    store: Store, id: str, targets: Iterable[str] = ("web1", "../db 2")
) -> list[Observation]:
    """A run of `targets` in `store`, not sealed yet, and everything observed."""
    names = tuple(targets)
    run = store.create(
        RunFile(
            schema=RUN_SCHEMA,
            id=id,
            started="2026-11-23T10:15:00Z",
            profile="gbt22239-l3",
            profile_sha256="1" * 64,
            inventory_sha256="2" * 64,
            dengbao="0.1.0",
            plugins={"linux": "0.1.0"},
            targets=tuple(map(_target, names)),
        )
    )
    seen = []
    for name in names:
        writer = run.writer(name)
        seen += [writer.add(name, reply, STAMP) for reply in REPLIES]
        writer.round_done(1, name, "invented")
        writer.finish()
    return seen


def _evidence(o: Observation) -> Evidence:
    return Evidence(
        digest=observation_digest(o),
        target=o.target,
        kind=o.evidence_kind,
        asked=o.asked,
        privilege=o.privilege,
        status=o.status,
        exit_code=o.exit_code,
        started=o.started,
        ended=o.ended,
        how=o.how,
        detail=o.detail,
        truncated=o.truncated,
        redactions=o.redactions,
        stdout_sha256=o.stdout_sha256,
        stderr_sha256=o.stderr_sha256,
        stdout_size=o.stdout_size,
        stderr_size=o.stderr_size,
    )


def results_of(run: Run, seen: list[Observation]) -> Whole:
    """Results with one finding and one conclusion for each observation."""
    seal = run.seal
    findings = tuple(
        Finding(
            id=f"ssh.root-login@{number}",
            check="ssh.root-login",
            check_version=1,
            target=o.target,
            verdict=Verdict.FAIL,
            severity=Severity.HIGH,
            why="",
            detail=(msg("PermitRootLogin is {value}", value="yes"),),
            expected=None,
            evidence=(observation_digest(o),),
        )
        for number, o in enumerate(seen)
    )
    conclusions = tuple(
        Conclusion(
            catalog="gbt22239-2019",
            clause="8.1.4.1a",
            unit="L3-CES1-01",
            target=f.target,
            conclusion=Result.NONCONFORMING,
            coverage=Coverage.PARTIAL,
            range=(Result.NONCONFORMING,),
            steps=(StepResult(number=1, state=StepState.DENIED, findings=(f.id,)),),
            findings=(f.id,),
        )
        for f in findings
    )
    stamp = RunStamp(
        id=run.id,
        started="2026-11-23T10:15:00Z",
        ended="2026-11-23T10:16:00Z",
        profile="gbt22239-l3",
        dengbao="0.1.0",
        plugins={"linux": "0.1.0"},
        policy={"gbt22239-2019": "3" * 64},
        sealed=seal is not None,
        bundles=seal.bundles if seal is not None else {},
    )
    return Whole(
        run=stamp,
        title="三级",
        title_en="Level 3",
        targets=run.file.targets or tuple(_target(o.target) for o in seen),
        clauses=(),
        checks=(),
        findings=findings,
        conclusions=conclusions,
        observations=tuple(map(_evidence, seen)),
    )


def listing(source: PackSource, folder: Path) -> Iterable[Path]:
    """An exporter that writes down what it was given."""
    path = folder / "workbook.txt"
    lines = [source.root_digest, source.lang, source.say(Message(id="{a}", args={"a": 1}))]
    for object in ("", *(entry.object for entry in source.results.entries)):
        lines += [f"{n} {sorted(v.items())}" for n, v in source.digests(object)]
    for number, seen in enumerate(source.results.observations, 1):
        lines += [source.evidence_path(number, seen), str(seen.stdout_size)]
    path.write_text("\n".join(lines), "utf-8")
    return [path]
