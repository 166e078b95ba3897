"""Secrets in files of accounts: real files, found by the real find and grep."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.api.testkit import target_of
from audit_core.model import Absent, Partial, Verdict
from audit_linux.files.secrets import (
    Secrets,
    parse_secrets,
    private_files,
    search,
    stored_secrets,
)
from audit_linux.homes import Homes, homes_of
from audit_linux.passwd import Accounts, parse_passwd
from invented import answers as invented

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
VALUE = "Zq8-planted-value"
BOB = f"bob:x:{os.geteuid()}:1000::/home/bob:/bin/bash\n"

HELD = {
    ".netrc": f"machine h login bob password {VALUE}\n",
    ".pgpass": f"db:5432:*:app:{VALUE}\n",
    ".my.cnf": f"[client]\nuser=app\n  password = {VALUE}\n",
    ".git-credentials": f"https://bob:{VALUE}@git.example\n",
    ".aws/credentials": f"[default]\naws_secret_access_key = {VALUE}\n",
    ".docker/config.json": f'{{"auths": {{"r": {{"auth": "{VALUE}"}}}}}}\n',
    ".npmrc": f"//r/:_authToken={VALUE}\n",
    ".pypirc": f"[pypi]\npassword: {VALUE}\n",
    ".kube/config": f"users:\n- user:\n    token: {VALUE}\n",
    ".config/gh/hosts.yml": f"github.com:\n    oauth_token: {VALUE}\n",
    ".m2/settings.xml": f"<password>{VALUE}</password>\n",
    ".bashrc": f"alias x=y\nexport DB_PASSWORD={VALUE}\n",
    ".profile": f"API_KEY='{VALUE}' ; export API_KEY\n",
    ".bash_profile": f"export app_password={VALUE}\n",
    ".zshrc": f'export GITHUB_TOKEN="{VALUE}"\n',
}
# The same files without one, and names that only look alike.
FREE = {
    ".netrc": "machine h login bob\n",
    ".pgpass": "# host:port:db:user:password\n",
    ".my.cnf": "[client]\nuser=app\n#password=x\npassword=\n",
    ".git-credentials": "https://git.example\n",
    ".aws/credentials": "[default]\ncredential_process = /usr/bin/vault\n",
    ".docker/config.json": '{"auths": {"r": {}}, "credsStore": "pass"}\n',
    ".npmrc": "//r/:_authToken=${NPM_TOKEN}\n",
    ".kube/config": "users:\n- user:\n    exec: {command: get-token}\n    tokenFile: /run/t\n",
    ".m2/settings.xml": "<password>${env.PW}</password>\n",
    ".bashrc": 'export DB_PASSWORD=$(pass db)\nexport TOKEN="$T"\nPASSWORD_STORE_DIR=/home/x\n'
               "export API_KEY=`cat k`\n# export PASSWORD=abcdefg\nexport TOKEN_FILE=abcdef\n",
    ".profile": "export PGPASSWORD=\nSECRET=/run/secret\nunset TOKEN\n",
    ".zshrc": "TOKEN=none\nexport API_KEY='true'\nexport DB_PASSWORD=disabled ; x\nSECRET=null\n"
              "PASSWORD=\"\"\nTOKEN=x\n",
    ".env": "TOKEN=unset\n",
    ".cargo/credentials": "[registry]\ntoken = \"\"\n",
    ".pypirc": "[pypi]\npassword: ${PYPI}\n",
    "deep/er/.netrc": f"password {VALUE}\n",  # not where programs look
}  # fmt: skip


# Settings of programs in /etc; and what only looks like one that holds a password.
CONFIG = {
    "mysql/debian.cnf": f"[client]\nhost = localhost\npassword = {VALUE}\n",
    "mysql/conf.d/x.cnf": f"[client]\npassword='{VALUE}'\n",
    "zabbix/zabbix_server.conf": f"# DBPassword=\nDBPassword={VALUE}\n",
    "redis/redis.conf": "bind 127.0.0.1\nrequirepass hello\n",
    "keepalived/keepalived.conf": "vrrp_instance a {\n  auth_pass 1234\n}\n",
    "app/db.properties": f"spring.datasource.password={VALUE}\n",
    "app/config.yml": f'db:\n  password: "{VALUE}"\n',
    "app/config.json": f'{{\n  "api_key": "{VALUE}"\n}}\n',
    "app/.env": f"DB_PASSWORD={VALUE}\n",
    "app/url": f"broker = amqp://app:{VALUE}@mq/\n",
    "sssd/conf.d/x.conf": f"ldap_default_authtok = {VALUE}\n",
    "wireguard/wg0.conf": f"[Interface]\nPrivateKey = {VALUE}ABCDEF0123456789=\n",
    "wpa_supplicant/w.conf": f'network={{\n  psk="{VALUE}"\n}}\n',
    "NetworkManager/system-connections/w": f"[wifi-security]\npsk={VALUE}\n",
    "fstab": f"//s/a /mnt cifs rw,username=a,password={VALUE} 0 0\n",
    "samba/creds": f"username=a\npassword={VALUE}\n",
    "dovecot/dovecot-sql.conf.ext": f"connect = host=db dbname=m user=d password={VALUE}\n",
    "systemd/system/app.service": f"[Service]\nEnvironment=DB_PASSWORD={VALUE}\n",
    "apt/apt.conf.d/proxy": f'Acquire::http::Proxy "http://a:{VALUE}@proxy:3128";\n',
    "apt/auth.conf.d/x.conf": f"machine h login a password {VALUE}\n",
    "postfix/sasl_passwd": f"[smtp]:587 a:{VALUE}\n",
    "ppp/chap-secrets": f"# client server secret\na * {VALUE} *\n",
    "ipsec.secrets": f'%any : PSK "{VALUE}"\n',
    "rsyncd.secrets": f"a:{VALUE}\n",
    "libnss-ldap.secret": f"{VALUE}\n",
    "tomcat9/tomcat-users.xml": f'<user username="a" password="{VALUE}"/>\n',
    "bind/rndc.key": f'key "k" {{\n secret "{VALUE}";\n}};\n',
    "nginx/.htpasswd": "a:$apr1$salt$hash\n",
    "gshadow.bak": "ops:$6$salt$hash::\n",
}
NO_CONFIG = {
    "nsswitch.conf": "passwd:         files systemd\nshadow: files\n",
    "pam.d/common-password": "password requisite pam_pwquality.so retry=3\n",
    "ssh/sshd_config": "PasswordAuthentication no1234\nPermitEmptyPasswords no\n",
    "ssl/openssl.cnf": "# input_password = secret123\nchallengePassword = A challenge password\n",
    "samba/smb.conf": "passwd program = /usr/bin/passwd %u\nunix password sync = yes\n",
    "postgresql/15/main/postgresql.conf": "password_encryption = scram-sha-256\n",
    "cloud/cloud.cfg": "lock_passwd: True\nssh_pwauth: 0\n",
    "app/a.conf": "password = ${DB_PASS1}\n",
    "app/b.yml": "password: {{ vault_pw1 }}\npassword_file: /run/secrets/db1\ntoken: null\n",
    "mysql/empty.cnf": "[client]\npassword =\n#password = Abc12345\n",
    "passwd": "a:x:0:0::/:/bin/sh1\n",
    "app/c.conf": "url = http://example.org:8080/a@b\nsecret_file=abc1234567\n",
    "debconf.conf": "Reject-Type: password1\nFilename: /var/cache/passwords.dat\n",
    "redis/x.conf": "# requirepass foobared\n",
    "login.defs": "PASS_MAX_DAYS 90\n",
}


def test_passwords_in_settings_that_everybody_may_read(top: Path) -> None:
    folder = top / "etc"
    for files, mode in ((NO_CONFIG, 0o644), (CONFIG, 0o640)):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
            (folder / name).chmod(mode)
    (folder / "gshadow.bak").chmod(0o600)
    assert not [file for file in found(top).files if file.kind != "password hashes"]
    for name in CONFIG:
        (folder / name).chmod(0o644)
    seen = found(top)
    assert {file.path.removeprefix("/etc/") for file in seen.files} == CONFIG.keys()
    assert verdicts(seen) == (FAIL, PASS)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name in ("home/bob/.ssh", "root", "etc/profile.d", "etc/other"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def put(top: Path, files: dict[str, str], mode: int = 0o600) -> None:
    for name, text in files.items():
        path = top / "home/bob" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


def found(top: Path, homes: Homes | None = None) -> Secrets:
    """What the search below `top` tells, as if it were the root directory."""
    for folder in ("var/backups", "var/lib", "opt"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(search(homes or Homes(), str(top)), capture_output=True, check=False)
    assert done.stderr == b""
    assert VALUE.encode() not in done.stdout
    reported = parse_secrets(invented.answer(done.stdout.replace(os.fsencode(top), b""), b"", 0))
    assert isinstance(reported, Secrets)
    return reported


def verdicts(secrets: Secrets, passwd: str = BOB) -> tuple[Verdict, Verdict]:
    accounts = parse_passwd(invented.answer(passwd))
    assert isinstance(accounts, Accounts)
    checks = (private_files, stored_secrets)
    return tuple(c.judge(target_of("host"), secrets, accounts).verdict for c in checks)  # type: ignore[return-value]


def test_each_place_is_told_with_its_kind_and_never_its_value(top: Path) -> None:
    put(top, FREE)
    assert not found(top).files
    assert verdicts(found(top)) == (PASS, PASS)
    put(top, HELD)
    reported = found(top)
    assert {file.path.removeprefix("/home/bob/") for file in reported.files} == HELD.keys()
    assert verdicts(reported) == (PASS, FAIL)  # set in start-up files
    shown = repr(stored_secrets.judge(target_of("host"), reported, Accounts(rows=())))
    assert ".bashrc (startup, 0600)" in shown
    assert VALUE not in shown


def test_a_value_that_may_be_a_placeholder_is_asked_after(top: Path) -> None:
    unsure = (
        "TOKEN=changeme1", "PASSWORD=change_me", "API_KEY=your-api-key-2", "TOKEN={{lookup1}}",
        "SECRET=%SECRET_1%", "PASSWORD=********1", "API_KEY=REPLACE_ME_1",
        "export db_password=hunters", "TOKEN=op://vault1/item", "SECRET=vault:kv/data1#x",
        "TOKEN=https://login.example/1", "TOKEN=oauth2", "API_KEY=example-0001", "SECRET=secret",
    )  # fmt: skip
    sure = (
        "TOKEN=ghp_16C7e42F292c69", "export DB_PASSWORD='Summer2024'",
        "export app_password=p@ssword", "PASSWORD=!Summer24",
        "setenv API_TOKEN abc123456", "PASSWORD=hunter2", "SECRET_KEY=20240101",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "TOKEN=none1234",
    )  # fmt: skip
    others = "# none\nTOKEN=none\n{}\nPASSWORD=changeme1\n"
    texts = {f"home/u{n}": f"# x\n{line}\nalias x=y\n" for n, line in enumerate(unsure)}
    texts |= {f"home/s{n}": others.format(line) for n, line in enumerate(sure)}
    for home, text in texts.items():
        (top / home).mkdir()
        (top / home / ".bashrc").write_text(text)
    reported = found(top)
    kinds = {file.path.removesuffix("/.bashrc"): file.kind for file in reported.files}
    for home in texts:
        wanted = "startup" if "/s" in home else "startup, perhaps a placeholder"
        assert kinds.get(f"/{home}") == wanted, texts[home]
    assert verdicts(reported) == (PASS, FAIL)
    maybe = tuple(file for file in reported.files if file.kind != "startup")
    assert verdicts(structs.replace(reported, files=maybe)) == (PASS, UNDETERMINED)


def test_homes_of_services_are_searched(top: Path) -> None:
    target = structs.replace(target_of("host"), settings={"homes": ("/u01/*", "/was/")})
    homes = homes_of(target)
    kept = ("var/lib/postgresql", "opt/splunk", "u01/oracle", "was")
    for home in (*kept, "was/deep", "u01"):
        (top / home).mkdir(parents=True, exist_ok=True)
        (top / home / ".pgpass").write_text(HELD[".pgpass"])
    files = {file.path.removesuffix("/.pgpass")[1:] for file in found(top, homes).files}
    assert files == {*kept, "u01"}
    assert [homes.holds(f"/{home}") for home in (*kept, "was/deep", "u01")] == [True] * 4 + [
        False
    ] * 2
    rows = "was:x:7:7::/was:/bin/sh\nora:x:8:8::/u01/oracle/:/bin/sh\nb:x:9:9::/data/b:/bin/sh\n"
    accounts = parse_passwd(invented.answer(rows))
    assert isinstance(accounts, Accounts)
    assert homes.far(accounts) == ("/data/b",)


def test_who_may_read_them(top: Path) -> None:
    put(top, {".pgpass": HELD[".pgpass"]})
    assert verdicts(found(top)) == (PASS, UNDETERMINED)
    (row,) = found(top).files
    folders = found(top).folders
    other = Secrets(files=(structs.replace(row, uid=os.geteuid() + 1),), folders=folders)
    assert verdicts(other) == (FAIL, UNDETERMINED)
    put(top, {".pgpass": HELD[".pgpass"]}, 0o640)
    assert verdicts(found(top)) == (UNDETERMINED, UNDETERMINED)
    put(top, {".pgpass": HELD[".pgpass"]}, 0o644)
    assert verdicts(found(top)) == (FAIL, FAIL)
    (top / "home/bob").chmod(0o700)  # nobody else comes that far
    assert verdicts(found(top)) == (PASS, UNDETERMINED)
    far = BOB.replace("/home/bob", "/data/bob")
    (top / "home/bob/.pgpass").unlink()
    assert verdicts(found(top), far) == (UNDETERMINED, UNDETERMINED)
    (top / "etc/profile.d/app.sh").write_text(HELD[".bashrc"])
    assert verdicts(found(top)) == (PASS, FAIL)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_private_keys(top: Path) -> None:
    ssh = top / "home/bob/.ssh"
    kinds = {}
    for form in ("RFC4716", "PEM"):
        for phrase in ("", "phrase"):
            path = ssh / f"{form}-{phrase or 'none'}"
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ecdsa", "-m", form, "-N", phrase, "-f", str(path)],
                check=True,
            )  # fmt: skip
            kinds[path.name] = "private key" if phrase else "private key without passphrase"
    reported = found(top)
    assert {file.path.rsplit("/", 1)[1]: file.kind for file in reported.files} == kinds
    assert verdicts(reported) == (PASS, UNDETERMINED)
    (ssh / "PEM-phrase").chmod(0o644)
    assert verdicts(found(top))[0] is FAIL


def test_what_was_not_searched_passes_nothing() -> None:
    row = b"d 755 0 /home\0"
    for stderr in (b"find: '/home/x': Permission denied\n", b"find: '/bin/grep': No such file\n",
                   b"find: '/bin/sed': No such file or directory\n"):  # fmt: skip
        assert isinstance(parse_secrets(invented.answer(row, stderr, 1)), Partial)
    cut = structs.replace(invented.answer(row), truncated=True)
    assert isinstance(parse_secrets(cut), Partial)
    assert isinstance(parse_secrets(invented.answer(b"", b"", 1)), Absent)
    gone = invented.answer(row, b"find: '/root': No such file or directory\n", 1)
    assert isinstance(parse_secrets(gone), Secrets)


def test_copies_of_password_hashes(top: Path) -> None:
    row = f"root:$y$j9T$abc${VALUE}:20000:0:99999:7:::\n"
    for name, text, mode, verdict in (
        ("etc/shadow.bak", row, 0o644, FAIL), ("etc/shadow.bak", row, 0o600, PASS),
        ("var/backups/shadow.1", row, 0o644, FAIL), ("home/bob/shadow", row, 0o644, FAIL),
        ("root/old-shadow-2024", row, 0o644, FAIL), ("etc/shadow.bak", "root:*:1::::::\n", 0o644,
        PASS), ("etc/shadow", row, 0o640, PASS), ("etc/shadow-", row, 0o640, PASS),
    ):  # fmt: skip
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        assert verdicts(found(top)) == (verdict, PASS), name
        path.unlink()


def test_private_keys_of_servers(top: Path) -> None:
    for name, mode, folder, verdict in (
        ("etc/ssl/private/x.key", 0o644, 0o755, FAIL),
        ("etc/ssl/private/x.key", 0o640, 0o755, PASS),
        ("etc/ssl/private/x.key", 0o644, 0o710, PASS), ("etc/nginx/ssl/x.key", 0o604, 0o755, FAIL),
        ("etc/letsencrypt/archive/example.org/privkey1.pem", 0o644, 0o755, FAIL),
        ("etc/ssl/certs/x.pem", 0o644, 0o755, PASS),
    ):  # fmt: skip
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("-----BEGIN PRIVATE KEY-----\nMIIB\n")
        path.chmod(mode)
        path.parent.chmod(folder)
        assert verdicts(found(top)) == (verdict, PASS), (name, mode)
        path.unlink()
