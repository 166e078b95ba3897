"""What looks like a secret is cut before it is stored; what decides a verdict is not."""

from __future__ import annotations

import pytest

from audit_core.store.redact import Redactor, redact

KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----\n"
TABLE = [
    (KEY, "private-key", b"AAAA"),
    (KEY.replace(b"-----END OPENSSH PRIVATE KEY-----\n", b""), "private-key", b"AAAA"),
    (b"root:$6$salt1234$abcdefghijklmnop:19000\n", "crypt-hash", b"abcdefgh"),
    (b"root:$y$j9T$salt$hash123456789:1\n", "crypt-hash", b"hash1234"),
    (b"db_password = hunter2\n", "assigned-secret", b"hunter2"),
    (b'{"api_key": "k-123456"}', "assigned-secret", b"k-123456"),
    (b"--password=hunter2 -v", "assigned-secret", b"hunter2"),
    (b"deb https://bob:s3cret@repo.example/ x", "url-credential", b"s3cret"),
    (b"Authorization: Bearer abcdef123456", "bearer", b"abcdef123456"),
    (b"id LTAIabcdefghijkl1234", "access-key", b"abcdefghijkl"),
]


@pytest.mark.parametrize(("data", "rule", "secret"), TABLE)
def test_secrets_are_cut_and_the_rule_is_told(data: bytes, rule: str, secret: bytes) -> None:
    got = redact(data)
    assert secret not in got.data
    assert rule in got.rules


@pytest.mark.parametrize(
    "data",
    [
        b"passwordauthentication no\npermitemptypasswords no\n",
        b"passwd:         files systemd\n",
        b"PASS_MAX_DAYS\t90\nPASS_MIN_LEN 8\n",
        b"password requisite pam_pwquality.so retry=3 minlen=8\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"minlen = 8\ndcredit = -1\n",
    ],
)
def test_configuration_stays_as_it_is(data: bytes) -> None:
    assert redact(data).data == data


@pytest.mark.parametrize("name", [b"a/token=1.gz", b"x://u:p"])
def test_a_cut_ends_with_its_record(name: bytes) -> None:
    got = redact(b"1.5 f 10 644 " + name + b"\0" + b"2.5\0f\x00@b\0")
    assert got.data.endswith(b"\x002.5\0f\x00@b\0")


def test_known_secrets_go_wherever_they_stand() -> None:
    got = redact(b"prefix Tr0ub4dor&3 suffix", (b"Tr0ub4dor&3",))
    assert got.data == b"prefix [redacted:known-secret] suffix"
    assert got.rules == ("known-secret",)


def test_ten_megabytes_on_one_line_take_no_quadratic_time() -> None:
    assert redact(b"password" * 1_250_000).rules == ()
    assert redact(b"-----BEGIN PRIVATE KEY-----" * 100_000).rules == ("private-key",)


def test_a_text_that_was_clean_is_cut_once_its_secret_is_known() -> None:
    known: list[bytes] = []
    redactor = Redactor(lambda: tuple(known))
    assert redactor.text("as pl4inw0rd") == "as pl4inw0rd"
    known.append(b"pl4inw0rd")
    for _ in range(2):
        assert redactor.text("as pl4inw0rd") == "as [redacted:known-secret]"
