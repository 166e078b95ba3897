"""Judgements on network services whose processes and files are invented."""

from __future__ import annotations

from audit_core.model import Check, Judgement, Partial
from audit_linux.network.listeners import Listener
from audit_linux.open_services import CHECKS
from audit_linux.open_services.service import Running
from audit_linux.open_services.service_files import ServiceFiles, parse_service_files
from invented.answers import files

BY_ID = {check.id.removeprefix("linux."): check for check in CHECKS}
PORTS = {
    "snmpd": 161, "rsync": 873, "vsftpd": 21, "proftpd": 21, "pure-ftpd": 21, "nfsd": 2049,
    "redis-server": 6379, "memcached": 11211, "mongod": 27017, "mysqld": 3306, "postgres": 5432,
    "dockerd": 2375, "smbd": 445, "in.tftpd": 69, "squid": 3128, "etcd": 2379, "zookeeper": 2181,
    "rabbitmq": 5672,
}  # fmt: skip


def read_files(contents: dict[str, str], **unread: str) -> ServiceFiles:
    found = parse_service_files(files(contents, **unread))
    assert not isinstance(found, Partial)
    return found


def judge(
    check: Check, contents: dict[str, str], *lines: str, address: str = "0.0.0.0", **unread: str
) -> Judgement:
    """The judgement where processes with these command lines run and listen."""
    servers = tuple(
        Running(pid=number, name=line.split()[0].rpartition("/")[2].rstrip(":"), arguments=line)
        for number, line in enumerate(lines, 2)
    )
    sockets = tuple(
        Listener(protocol="udp" if p.name in ("snmpd", "in.tftpd") else "tcp", address=address,
                 port=PORTS[p.name], process=p.name)
        for p in servers if "fd://" not in p.arguments
    )  # fmt: skip
    return check.judge(read_files(contents, **unread), servers, sockets)
