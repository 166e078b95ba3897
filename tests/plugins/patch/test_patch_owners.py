"""Packages of the distribution that no source holds, and components of which some are installed."""

from __future__ import annotations

from audit_core.api.testkit import whole
from audit_patch import owners
from recorded.patch import answer, answers

# dpkg-query 1.21.22 on Debian 12, shortened; libssl1.1 and the agent were added (invented).
_OWNERS = (
    b"installed\tbash\tshells\tMatthias Klose <doko@debian.org>\n"
    b"installed\tintel-microcode\tnon-free-firmware/admin\tHenrique <hmh@debian.org>\n"
    b"installed\tlibssl1.1\tlibs\tDebian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>\n"
    b"installed\tlinux-image-6.1.0-9-amd64\tkernel\tTeam <debian-kernel@lists.debian.org>\n"
    b"installed\tagent\tnon-free/x\tSales <sales@notdebian.org>\n"
    b"config-files\tsteam\tcontrib/games\tx <x@debian.org>\n"
)
_VERSIONS = b"Listing...\nbash/stable,now 5.2 amd64 [installed]\n" + b"".join(
    b"%s/now 1 amd64 [installed,local]\n" % name
    for name in (b"libssl1.1", b"linux-image-6.1.0-9-amd64", b"agent", b"intel-microcode")
)


def test_packages_of_debian_that_no_source_holds() -> None:
    got = owners.unsourced_of_apt(answers(versions=_VERSIONS, owners=_OWNERS))
    assert whole(got) == ("intel-microcode", "libssl1.1")
    components = whole(owners.parse_components(answer(_OWNERS)))
    assert components == {"main", "non-free-firmware", "non-free"}


def test_packages_of_the_base_systems_vendor_that_no_repository_holds() -> None:
    """Tried with dnf 4.14 and createrepo_c; vendors as they are known."""
    vendors = b"glibc.x86_64\tRocky\nhttpd.x86_64\tRocky\nagent.noarch\tSec\nown.noarch\t(none)\n"
    head = b"Last metadata expiration check: 0:00:01 ago on Mon Nov 30 07:51:31 2026.\n"
    rows = b"".join(b"%s  1-1  @System\n" % n for n in (b"agent.noarch", b"httpd.x86_64"))
    none = answer(b"", b"Error: No matching Packages to list\n", exit_code=1)
    extras = answer(head + b"Extra Packages\n" + rows)
    for given, found in ((extras, ("httpd.x86_64",)), (answer(head), ()), (none, ())):
        got = owners.unsourced_of_rpm(answers(extras=given, vendors=vendors))
        assert whole(got) == found


def test_packages_of_suse_that_no_repository_holds() -> None:
    """zypper 1.14.42 with a module that is disabled."""
    row = b"i+ | @System    | %s | 1-1     | noarch\n"
    table = (
        b"Loading repository data...\nReading installed packages...\n"
        b"S  | Repository | Name  | Version | Arch\n---+------------+-------+---------+-------\n"
    ) + b"".join(row % name for name in (b"agent", b"httpd"))
    none = b"Loading repository data...\nReading installed packages...\nNo packages found.\n"
    vendors = b"glibc.x86_64\tSUSE LLC\nhttpd.noarch\tSUSE LLC\nagent.noarch\tSec\n"
    for given, found in ((table, ("httpd.noarch",)), (none, ())):
        assert whole(owners.unsourced_of_suse(answers(extras=given, vendors=vendors))) == found
