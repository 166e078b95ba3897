"""What the plugins of databases share: access, queries, rows, SQL sessions, TCP through SSH.

May import `audit_core`, and `audit_shell` for jump hosts. It offers translations only.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside

dengbao_locales = locale_beside(__file__)
