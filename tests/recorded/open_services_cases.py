"""Configurations of network services; `open_services.py` says what the real ones make of them."""

from __future__ import annotations

MODULES = ("pub", "drop", "safe")
_THREE = "".join(f"[{name}]\npath = /srv/{name}\n" for name in MODULES)
_HEAD = "use chroot = no\nuid = root\ngid = root\n"


def _rsyncd(text: str, **more: str) -> dict[str, str]:
    others = {
        f"/etc/rsyncd.d/{name.replace('_', '.')}": reported for name, reported in more.items()
    }
    return {"/etc/rsyncd.conf": _HEAD + text, **others}


def _with(drop: str, head: str = "") -> dict[str, str]:
    """The module `drop` with more lines."""
    return _rsyncd(head + _THREE.replace("[safe]", f"{drop}\n[safe]"))


_SECRET = "auth users = joe\nsecrets file = /etc/rsyncd.secrets"
_REDIS = 'bind 192.0.2.1\nprotected-mode no\nsave ""\n'


def _redis(text: str, acl: str | None = None) -> dict[str, str]:
    more = {} if acl is None else {"/etc/redis/users.acl": acl}
    return {"/etc/redis/redis.conf": text, **more}


def _snmp(text: str) -> dict[str, str]:
    return {"/etc/snmp/snmpd.conf": f"agentaddress udp:161\n{text}\n"}


def _mapped(access: str) -> str:
    return "com2sec ro default public\ngroup g v2c ro\nview all included .1\n" + access


CASES: dict[str, dict[str, dict[str, str]]] = {
    "rsync": {
        "defaults": _rsyncd(_THREE),
        "writable": _with("read only = no"),
        "writable, spelt otherwise": _with("READ  Only = FALSE"),
        "writable, no such value": _with("read only = off"),
        "writable for all by the global part": _with("", "read only = no\n"),
        "writable by a global part in brackets": _rsyncd("[global]\nread only = no\n" + _THREE),
        "the last value holds": _with("read only = no\nread only = yes"),
        "with a login": _with(f"read only = no\n{_SECRET}"),
        "with a login, empty": _with("read only = no\nauth users ="),
        "with a login for all": _with("read only = no", f"{_SECRET}\n"),
        "others are allowed": _with("read only = no\nhosts allow = 198.51.100.0/24"),
        "this host is allowed": _with("read only = no\nhosts allow = 127.0.0.1 ::1"),
        "all are allowed": _with("read only = no\nhosts allow = *"),
        "one denied": _with("read only = no\nhosts deny = 198.51.100.1"),
        "others allowed, one denied": _with(
            "read only = no\nhosts allow = 198.51.100.1\nhosts deny = 198.51.100.2"),
        "others allowed, all denied": _with(
            "read only = no\nhosts allow = 198.51.100.1\nhosts deny = *"),
        "write only": _with("read only = no\nwrite only = yes"),
        "comments": _with("# read only = no\n; read only = no"),
        "a comment behind a value": _with("read only = no # for now"),
        "continued": _with("read only = \\\nno"),
        "included": _rsyncd(_THREE + "&include /etc/rsyncd.d", a_conf="[late]\npath = /srv/late\n",
                            b_conf="[drop]\nread only = no\n"),
        "merged": _rsyncd(_THREE + "[drop]\n&merge /etc/rsyncd.d", c_inc="read only = no\n"),
        "a directory whose files end otherwise": _rsyncd(
            _THREE + "[drop]\n&include /etc/rsyncd.d", d_inc="read only = no\n"),
        "a module that begins twice": _rsyncd(_THREE + "[drop]\nread only = no\n"),
    },
    "redis": {
        "no password": _redis(_REDIS),
        "requirepass": _redis(_REDIS + "requirepass s3cret\n"),
        "requirepass, empty": _redis(_REDIS + 'requirepass ""\n'),
        "requirepass in other letters": _redis(_REDIS + "RequirePass s3cret\n"),
        "requirepass, then none": _redis(_REDIS + 'requirepass x\nrequirepass ""\n'),
        "in a comment": _redis(_REDIS + "# requirepass s3cret\n"),
        "protected mode": _redis("bind 192.0.2.1\nsave \"\"\n"),
        "protected mode, no bind": _redis("save \"\"\n"),
        "loopback only": _redis("bind 127.0.0.1 -::1\nprotected-mode no\n"),
        "all addresses": _redis("bind * -::*\nprotected-mode no\n"),
        "default is off": _redis(_REDIS + "user default off nopass ~* +@all\n"),
        "default has a password": _redis(_REDIS + "user default on >pw ~* +@all\n"),
        "default has a hash": _redis(_REDIS + f"user default on #{'a' * 64} ~* +@all\n"),
        "default is open by its line": _redis(_REDIS + "user default on nopass ~* +@all\n"),
        "a password, then nopass": _redis(_REDIS + "user default on >pw nopass ~* +@all\n"),
        "nopass, then a password": _redis(_REDIS + "user default on nopass >pw ~* +@all\n"),
        "resetpass": _redis(_REDIS + "user default on nopass resetpass ~* +@all\n"),
        "reset": _redis(_REDIS + "user default reset\n"),
        "another account": _redis(_REDIS + "requirepass x\nuser bob on >pw ~* +@all\n"),
        "an ACL file": _redis(_REDIS + "aclfile /etc/redis/users.acl\n",
                              "user default on >pw ~* +@all\n"),
        "an ACL file without default": _redis(_REDIS + "aclfile /etc/redis/users.acl\n",
                                              "user bob on >pw ~* +@all\n"),
        "an ACL file that is open": _redis(_REDIS + "aclfile /etc/redis/users.acl\n",
                                           "user default on nopass ~* +@all\n"),
        "an ACL file beside requirepass": _redis(
            _REDIS + "requirepass x\naclfile /etc/redis/users.acl\n", "user bob on >pw ~* +@all\n"),
        "no TCP": _redis("port 0\nprotected-mode no\nunixsocket /etc/redis/s\n"),
        "in quotes": _redis(_REDIS + '"requirepass" "s3cret"\n'),
    },
    "snmp": {
        "public": _snmp("rocommunity public"),
        "private, writable": _snmp("rwcommunity private"),
        "another one": _snmp("rocommunity s3cret"),
        "public for this host": _snmp("rocommunity public localhost"),
        "public for 127.0.0.0/8": _snmp("rocommunity public 127.0.0.0/8"),
        "public for others": _snmp("rocommunity public 198.51.100.1"),
        "public for its network": _snmp("rocommunity public 192.0.2.0/24"),
        "public for default": _snmp("rocommunity public default .1"),
        "other letters": _snmp("ROCommunity public"),
        "in quotes": _snmp('rocommunity "public"'),
        "in a comment": _snmp("# rocommunity public"),
        "behind a comment": _snmp("rocommunity s3cret # public"),
        "IPv6 only": _snmp("rocommunity6 public"),
        "com2sec without access": _snmp("com2sec ro default public"),
        "com2sec with access": _snmp(_mapped('access g "" any noauth exact all none none')),
        "com2sec without a view": _snmp(_mapped('access g "" any noauth exact none none none')),
        "com2sec of another group": _snmp(_mapped('access h "" any noauth exact all none none')),
        "com2sec with a context": _snmp(
            _mapped('access g "" any noauth exact all none none').replace(
                "com2sec ", "com2sec -Cn x ")),
        "loopback only": {"/etc/snmp/snmpd.conf":
                          "agentaddress 127.0.0.1\nrocommunity public\n"},
    },
    "vsftpd": {
        "no word of it": {"/etc/vsftpd.conf": "local_enable=YES\n"},
        "on": {"/etc/vsftpd.conf": "anonymous_enable=YES\n"},
        "off": {"/etc/vsftpd.conf": "anonymous_enable=NO\n"},
        "off, then on": {"/etc/vsftpd.conf": "anonymous_enable=NO\nanonymous_enable=yes\n"},
        "on, then off": {"/etc/vsftpd.conf": "anonymous_enable=1\nanonymous_enable=no\n"},
        "in a comment": {"/etc/vsftpd.conf": "#anonymous_enable=NO\n"},
        "blanks behind": {"/etc/vsftpd.conf": "anonymous_enable=NO  \n"},
        "blanks in front": {"/etc/vsftpd.conf": "  anonymous_enable=NO\n"},
        "other letters": {"/etc/vsftpd.conf": "Anonymous_Enable=NO\n"},
        "true": {"/etc/vsftpd.conf": "anonymous_enable=TRUE\n"},
        "line ends of Windows": {"/etc/vsftpd.conf": "anonymous_enable=NO\r\n"},
    },
}  # fmt: skip
