"""What listens for other hosts and is judged by none of the readers: it was not looked at.

Whether such a service asks for a login does not show in its socket. Left out are what other checks
judge, servers of web pages on their usual ports, whose pages are judged as web entries, programs
that keep nothing behind a login or always ask for one, and what the site declares as serving users
(`service_ports`). `KNOWN` are services that are often left without a login: no declaration settles
these.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    TARGET,
    Absent,
    Check,
    Judgement,
    Severity,
    Target,
    capped,
    check,
    known,
    known_or_absent,
    msg,
    passed,
    undetermined,
)
from audit_linux.network.listeners import LISTENERS, Listener, within_declared
from audit_linux.open_services.service import ServiceReader
from audit_linux.processes import PROCESSES, Process

# Ports and programs as IANA's register and the makers' manuals have them, collected from memory in
# 2026-11. A port says little of what listens there: a name only helps to ask.
KNOWN = {
    "79/tcp": "finger", "177/udp": "XDMCP", "389/tcp": "LDAP", "631/tcp": "CUPS",
    "1099/tcp": "Java RMI", "1433/tcp": "SQL Server", "1521/tcp": "Oracle", "1883/tcp": "MQTT",
    "2380/tcp": "etcd", "3000/tcp": "Grafana", "3260/tcp": "iSCSI", "4222/tcp": "NATS",
    "4369/tcp": "Erlang", "5236/tcp": "达梦", "5601/tcp": "Kibana", "5984/tcp": "CouchDB",
    "6443/tcp": "Kubernetes", "7000/tcp": "Cassandra", "7077/tcp": "Spark", "8009/tcp": "AJP",
    "8086/tcp": "InfluxDB", "8088/tcp": "YARN", "8123/tcp": "ClickHouse", "8500/tcp": "Consul",
    "8848/tcp": "Nacos", "8888/tcp": "Jupyter", "9000/tcp": "ClickHouse, MinIO",
    "9042/tcp": "Cassandra", "9090/tcp": "Prometheus, Cockpit", "9092/tcp": "Kafka",
    "9100/tcp": "node_exporter", "9418/tcp": "Git", "9870/tcp": "HDFS", "10250/tcp": "kubelet",
    "10255/tcp": "kubelet", "15672/tcp": "RabbitMQ", "26379/tcp": "Redis Sentinel",
    "50000/tcp": "Db2", "54321/tcp": "KingbaseES", "61616/tcp": "ActiveMQ",
    **{f"{port}/tcp": "VNC" for port in range(5900, 5911)},
    **{f"{port}/tcp": "X11" for port in range(6000, 6011)},
}  # fmt: skip
# Other checks judge these: SSH, logins in plain text. The rest sends no files and keeps no data:
# DHCP clients, time, names of the local network.
_JUDGED = {"22/tcp", "23/tcp", "512/tcp", "513/tcp", "514/tcp"}
_HARMLESS = {"68/udp", "546/udp", "123/udp", "323/udp", "5353/udp", "5355/udp", "5355/tcp"}
_PROGRAMS = {
    "sshd", "sshd-session", "chronyd", "ntpd", "dhclient", "systemd-network", "systemd-resolve",
    "systemd-timesyn", "NetworkManager", "avahi-daemon", "rsyslogd", "syslog-ng", "keepalived",
    "dovecot", "named", "unbound", "agetty",
}  # fmt: skip
_WEB = {"nginx", "apache2", "httpd", "lighttpd", "caddy", "haproxy", "envoy"}
_USUAL = {
    **dict.fromkeys(("80/tcp", "443/tcp", "443/udp"), _WEB),
    **dict.fromkeys(("53/tcp", "53/udp"), frozenset({"named", "unbound"})),
    **dict.fromkeys(("110/tcp", "143/tcp", "993/tcp", "995/tcp"), frozenset({"dovecot"})),
    "514/udp": {"rsyslogd", "syslog-ng"},
}


class _Looked(Struct, frozen=True, kw_only=True):
    """What is known besides the sockets: the readers, the target, and the programs that run."""

    readers: tuple[ServiceReader, ...]
    target: Target
    running: frozenset[str]


def _rest(listeners: Iterable[Listener], looked: _Looked) -> list[Listener]:
    """Those that other hosts may reach and no reader looks at."""
    names = {name for reader in looked.readers for name in reader.names} | _PROGRAMS
    return [
        item for item in listeners
        if not item.loopback and item.process not in names and not _read(item, looked.readers)
        and not _usual(item, looked.running) and not _serves(item, looked.target)
    ]  # fmt: skip


# Who holds the port of a server: nobody that is shown, or who starts it.
_STARTERS = ("", "systemd", "init", "xinetd", "inetd")


def _read(item: Listener, readers: tuple[ServiceReader, ...]) -> bool:
    """Whether a reader looks at what is behind a port; another program may be, as docker-proxy."""
    ports = {
        port for reader in readers if not reader.names or item.process in _STARTERS
        for port in reader.ports
    }  # fmt: skip
    return item.number in ports | _JUDGED | _HARMLESS


def _usual(item: Listener, running: frozenset[str]) -> bool:
    """Whether a server of the usual kind is behind a port; without root its name does not show."""
    names = {item.process} if item.process else running
    return not names.isdisjoint(_USUAL.get(item.number, ()))


def _serves(item: Listener, target: Target) -> bool:
    """Whether the site declares that users are served on the port of `item`."""
    declared = within_declared(target, item.protocol, str(item.port), setting="service_ports")
    return declared and item.number not in KNOWN


def _text(item: Listener) -> str:
    name = KNOWN.get(item.number)
    return f"{item.text}: {name}?" if name else item.text


def other_services(readers: tuple[ServiceReader, ...]) -> Check:
    """The check of what `readers` do not look at."""

    @check(
        "linux.other-services",
        needs=(LISTENERS, TARGET, known_or_absent(PROCESSES)),
        severity=Severity.MEDIUM,
        version=3,
        remedy=msg("Bind services that other hosts do not need to 127.0.0.1 or stop them; declare "
                   "in service_ports those that serve users"),
    )  # fmt: skip
    def judge(
        listeners: tuple[Listener, ...], target: Target, processes: tuple[Process, ...] | Absent
    ) -> Judgement:
        """No service listens for other hosts that none of the checks looks at."""
        expected = msg("only services that a check judges, or that are in service_ports")
        running = frozenset(p.name for p in known(processes) or () if not p.contained)
        rest = _rest(listeners, _Looked(readers=readers, target=target, running=running))
        if not rest:
            outside = capped(item.text for item in listeners if not item.loopback)
            detail = msg("Judged by a check, known to need no login, or declared in service_ports: "
                         "{sockets}", sockets=outside)  # fmt: skip
            return passed(detail, expected=expected)
        asked = msg("Ask whether these ask for a login; nothing was looked at but the socket: "
                    "{sockets}", sockets=capped(_text(item) for item in rest))  # fmt: skip
        return undetermined(asked, expected=expected)

    return judge
