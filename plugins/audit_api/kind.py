"""The kind of target that is a file with routes, and the connector that reads it."""

from __future__ import annotations

from typing import ClassVar

from audit_api.request import Routes
from audit_core.api.hooks import Connector
from audit_core.api.sdk import AccessSchema, Kind, Schema, msg
from audit_core.model.schemas import LocalFile


class RoutesSettings(Schema, frozen=True, kw_only=True):
    """What is expected of the routes.

    `interface` is the name of the interface in the register where one row stands for all routes.
    `open_routes` are paths that everybody may call, such as the one for a login.
    """

    interface: str = ""
    open_routes: tuple[str, ...] = ()


class RoutesAccess(AccessSchema, frozen=True, kw_only=True):
    """The file, relative to the inventory: OpenAPI 3, Swagger 2.0, Kong or APISIX, in JSON or YAML;
    nginx (.conf).
    """

    reaches_here: ClassVar[bool] = True

    file: LocalFile


KINDS = (
    Kind(
        id="routes",
        title=msg("Routes of interfaces"),
        object_types=("register",),
        settings=RoutesSettings,
        needs_access=True,
        access="routes",
        example={},
    ),
)
CONNECTORS = (
    Connector(
        name="routes",
        kinds=("routes",),
        accepts=(Routes,),
        access=RoutesAccess,
        open="audit_api.session:open",
        isolated=True,
    ),
)
