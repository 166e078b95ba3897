"""Results to pack. Invented: no host was asked; the clauses are those of the L3 catalog."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import audit_excel
import audit_profiles
from audit_core.model import (
    Command,
    Conclusion,
    Coverage,
    Finding,
    Message,
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
from audit_core.model.messages import render
from audit_core.model.results import (
    CheckInfo,
    Clause,
    Evidence,
    KindInfo,
    PackSource,
    RunStamp,
)
from audit_core.model.units import Step
from audit_core.policy import load_policy
from audit_core.text.translate import Translator
from core.pack.workbook import MakeSource, written
from core.whole import Whole, in_memory

_CATALOG = load_policy([Path(audit_profiles.__file__).parent]).catalog("gbt22239-2019")
_CLAUSES = Path(__file__).parent / "data" / "gbt22239-l3.csv"
_LAYERS = {
    "安全物理环境": ("Physical environment", "site"),
    "安全通信网络": ("Communication network", "lan"),
    "安全区域边界": ("Area boundary", "lan"),
    "安全计算环境": ("Computing environment", ""),
    "安全管理中心": ("Management centre", "lan"),
}
_HOSTS = ("web1", "db1", "app2")
_CHINESE = {
    "Host": "主机",
    "Root cannot log in over SSH with a password": "SSH 不允许 root 用口令登录",
    "Passwords have a minimum length": "口令有最小长度要求",
    "Login is locked after failures": "登录失败后锁定",
    "auditd is running": "审计服务在运行",
    "Telnet is not installed": "未安装 telnet 服务",
    "TLS offers no weak protocol": "TLS 不提供弱协议",
    "PermitRootLogin is {value}": "PermitRootLogin 为 {value}",
    "one of {allowed}": "{allowed} 之一",
    "minlen is {value}, {classes} character classes are required": (
        "口令最小长度={value}，要求 {classes} 类字符"
    ),
    "at least {value}": "不小于 {value}",
    "sudo: a password is required": "sudo 需要口令，未获授权",
    "auditd is active, {rules} rules are loaded": "auditd 运行中，已加载 {rules} 条规则",
    "no telnet server is installed": "未安装 telnet 服务端",
    "the endpoint offers {protocols}": "该端点提供 {protocols}",
    "only TLS 1.2 and later": "仅 TLS 1.2 及以上",
    "Set PermitRootLogin to no in sshd_config and reload sshd": (
        "在 sshd_config 中将 PermitRootLogin 设为 no 并重新加载 sshd"
    ),
    "the checks cover only the operating system's own passwords": (
        "自动检查仅覆盖操作系统自身口令"
    ),
    "no personal information is kept on this host": "本机不存储个人信息",
}


_ASKED = Step(
    question="谁可以重置口令？", question_en="Who may reset a password?",
    bring="重置记录", bring_en="The record of resets",
)  # fmt: skip


def _clauses() -> tuple[Clause, ...]:
    with _CLAUSES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Clause(
            catalog="gbt22239-2019", id=r["id"], unit=r["unit"] or None, level=3, layer=r["layer"],
            layer_id=r["layer"], layer_en=_LAYERS.get(r["layer"], (r["layer"], ""))[0],
            control_point=r["control_point"], gist=r["gist"], attribute=r["attribute"],
            methods=tuple(r["methods"].split()), objects=r["objects"],
            high_risk_rule=r["high_risk_rule"], confidence=r["confidence"] or "recalled",
            steps=(_ASKED if r["id"] == "8.1.4.1a" else Step(),),
        )
        for r in rows
    )  # fmt: skip


def _targets() -> tuple[Target, ...]:
    hosts = [
        Target(
            id=id, kind="host", object_type="server", address=f"192.0.2.{n}",
            zone="DMZ", business_system="网上银行", owner="张三",
            settings={"rpo_hours": 24, "allowed_ports": [22, 443]},
        )
        for n, id in enumerate(_HOSTS, 10)
    ]  # fmt: skip
    part = Target(id="web1/tls:443", kind="endpoint", object_type="application",
                  parent="web1", address="192.0.2.10:443")  # fmt: skip
    others = [
        Target(id="site", kind="site", object_type="site"),
        Target(id="lan", kind="network", object_type="network"),
        Target(id="org", kind="organisation", object_type="organisation"),
    ]
    return (*hosts, part, *others)


_HOW = SessionInfo(connector="ssh", user="audit", address="192.0.2.10:22", identity="SHA256:abc")


def _observation(target: str, number: int) -> Evidence:
    sha = hashlib.sha256(f"{target} {number}".encode()).hexdigest()
    return Evidence(
        digest=f"sha256:{hashlib.sha256(sha.encode()).hexdigest()}", target=target,
        kind="command", asked=f"/usr/sbin/sshd -T -C user=u{number}", privilege="root",
        status="answered", exit_code=0, started="2026-11-23T08:00:00Z",
        ended="2026-11-23T08:00:01Z", how=_HOW, detail=None,
        truncated=False, redactions=(), stdout_sha256=sha, stderr_sha256=sha, stdout_size=2048,
        stderr_size=0,
    )  # fmt: skip


def _finding(check: str, target: str, verdict: Verdict, *detail: Message, **more: Any) -> Finding:
    return Finding(
        id=f"{check}@{target}", check=check, check_version=1, target=target, verdict=verdict,
        severity=more.pop("severity", Severity.MEDIUM), why=more.pop("why", ""), detail=detail,
        expected=more.pop("expected", None), evidence=more.pop("evidence", ()), **more,
    )  # fmt: skip


def _findings_of(host: str, evidence: list[Evidence]) -> list[Finding]:
    digest = [o.digest for o in evidence if o.target == host]
    rooted = "yes" if host == "web1" else "no"
    root = Verdict.FAIL if rooted == "yes" else Verdict.PASS
    return [
        _finding("ssh.root-login", host, root, msg("PermitRootLogin is {value}", value=rooted),
                 expected=msg("one of {allowed}", allowed=("no", "prohibit-password")),
                 evidence=(digest[0],), looked_at=("sshd -T",), severity=Severity.HIGH,
                 params={"allowed": ["no"]},
                 remedy=msg("Set PermitRootLogin to no in sshd_config and reload sshd")),
        _finding("password.length", host, Verdict.PASS,
                 msg("minlen is {value}, {classes} character classes are required",
                     value=8, classes=3),
                 expected=msg("at least {value}", value=8), evidence=tuple(digest[1:3])),
        _finding("login.lockout", host, Verdict.UNDETERMINED, msg("sudo: a password is required"),
                 why="not_permitted", evidence=(digest[3],)),
        _finding("audit.running", host, Verdict.PASS,
                 msg("auditd is active, {rules} rules are loaded", rules=42),
                 evidence=(digest[2],)),
        _finding("telnet.absent", host, Verdict.NOT_APPLICABLE,
                 msg("no telnet server is installed"), evidence=(digest[4],)),
    ]  # fmt: skip


_TLS = _finding(
    "tls.protocols", "web1/tls:443", Verdict.FAIL,
    msg("the endpoint offers {protocols}", protocols=("TLSv1.0", "TLSv1.2")),
    expected=msg("only TLS 1.2 and later"), severity=Severity.MEDIUM,
)  # fmt: skip


_OPEN = StepResult(number=1, state=StepState.OPEN)
_WIDE = (Result.NONCONFORMING, Result.CONFORMING)


def _of_host(clause: Clause, host: str) -> Conclusion:
    def made(result: Result, *checks: str, **more: Any) -> Conclusion:
        ids = tuple(f"{check}@{host}" for check in checks)
        return Conclusion(
            catalog=clause.catalog, clause=clause.id, unit=clause.unit, target=host,
            conclusion=result, coverage=more.pop("coverage", Coverage.FULL),
            findings=ids + more.pop("extra", ()), **more,
        )  # fmt: skip

    match clause.id:
        case "8.1.4.1a":
            covers = msg("the checks cover only the operating system's own passwords")
            return made(Result.NOT_ASSESSED, "password.length", coverage=Coverage.PARTIAL,
                        why=(covers,), steps=(_OPEN,), range=_WIDE)  # fmt: skip
        case "8.1.4.1b":
            return made(Result.NOT_ASSESSED, "login.lockout")
        case "8.1.4.1c" if host == "web1":
            return made(Result.NONCONFORMING, "ssh.root-login", "telnet.absent",
                        extra=(_TLS.id,), severity=Severity.HIGH)  # fmt: skip
        case "8.1.4.1c":
            return made(Result.CONFORMING, "ssh.root-login", "telnet.absent")
        case "8.1.4.2b":
            partly = Result.PARTLY_CONFORMING if host == "web1" else Result.CONFORMING
            return made(partly, "ssh.root-login", coverage=Coverage.PARTIAL)
        case "8.1.4.3a":
            return made(Result.CONFORMING, "audit.running")
        case "8.1.4.11a":
            why = (msg("no personal information is kept on this host"),)
            return made(Result.NOT_APPLICABLE, why=why, coverage=Coverage.NONE)
    return made(Result.NOT_ASSESSED, coverage=Coverage.NONE)


def _conclusions(clauses: tuple[Clause, ...]) -> tuple[Conclusion, ...]:
    made = []
    for clause in clauses:
        object = _LAYERS.get(clause.layer, ("", "org"))[1]
        if not object:
            made += [_of_host(clause, host) for host in _HOSTS]
            continue
        made.append(
            Conclusion(catalog=clause.catalog, clause=clause.id, unit=clause.unit, target=object,
                       conclusion=Result.NOT_ASSESSED, coverage=Coverage.NONE, findings=())
        )  # fmt: skip
    return tuple(made)


def _checks() -> tuple[CheckInfo, ...]:
    titles = {
        "ssh.root-login": "Root cannot log in over SSH with a password",
        "password.length": "Passwords have a minimum length",
        "login.lockout": "Login is locked after failures",
        "audit.running": "auditd is running",
        "telnet.absent": "Telnet is not installed",
        "tls.protocols": "TLS offers no weak protocol",
    }
    return tuple(
        CheckInfo(id=id, title=msg(title), severity="medium", version=1)
        for id, title in titles.items()
    )


def _results() -> Whole:
    clauses = _clauses()
    evidence = [_observation(host, n) for host in _HOSTS for n in range(5)]
    findings = [f for host in _HOSTS for f in _findings_of(host, evidence)]
    findings.append(msgspec.structs.replace(_TLS, evidence=(evidence[0].digest,)))
    return Whole(
        run=RunStamp(
            id="20261123T080000Z-7f3a", started="2026-11-23T08:00:00Z",
            ended="2026-11-23T08:03:12Z", profile="gbt22239-l3", dengbao="0.1.0",
            plugins={"linux": "0.1.0", "tls": "0.1.0"},
            policy={"gbt22239-2019": hashlib.sha256(b"catalog").hexdigest()},
            sealed=True, bundles={},
        ),
        title="网上银行系统 等级保护自查（第三级）",
        title_en="Online banking, classified protection self-assessment (level 3)",
        targets=_targets(), clauses=clauses, checks=_checks(), findings=tuple(findings),
        conclusions=_conclusions(clauses), observations=tuple(evidence),
        kinds=(KindInfo(id="host", title=msg("Host")),),
        evidence_kinds=(KindInfo(id="command", title=Command.evidence_title),),
        object_types=_CATALOG.object_types,
        system_objects=_CATALOG.system_objects,
    )  # fmt: skip


def _sayer(lang: str) -> Callable[[Message], str]:
    if lang != "zh":
        return english
    locale = Path(audit_excel.__file__).parent / "locale"
    texts = Translator("zh", {"audit_excel": locale})

    def text(domain: str, id: str) -> str:
        return _CHINESE.get(id) or texts.text(id, domain or "audit_excel")

    return lambda message: render(message, text, sep="、")


def _path(number: int, seen: Evidence) -> str:
    return f"evidence/{seen.digest.removeprefix('sha256:')}.txt"


def _digest(kind: str, data: bytes) -> str:
    """SM3 is not in every OpenSSL: another 32 bytes do as well here."""
    return hashlib.new(kind if kind in hashlib.algorithms_available else "sha256", data).hexdigest()


def _source(results: Whole | None = None, lang: str = "zh", **more: Any) -> PackSource:
    digests = {
        f"{name}.json": {kind: _digest(kind, name.encode()) for kind in ("md5", "sha256", "sm3")}
        for name in ("results", "evidence/web1", "evidence/db1")
    }
    given: dict[str, Any] = {
        "lang": lang, "evidence_path": _path,
        "say": _sayer(lang),
        "root_digest": "sha256:" + hashlib.sha256(b"root").hexdigest(),
        "digests": lambda object: () if object else digests.items(),
        "files": len(digests),
    }  # fmt: skip
    return PackSource(in_memory(results or _results()), **(given | more))


@pytest.fixture(scope="session")
def make_source() -> MakeSource:
    """Makes a source from results (a small system by default) in a language."""
    return _source


@pytest.fixture(scope="session")
def small_results() -> Whole:
    """Three hosts, one with a TLS part, against all 211 general items of level 3."""
    return _results()


@pytest.fixture(scope="session", params=["zh", "en"])
def lang(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def source(make_source: MakeSource, lang: str) -> PackSource:
    return make_source(lang=lang)


@pytest.fixture(scope="session")
def book(source: PackSource, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return written(source, tmp_path_factory.mktemp("book"))
