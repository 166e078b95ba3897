"""Peak memory and time of writing the workbook for 500 hosts × 211 items.

    python benchmarks/pack_500.py [HOSTS]

The results are invented: every host concludes all 211 general items of level 3, rests on 60
findings and 60 observations, which is more than a real host does. Peak memory is that of the
whole process (ru_maxrss), the results included. The limit is 500 MB.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from audit_core.model import (
    Conclusion,
    Coverage,
    Finding,
    Result,
    Severity,
    Target,
    Verdict,
    english,
    msg,
)
from audit_core.model.results import (
    SCHEMA,
    CheckInfo,
    Clause,
    Evidence,
    PackSource,
    Results,
    RunStamp,
)
from audit_excel import dengbao_exporters

LIMIT_MB = 500
ITEMS, CHECKS = 211, 60
_RESULTS = (
    Result.CONFORMING, Result.PARTLY_CONFORMING, Result.NONCONFORMING, Result.NOT_ASSESSED,
    Result.NOT_ASSESSED,
)  # fmt: skip


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
        started="2026-11-23T08:00:00Z", ended="2026-11-23T08:00:01Z", detail="", truncated=False,
        how="ssh audit@192.0.2.10, host key SHA256:abc", redactions=(), stdout_sha256=sha,
        stderr_sha256=sha, stdout_size=2048, stderr_size=0,
    )  # fmt: skip


def _finding(host: str, n: int, evidence: Evidence) -> Finding:
    failed = n % 4 == 0
    return Finding(
        id=f"check.{n}@{host}", check=f"check.{n}", check_version=1, target=host,
        verdict=Verdict.FAIL if failed else Verdict.PASS, severity=Severity.MEDIUM, why="",
        said=(msg("PermitRootLogin is {value}, seen on {host}", value=f"yes{n}", host=host),),
        expected=msg("one of {allowed}", allowed=("no", "prohibit-password")),
        evidence=(evidence.digest,), params={"allowed": ["no"]},
        remedy=msg("Set PermitRootLogin to no and reload sshd"),
    )  # fmt: skip


def _conclusion(clause: Clause, host: str, n: int) -> Conclusion:
    result = _RESULTS[n % len(_RESULTS)]
    open_ = result is Result.NOT_ASSESSED
    missing = (msg("interview on item {item} of {host}", item=clause.id, host=host),)
    return Conclusion(
        catalog=clause.catalog, clause=clause.id, unit=clause.unit, target=host,
        conclusion=result, coverage=Coverage.PARTIAL,
        findings=() if open_ else (f"check.{n % CHECKS}@{host}", f"check.{n * 7 % CHECKS}@{host}"),
        missing=missing if open_ else (),
    )  # fmt: skip


def results(hosts: int) -> Results:
    """Invented results of `hosts` hosts."""
    ids = [f"web{n:04d}.example.internal" for n in range(hosts)]
    clauses = _clauses()
    observed = tuple(_observation(id, n) for id in ids for n in range(CHECKS))
    found = tuple(
        _finding(id, n, observed[at * CHECKS + n])
        for at, id in enumerate(ids)
        for n in range(CHECKS)
    )
    run = RunStamp(
        id="20261123T080000Z-7f3a", started="2026-11-23T08:00:00Z", ended="2026-11-23T09:00:00Z",
        profile="gbt22239-l3", dengbao="0", plugins={}, policy={}, complete=True, bundles={},
    )  # fmt: skip
    return Results(
        schema=SCHEMA, run=run, title="五百台主机", title_en="Five hundred hosts",
        targets=tuple(
            Target(id=id, kind="host", object_type="server", address="192.0.2.1")
            for id in ids
        ),
        clauses=clauses,
        checks=tuple(
            CheckInfo(id=f"check.{n}", title=msg("Check {n}", n=n), severity="medium", version=1)
            for n in range(CHECKS)
        ),
        findings=found,
        conclusions=tuple(_conclusion(c, id, n) for id in ids for n, c in enumerate(clauses)),
        observations=observed,
    )  # fmt: skip


def _source(of: Results) -> PackSource:
    return PackSource(
        of, lang="zh", blob=lambda _sha: b"", say=english, root_digest="sha256:0",
        evidence_path=lambda digest: f"evidence/{digest[7:]}.txt", digests={},
    )  # fmt: skip


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lines(hosts: int) -> Iterator[str]:
    source = _source(results(hosts))
    yield f"hosts {hosts}  items {ITEMS}  results in memory {_peak_mb():.0f} MB"
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        (exporter,) = dengbao_exporters()
        (path,) = exporter.write(source, Path(folder))
        size = path.stat().st_size / (1 << 20)
    took = time.monotonic() - started
    peak = f"peak {_peak_mb():.0f} MB (limit {LIMIT_MB} MB)"
    yield f"workbook {size:.1f} MB  took {took:.0f} s  {peak}"


def main() -> int:
    """0 if the peak stays under the limit."""
    for line in _lines(int(sys.argv[1]) if len(sys.argv) > 1 else 500):
        print(line)
    return 0 if _peak_mb() < LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
