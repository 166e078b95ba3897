"""Secrets in the shapes they are found in, and what looks like one and decides a verdict."""

from __future__ import annotations

import base64
import random
import re
import time
from pathlib import Path

import pytest

from audit_core.api import plugins
from audit_core.model import Message, RedactionRule, Status, verbatim
from audit_core.store.bundles import BundleWriter, Head
from audit_core.store.redact import Part, Redacted, Redactor, _assigned, _shapes
from core.fakes import STAMP, reply

RULES = plugins.load().redaction


def redact(data: bytes, secrets: tuple[bytes, ...] = (), *, cut: bool = False) -> Redacted:
    """`data` as an installation of ours stores it."""
    return Redactor(lambda: secrets, RULES)(data, cut=cut)


# All invented. Between « and » stands the secret: no part of it may be left. A ~ is nothing;
# it keeps those who look for secrets from finding some in this repository.
PLANTED = """\
url, no user | redis://:«hunt3rRedis»@cache:6379/0
url, an @ and a / | postgres://app:«p@ss/w0rd»@db/app
url, capitals | HTTPS://Bob:«S3cretUpper»@repo.example/x
url, mongodb | mongodb+srv://root:«m0ngoPass»@a.example,b.example/?ssl=true
url, jdbc | jdbc:mysql://db/app?user=a&password=«jdbcPass1»&ssl=true
url, oracle | jdbc:oracle:thin:scott/«t1ger»@//db:1521/x
odbc | Server=db;Uid=a;Pwd=«odbcPass1»;Database=x
azure | DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«QWNjb3VudEtleQ==»;X=y
azure bus | Endpoint=sb://x/;SharedAccessKey=«c2hhcmVkS2V5c2VjcmV0»
ini | password = «two words»
ini, no blanks | passwd=«iniPass1»
ini, after a comma | password=«abcde,fghij;klmno»
ini, quoted | db_pass="«two words, and \\" more»"
properties | spring.datasource.password=«springPass1»
yaml | passphrase: «correct horse battery»
yaml, quoted | client-secret: '«it is, indeed»'
yaml, flow | {user: a, password: «flowPass1»}
json | {"password": "«a b, c}»", "port": 5}
json, one line | {"user":"a","dbPassword":"«jsonPass1»","port":5}
json, number | {"password":«918273645»,"port":5}
camel case | clientSecret: «camelSecret1»
camel case, pass | smtpPass=«smtpPass1»
aliyun | AccessKeySecret=«aliyunSecret1»
tencent | SecretKey: «tencentSecret1»
shell | export DB_PASS='«shell pass»'
shell, joined | export PGPASSWORD=«pgPass1»
shell, capitals | DBPASS=«dbPass1»
php | define('DB_PASSWORD', '«wordpress pass»');
php, array | $cfg['password'] = '«array pass»';
ruby | :password => '«ruby pass»',
go | token := "«goToken12»"
java | setPassword("«java pass»");
sql | IDENTIFIED BY '«sql pass»';
sql, function | SET PASSWORD = PASSWORD('«sql pass»')
xml | <dbpassword>«xml pass»</dbpassword>
xml, property | <property name="password" value="«prop pass»"/>
redis.conf | requirepass «redisPass1»
ldap.conf | bindpw «ldapPass1»
sssd | ldap_default_authtok = «sssdPass1»
keepalived | auth_pass «1111»
netrc | machine h login u password «netrcPass1»
pgpass | db.example:5432:app:app:«pgpassPass1»
wireguard | PrivateKey = «yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=»
wpa | psk="«wifi pass»"
npm | //registry.npmjs.org/:_authToken=«0123abcd-4567»
command | mysqldump -u root -p«mysqlPass1» app
command, a blank | tool --password «cliPass1» --verbose
command, quoted | tool --api-key "«cli key»"
command, sshpass | sshpass -p «sshPass12» ssh host
command, curl | curl -s -u bob:«curlPass1» https://x/
command, redis | redis-cli -h x -a «redisCli1» ping
command, oracle | sqlplus scott/«sqlTiger1»@orcl
command, glued | mysql -uroot -p«mysqlPass1» app
command, a path | /usr/local/bin/mysql --host db -P 3306 -p'«sql word1»' app
command, mariadb | mariadb-dump -u root -p«mariaPass1» --all-databases
command, obclient | obclient -h x -P 2881 -u root@sys -p«obPass12»
command, wget | wget --user bob:«wgetPass1» https://x/
command, valkey | valkey-cli -a «valkeyCli1» ping
command, dm | disql SYSDBA/«dmSecret1»@localhost:5236
command, ldap | ldapsearch -x -D cn=admin,dc=x -w «ldapCli12» -b dc=x
basic | Authorization: Basic «dXNlcjpwYXNzd29yZA==»
bearer | authorization: bearer «abcdef0123456789»
cookie | Set-Cookie: «sid=0123456789abcdef; Path=/»
jwt | id «ey~JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl» x
github | remote «ghp~_0123456789abcdefghijABCDEFGHIJ012345»
aws | aws_secret_access_key = «wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY»
stripe | stripe «sk_~live_0123456789abcdef»
apache | alice:«$apr1$abcdefgh$0123456789abcdefghijkl»
ldap hash | userPassword: «{SSHA}0123456789abcdefABCDEF==»
ldap hash, alone | x «{SSHA512}0123456789abcdefABCDEF==» y
des | alice:«rqXexS6ZhobKA»:19000:0:99999:7:::
des, htpasswd | alice:«rqXexS6ZhobKA»
argon2 | x «$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJ» y
django | x «pbkdf2_sha256$260000$salt$aGFzaGhhc2hoYXNo=» y
postgres | x «SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy» y
postgres md5 | app «md5a3556571e93b0d20722ba62be61e8c2d»
mysql | root «*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29»
grub | password_pbkdf2 root grub.pbkdf2.sha512.10000.«0123456789ABCDEF.FEDCBA9876543210»
snmp | rocommunity «s3cretRead» 10.0.0.0/8
snmp, com2sec | com2sec notConfigUser default «s3cretCom»
snmp v3 | createUser admin «SHA authPass12 AES privPass12»
cisco | snmp-server community «s3cretRO» RO
cisco, line | password 7 «0822455D0A16»
h3c | password cipher «$c$3$abcdefgh==»
中文 | 数据库密码：«秘密 1»
中文, ascii | 口令=«秘密2»
"""
ROWS = [line.partition(" | ")[::2] for line in PLANTED.splitlines()]
BLOCKS = {
    "yaml block": ("a:\n  password: |\n    «line one»\n    «line two»\n  host: db\n", "host: db"),
    "yaml folded": ("secret: >-\n  «folded one»\n\n  «folded two»\nhost: db\n", "host: db"),
    "pem in json": ('{"k": "-----BEGIN PRI~VATE KEY-----\\n«MIIEvQIBADANBg»\\n-----END PRIVATE '
                    'KEY-----\\n", "port": 5}', '"port": 5'),
    "pgp": ("-----BEGIN PGP PRI~VATE KEY BLOCK-----\n\n«lQOYBGMAAAAB»\n=abcd\n-----END PGP PRIVATE "
            "KEY BLOCK-----\nrest", "rest"),
    "putty": ("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 2\n«AAAAIBlines»\n«AAAAtwo»\n"
              "Private-MAC: 00\n", "Private-MAC"),
    "ssh2": ("---- BEGIN SSH2 ENCRYPTED PRI~VATE KEY ----\nComment: x\n«P2/56wAAAi»\n"
             "---- END SSH2 ENCRYPTED PRIVATE KEY ----\nrest", "rest"),
    "proc cmdline": ("tool\0--password\0«nulPass1»\0--listen\0::\0", "--listen\0::"),
    "mysql cmdline": ("/usr/bin/mysql\0-uroot\0-p«nulSql12»\0app\0", "app\0"),
    "redis cmdline": ("redis-cli\0-h\0x\0-a\0«nulRedis1»\0ping\0", "ping\0"),
    "mount": ("//s/x /mnt cifs username=u,password=«cifsPass1»,uid=0 0 0\n", "uid=0 0 0"),
    "unit": ("ExecStart=/usr/bin/x --password=«unitPass1» --listen 0.0.0.0\n", "--listen 0.0.0.0"),
}  # fmt: skip


def parts(text: str) -> tuple[str, list[str]]:
    """The text as it is found, and its secrets."""
    text = text.replace("~", "")
    secrets = [piece.partition("»")[0] for piece in text.split("«")[1:]]
    return text.replace("«", "").replace("»", ""), secrets


def assert_gone(reported: bytes, secrets: list[str], code: str = "utf-8") -> None:
    for secret in secrets:
        for part in [secret, *secret.replace(",", " ").replace(";", " ").split()]:
            if part == secret or len(part) >= 5:
                assert part.encode(code) not in reported, reported


def test_a_planted_secret_is_cut_and_its_neighbours_stay(subtests: pytest.Subtests) -> None:
    for name, text in ROWS:
        with subtests.test(name):
            found, secrets = parts(text)
            for around in ("{}", "before\n{}\nafter\n", "before\r\n  {}\r\nafter\r\n"):
                whole = (
                    around.format(found) if "pgpass" not in name and "des" not in name else found
                )
                reported = redact(whole.encode())
                assert reported.rules
                assert_gone(reported.data, secrets)
                if around != "{}" and whole != found:
                    assert reported.data.startswith(b"before")
                    assert reported.data.rstrip().endswith(b"after")
                assert redact(reported.data).data == reported.data


@pytest.mark.parametrize("name", BLOCKS)
def test_a_secret_of_several_lines_or_fields(name: str) -> None:
    text, rest = BLOCKS[name]
    found, secrets = parts(text)
    reported = redact(found.encode()).data
    assert_gone(reported, secrets)
    assert rest.encode() in reported


@pytest.mark.parametrize("code", ["gb18030", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["口令：«秘密二»", "password = «秘密 words»", "密码=«abc»"])
def test_secrets_in_other_encodings(code: str, text: str) -> None:
    found, secrets = parts(text)
    mark = "\ufeff" if code != "gb18030" else ""
    reported = redact(f"{mark}前\r\n{found}\r\n后".encode(code)).data
    assert_gone(reported, secrets, code)
    assert reported.decode(code).startswith(f"{mark}前")
    assert reported.decode(code).endswith("后")


STAYS = [
    "password:x:1001:1001::/home/password:/bin/bash",
    "app-token:x:1002:1002:a token:/home/t:/usr/sbin/nologin",
    "secret:*:19000:0:99999:7:::",
    "password:!:19000:0:99999:7:::",
    "token:!!:19000::::::",
    "token:!*:19000::::::",
    "pwd:*LK*:::::::",
    "password::19000:0:99999:7:::",
    "token:x:1003:alice,bob",
    "/etc/passwd:password:x:1001:1001::/:/bin/sh",
    "root:x:0:0:root:/root:/bin/bash",
    "daemon:*:19000:0:99999:7:::",
    "user:token:rwx",
    "default:user:password:r-x",
    "group:secret:---",
    "passwd:         files systemd sss",
    "passwd: compat",
    "shadow: files",
    "password requisite pam_pwquality.so retry=3 minlen=8 dcredit=-1",
    "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok yescrypt",
    "password    sufficient   pam_unix.so sha512 shadow nullok try_first_pass",
    "Defaults passwd_tries=3, passwd_timeout=5",
    "passwordauthentication yes",
    "PermitEmptyPasswords no",
    "Last password change\t\t\t\t\t: Nov 01, 2026",
    "Password expires\t\t\t\t\t: never",
    "max_password_age=90",
    "password_reuse_max: 5",
    "ENCRYPT_METHOD SHA512",
    "PASS_MAX_DAYS 90",
    "ssl_certificate_key /etc/ssl/private/x.key;",
    "private_key = /etc/ssl/private/x.key",
    "token: /run/secrets/token",
    "-w /etc/passwd -p wa -k passwd_changes",
    "-a always,exit -F arch=b64 -S setuid -k token",
    "compass = north",
    "bypass: yes",
    "hosts.allow",
    "ALL:192.168.1.100",
    "http://proxy.example:8080/a@b",
    "https://git@host/x",
    "deb [signed-by=/usr/share/keyrings/x.gpg] https://deb.example/ stable main",
    "rocommunity public",
    "com2sec local localhost private",
    "1:2345:respawn:/sbin/getty 38400 tty1",
    "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))",
    "GRUB_CMDLINE_LINUX=\"quiet audit=1\"",
    "*filter\n:INPUT ACCEPT [0:0]",
    "token\n        When                Type  Source\n",
    "password ALL=(ALL) NOPASSWD: /usr/bin/id",
    "PWD=/home/x",
    "SECRET\n",
    "密码 是什么",
    "hostkeyalgorithms ssh-ed25519,sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256",
    "ssl_cipher_list = ALL:!EXPORT:!PSK:!RC4",
    '#used the option "sha512"; if a shadow password hash will be shared',
    'METHOD can be "trust", "md5", "password", "scram-sha-256"',
    "password=''",
    '"secret": "",',
    "usepassword=no",
    "ask_password = yes",
    "{nopassword: true, port: 5}",
    "mysqld --port=3306 --pid-file=/run/mysqld/mysqld.pid",
    "mysql     1201  0.5  2.1 /usr/sbin/mysqld",
    "mysql -u root -p",
    "redis-cli -h x ping",
    "ldapsearch -x -W -b dc=x",
    "/usr/sbin/mysqld\0--port=3306\0/usr/sbin/sshd\0-p\x0022\0",
]  # fmt: skip


def test_what_decides_a_verdict_stays(subtests: pytest.Subtests) -> None:
    for text in STAYS:
        with subtests.test(text[:80]):
            for whole in (text, f"a line\n{text}\nanother\n"):
                assert redact(whole.encode()).data == whole.encode()


# --- what is done so that it takes less time ---


def one_by_one(data: bytes) -> bytes:
    """What the rules say, each looked for where its signs stand, and nothing left out before."""
    small = data.lower()
    for rule in (*_shapes.RULES, *RULES):
        if any(sign in small for sign in rule.signs):
            data = rule.pattern.sub(_shapes.Cut(rule), data)
    return _assigned.without_assigned(data, data.lower())


def texts() -> list[bytes]:
    """Every shape above, and texts put together of pieces of them that hold some of it or none."""
    whole = [parts(text)[0] for text in (*(t for _, t in ROWS), *(t for t, _ in BLOCKS.values()))]
    whole += [*STAYS, *(f"x\n{text}\ny" for text in whole)]
    names = ("pass", "secret", "token", "credential", "bindpw", "rootpw", "authtok", "psk", "pwd")
    whole += [f"{name}={n}x" for n, name in enumerate((*names, "wep_key", "api_key"))]
    whole.append(f"AKIA{'A' * 16}: a mark that is a name")
    pieces = sorted(
        {piece for text in whole for piece in re.findall(r"[^:= \t,;]+|[:= \t,;]+", text)}
    )
    signs = [sign.decode("latin-1") for rule in (*_shapes.RULES, *RULES) for sign in rule.signs]
    chosen = random.Random(7)
    mixed = [
        "".join(
            chosen.choice(chosen.choice((pieces, pieces, signs, ("=", ": ", "\n", " ", '"', "'"))))
            for _ in range(20)
        )
        for _ in range(500)
    ]
    return [text.encode("utf-8", "surrogateescape") for text in (*whole, *mixed)]


def test_what_is_left_out_to_save_time_held_no_secret() -> None:
    every = texts()
    expected = [one_by_one(text) for text in every]
    redactor = Redactor(tuple, RULES)
    for size in (1, 40, len(every)):  # of one answer; and again, when what was clean is known
        for at in range(0, len(every), size):
            reported = redactor.each([Part(text) for text in every[at : at + size]])
            assert [one.data for one in reported] == expected[at : at + size]
    assert [redact(text).data for text in every[::9]] == expected[::9]


# --- the credentials of the run ------------------------------------------------------------------

SECRET = 'Tr0ub4dor&3 "ü"'


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        b"Tr0ub4dor%263%20%22%C3%BC%22",
        b"Tr0ub4dor%263+%22%C3%BC%22",
        b'Tr0ub4dor&3 \\"\\u00fc\\"',
        "Tr0ub4dor&amp;3 &quot;ü&quot;".encode(),
        SECRET.encode("gb18030"),
        SECRET.encode("utf-16-le"),
        base64.b64encode(SECRET.encode()),
        base64.b64encode(b"u:" + SECRET.encode()),
        base64.b64encode(b"us:" + SECRET.encode()),
        base64.b64encode(b"bob:" + SECRET.encode() + b"\n"),
    ],
)
def test_a_credential_of_the_run_is_cut_however_it_is_spelt(form: bytes) -> None:
    reported = redact(b"before " + form + b" after", (SECRET.encode(),))
    assert "known-secret" in reported.rules
    assert form not in reported.data
    assert form[3:-5] not in reported.data
    assert reported.data.startswith(b"before ")
    assert reported.data.endswith(b" after")


@pytest.mark.parametrize("size", range(4, 11))
@pytest.mark.parametrize("status", [Status.ANSWERED, Status.TIMED_OUT])
def test_a_credential_that_is_cut_in_two_by_the_cap_leaves_no_half(
    tmp_path: Path, size: int, status: Status
) -> None:
    secret = b"Tr0ub4dor&3"
    with_half = reply(stdout=b"x" * 50 + secret[:size], status=status,
                      truncated=status is Status.ANSWERED)  # fmt: skip
    writer = BundleWriter(tmp_path / "b", Head(run="r", target="t"), Redactor(lambda: (secret,)))
    seen = writer.add("t", with_half, STAMP)
    writer.close()
    assert secret[:4] not in (tmp_path / "b").read_bytes()
    assert seen.redactions == ("known-secret",)
    whole = redact(b"x" * 50 + secret[:size], (secret,))
    assert whole.rules == ()


def test_a_message_that_was_cut_within_a_credential_leaves_no_half() -> None:
    redactor = Redactor(lambda: (SECRET.encode(),))
    for most in range(10, 10 + len(SECRET)):
        reported = verbatim(f"refused: {SECRET} is wrong", most=most)
        (shown,) = redactor.message(Message(id="{x}", args={"x": reported})).args.values()
        assert SECRET[:4] not in str(shown), shown
    escaped = ascii(SECRET)[1:-1]  # as libraries show it
    assert "Tr0u" not in redactor.text(f"refused: {escaped}")
    assert "Tr0u" not in redactor.text(f"refused: {escaped[:-3]}...")


def test_a_rule_of_a_plugin_cannot_be_one_that_never_holds() -> None:
    for name, signs in (("x", ()), ("x", (b"MySQL",)), ("x", (b"",)), ("a]b", (b"x",))):
        with pytest.raises(ValueError, match=r"."):
            RedactionRule(name=name, signs=signs, pattern=re.compile(b"x"))


@pytest.mark.parametrize(
    "text",
    [
        b"pass=" * 200_000, b'pass="' * 100_000, b"a://b:" * 100_000, b"mysql " * 100_000,
        b"password: |\n" * 50_000, b" password: |\n  x\n" * 40_000, b"curl -u " * 80_000,
        b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 1_000_000, b":" * 1_000_000, b"a" * 1_000_000,
        b"password" + b" " * 1_000_000, b"eyJaaaaaaaaaaaaaaaaa" * 50_000,
        b"authorization:" * 70_000,
        b"mysql\0" * 150_000, b"ldapsearch " * 80_000, b"disql\0" * 150_000,
        b"login x " * 100_000, b"'password'" * 100_000, b"cookie:" * 140_000, b"=\"" * 500_000,
    ],
    ids=lambda t: t[:12].decode(),
)  # fmt: skip
def test_no_text_takes_more_than_its_time(text: bytes) -> None:
    begun = time.process_time()
    redact(text, (b"Tr0ub4dor&3",), cut=True)
    assert time.process_time() - begun < 60  # 2 s were measured
