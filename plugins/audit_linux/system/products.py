"""Security products for Linux hosts, and the names by which a host shows them.

Data, with where each row is from; the site's own agents are declared in the inventory. Names of
processes may be longer than the 15 bytes that the kernel keeps: they are compared cut.
"""

from __future__ import annotations

from msgspec import Struct

# Where a row is from. Names of products change: a row that is out of date makes a host undetermined
# (see `agents`), never pass.
_MEMORY = "collected from memory, 2026-11; not checked against the maker's documents"
_MAKER = "the maker's documents, 2026-11"
_USERS = "process lists reported by users, 2026-11"
_DEBIAN = "packages of Debian 12"


class Product(Struct, frozen=True, kw_only=True):
    """One product. `malware` and `intrusion`: what it is bought for; several may hold."""

    name: str
    processes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    malware: bool = False
    intrusion: bool = False
    source: str = _MEMORY


PRODUCTS = (
    Product(name="ClamAV", processes=("clamd", "clamonacc"), malware=True, source=_DEBIAN,
            packages=("clamav-daemon", "clamd", "clamav-server"),
            units=("clamav-daemon", "clamd", "clamav-clamonacc")),
    Product(name="阿里云安全中心", malware=True, intrusion=True, source=_MAKER,
            processes=("AliYunDun", "AliYunDunMonitor", "AliSecGuard"), units=("aegis",)),
    Product(name="腾讯云主机安全", malware=True, intrusion=True, source=_MAKER,
            processes=("YDService",), units=("YDService",)),
    Product(name="华为云企业主机安全", processes=("hostguard", "hostwatch"), units=("hostguard",),
            packages=("hostguard",), malware=True, intrusion=True),
    Product(name="青藤万相", processes=("titanagent", "titan_monitor"), units=("titanagent",),
            packages=("titanagent",), malware=True, intrusion=True),
    Product(name="深信服 EDR", processes=("edr_agent", "edr_monitor", "eaio_agent"),
            units=("edr_agent", "eaio_agent"), malware=True, intrusion=True),
    Product(name="奇安信天擎", processes=("qaxsafed",), units=("qaxsafe",), packages=("qaxsafe",),
            malware=True),
    Product(name="360天擎", processes=("360entclient",), packages=("360entclient",), malware=True),
    Product(name="亚信/趋势 Deep Security", processes=("ds_agent", "ds_am"), units=("ds_agent",),
            packages=("ds-agent", "ds_agent"), malware=True, intrusion=True),
    Product(name="Microsoft Defender", processes=("wdavdaemon",), units=("mdatp",),
            packages=("mdatp",), malware=True, intrusion=True),
    Product(name="CrowdStrike", processes=("falcon-sensor", "falcon-sensor-bpf", "falcond"),
            units=("falcon-sensor",), packages=("falcon-sensor",), malware=True, intrusion=True,
            source=_USERS),
    Product(name="ESET", processes=("esets_daemon", "startd", "scand", "oaeventd"),
            units=("eea", "efs", "esets"), packages=("eea", "efs", "esets"), malware=True,
            source=_USERS),
    Product(name="SentinelOne", processes=("sentinelone-agent", "s1-agent"),
            units=("sentinelone",), packages=("SentinelAgent", "sentinelagent"), malware=True,
            intrusion=True, source=_USERS),
    Product(name="Sophos", processes=("savd", "soapd", "sophos_managementagent"),
            units=("sophos-spl", "sav-protect"), malware=True, source=_USERS),
    Product(name="Kaspersky", processes=("kesl",), units=("kesl",), packages=("kesl",),
            malware=True),
    Product(name="Trellix", processes=("mfetpd",), units=("mfetpd",),
            packages=("McAfeeTP", "ISecTP"), malware=True),
    Product(name="Cortex XDR", units=("traps_pmd",), packages=("cortex-agent",), malware=True,
            intrusion=True),
    Product(name="Bitdefender", processes=("bdsecd",), units=("bdsec",),
            packages=("bitdefender-security-tools",), malware=True),
    Product(name="Carbon Black", processes=("cbagentd", "cbdaemon"), units=("cbagentd",),
            packages=("cb-psc-sensor",), malware=True, intrusion=True),
    Product(name="Elastic Defend", processes=("elastic-endpoint",), units=("ElasticEndpoint",),
            malware=True, intrusion=True),
    Product(name="Dr.Web", processes=("drweb-configd",), units=("drweb-configd",),
            packages=("drweb-configd",), malware=True),
    Product(name="Wazuh", processes=("wazuh-agentd", "wazuh-analysisd"), intrusion=True,
            units=("wazuh-agent", "wazuh-manager"), packages=("wazuh-agent", "wazuh-manager")),
    Product(name="OSSEC", processes=("ossec-agentd", "ossec-analysisd"), units=("ossec",),
            packages=("ossec-hids", "ossec-hids-agent"), intrusion=True),
    Product(name="Falco", processes=("falco",), packages=("falco",), intrusion=True,
            units=("falco", "falco-modern-bpf", "falco-bpf", "falco-kmod")),
    Product(name="Suricata", processes=("suricata", "Suricata-Main"), units=("suricata",),
            packages=("suricata",), intrusion=True, source=_DEBIAN),
    Product(name="Snort", processes=("snort",), units=("snort",), packages=("snort",),
            intrusion=True, source=_DEBIAN),
    Product(name="Samhain", processes=("samhain",), units=("samhain",), packages=("samhain",),
            intrusion=True, source=_DEBIAN),
    Product(name="Tetragon", processes=("tetragon",), units=("tetragon",), intrusion=True),
    Product(name="Elkeid", processes=("elkeid-agent",), units=("elkeid-agent",),
            packages=("elkeid-agent",), intrusion=True),
)  # fmt: skip
MALWARE = tuple(product for product in PRODUCTS if product.malware)
INTRUSION = tuple(product for product in PRODUCTS if product.intrusion)
