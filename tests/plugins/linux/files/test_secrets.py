"""Secrets in files of accounts: real files, found by the real find and grep."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.api.sdk import msg
from audit_core.api.testkit import target_of
from audit_core.model import Absent, Partial, Reason, Verdict
from audit_linux.files.secrets import (
    Secrets,
    parse_secrets,
    private_files,
    search,
    stored_secrets,
)
from audit_linux.files.sweep import Sweep, argv, parse_sweep
from audit_linux.homes import Homes, homes_of
from audit_linux.passwd import Accounts, parse_passwd
from invented import answers as invented

PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
VALUE = "Zq8-planted-value"
NOTHING = Secrets(files=(), folders={})
ABSENT = Absent(reason=Reason.NOT_COLLECTED, detail=msg("x"))
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


HELD |= {
    ".bash_history": f"mysql -u root -p{VALUE}\n",
    ".s3cfg": "secret_key = abc123def\n",
    ".msmtprc": f"password {VALUE}\n",
    ".vault-token": "s.abcdef1234567890\n",
    ".smbcredentials": f"username=joe\npassword={VALUE}\n",
    ".mongorc.js": f'db.auth("joe","{VALUE}")\n',
    ".ansible_vault_pass": f"{VALUE}\n",
    ".terraform.d/credentials.tfrc.json": '{"credentials": {"t.io": {"token": "abc123"}}}\n',
    ".gradle/gradle.properties": f"nexusPassword={VALUE}\n",
    ".zsh_history": f": 1:0;sshpass -p {VALUE} ssh x\n",
    ".mysql_history": f"set password = '{VALUE}';\n",
    ".psql_history": f"alter user joe password '{VALUE}';\n",
    ".nuget/NuGet/NuGet.Config": f'<add key="ClearTextPassword" value="{VALUE}" />\n',
}
FREE |= {
    ".aws/credentials": "[default]\ncredential_process = /opt/x\n",
    ".bash_history": "mysql -u root -p\nssh -p 22 host1\nmkdir -p /o/app1\nexport X_TOKEN=$(x1)\n",
    ".s3cfg": "secret_key = \n",
    ".gradle/gradle.properties": "org.gradle.jvmargs=-Xmx2g1\n",
}


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
    "complete.tcsh": "complete wget c/--/'(\\\n\thttp-passwd= http-user= quiet)'/\n",
}


CONFIG |= {
    "cron.d/a1": f"0 2 * * * root mysqldump -u root -p{VALUE} db > /x\n",
    "cron.d/a2": f"0 2 * * * root mysqldump --user=root --password={VALUE} db\n",
    "cron.d/a3": f"0 2 * * * root curl -u admin:{VALUE} https://x/\n",
    "cron.d/a5": f"0 2 * * * root PGPASSWORD={VALUE} pg_dump x\n",
    "cron.d/a6": f"0 2 * * * root sshpass -p {VALUE} rsync x\n",
    "cron.d/a7": f"0 2 * * * root redis-cli -a {VALUE} save\n",
    "cron.d/a8": f"0 2 * * * root RESTIC_PASSWORD={VALUE} restic backup /\n",
    "cron.d/a9": f"0 2 * * * root mongodump --password {VALUE} -u x\n",
    "cron.daily/b2": f"#!/bin/sh\nPASS='{VALUE}'\nmysqldump -p$PASS\n",
    "cron.daily/b3": f"#!/bin/sh\nexpdp system/{VALUE}@orcl full=y\n",
    "cron.daily/b4": "#!/bin/sh\nsqlplus -s scott/T1ger99@db <<E\n",
    "cron.d/c1": f"0 1 * * * root wget --http-password={VALUE} http://x\n",
    "cron.d/c2": f"0 1 * * * root lftp -u joe,{VALUE} ftp.x\n",
    "cron.d/c3": f"0 1 * * * root smbclient //h/s -U joe%{VALUE}\n",
    "cron.d/c4": f"0 1 * * * root ldapsearch -x -D cn=a -w {VALUE}\n",
    "cron.d/c5": f"0 1 * * * root snmpwalk -v3 -u x -A {VALUE} host\n",
    "cron.d/c6": f"0 1 * * * root openssl enc -pass pass:{VALUE} -in x\n",
    "cron.d/c7": f"0 1 * * * root zip -P {VALUE} a.zip b\n",
    "systemd/system/s2.service": f'[Service]\nEnvironment=FOO=bar "DB_PASSWORD={VALUE}"\n',
    "systemd/system/s4.service": f"[Service]\nExecStart=/usr/bin/app --password {VALUE}\n",
    "systemd/system/s5.service": f"[Service]\nExecStart=/usr/bin/app --db-password={VALUE}\n",
    "systemd/system/s6.service": f"[Service]\nExecStart=/bin/java -Dspring.db.password={VALUE} x\n",
    "msmtprc": f"account x\npassword {VALUE}\n",
    "app/a.json": f'{{"db": {{"password": "{VALUE}"}}}}\n',
    "app/e.php": f"<?php\n$dbpass='{VALUE}';\ndefine('DB_PASSWORD', '{VALUE}');\n",
    "app/f.xml": f"<password>{VALUE}</password>\n",
    "app/chinese.conf": f"密码={VALUE}\n",
    "app/i.conf": f'smtp_pass: "{VALUE}"\n',
    "davfs2/secrets": f"https://x joe {VALUE}\n",
    "app/j.conf": "authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefg\n",
    "exim4/passwd.client": f"*.x:joe:{VALUE}\n",
    "fetchmailrc": f'poll x user joe password "{VALUE}"\n',
    "app/m.xml": f'<property name="connection.password">{VALUE}</property>\n',
}
NO_CONFIG |= {
    "cron.d/h1": "0 2 * * * root mysqldump --defaults-extra-file=/root/.my.cnf db\n",
    "cron.d/h2": '0 2 * * * root mysqldump -p"$(cat /root/pw)" db\n',
    "cron.d/h3": "0 2 * * * root mysqldump --password=$PW db\n",
    "cron.d/h4": "0 2 * * * root mkdir -p /var/backups/db1\n",
    "cron.d/h5": "0 2 * * * root cp -pR /a1 /b2; ps -p 1234; ssh -p 2222 host; tar -pxzf a1.tgz\n",
    "cron.d/h6": "0 2 * * * root RESTIC_PASSWORD_FILE=/root/pw1 restic backup /\n",
    "cron.d/h7": '0 2 * * * root curl -u "$USER1:$PASS1" https://x/\n',
    "cron.d/h8": "0 2 * * * root sshpass -f /root/pw1 rsync x\n",
    "cron.d/h9": "0 2 * * * root ldapsearch -x -y /root/pw1\n",
    "cron.daily/hb1": '#!/bin/sh\nPASS=$(cat /root/pw1)\nexport BORG_PASSCOMMAND="cat /root/pw1"\n',
    "cron.d/ha": '0 2 * * * root redis-cli -a "$REDIS_PW1" save\n',
    "cron.d/hc": "0 1 * * * root openssl enc -pass file:/root/pw1 -in x\n",
    "cron.d/hd": "0 1 * * * root find / -perm -4000 -print0\n",
    "cron.d/he": '0 1 * * * root mysql --protocol=tcp --port=3307 -e "x"\n',
    "cron.d/hf": "0 1 * * * root /usr/bin/apt-get -u upgrade --print-uris1\n",
    "systemd/system/t1.service": "[Service]\nEnvironmentFile=/x/se1\nLoadCredential=pw:/x1\n",
    "systemd/system/t2.service": '[Service]\nEnvironment="DB_PASSWORD=${X1}"\n',
    "systemd/system/t3.service": "[Service]\nExecStart=/usr/bin/app --password-file=/etc/x1\n",
    "systemd/system/t4.service": "[Service]\nEnvironment=PASSWORD_FILE=/run/secrets/db1\n",
    "systemd/system/t5.service": "[Service]\nExecStart=/usr/bin/systemd-ask-password --no-tty1\n",
    "fstab2": "//h/s /m cifs credentials=/root/cred1,uid=1000 0 0\n",
    "app/ha.yml": "password: ${DB_PASSWORD1}\n",
    "app/hb.yml": 'password: "{{ vault_pw1 }}"\n',
    "app/hc.properties": "db.password=ENC(abcdef1234567)\n",
    "app/hd.conf": "password_file = /etc/app/pw1\n",
    "app/he.conf": "# password = S3cretPw1\n",
    "app/hf.conf": "password_encryption = scram-sha-256\n",
    "app/hg.conf": "password = changeme1\n",
    "app/hh.conf": "PasswordAuthentication no\n",
    "app/hi.conf": "password_command = pass show x1\n",
    "app/hj.json": '{"password": "$2b$12$abcdefghijklmnopqrstuv"}\n',
    "app/hk.conf": "min_password_length = 12\npassword_max_age=90d1\n",
    "login.x": "PASS_MAX_DAYS 90\nPASS_MIN_LEN 8\n",
    "app/hl.conf": "token_endpoint=https://x1/y\nsecret_name = projects/x1\n",
    "app/hm.conf": "proxy http://user@host1:8080\n",
    "app/hn.conf": "url=https://example.com:8443/a@b1\n",
    "app/ho.conf": "password = <your-password1>\n",
    "app/hp.conf": "password = xxxxxxxx1\n",
    "app/hq.conf": "password=********\n",
    "app/hr.conf": "ssl_key_password_file=/x1\nauth_password_hash=sha256\n",
    "app/hs.xml": "<password>${env.PW1}</password>\n",
    "app/ht.conf": "password = vault:secret/data/x#pw1\n",
    "app/hu.conf": 'password = "%PASSWORD1%"\n',
    "app/hv.conf": "hbase.token.key=1\nkafka.password.encoder.iterations=4096\n",
    "app/hw.conf": "password.encoder.secret.type=PBKDF2WithHmacSHA512\n",
    "pam.x/common": "password [success=1 default=ignore] pam_unix.so obscure yescrypt1\n",
    "app/hy.conf": "passwd: files systemd1\n",
    "app/hz.conf": "password = @@PW1@@\n",
    "app/h1.conf": "secret = arn:aws:secretsmanager:eu1:x\n",
    "app/h2.conf": "password = !vault1 |\n",
    "app/h3.conf": "password = file:/etc/x1\n",
    "app/h4.conf": "password = env:PW1\n",
    "app/h5.conf": "password = __PASSWORD1__\n",
    "app/h6.conf": "api_key = YOUR_API_KEY_1\n",
    "app/h7.conf": 'password = "" # set1\n',
    "app/h8.sh": 'read -s PASSWORD1\nPASSWORD="$1"\n',
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
    for folder in ("var/backups", "var/lib", "var/spool/cron", "opt"):
        (top / folder).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(search(homes or Homes(), str(top)), capture_output=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})  # fmt: skip
    assert done.stderr == b""
    assert VALUE.encode() not in done.stdout
    reported = parse_secrets(invented.answer(done.stdout.replace(os.fsencode(top), b""), b"", 0))
    assert isinstance(reported, Secrets)
    return reported


def verdicts(secrets: Secrets, passwd: str = BOB) -> tuple[Verdict, Verdict]:
    accounts = parse_passwd(invented.answer(passwd))
    assert isinstance(accounts, Accounts)
    host = target_of("host")
    return (
        private_files.judge(host, secrets, accounts, Sweep()).verdict,
        stored_secrets.judge(host, secrets, accounts).verdict,
    )


def test_each_place_is_told_with_its_kind_and_never_its_value(top: Path) -> None:
    put(top, FREE)
    assert not found(top).files
    assert verdicts(found(top)) == (PASS, PASS)
    put(top, HELD)
    reported = found(top)
    assert {file.path.removeprefix("/home/bob/") for file in reported.files} == HELD.keys()
    assert verdicts(reported) == (PASS, FAIL)  # set in start-up files
    alone = (structs.replace(reported, files=(file,)) for file in reported.files)
    assert not [one.files for one in alone if verdicts(one)[1] is PASS]
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


def test_private_keys_in_other_places(tmp_path: Path) -> None:
    pem, public = "-----BEGIN PRIVATE KEY-----\nMIIB\n", "-----BEGIN CERTIFICATE-----\nMIIB\n"
    putty, ssh = "PuTTY-User-Key-File-3: x\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3\n"
    raw = "aB3d" * 10 + "+/8=\n"  # the form of wg genkey (wireguard-tools 1.0)
    cases = (
        ("etc/ssl/private/x.key", pem, 0o644, 0o755, FAIL),
        ("etc/ssl/private/x.key", pem, 0o640, 0o755, PASS),
        ("etc/ssl/private/x.key", pem, 0o644, 0o710, PASS),
        ("etc/ssl/certs/x.pem", pem, 0o644, 0o755, FAIL),
        ("etc/ssl/certs/x.pem", public, 0o644, 0o755, PASS),
        ("opt/app/conf/tls/deep/down/here/server.key", pem, 0o604, 0o755, FAIL),
        ("srv/backup/id_ed25519", ssh, 0o644, 0o755, FAIL),
        ("srv/backup/id_ed25519", ssh, 0o600, 0o755, PASS),
        ("data/deploy_key", ssh, 0o644, 0o755, FAIL),
        ("var/www/site.crt", public + pem, 0o644, 0o755, FAIL),
        ("usr/local/etc/x.ppk", putty, 0o644, 0o755, FAIL),
        ("etc/openvpn/client.ovpn", f"<key>\n{pem}</key>\n", 0o644, 0o755, FAIL),
        ("opt/app/key.pem.bak", pem, 0o644, 0o755, FAIL),
        ("opt/app/node_modules/x/test/server.key", pem, 0o644, 0o755, PASS),
        ("opt/app/README.txt", pem, 0o644, 0o755, PASS),
        ("etc/wireguard/privatekey", raw, 0o644, 0o755, FAIL),
        ("etc/wireguard/wg0.psk", raw, 0o644, 0o755, FAIL),
        ("etc/wireguard/privatekey", raw, 0o600, 0o755, PASS),
        ("etc/wireguard/privatekey", raw, 0o644, 0o700, PASS),
        ("etc/wireguard/publickey", raw, 0o644, 0o755, PASS),
        ("etc/wireguard/server.pub", raw, 0o644, 0o755, PASS),
        ("opt/vpn/server-private.txt", raw.strip(), 0o644, 0o755, FAIL),
        ("opt/vpn/private-peers", f"peer {raw}", 0o644, 0o755, PASS),
        ("opt/vpn/private-peers", f"B{raw}", 0o644, 0o755, PASS),
    )
    tmp_path.chmod(0o755)
    for name, text, mode, folder, verdict in cases:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        path.parent.chmod(folder)
        done = subprocess.run(argv(str(tmp_path)), capture_output=True, check=False)
        sweep = parse_sweep(invented.answer(done.stdout, b"", done.returncode), as_root=True)
        assert isinstance(sweep, Sweep)
        judged = private_files.judge(target_of("host"), NOTHING, ABSENT, sweep)
        assert judged.verdict is verdict, (name, oct(mode), oct(folder))
        path.unlink()
    judged = private_files.judge(target_of("host"), NOTHING, ABSENT, ABSENT)
    assert judged.verdict is UNDETERMINED
