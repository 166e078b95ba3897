"""What one value is, and how often numbers that mean nothing are taken for sensitive data."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid

from audit_data.certainty import Certainty, certainty
from audit_database.data import passwords
from audit_database.data.answer import Column
from audit_database.data.counting import Counter
from audit_database.data.identify import Data, Look, look_at
from audit_database.data.names import held_by, is_log
from audit_database.data.pairs import named_values
from live import customers

ID, CARD = "11010519491231002X", "6222021234567890128"  # of GB 11643, and made up


def kinds(value: object) -> set[Data]:
    return {hit.kind for hit in look_at(value).hits}


def test_values_in_clear() -> None:
    found = {
        ID: {Data.ID_CARD}, ID.lower(): {Data.ID_CARD}, "110105194912310021": set(),
        "4111111111111111": {Data.BANK_CARD}, "4111 1111 1111 1111": {Data.BANK_CARD},
        "4111111111111112": set(), "411111111111111": set(),
        "13800138000": {Data.PHONE}, "+86 138-0013-8000": {Data.PHONE}, "12800138000": set(),
        "王小明": {Data.NAME}, "欧阳修": {Data.NAME}, "王先生": set(), "王*明": set(),
        "中国": set(),
        "zhang.san@bank.example.cn": {Data.EMAIL},
        "北京市朝阳区建国路88号": {Data.ADDRESS}, "朝阳区分行": set(),
        "91350100M000100Y43": {Data.CREDIT_CODE}, "91350100M000100Y44": set(),
        ";4111111111111111=25121011000012345678?": {Data.TRACK, Data.BANK_CARD},
        f"用户 {ID} 手机13800138000 登录": {Data.ID_CARD, Data.PHONE},
        f'{{"id":"{ID}"}}': {Data.ID_CARD}, int("4111111111111111"): {Data.BANK_CARD},
        # written otherwise is not encrypted
        base64.b64encode(ID.encode()).decode(): {Data.ID_CARD}, ID.encode().hex(): {Data.ID_CARD},
        ID.encode(): {Data.ID_CARD}, "北京市朝阳区建国路88号".encode("gb2312"): {Data.ADDRESS},
        # numbers as floats, in wide digits, in groups inside of a text
        4.111111111111111e15: {Data.BANK_CARD}, "4.111111111111111e+15": {Data.BANK_CARD},
        "4111111111111111.00": {Data.BANK_CARD},
        "１１０１０５１９４９１２３１００２Ｘ": {Data.ID_CARD},
        "pan 4111 1111 1111 1111 ok": {Data.BANK_CARD}, "call 138-0013-8000": {Data.PHONE},
        "110105 19491231 002X": {Data.ID_CARD},
        "王珺，11010519491231002X".encode("gbk"): {Data.ID_CARD},
        ID.encode("utf-16-le"): {Data.ID_CARD},
        "user@1000.service": set(), "a@b.socketlabs.com": {Data.EMAIL},
        # in other numbers
        f"0.{CARD}": set(), f"{CARD}.50": set(), f"a{CARD}f": set(), f"1{CARD}": set(),
    }  # fmt: skip
    assert {value: kinds(value) for value in found} == found


def test_values_that_are_protected() -> None:
    made = random.Random(1).randbytes
    looks = {
        "138****8000": Look.MASKED, "110105********002X": Look.MASKED, "王*": Look.MASKED,
        "王先生": Look.MASKED, "******": Look.MASKED, "6222XXXXXXXX0128": Look.MASKED,
        made(32).hex(): Look.OPAQUE, base64.b64encode(made(48)).decode(): Look.OPAQUE,
        "ENC(" + base64.b64encode(made(32)).decode() + ")": Look.OPAQUE, made(48): Look.OPAQUE,
        "vault:v1:" + base64.b64encode(made(44)).decode(): Look.OPAQUE,
        hashlib.md5(b"x", usedforsecurity=False).hexdigest(): Look.DIGEST,
        str(uuid.UUID(bytes=made(16))): Look.OTHER, "hello world": Look.OTHER, "2" * 32: Look.OTHER,
        b"\xff\xd8\xff" + made(64): Look.OTHER, None: Look.EMPTY, "  ": Look.EMPTY,
    }  # fmt: skip
    assert {value: look_at(value).look for value in looks} == looks
    assert all(
        look_at(made(n)).look is Look.OPAQUE for n in (16, 17, 24, 32, 64) for _ in range(200)
    )


def test_no_value_is_in_what_is_told() -> None:
    counter = Counter(Column(schema="s", table="t", name="id_no", type="text"), None)
    values = [
        ID,
        "4111111111111111",
        "13800138000",
        "王小明",
        "a@bank.cn",
        "北京市朝阳区建国路88号",
    ]
    for value in values:
        counter.add(value)
    reported = str(counter.column())
    assert not [value for value in values if value in reported or value[-4:] in reported]


def test_what_is_named_inside_of_values() -> None:
    people = zip(customers.phones(30), customers.names(30), customers.id_cards(30), strict=True)
    counter = Counter(Column(schema="s", table="t", name="payload", type="jsonb"), None)
    for phone, name, number in people:
        inner = f'{{"mobile": "{phone}", "custName": "{name}", "pwd": "$2b$12$" , "n": 1}}'
        counter.add(f'{inner} <IdNo>{number}</IdNo> raw={{\\"cvv\\": \\"123\\"}}')
    found = {c.key: {k for k in Data if certainty(c, k)} for c in counter.columns()}
    assert found == {
        "": {Data.ID_CARD, Data.PHONE}, "mobile": {Data.PHONE}, "custName": {Data.NAME},
        "pwd": set(), "IdNo": {Data.ID_CARD}, "cvv": {Data.CVN},
    }  # fmt: skip
    assert list(named_values("客户张三手机号：13800138000 mobile=>1 PWD=/root pwd=null")) == [
        ("手机号", "13800138000"), ("mobile", "1"),
    ]  # fmt: skip
    counter = Counter(Column(schema="s", table="t", name="list", type="json"), None)
    counter.add(str(customers.id_cards(60)))
    assert certainty(counter.column(), Data.ID_CARD) is Certainty.CERTAIN


def test_names_of_columns() -> None:
    held = {
        "id_no": {"id_card"}, "certNo": {"id_card"}, "身份证号": {"id_card"},
        "cardNo": {"bank_card"},
        "cust_name": {"name"}, "file_name": set(), "mobilePhone": {"phone"}, "pwd": {"password"},
        "password_updated_at": set(), "passwordPolicy": set(), "login_password": {"password"},
        "email_status": set(), "cvv2": {"cvn"}, "order_id": set(), "email": {"email"},
    }  # fmt: skip
    assert {name: set(held_by(name)) for name in held} == held
    names = ("app_log", "operLog", "logs_2025", "catalog", "blog_post")
    assert [name for name in names if is_log(name)] == ["app_log", "operLog", "logs_2025"]


def test_passwords() -> None:
    md5 = hashlib.md5(b"123456", usedforsecurity=False).hexdigest()
    other = hashlib.sha256(b"salt and word").hexdigest()
    schemes = {
        "$2b$12$" + "a" * 53: "bcrypt",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA": "argon2",
        "pbkdf2_sha256$600000$salt$hashhashhashhash": "pbkdf2", "{SSHA}" + "a" * 32: "salted",
        "$1$salt$hashhashhash": "md5-crypt", "*" + "A" * 40: "unsalted", md5: "unsalted",
        md5.upper(): "unsalted", other: "digest", "Admin@123": "plain", "{noop}secret": "plain",
        "correct horse battery staple": "unknown", "Y": "unknown",
    }  # fmt: skip
    assert {text: passwords.scheme(text) for text in schemes} == schemes


def _meaningless(chance: random.Random) -> dict[str, list[object]]:
    """Columns of 500 ordinary values each."""
    many, start = range(500), 1_700_000_000
    day = chance.randint
    states = ("成功", "失败", "处理中", "已关闭", "高", "黄金会员")
    cities = ("石家庄", "温州", "常州", "徐州", "广州", "成都", "武汉", "安庆", "上海")
    return {
        "order_id": [f"2025{day(101, 1231):04}{day(0, 10**10):010}" for _ in many],
        "serial16": [chance.randint(10**15, 10**16 - 1) for _ in many],
        "serial18": [chance.randint(10**17, 10**18 - 1) for _ in many],
        "snowflake": [chance.randint(6 * 10**18, 7 * 10**18) for _ in many],
        "card_like": [f"62{chance.randint(0, 10**17 - 1):017}" for _ in many],
        "branch_day": [f"110101{chance.randint(2020, 2025)}1{chance.randint(0, 2)}"
                       f"{chance.randint(1, 28):02}{n:04}" for n in many],
        "epoch": [start + chance.randint(0, 10**8) for _ in many],
        "epoch_ms": [(start + chance.randint(0, 10**8)) * 1000 for _ in many],
        "epoch_us": [(start + chance.randint(0, 10**8)) * 10**6 for _ in many],
        "md5": [chance.randbytes(16).hex() for _ in many],
        "sha256": [chance.randbytes(32).hex() for _ in many],
        "uuid": [str(uuid.UUID(bytes=chance.randbytes(16))) for _ in many],
        "imei": [f"35{chance.randint(0, 10**12 - 1):012}{chance.randint(0, 9)}" for _ in many],
        "amount": [f"{chance.randint(0, 10**14)}.{chance.randint(0, 99):02}" for _ in many],
        "ratio": [repr(chance.random()) for _ in many],
        "long_number": [chance.randint(10**10, 10**11 - 1) for _ in many],
        "status": [chance.choice(states) for _ in many],
        "city": [chance.choice(cities) for _ in many],
        "note": [f"order {chance.randint(10**9, 10**10)} paid at {start + n}" for n in many],
    }  # fmt: skip


def _counted(name: str, values: list[object]) -> Column:
    counter = Counter(Column(schema="s", table="t", name=name, type="text"), None)
    for value in values:
        counter.add(value)
    return counter.column()


def test_ordinary_values_are_not_taken_for_sensitive_data() -> None:
    sure, likely = [], []
    for seed in range(2):
        for name, values in _meaningless(random.Random(seed)).items():
            column = _counted(name, values)
            for kind in Data:
                found = certainty(column, kind)
                sure += [(name, kind)] * (found is Certainty.CERTAIN)
                likely += [(name, kind)] * (found is Certainty.LIKELY)
    assert sure == []
    # all of these look like a plausible one by chance once in a while: a person has to look
    assert len(likely) <= 4, likely


def test_columns_of_sensitive_data_are_found() -> None:
    made = {
        Data.ID_CARD: customers.id_cards(60), Data.BANK_CARD: customers.bank_cards(60),
        Data.CREDIT_CODE: customers.credit_codes(60),
    }  # fmt: skip
    for kind, values in made.items():
        assert certainty(_counted("a", list(values)), kind) is Certainty.CERTAIN, kind
        # a few among what is masked, and among numbers that mean nothing
        few = [*values[:4], *("********" for _ in range(400))]
        assert certainty(_counted("a", list(few)), kind) is Certainty.CERTAIN, kind
    assert certainty(_counted("a", list(customers.phones(60))), Data.PHONE) is Certainty.LIKELY
    assert certainty(_counted("phone", list(customers.phones(60))), Data.PHONE) is Certainty.CERTAIN
    assert certainty(_counted("姓名", list(customers.names(60))), Data.NAME) is Certainty.CERTAIN
