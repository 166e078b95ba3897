"""The connectors of this package, and what they need."""

from __future__ import annotations

from audit_core.api.hooks import Connector, Requirement
from audit_core.model import Command, ReadFile, ReadFiles, msg
from audit_shell.access import LocalAccess, SshLogin, credentials
from audit_shell.key_exchange import SshKeyExchange
from audit_shell.known_servers import identities
from audit_shell.sudoers import grants

_SHELL = (Command, ReadFile, ReadFiles, SshKeyExchange)

CONNECTORS = (
    Connector(
        name="ssh", kinds=("host",), accepts=_SHELL, access=SshLogin,
        open="audit_shell.connect:open_ssh", credentials=credentials, identities=identities,
        grants=grants,
        needs=(
            Requirement(name="paramiko", module="paramiko", pip="dengbao[ssh]",
                        use=msg("hosts over SSH (extra ssh)")),
        ),
        preflight="audit_shell.ssh.preflight:lacks", peers="audit_shell.ssh.peers:peers",
    ),
    Connector(
        name="local", kinds=("host",), accepts=_SHELL, access=LocalAccess,
        open="audit_shell.connect:open_local", credentials=lambda settings: (),
        grants=grants,
    ),
)  # fmt: skip
