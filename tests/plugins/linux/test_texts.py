"""Lists in messages are translated to Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import structs

import audit_linux
from audit_core.model import Judgement, Target
from audit_core.text.translate import Translator
from audit_linux.logs.audit_rules import audit_rules
from audit_linux.network.firewall import firewall_input
from audit_linux.network.netfilter_model import Chain
from audit_linux.system.intrusion import Baseline, file_integrity

PACKAGE = Path(str(audit_linux.__file__)).parent
LOCALE = PACKAGE / "locale"


def _in_chinese(judgement: Judgement) -> str:
    assert judgement.expected is not None
    say = Translator("zh", {"audit_linux": LOCALE}).say
    return "；".join(map(say, (*judgement.detail, judgement.expected)))


def test_what_is_audited_is_told_in_chinese() -> None:
    detail = _in_chinese(audit_rules.judge(()))
    for topic in (
        "账户变更（identity）",
        "特权使用（privilege）",
        "时间修改（time）",
        "登录（logins）",
    ):
        assert detail.count(topic) == 2
    assert "审计规则 0 条" in detail


def test_the_age_of_a_database_is_shown_in_chinese() -> None:
    baseline = Baseline(now=30 * 86400, files=(("/var/lib/aide/aide.db", 86400),))
    detail = _in_chinese(file_integrity.judge((), baseline))
    assert "/var/lib/aide/aide.db：最近更新距采集 29 天" in detail


def test_packet_filter_chains_are_told_in_chinese() -> None:
    open_ = Chain(tool="nft", family="inet", table="a", name="in", hook="input", policy="accept")
    shut = structs.replace(open_, name="shut", policy="drop")
    target = Target(id="a", kind="host", object_type="server")
    rules: Any = ((open_, shut), None, None, {}, (), (), (), (), ())
    detail = _in_chinese(firewall_input.judge(*rules, target, None, ()))
    assert (
        "nft inet a in：放行（accept），规则 0 条、nft inet a shut：丢弃（drop），规则 0 条"
        in detail
    )
    assert "“" not in detail
