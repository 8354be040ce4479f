"""Which operator is looking at a page, and at which of the merchant's two workspaces (law 16)."""

import msgspec
from litestar import Response
from markupsafe import Markup

from replenish.access import queries as access
from replenish.access.model import OperatorVisitor, Workspace
from replenish.audit.model import Actor
from replenish.core.db import Database
from replenish.core.errors import Forbidden, Unauthenticated
from replenish.core.ids import WORKSPACE, WorkspaceId
from replenish.web import pages
from replenish.web.context import Context, context_of
from replenish.web.cookies import Area
from replenish.web.frames import AdminFrame
from replenish.web.pages import Flash, PageRequest


class SignInNeeded(Unauthenticated):
    """No session, or one that has ended."""

    code = "session_ended"

    def __init__(self) -> None:
        super().__init__("Your session has ended. Sign in again.")


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a signed-in operator. Everything read or written for it is scoped by `workspace_id`."""

    context: Context
    operator: OperatorVisitor
    # The one that the session looks at, live or test.
    workspace: Workspace

    @property
    def db(self) -> Database:
        return self.context.db

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.workspace.id

    @property
    def may_write(self) -> bool:
        return self.operator.role != "viewer"

    @property
    def actor(self) -> Actor:
        """Whom the audit names."""
        return Actor(operator_id=self.operator.operator_id, email=self.operator.email)

    @property
    def _workspace_field(self) -> Markup:
        """For forms that make something: which workspace they were opened in."""
        return Markup('<input type="hidden" name="workspace" value="{}">').format(WORKSPACE.text(self.workspace_id))

    def frame(self, section: str) -> AdminFrame:
        return AdminFrame(
            workspace=self.workspace.name,
            operator=self.operator.name or self.operator.email,
            section=section,
            is_test=self.workspace.mode == "test",
            twin_path="/admin/switch",
            sign_out_path="/admin/sign-out",
        )

    def page(
        self,
        request: PageRequest,
        template: str,
        *,
        section: str,
        status: int = 200,
        fragment: str | None = None,
        flash: Flash | None = None,
        **values: object,
    ) -> Response[str]:
        """A page in the operator's frame, its times in the workspace's zone."""
        return pages.page(
            request,
            template,
            status=status,
            zone=self.workspace.time_zone,
            fragment=fragment,
            flash=flash,
            cookies=(),
            headers=None,
            frame_ancestors=(),
            frame=self.frame(section),
            may_write=self.may_write,
            workspace_field=self._workspace_field,
            **values,
        )


async def visit_of(request: PageRequest) -> Visit:
    """Who sends this request. Raises SignInNeeded without a session that still runs."""
    context = context_of(request)
    cookie = request.cookies.get(pages.pages_of(request).cookies.session_name(Area.ADMIN))
    operator = await context.doorkeeper.operator_visitor(cookie)
    if operator is None:
        raise SignInNeeded
    workspace = await access.workspace(context.db, workspace_id=operator.looks_at)
    return Visit(context=context, operator=operator, workspace=workspace)


async def writer_of(request: PageRequest) -> Visit:
    """As `visit_of`, for what changes the workspace. Raises Forbidden for a viewer."""
    visit = await visit_of(request)
    if not visit.may_write:
        raise Forbidden("Your role may look at everything and change nothing.")
    return visit
