"""Every parser of patch levels on arbitrary input, and the limits of its requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import Answer, Answers, Command, ParseError, Provider, ReadFile
from audit_patch import facts
from recorded.patch import HOST, answer

PROVIDERS = [p for f in facts.FACTS for p in f.providers]
PIECES = st.sampled_from([
    b"Listing...\n", b"a/b-security 1 amd64 [upgradable from: 0]\n", b"Package files:\n",
    b"Pinned packages:\n", b"\0", b"\n", b"1.5\0/lists/x\0", b"[x]\n", b"gpgcheck=0", b"f\0deb [",
    b"a.noarch 1 r\n", b"i X Important/Sec. p\n", b"-+-\n", b"|", b"Name", b"ID=x\n", b"\xff",
    b"\x1b[2J", b"=", b"'", b"Permission denied\n", b"No updates found.\n", b"\xe2\x80\xae",
])  # fmt: skip
BYTES = st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(b"".join)


@given(
    provider=st.sampled_from(PROVIDERS),
    stdout=BYTES,
    stderr=BYTES,
    status=st.sampled_from([0, 1, 100]),
)
def test_a_parser_returns_or_says_that_it_cannot_read(
    provider: Provider, stdout: bytes, stderr: bytes, status: int
) -> None:
    reported: Answer | Answers = answer(stdout, stderr, status)
    if provider.ask is None:
        reported = Answers(target=HOST, named=dict.fromkeys(provider.asks, reported))
    try:
        value = provider.parse(reported)
    except ParseError:
        return
    assert value is not None


def test_requests_write_nothing_and_need_no_root() -> None:
    for fact in facts.FACTS:
        for ask in (a for provider in fact.providers for a in provider.every_ask):
            assert isinstance(ask, Command | ReadFile)
            assert ask.privilege == "user"
            argv = ask.argv if isinstance(ask, Command) else ()
            if "--print-uris" in argv:  # then apt-get prints what it would fetch
                continue
            assert not {"update", "refresh", "install", "makecache", "sh", "bash"} & set(argv)
