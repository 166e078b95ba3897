"""The connectors of this package, and what they need."""

from __future__ import annotations

from audit_core.api.hooks import Connector, Requirement
from audit_core.model import Command, ReadFile, ReadFiles, msg
from audit_shell.access import LocalAccess, SshLogin, credentials
from audit_shell.sudoers import grants

_SHELL = (Command, ReadFile, ReadFiles)

CONNECTORS = (
    Connector(
        name="ssh", kinds=("host",), accepts=_SHELL, access=SshLogin,
        open="audit_shell.connect:open_ssh", credentials=credentials, grants=grants,
    ),
    Connector(
        name="local", kinds=("host",), accepts=_SHELL, access=LocalAccess,
        open="audit_shell.connect:open_local", credentials=lambda settings: (),
        grants=grants,
    ),
)  # fmt: skip
REQUIREMENTS = (
    Requirement(name="paramiko", module="paramiko", use=msg("hosts over SSH (extra ssh)")),
)
