"""Where a known customer buys more: our own pages are told for whom, so that nobody types an address that belongs to another."""

from urllib.parse import urlencode

from replenish.catalog import queries as catalog
from replenish.catalog.model import TopUpPlace
from replenish.core.ids import CurrencyId, CustomerId, WorkspaceId
from replenish.customers.vouchers import PARAMETER, voucher
from replenish.web.context import Context


class TopUpUrls:
    """The addresses of one answer: a batch of a thousand refusals looks each credit currency up once."""

    __slots__ = ("_context", "_places", "_workspace_id")

    def __init__(self, context: Context, workspace_id: WorkspaceId) -> None:
        self._context = context
        self._workspace_id = workspace_id
        self._places: dict[CurrencyId, TopUpPlace | None] = {}

    async def of(self, customer_id: CustomerId, currency_id: CurrencyId) -> str | None:
        """None while nothing is configured. The merchant's own checkout is answered as they wrote it."""
        settings = self._context.settings
        if currency_id not in self._places:
            self._places[currency_id] = await catalog.top_up_place(
                self._context.db,
                workspace_id=self._workspace_id,
                currency_id=currency_id,
                base_url=settings.base_url,
            )
        place = self._places[currency_id]
        if place is None or not place.is_ours:
            return None if place is None else place.url
        return f"{place.url}?{urlencode({PARAMETER: voucher(customer_id, secret_key=settings.secret_key)})}"
