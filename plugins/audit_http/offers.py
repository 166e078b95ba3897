"""What this package offers: its kinds and its connector."""

from __future__ import annotations

from audit_core.api.hooks import Connector, Requirement
from audit_core.api.sdk import msg
from audit_http.kind import WEB, WebAccess
from audit_http.prometheus import PROMETHEUS, PrometheusQuery
from audit_http.request import HttpOpen, HttpPage, HttpTimes
from audit_http.risk_engine import RISK_ENGINE, RiskFigures


def credentials(access: WebAccess) -> tuple[str, ...]:
    """The name of the token, never its value; nothing where none is sent."""
    return (f"{access.header} {access.token}",) if access.token is not None else ()


KINDS = (WEB, PROMETHEUS, RISK_ENGINE)
CONNECTORS = (
    Connector(
        name="http", kinds=("web", "prometheus", "risk_engine"),
        accepts=(HttpPage, HttpOpen, HttpTimes, PrometheusQuery, RiskFigures), access=WebAccess,
        open="audit_http.session:open", credentials=credentials, isolated=True, login_s=30,
        needs=(
            Requirement(name="requests", module="requests", pip="dengbao[web]",
                        use=msg("web entries (extra web)")),
        ),
    ),
)  # fmt: skip
