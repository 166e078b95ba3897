"""auditd.conf as auditd 3 and 4 read it (src/auditd-config.c): `name = value [option]`.

Words part at blanks only, and `=` is a word of its own; `#` in front of a line makes a comment;
names and words of values have any case; the last value of a name holds; lines of more than 510
bytes are passed over. Everything else, and a name or word that auditd does not know, keeps it from
starting.
"""

from __future__ import annotations

import re

from msgspec import Struct

from audit_core.api.sdk import Privilege, ReadFile, fact
from audit_core.model import Answer

_YES = ("yes", "no")
_ACTIONS = ("ignore", "syslog", "rotate", "email", "exec", "suspend", "single", "halt")
_WORDS = {
    "local_events": _YES, "write_logs": _YES, "verify_email": _YES, "use_libwrap": _YES,
    "enable_krb5": _YES, "distribute_network": _YES,
    "log_format": ("raw", "nolog", "enriched"),
    "flush": ("none", "incremental", "incremental_async", "data", "sync"),
    "name_format": ("none", "hostname", "fqd", "numeric", "user"),
    "max_log_file_action": ("ignore", "syslog", "exec", "suspend", "rotate", "keep_logs"),
    "overflow_action": ("ignore", "syslog", "suspend", "single", "halt"),
    "transport": ("tcp", "tls", "krb5"),
    "space_left_action": _ACTIONS, "admin_space_left_action": _ACTIONS,
    "disk_full_action": _ACTIONS, "disk_error_action": _ACTIONS,
}  # fmt: skip
_NUMBERS = {
    "freq": 10**9, "num_logs": 999, "max_log_file": 10**9, "priority_boost": 10**9,
    "tcp_listen_port": 65535, "tcp_listen_queue": 10**9, "tcp_max_per_addr": 10**9,
    "tcp_client_max_idle": 10**9, "q_depth": 99999, "max_restarts": 10**9,
    "end_of_event_timeout": 10**9, "report_interval": 10**9,
}  # fmt: skip
_SPACE = ("space_left", "admin_space_left")
_TEXTS = (
    "log_file", "log_group", "dispatcher", "name", "disp_qos", "action_mail_acct",
    "tcp_client_ports", "krb5_principal", "krb5_key_file", "plugin_dir", "tls_psk_file",
    "tls_psk_identity", "tls_cipher_suites", "tls_key_exchange", "tls_require_pqc", "tls_auth",
    "tls_crypto_profile", "tls_allowed_clients",
)  # fmt: skip
_WITH_OPTION = ("space_left_action", "admin_space_left_action", "disk_full_action",
                "disk_error_action")  # fmt: skip
_LINE = 510  # characters that auditd reads of a line


class AuditdConf(Struct, frozen=True, kw_only=True):
    """The settings of auditd.conf, names in lower case, as words of values.

    `refused` is the line, or the settings together, because of which auditd does not start.
    """

    values: dict[str, str]
    refused: str = ""

    def get(self, name: str) -> str:
        """The value of `name`, or the daemon's own default (auditd.conf(5))."""
        return self.values.get(name, DEFAULTS.get(name, ""))

    @property
    def writes(self) -> bool:
        """Whether local events are written to the log file."""
        both = self.get("write_logs") == self.get("local_events") == "yes"
        return both and self.get("log_format") != "nolog"


# What auditd takes when the line is missing: src/auditd-config.c, clear_config().
DEFAULTS = {
    "max_log_file": "0", "max_log_file_action": "ignore", "num_logs": "0",
    "space_left_action": "ignore", "disk_full_action": "ignore", "disk_error_action": "ignore",
    "log_file": "/var/log/audit/audit.log", "write_logs": "yes", "local_events": "yes",
}  # fmt: skip


def parse_auditd_conf(answer: Answer) -> AuditdConf:
    """The settings up to the line that auditd refuses, and that line."""
    values: dict[str, str] = {}
    for line in filter(_counts, answer.text.split("\n")):
        name, *rest = (word for word in line.split(" ") if word)
        if rest[:1] != ["="] or not _takes(name.lower(), rest[1:]):
            return AuditdConf(values=values, refused=line.strip()[:200] or line[:200])
        value = " ".join(rest[1:])
        values[name.lower()] = value if name.lower() in _TEXTS else value.lower()
    return AuditdConf(values=values, refused=_together(values) if answer.text else "")


def _counts(line: str) -> bool:
    """Whether auditd reads the line: no comment, not empty, and not too long."""
    plain = line.strip(" ")
    short = len(line.encode(errors="replace")) <= _LINE
    return bool(plain) and not plain.startswith("#") and short


def _takes(name: str, words: list[str]) -> bool:
    """Whether auditd takes the value, with its option, for the name."""
    if not words or (len(words) > 1 and name not in _WITH_OPTION):
        return False
    value = words[0].lower()
    if name in _WORDS:
        runs = "".join(words[1:2]).startswith("/")
        return value in _WORDS[name] and (value != "exec" or runs)
    if name in _NUMBERS:
        return re.fullmatch(r"[0-9]{1,10}", value) is not None and int(value) <= _NUMBERS[name]
    if name in _SPACE:
        return re.fullmatch(r"[0-9]{1,10}%?", value) is not None
    return _is_log_file(value) if name == "log_file" else name in _TEXTS


def _is_log_file(value: str) -> bool:
    folder, slash, file = value.rpartition("/")
    return len(folder) > 3 and folder.startswith("/") and bool(slash and file)


def _together(values: dict[str, str]) -> str:
    """The settings that auditd refuses together; empty where it takes them."""
    left, admin = (values.get(name, "0") for name in _SPACE)
    if "%" not in left + admin and int(left) <= int(admin):
        return f"space_left = {left}, admin_space_left = {admin}"
    if values.get("flush", "").startswith("incremental") and values.get("freq", "0") == "0":
        return f"flush = {values['flush']}, freq = 0"
    return ""


AUDITD_CONF = fact(
    "linux.auditd-conf",
    AuditdConf,
    kind="host",
    ask=ReadFile(path="/etc/audit/auditd.conf", privilege=Privilege.ROOT),
    parse=parse_auditd_conf,
)
