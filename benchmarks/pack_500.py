"""Peak memory and time of writing the workbook for 500 hosts × 211 items.

    python benchmarks/pack_500.py [HOSTS]

The results are invented: every host concludes all 211 general items of level 3, rests on 60
findings and 60 observations, which is more than a real host does. Peak memory is that of the
whole process (ru_maxrss). It should not grow with the number of hosts. The limit is 500 MB.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Result,
    SessionInfo,
    Severity,
    StepResult,
    StepState,
    Target,
    Verdict,
    english,
    msg,
)
from audit_core.model.results import (
    INDEX_SCHEMA,
    OBJECT_SCHEMA,
    CheckInfo,
    Clause,
    Evidence,
    ObjectEntry,
    ObjectResults,
    PackSource,
    Results,
    ResultsIndex,
    RunStamp,
)
from audit_core.store.results import ResultsFolder
from audit_excel import dengbao_exporters

LIMIT_MB = 500
ITEMS, CHECKS = 211, 60
_RESULTS = (
    Result.CONFORMING, Result.PARTLY_CONFORMING, Result.NONCONFORMING, Result.NOT_ASSESSED,
    Result.NOT_ASSESSED,
)  # fmt: skip


_HOW = SessionInfo(connector="ssh", user="audit", address="192.0.2.10:22")


def _clauses() -> tuple[Clause, ...]:
    layers = ("安全物理环境", "安全通信网络", "安全区域边界", "安全计算环境", "安全运维管理")
    return tuple(
        Clause(
            catalog="gbt22239-2019", id=f"8.1.{n // 45 + 1}.{n}a", unit=f"L3-CES1-{n:02d}",
            layer=layers[n // 45], control_point="身份鉴别", gist="对登录的用户进行身份标识和鉴别",
            methods=("examine", "test"), objects="服务器/终端/数据库管理系统",
        )
        for n in range(ITEMS)
    )  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _observation(host: str, n: int) -> Evidence:
    sha = _digest(f"{host} {n}")
    return Evidence(
        digest="sha256:" + _digest(sha), target=host, kind="command", privilege="root",
        asked=f"/usr/sbin/sshd -T -C user=u{n}", status="answered", exit_code=0,
        started="2026-11-23T08:00:00Z", ended="2026-11-23T08:00:01Z", detail=None, truncated=False,
        how=_HOW, redactions=(), stdout_sha256=sha,
        stderr_sha256=sha, stdout_size=2048, stderr_size=0,
    )  # fmt: skip


def _finding(host: str, n: int, evidence: Evidence) -> Finding:
    failed = n % 4 == 0
    return Finding(
        id=f"check.{n}@{host}", check=f"check.{n}", check_version=1, target=host,
        verdict=Verdict.FAIL if failed else Verdict.PASS, severity=Severity.MEDIUM, why="",
        detail=(msg("PermitRootLogin is {value}, seen on {host}", value=f"yes{n}", host=host),),
        expected=msg("one of {allowed}", allowed=("no", "prohibit-password")),
        evidence=(evidence.digest,), params={"allowed": ["no"]},
        remedy=msg("Set PermitRootLogin to no and reload sshd"),
    )  # fmt: skip


def _conclusion(clause: Clause, host: str, n: int) -> Conclusion:
    result = _RESULTS[n % len(_RESULTS)]
    open_ = result is Result.NOT_ASSESSED
    return Conclusion(
        catalog=clause.catalog, clause=clause.id, unit=clause.unit, target=host,
        conclusion=result, coverage=Coverage.PARTIAL,
        findings=() if open_ else (f"check.{n % CHECKS}@{host}", f"check.{n * 7 % CHECKS}@{host}"),
        steps=(StepResult(number=1, state=StepState.OPEN),) if open_ else (),
        range=(Result.NONCONFORMING, Result.CONFORMING) if open_ else (result,),
    )  # fmt: skip


def results(hosts: int, folder: Path) -> Results:
    """Invented results of `hosts` hosts, stored in `folder`."""
    clauses, stored = _clauses(), ResultsFolder(folder)
    stored.begin()
    ids = [f"web{n:04d}.example.internal" for n in range(hosts)]
    run = RunStamp(
        id="20261123T080000Z-7f3a", started="2026-11-23T08:00:00Z", ended="2026-11-23T09:00:00Z",
        profile="gbt22239-l3", dengbao="0", plugins={}, policy={}, sealed=True, bundles={},
    )  # fmt: skip
    index = ResultsIndex(
        schema=INDEX_SCHEMA, run=run, title="五百台主机", title_en="Five hundred hosts",
        targets=tuple(
            Target(id=id, kind="host", object_type="server", address="192.0.2.1") for id in ids
        ),
        clauses=clauses,
        checks=tuple(
            CheckInfo(id=f"check.{n}", title=msg("Check {n}", n=n), severity="medium", version=1)
            for n in range(CHECKS)
        ),
        objects=tuple(_entry(stored, _object(id, clauses)) for id in ids),
    )  # fmt: skip
    return stored.finish(index)


def _object(host: str, clauses: tuple[Clause, ...]) -> ObjectResults:
    observed = tuple(_observation(host, n) for n in range(CHECKS))
    return ObjectResults(
        schema=OBJECT_SCHEMA, object=host, observations=observed,
        findings=tuple(_finding(host, n, o) for n, o in enumerate(observed)),
        conclusions=tuple(_conclusion(c, host, n) for n, c in enumerate(clauses)),
    )  # fmt: skip


def _entry(stored: ResultsFolder, object: ObjectResults) -> ObjectEntry:
    sha256, size = stored.add(object)
    counts = Counter(c.conclusion.value for c in object.conclusions)
    return ObjectEntry(
        object=object.object, sha256=sha256, size=size, conclusions={"安全计算环境": dict(counts)},
        observations=len(object.observations),
    )  # fmt: skip


def _source(of: Results) -> PackSource:
    return PackSource(
        of, lang="zh", say=english, root_digest="sha256:0", files=0,
        evidence_path=lambda number, seen: f"evidence/{number}.txt", digests=lambda object: (),
    )  # fmt: skip


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lines(hosts: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        made = results(hosts, Path(name) / "results")
        yield f"hosts {hosts}  items {ITEMS}  peak before {_peak_mb():.0f} MB"
        started = time.monotonic()
        (exporter,) = dengbao_exporters()
        paths = list(exporter.write(_source(made), Path(name)))
        took = time.monotonic() - started
        size = sum(path.stat().st_size for path in paths) / (1 << 20)
    peak = f"peak {_peak_mb():.0f} MB (limit {LIMIT_MB} MB)"
    yield f"workbooks {len(paths)}, {size:.1f} MB  took {took:.0f} s  {peak}"


def main() -> int:
    """0 if the peak stays under the limit."""
    for line in _lines(int(sys.argv[1]) if len(sys.argv) > 1 else 500):
        print(line)
    return 0 if _peak_mb() < LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
