"""What these checks list in words of ours is listed in Chinese, beside the word of the policy."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

import audit_linux
from audit_core.model import Judgement, Kind, ObjectType, Target
from audit_core.text.translate import Translator
from audit_linux.system.audit_rules import audit_rules
from audit_linux.system.firewall import firewall_input
from audit_linux.system.intrusion import Baseline, file_integrity
from audit_linux.system.packets import Chain

LOCALE = Path(str(audit_linux.__file__)).parent / "locale"


def in_chinese(judgement: Judgement) -> str:
    assert judgement.expected is not None
    return "；".join(map(Translator("zh", [LOCALE]).say, (*judgement.said, judgement.expected)))


def test_what_is_audited_is_told_in_chinese() -> None:
    said = in_chinese(audit_rules.judge(()))
    for topic in (
        "账户变更（identity）",
        "特权使用（privilege）",
        "时间修改（time）",
        "登录（logins）",
    ):
        assert said.count(topic) == 2
    assert "审计规则 0 条" in said


def test_the_age_of_a_data_base_is_told_in_chinese() -> None:
    baseline = Baseline(now=30 * 86400, files=(("/var/lib/aide/aide.db", 86400),))
    said = in_chinese(file_integrity.judge((), baseline))
    assert "/var/lib/aide/aide.db：29 天前" in said


def test_packet_filter_chains_are_told_in_chinese() -> None:
    open_ = Chain(tool="nft", family="inet", table="a", name="in", hook="input", policy="accept")
    shut = structs.replace(open_, name="shut", policy="drop")
    target = Target(id="a", kind=Kind.HOST, object_type=ObjectType.SERVER)
    said = in_chinese(firewall_input.judge((open_, shut), None, None, {}, (), (), (), target))
    assert (
        "nft inet a in：放行（accept），规则 0 条、nft inet a shut：丢弃（drop），规则 0 条" in said
    )
    assert "“" not in said
