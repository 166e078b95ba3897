"""Our own words among the values of a finding are translated, others quoted."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

import audit_tls
from audit_core.model import Judgement
from audit_core.text.translate import Translator
from audit_tls.certificate_checks import key_strength, signature_hash
from audit_tls.certificate_parser import Certificate, read_certificate
from audit_tls.certificates import Certificates
from audit_tls.endpoint import Endpoint, parse_endpoint
from audit_tls.suites import TLS12
from invented.tls import DER, GOOD, attempt, hello, report

SAY = Translator("zh", {"audit_tls": Path(audit_tls.__file__).parent / "locale"}).say


def in_chinese(judgement: Judgement) -> str:
    return "；".join(map(SAY, judgement.detail))


def certificates(cert: Certificate) -> Certificates:
    return Certificates(server_name="", own=(cert,))


def test_groups_and_hashes_are_told_in_chinese() -> None:
    seen = parse_endpoint(report(attempt(TLS12, hello(TLS12, GOOD))))
    assert isinstance(seen, Endpoint)
    odd = replace(seen, groups=("explicit curve", "group 4711", "x25519"))
    cert = read_certificate(DER)
    detail = in_chinese(key_strength.judge(certificates(cert), odd))
    assert "自定义曲线、编号 4711 的群组" in detail
    detail = in_chinese(signature_hash.judge(certificates(replace(cert, hash="intrinsic"))))
    assert "签名算法自带的杂凑算法" in detail


def test_what_of_a_certificate_cannot_be_read_is_told_in_chinese() -> None:
    broken = read_certificate(DER[:40])
    detail = in_chinese(signature_hash.judge(certificates(broken)))
    assert "无法完整读取：证书：“" in detail
    assert "certificate:" not in detail
