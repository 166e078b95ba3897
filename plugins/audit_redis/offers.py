"""The connector of this package, and the account that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_redis.access import RedisAccess
from audit_redis.request import RedisConfig, RedisInfo, RedisRequest, RedisUsers
from audit_shell.access import credentials

_HOW = msg(
    "As an administrator, in redis-cli (Redis 6 or later, Valkey), with a password in place of "
    "PASSWORD. The account reads no key. CONFIG GET lets it read requirepass and masterauth, which "
    "dengbao never asks for. Then ACL SAVE or CONFIG REWRITE."
)


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The ACL SETUSER that makes a user which may ask what is asked, and touch no key."""
    needed = [
        rule for _, requests in what for request in requests
        if isinstance(request, RedisRequest) for rule in request.grants
    ]  # fmt: skip
    rules = " ".join(("+ping", *dict.fromkeys(needed)))
    return (
        f"# {say(_HOW)}\n"
        f"ACL SETUSER {user} reset on >PASSWORD resetkeys resetchannels -@all {rules}\n"
    )


CONNECTORS = (
    Connector(
        name="redis", kinds=("redis",), accepts=(RedisInfo, RedisConfig, RedisUsers),
        access=RedisAccess, open="audit_redis.session:open", credentials=credentials,
        grants=grants, isolated=True, login_s=40,
        needs=(
            Requirement(name="redis-py", module="redis", pip="dengbao[redis]",
                        use=msg("Redis and Valkey servers (extra redis)")),
        ),
    ),
)  # fmt: skip
