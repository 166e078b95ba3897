r"""What looks like a secret by itself, or by the words in front of it. PURE.

A pattern begins with letters that are rare, and is looked for only where one of its signs stands:
answers are megabytes, and almost none holds a secret.
"""

from __future__ import annotations

import re

from audit_core.model.redaction import DONE, QUOTED, RedactionRule


class Cut:
    """Puts a rule's mark where its secret stood."""

    def __init__(self, rule: RedactionRule) -> None:
        self._mark = b"[redacted:%s]" % rule.name.encode()
        self._group = rule.pattern.groups

    def __call__(self, hit: re.Match[bytes]) -> bytes:
        start, end = hit.span(self._group)
        whole = hit[0]
        return whole[: start - hit.start()] + self._mark + whole[end - hit.start() :]


def _rule(name: str, pattern: bytes, *signs: bytes, first: bytes | None = None) -> RedactionRule:
    cheap = None if first is None else re.compile(first)
    return RedactionRule(name=name, signs=signs, pattern=re.compile(pattern), first=cheap)


_VALUE = rb"(" + QUOTED + rb"|[^\s\0]+)"
_LINE = rb"([^\r\n\0]+)"
_PEM = rb"[A-Za-z0-9+/=\s:,.\\\"']|-(?!----)"
# 13 letters of DES, large and small ones
_DES = rb"(?=[./0-9A-Z]*[a-z])(?=[./0-9a-z]*[A-Z])"

_KEYS = (
    _rule(
        "private-key",
        rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:" + _PEM + rb")*+"
        rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        b"private key",
    ),
    _rule(
        "private-key",
        rb"---- BEGIN SSH2 [A-Z ]{0,20}PRIVATE KEY ----(?:[^-\0]|-(?!---))*+"
        rb"(?:---- END SSH2 [A-Z ]{0,20}PRIVATE KEY ----)?",
        b"begin ssh2",
    ),
    _rule(
        "private-key",
        rb"Private-Lines: [0-9]+\r?\n((?:[A-Za-z0-9+/=]+\r?\n)*+(?:[A-Za-z0-9+/=]+\Z)?)",
        b"private-lines",
    ),
)
_HASHES = (
    _rule(
        "crypt-hash",
        rb"\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|sm3|apr1|argon2(?:id?|d)|scrypt|s[01]|8|9"
        rb"|pbkdf2(?:-[a-z0-9]+)?|bcrypt(?:-sha256)?)\$[./A-Za-z0-9$=,+_-]{8,400}",
        b"$",
    ),
    _rule("crypt-hash", rb"pbkdf2_[a-z0-9]+\$[0-9]+\$[^\s\"'\0]{8,400}", b"pbkdf2_"),
    _rule("crypt-hash", rb"SCRAM-SHA-[0-9]+\$[^\s\"'\0]{8,400}", b"scram-sha-"),
    _rule(
        "crypt-hash",
        rb"grub\.pbkdf2\.sha[0-9]+\.[0-9]+\.([0-9A-Fa-f.]{16,4000})",
        b"grub.pbkdf2",
    ),
    _rule(
        "crypt-hash",
        rb"\{(?i:S?SHA(?:256|384|512)?|S?MD5|CRYPT|PBKDF2[A-Z0-9_-]*|ARGON2)\}"
        rb"[A-Za-z0-9+/=.$,_-]{8,400}",
        b"sha}", b"sha256}", b"sha384}", b"sha512}", b"md5}", b"crypt}", b"{pbkdf2", b"{argon2}",
    ),
    _rule("crypt-hash", rb"\*[0-9A-F]{40}(?!\w)", b"*"),  # MySQL
    _rule("crypt-hash", rb"md5(?<!\wmd5)[0-9a-f]{32}(?!\w)", b"md5"),  # PostgreSQL
    # DES in an account database, and in an htpasswd file
    _rule(
        "crypt-hash", rb"(?m)^[^\s:\0]{1,64}:" + _DES + rb"([./A-Za-z0-9]{13})(?=:)", b":",
        first=rb":[./A-Za-z0-9]{13}:",
    ),
    _rule(
        "crypt-hash",
        rb"(?m)^[^\s:\0]{1,64}:" + _DES + rb"(?=[./A-Za-z]*[0-9])([./A-Za-z0-9]{13})(?=\r?$)",
        b":",
        first=rb"(?m):[./A-Za-z0-9]{13}\r?$",
    ),
)  # fmt: skip
_TOKENS = (
    # A URL's password may hold an @, so the last one counts; a number behind the colon is a port.
    _rule(
        "url-credential",
        rb"://[^/\s:@\0\"'<>]{0,100}:(?![0-9]{1,5}(?:[/?#\s,]|$))" + DONE
        + rb"([^\s\0\"'<>@]{1,400}+(?:@[^\s\0\"'<>@]{1,200}(?=@))*)(?=@)",
        b"://",
    ),
    _rule(
        "url-credential",
        rb"(?i:jdbc:oracle:\w+:)[^/\s\0]{1,100}/" + DONE + rb"([^@\s\0]{1,200})(?=@)",
        b"jdbc:oracle:",
    ),
    _rule("bearer", rb"(?i:bearer)[ ]{1,4}([A-Za-z0-9._~+/=-]{8,4000})", b"bearer "),
    _rule(
        "authorization",
        rb"(?i:authorization)[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?"
        rb"(?i:basic|digest|negotiate|ntlm|apikey|token)[ \t]++" + DONE + rb"([^\r\n\0\"']+)",
        b"authorization",
    ),
    _rule("authorization", rb"(?im)^[ \t<>]{0,4}(?:set-)?cookie:[ \t]{0,4}+" + DONE + _LINE,
          b"cookie:"),
    _rule("access-key", rb"(?:AKIA|ASIA|LTAI|AKID)(?<![A-Z0-9]....)[A-Za-z0-9]{12,40}",
          b"akia", b"asia", b"ltai", b"akid"),
    _rule(
        "access-token",
        rb"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
        b"eyj",
    ),
    _rule(
        "access-token",
        rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
        rb"|xox[abeprs]-[\w-]{10,}|[sr]k_(?:live|test)_\w{10,}|sk-(?:proj-|ant-\w+-)?\w{20,}"
        rb"|AIza[\w-]{30,}|npm_[A-Za-z0-9]{30,}|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}"
        rb"|hv[sb]\.[\w-]{20,})",
        b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"xoxa-", b"xoxb-",
        b"xoxe-", b"xoxp-", b"xoxr-", b"xoxs-", b"k_live_", b"k_test_", b"sk-", b"aiza", b"npm_",
        b"ya29.", b"sg.", b"hvs.", b"hvb.",
    ),
)  # fmt: skip
_COMMANDS = (
    _rule(
        "command-line",
        rb"-(?<![\w-]-)-?(?i:[a-z]+-)?(?i:password|passwd|pass|passphrase|secret|token"
        rb"|(?:api|access|secret|auth)-?key|requirepass)[ \t\0]{1,8}+" + DONE + rb"(?!-)" + _VALUE,
        b"-pass", b"-secret", b"-token", b"-api", b"-access", b"-auth", b"-requirepass", b"key",
        b"word",
    ),
    # ~/.pgpass: host:port:database:user:password
    _rule(
        "command-line",
        rb"(?m)^(?!#)[^\s:\0]{1,255}:(?:[0-9]{2,5}|\*):[A-Za-z_*][^\s:\0]{0,62}:"
        rb"[A-Za-z_*][^\s:\0]{0,62}:" + DONE + rb"([^\s\0]+)$",
        b":",
        first=rb":(?:[0-9]{2,5}|\*):[A-Za-z_*][^\s:\0]{0,62}:[A-Za-z_*]",
    ),
)  # fmt: skip
_DIRECTIVES = (
    _rule(
        "assigned-secret",
        rb"(?im)^[ \t]*(?:requirepass|masterauth|auth_pass|bindpw|rootpw"
        # an empty value in quotes is no password, which a verdict rests on
        rb"|sentinel[ \t]+auth-pass[ \t]+\S+)[ \t]++" + DONE
        + rb"(?![\"']{2}[ \t]*\r?$)" + _LINE,
        b"requirepass", b"masterauth", b"auth_pass", b"bindpw", b"rootpw", b"auth-pass",
    ),
    # ~/.netrc
    _rule(
        "assigned-secret",
        rb"(?i:login)[ \t]+\S{1,200}\s+(?i:password)[ \t]++" + DONE + rb"(\S+)",
        b"login",
    ),
    _rule(
        "assigned-secret",
        rb"(?i:identified)[ \t]+(?i:by)[ \t]+(?i:password[ \t]++)?" + DONE + rb"(" + QUOTED + rb")",
        b"identified",
    ),
    # network devices
    _rule(
        "assigned-secret",
        rb"(?i)\b(?:password|secret|community|key|read|write)[ \t]+"
        rb"(?:(?:irreversible-)?cipher|simple|[0-9])[ \t]++" + DONE + rb"([^\s\0]{3,})",
        b"cipher ", b"simple ", b"password ", b"secret ", b"key 7",
    ),
)  # fmt: skip
_DEFAULTS = (
    rb"(?![\"']?(?:public|private)[\"']?(?:\s|\Z))"  # well-known communities, which a verdict names
)
_SNMP = (
    _rule(
        "snmp-community",
        rb"(?im)^[ \t]*(?:r[ow]community6?|trapcommunity)[ \t]++" + DONE + _DEFAULTS + rb"(\S+)",
        b"community",
    ),
    _rule(
        "snmp-community",
        rb"(?im)^[ \t]*com2sec6?(?:[ \t]+-Cn[ \t]+\S+)?[ \t]+\S+[ \t]+\S+[ \t]++" + DONE + _DEFAULTS
        + rb"(\S+)",
        b"com2sec",
    ),
    _rule(
        "snmp-community",
        rb"(?im)^[ \t]*(?:trap2?sink|informsink)[ \t]+\S+[ \t]++" + DONE + _DEFAULTS + rb"(\S+)",
        b"sink",
    ),
    _rule(
        "snmp-community",
        rb"(?im)^[ \t]*createUser[ \t]+(?:-e[ \t]+\S+[ \t]+)?\S+[ \t]++" + DONE + _LINE,
        b"createuser",
    ),
    _rule(
        "snmp-community",
        rb"(?i:snmp-server|snmp-agent)[ \t]+(?i:community)[ \t]+(?:(?:read|write)[ \t]++)?" + DONE
        + _DEFAULTS + rb"(\S+)",
        b"snmp-",
    ),
)  # fmt: skip
_BOTH = ("utf-8", "gb18030")
_NAMES = tuple(w.encode(code) for w in ("密码", "口令", "密钥", "令牌") for code in _BOTH)
_EQUALS = b"|".join(sign.encode(code) for sign in "：＝" for code in _BOTH)
_CHINESE = (
    _rule(
        "assigned-secret",
        rb"(?:" + b"|".join(_NAMES) + rb")[ \t]{0,8}(?:[=:]|" + _EQUALS + rb")[ \t]{0,8}+" + DONE
        + _LINE,
        *(name.lower() for name in _NAMES),
    ),
)  # fmt: skip
RULES = (*_KEYS, *_HASHES, *_TOKENS, *_COMMANDS, *_DIRECTIVES, *_SNMP, *_CHINESE)
