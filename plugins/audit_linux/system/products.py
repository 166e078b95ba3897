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
    """One product. `malware` and `intrusion`: what it is bought for; several may hold.

    `programs` are paths of its own, which show it where no package manager brought it. They are
    collected from memory (2026-11) in all rows but those of Debian, and checked against no maker.
    """

    name: str
    processes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    malware: bool = False
    intrusion: bool = False
    source: str = _MEMORY


PRODUCTS = (
    Product(name="ClamAV", programs=("/usr/sbin/clamd", "/usr/local/sbin/clamd"),
            processes=("clamd", "clamonacc"), malware=True, source=_DEBIAN,
            packages=("clamav-daemon", "clamd", "clamav-server"),
            units=("clamav-daemon", "clamd", "clamav-clamonacc")),
    Product(name="阿里云安全中心", programs=("/usr/local/aegis/aegis_client",),
            malware=True, intrusion=True, source=_MAKER,
            processes=("AliYunDun", "AliYunDunMonitor", "AliSecGuard"), units=("aegis",)),
    Product(name="腾讯云主机安全", programs=("/usr/local/qcloud/YunJing/YDEyes/YDService",),
            malware=True, intrusion=True, source=_MAKER,
            processes=("YDService",), units=("YDService",)),
    Product(name="华为云企业主机安全", programs=("/usr/local/hostguard/bin/hostguard",),
            processes=("hostguard", "hostwatch"), units=("hostguard",),
            packages=("hostguard",), malware=True, intrusion=True),
    Product(name="青藤万相", programs=("/titan/agent/titanagent",),
            processes=("titanagent", "titan_monitor"), units=("titanagent",),
            packages=("titanagent",), malware=True, intrusion=True),
    Product(name="深信服 EDR",
            programs=("/sangfor/edr/agent/bin/edr_agent", "/sf/edr/agent/bin/edr_agent"),
            processes=("edr_agent", "edr_monitor", "eaio_agent"),
            units=("edr_agent", "eaio_agent"), malware=True, intrusion=True),
    Product(name="奇安信天擎", programs=("/opt/qaxsafe/qaxsafed",),
            processes=("qaxsafed",), units=("qaxsafe",), packages=("qaxsafe",),
            malware=True),
    Product(name="360天擎", programs=("/opt/360entclient",),
            processes=("360entclient",), packages=("360entclient",), malware=True),
    Product(name="亚信/趋势 Deep Security", programs=("/opt/ds_agent/ds_agent",),
            processes=("ds_agent", "ds_am"), units=("ds_agent",),
            packages=("ds-agent", "ds_agent"), malware=True, intrusion=True),
    Product(name="Microsoft Defender", programs=("/opt/microsoft/mdatp/sbin/wdavdaemon",),
            processes=("wdavdaemon",), units=("mdatp",),
            packages=("mdatp",), malware=True, intrusion=True),
    Product(name="CrowdStrike",
            programs=("/opt/CrowdStrike/falcond", "/opt/CrowdStrike/falcon-sensor"),
            processes=("falcon-sensor", "falcon-sensor-bpf", "falcond"),
            units=("falcon-sensor",), packages=("falcon-sensor",), malware=True, intrusion=True,
            source=_USERS),
    Product(name="ESET", programs=("/opt/eset/efs/sbin/startd", "/opt/eset/eea/sbin/startd"),
            processes=("esets_daemon", "startd", "scand", "oaeventd"),
            units=("eea", "efs", "esets"), packages=("eea", "efs", "esets"), malware=True,
            source=_USERS),
    Product(name="SentinelOne", programs=("/opt/sentinelone/bin/sentinelctl",),
            processes=("sentinelone-agent", "s1-agent"),
            units=("sentinelone",), packages=("SentinelAgent", "sentinelagent"), malware=True,
            intrusion=True, source=_USERS),
    Product(name="Sophos", programs=("/opt/sophos-spl/bin/sophosctl", "/opt/sophos-av/bin/savdctl"),
            processes=("savd", "soapd", "sophos_managementagent"),
            units=("sophos-spl", "sav-protect"), malware=True, source=_USERS),
    Product(name="Kaspersky", programs=("/opt/kaspersky/kesl/libexec/kesl",),
            processes=("kesl",), units=("kesl",), packages=("kesl",),
            malware=True),
    Product(name="Trellix", programs=("/opt/McAfee/ens/tp/bin/mfetpd",),
            processes=("mfetpd",), units=("mfetpd",),
            packages=("McAfeeTP", "ISecTP"), malware=True),
    Product(name="Cortex XDR", programs=("/opt/traps/bin/pmd",),
            units=("traps_pmd",), packages=("cortex-agent",), malware=True,
            intrusion=True),
    Product(name="Bitdefender", programs=("/opt/bitdefender-security-tools/bin/bdsecd",),
            processes=("bdsecd",), units=("bdsec",),
            packages=("bitdefender-security-tools",), malware=True),
    Product(name="Carbon Black", programs=("/opt/carbonblack/psc/bin/cbagentd",),
            processes=("cbagentd", "cbdaemon"), units=("cbagentd",),
            packages=("cb-psc-sensor",), malware=True, intrusion=True),
    Product(name="Elastic Defend", programs=("/opt/Elastic/Endpoint/elastic-endpoint",),
            processes=("elastic-endpoint",), units=("ElasticEndpoint",),
            malware=True, intrusion=True),
    Product(name="Dr.Web", programs=("/opt/drweb.com/bin/drweb-configd",),
            processes=("drweb-configd",), units=("drweb-configd",),
            packages=("drweb-configd",), malware=True),
    Product(name="Wazuh", programs=("/var/ossec/bin/wazuh-agentd",),
            processes=("wazuh-agentd", "wazuh-analysisd"), intrusion=True,
            units=("wazuh-agent", "wazuh-manager"), packages=("wazuh-agent", "wazuh-manager")),
    Product(name="OSSEC", programs=("/var/ossec/bin/ossec-agentd",),
            processes=("ossec-agentd", "ossec-analysisd"), units=("ossec",),
            packages=("ossec-hids", "ossec-hids-agent"), intrusion=True),
    Product(name="Falco", programs=("/usr/bin/falco",),
            processes=("falco",), packages=("falco",), intrusion=True,
            units=("falco", "falco-modern-bpf", "falco-bpf", "falco-kmod")),
    Product(name="Suricata", programs=("/usr/bin/suricata", "/usr/local/bin/suricata"),
            processes=("suricata", "Suricata-Main"), units=("suricata",),
            packages=("suricata",), intrusion=True, source=_DEBIAN),
    Product(name="Snort", programs=("/usr/sbin/snort", "/usr/local/bin/snort"),
            processes=("snort",), units=("snort",), packages=("snort",),
            intrusion=True, source=_DEBIAN),
    Product(name="Samhain", programs=("/usr/sbin/samhain", "/usr/local/sbin/samhain"),
            processes=("samhain",), units=("samhain",), packages=("samhain",),
            intrusion=True, source=_DEBIAN),
    Product(name="Tetragon", processes=("tetragon",), units=("tetragon",), intrusion=True),
    Product(name="Elkeid", programs=("/etc/elkeid/elkeid-agent",),
            processes=("elkeid-agent",), units=("elkeid-agent",),
            packages=("elkeid-agent",), intrusion=True),
)  # fmt: skip
PROGRAMS = tuple(path for product in PRODUCTS for path in product.programs)
MALWARE = tuple(product for product in PRODUCTS if product.malware)
INTRUSION = tuple(product for product in PRODUCTS if product.intrusion)
