"""Whether the sessions that there are now are encrypted. Pure."""

from __future__ import annotations

from audit_core.api.sdk import Judgement, Message, failed, msg, not_applicable, passed


def sessions_encrypted(plain: int, every: int, *, over_tls: Message, none: Message) -> Judgement:
    """Judges `every` session by the number of those that are not encrypted.

    `over_tls` is the detail where all are encrypted, `none` where there is no session.
    """
    if not every:
        return not_applicable(none)
    if plain:
        return failed(
            msg("{plain} of {every} sessions are not encrypted", plain=plain, every=every)
        )
    return passed(over_tls)
