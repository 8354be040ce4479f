"""The audit log: who changed what, when, from what to what; newest first."""

from typing import Final

from litestar import Response, get
from litestar.params import FromQuery

from replenish.admin.forms import path_id
from replenish.admin.visitor import visit_of
from replenish.audit import queries as audit
from replenish.core.ids import AUDIT_ENTRY
from replenish.web.pages import PageRequest

_PAGE: Final = 50


@get("/audit")
async def audit_log(request: PageRequest, before: FromQuery[str] = "") -> Response[str]:
    visit = await visit_of(request)
    found = await audit.entries(
        visit.db,
        workspace_id=visit.workspace_id,
        team_of=visit.operator.workspace_id,
        before=path_id(AUDIT_ENTRY, before, "audit entry") if before else None,
        limit=_PAGE + 1,
    )
    shown = found[:_PAGE]
    return visit.page(
        request,
        "admin/audit.html",
        section="audit",
        changes=shown,
        next_href=f"/admin/audit?before={AUDIT_ENTRY.text(shown[-1].id)}" if len(found) > _PAGE else None,
        first_href="/admin/audit" if before else None,
    )


routes = [audit_log]
