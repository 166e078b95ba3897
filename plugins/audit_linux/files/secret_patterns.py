"""What a line looks like that holds a secret: patterns for grep(1), kind by kind.

A value counts that nobody takes for a word: six characters or more, one of them a digit or a sign.
References (`$NAME`, `vault:…`), templates and words for a value that is yet to be put in do not.
"""

from __future__ import annotations

B = "[[:blank:]]"
# Six characters or more, one of them a digit or a sign that passwords need: no plain word.
_PLAIN, _ODD = "[^\"'`$;[:blank:]]", "[0-9!@#%^&*+=?]"
STRONG = "|".join(f"{_PLAIN}{{{at}}}{_ODD}{_PLAIN}{{{5 - at}}}" for at in range(5))
STRONG = f"({STRONG}|{_PLAIN}{{5,}}{_ODD})"
# The same behind a first character of its own.
STRONG_REST = "|".join(f"{_PLAIN}{{{at}}}{_ODD}{_PLAIN}{{{4 - at}}}" for at in range(5))
STRONG_REST = f"({STRONG_REST}|{_PLAIN}{{4,}}{_ODD})"
_BEGINS = "[^]\"'`$(/~<{%@*[:blank:]#;]"
# grep -P: what a value does not begin with.
_NOT = (
    "(?!change|replace|your|example|sample|placeholder|todo|fixme|x{4}|[.]{3}|enc[(]|!vault|__|@@"
    "|none|null|true|false|[a-z-]+=(?:[[:blank:]]|$)|(?:vault|arn|file|env|op|awssm|ssm|gcp|akv|cmd|exec|ref|secret|classpath"
    "|kms|base64):)"
)
_SECRET = f"{_NOT}{_BEGINS}{STRONG_REST}"
_VALUE = f"[\"']?{_SECRET}"
_ARGUMENT = f"[\"']?(?!-){_SECRET}"
_CHINESE = r"\xe5\xaf\x86\xe7\xa0\x81|\xe5\x8f\xa3\xe4\xbb\xa4"  # 密码, 口令
_KEYS = (
    "password|passwd|passphrase|pwd|secret|secret[_-]?key|api[_-]?key|access[_-]?key|token|psk"
    f"|authtok|privatekey|(?<![a-z])(?:db|smtp|ftp|mysql|user|admin|root|ldap)?pass|{_CHINESE}"
)
_NAMED = f"[A-Za-z0-9_.-]*(?:{_KEYS})"
_LINE = rf"^(?!{B}*;)[^#]*"  # up to a comment
# Programs that are given a password as an argument, in cron jobs, units, scripts and histories.
_COMMANDS = (
    rf"{_LINE}\b(?:mysql|mariadb|xtrabackup|mariabackup|innobackupex)[a-z-]*{B}(?:.*{B})?-p{_ARGUMENT}",
    rf"{_LINE}\bsshpass{B}+-p{B}*{_ARGUMENT}",
    rf"{_LINE}\b(?:redis|valkey|keydb)-cli{B}(?:.*{B})?-a{B}+{_ARGUMENT}",
    rf"{_LINE}\bcurl{B}(?:.*{B})?(?:-u|--user){B}*[\"']?[^\"'$:[:blank:]]+:{_SECRET}",
    rf"{_LINE}\blftp{B}(?:.*{B})?-u{B}*[^,$[:blank:]]+,{_SECRET}",
    rf"{_LINE}\b(?:smbclient|rpcclient|net){B}(?:.*{B})?-U{B}*[\"']?[^%$[:blank:]]+%{_SECRET}",
    rf"{_LINE}\bldap[a-z]+{B}(?:.*{B})?-w{B}*{_ARGUMENT}",
    rf"{_LINE}\bsnmp[a-z]+{B}(?:.*{B})?-[AX]{B}+{_ARGUMENT}",
    rf"{_LINE}\bopenssl{B}.*\bpass:{_SECRET}",
    rf"{_LINE}\b(?:zip{B}(?:.*{B})?-P{B}+|7za?{B}.*{B}-p){_ARGUMENT}",
    rf"{_LINE}\b(?:sqlplus|expdp|impdp|exp|imp|rman|sqlldr){B}(?:.*{B})?[\"']?[a-z0-9_#]+/"
    rf"{_SECRET}[^@[:blank:]]*@",
    rf"{_LINE}{B}--?(?!no-|ask-|prompt)[A-Za-z0-9-]*(?:password|passwd|passphrase|pwd|secret|token)"
    rf"{B}+{_ARGUMENT}",
    rf"{_LINE}[],;?&\"'[:blank:]]{_NAMED}={_VALUE}",
)
# Settings of programs that everybody may read.
PASSWORDS = "|".join((
    rf"^{B}*(?:export{B}+|Environment=|\$)?[\"']?{_NAMED}[\"']?{B}*[=:]{B}*{_VALUE}",
    rf"^{B}*(?:requirepass|masterauth|auth_pass|bindpw|rootpw){B}+[\"']?{_BEGINS}[^\"'[:blank:]]{{3}}",
    "^[^#;]*://[^]/:@[:blank:]$%{<[]+:[^]@/[:blank:]$%{<[]{4,}@",
    rf"\"{_NAMED}\"{B}*:{B}*\"{_SECRET}",
    rf"<(?:[A-Za-z0-9_.:-]*|[^>]*[\"'.:])(?:{_KEYS})[\"']?>{_SECRET}",
    rf"(?:key|name)=[\"']{_NAMED}[\"']{B}+value=[\"']{_SECRET}",
    rf"define[(]{B}*[\"']{_NAMED}[\"']{B}*,{B}*[\"']{_SECRET}",
    rf"{_LINE}\bBearer{B}+[A-Za-z0-9._~+/-]{{20}}",
    *_COMMANDS,
))  # fmt: skip
# What somebody has typed: the same commands, and the statements that set a password.
TYPED = "|".join((
    *_COMMANDS,
    rf"(?:identified by|password){B}*=?{B}*[(]?'[^'$]{{4}}",
    r"\.(?:auth|createUser)[(]",
))  # fmt: skip
HISTORIES = (
    ".*_history", ".history", ".sh_history", ".mongorc.js", ".psqlrc", ".sqliterc",
)  # fmt: skip
# Kind, name or path of the file, and what a line of it looks like that holds a secret.
KINDS = (
    ("netrc", "-name", ".netrc", rf"(^|{B})password{B}+[^[:blank:]]"),
    ("pgpass", "-name", ".pgpass", "^[^#:]+:[^:]*:[^:]*:[^:]*:."),
    ("my.cnf", "-name", ".my.cnf", rf"^{B}*password{B}*={B}*[\"']?[^\"'[:blank:]]"),
    ("mylogin.cnf", "-name", ".mylogin.cnf", "."),  # only disguised: the key lies in the file
    ("git-credentials", "-name", ".git-credentials", "://[^/:@]*:[^@]+@"),
    ("git-credentials", "-path", "*/.config/git/credentials", "://[^/:@]*:[^@]+@"),
    ("aws", "-path", "*/.aws/credentials", rf"^{B}*aws_secret_access_key{B}*={B}*[^[:blank:]]"),
    ("azure", "-path", "*/.azure/*.json", '"(refreshToken|refresh_token|secret)"'),
    ("docker", "-path", "*/.docker/config.json",
     rf'"(auth|identitytoken|password)"{B}*:{B}*"[^"]+"'),
    ("docker", "-path", "*/containers/auth.json", rf'"auth"{B}*:{B}*"[^"]+"'),
    ("npmrc", "-name", ".npmrc", rf"_(auth|authToken|password){B}*={B}*[\"']?[^\"'$[:blank:]]"),
    ("pypirc", "-name", ".pypirc", rf"^{B}*password{B}*[:=]{B}*[\"']?[^\"'$%[:blank:]]"),
    ("kubeconfig", "-path", "*/.kube/config",
     rf"^{B}*(token|password|client-key-data){B}*:{B}*[\"']?[^\"'$[:blank:]]"),
    ("gh", "-path", "*/gh/hosts.yml", rf"oauth_token{B}*:{B}*[^[:blank:]]"),
    ("rclone", "-path", "*/rclone/rclone.conf",
     rf"^{B}*(pass|token|secret_access_key|client_secret){B}*={B}*[^[:blank:]]"),
    ("composer", "-path", "*composer/auth.json", rf'"(password|github-oauth)"{B}*:'),
    ("maven", "-path", "*/.m2/settings.xml", "<passwor[d]>[^<{$]"),
    ("s3cfg", "-name", ".s3cfg", rf"^{B}*secret_key{B}*={B}*[^[:blank:]]"),
    ("mail program", "-name", ".msmtprc", rf"^{B}*password{B}+[^[:blank:]$]"),
    ("mail program", "-name", ".fetchmailrc", rf"{B}pass(word)?{B}+[^[:blank:]$]"),
    ("vault token", "-name", ".vault-token", "."),
    ("vault password", "-name", ".*vault_pass*", "."),
    ("smb credentials", "-name", ".*smb*cred*", rf"^{B}*password{B}*=."),
    ("gradle", "-path", "*/.gradle/gradle.properties", rf"^[^#]*assword{B}*={B}*[^$[:blank:]]"),
    ("terraform", "-path", "*/.terraform.d/credentials.tfrc.json", '"token"'),
    ("nuget", "-path", "*/NuGet.Config", "ClearTextPassword"),
    ("cargo", "-path", "*/.cargo/credentials*", rf"^{B}*token{B}*={B}*[\"']?[^\"'$[:blank:]]"),
)  # fmt: skip
HASHES = "password hashes"
OF_CONFIG: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("sasl_passwd", ("sasl_passwd", "*sasl*passwd"), rf"^[^#[:blank:]]+{B}+[^:[:blank:]]+:."),
    ("ppp secrets", ("chap-secrets", "pap-secrets"),
     rf"^{B}*[^#[:blank:]]+{B}+[^[:blank:]]+{B}+[^[:blank:]]"),
    ("ipsec secrets", ("ipsec.secrets", "*.secrets"),
     rf"^[^#]*(PSK|EAP|XAUTH|NTLM){B}+[\"0]|^[^#:[:blank:]]+:[^[:blank:]]"),
    ("ldap secret", ("*ldap.secret", "*ldap*.passwd"), "."), ("keytab", ("*.keytab",), "."),
    ("tomcat", ("tomcat-users.xml",), "^[^!]*<user[^>]* password=\"[^\"$]"),
    ("rndc", ("rndc.key", "rndc.conf"), rf"^{B}*secret{B}+\"."),
    (HASHES, ("*htpasswd*",), r"^[^:#]+:[$\{]"),
    ("davfs2 secrets", ("secrets",), rf"^[^#[:blank:]]+{B}+[^[:blank:]]+{B}+[^[:blank:]]"),
    ("mail program", ("passwd.client",), "^[^#:]+:[^:]*:."),
    ("mail program", ("msmtprc", "fetchmailrc"), rf"(^|{B})pass(word)?{B}+[^[:blank:]$]"),
    ("netrc", ("auth.conf", "*.conf"), rf"^{B}*machine{B}.*{B}password{B}+[^[:blank:]]"),
)  # fmt: skip
