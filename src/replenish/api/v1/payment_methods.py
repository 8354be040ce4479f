"""Payment methods: cards and wallets that customers have saved. They are saved in a checkout session of mode `setup`."""

from replenish.api.v1.call import Call
from replenish.api.v1.routing import acts, reads
from replenish.api.v1.wire import Cursor, Key, Limit, Page, Shown, Time, before, page, path_id
from replenish.core.ids import CUSTOMER, PAYMENT_METHOD, PaymentMethodId
from replenish.customers import queries as customers
from replenish.flows import save_method as flow
from replenish.payments import queries
from replenish.payments.model import PaymentMethod


class PaymentMethodView(Shown):
    """Two of the same card have one `fingerprint`."""

    id: str
    customer_id: str
    provider: str
    kind: str
    brand: str
    last4: str
    expires_month: int | None
    expires_year: int | None
    fingerprint: str
    is_default: bool
    created_at: Time
    detached_at: Time | None


def show(method: PaymentMethod) -> PaymentMethodView:
    return PaymentMethodView(
        id=PAYMENT_METHOD.text(method.id),
        customer_id=CUSTOMER.text(method.customer_id),
        provider=method.provider,
        kind=method.kind,
        brand=method.brand,
        last4=method.last4,
        expires_month=method.expires_month,
        expires_year=method.expires_year,
        fingerprint=method.fingerprint,
        is_default=method.is_default,
        created_at=method.created_at,
        detached_at=method.detached_at,
    )


@reads("/payment_methods", errors=(404,))
async def list_payment_methods(
    call: Call, customer_id: Key | None = None, limit: Limit = 20, cursor: Cursor | None = None
) -> Page[PaymentMethodView]:
    """List saved payment methods, newest first; those that were removed are left out."""
    customer = None
    if customer_id is not None:
        customer = (await customers.find_customer(call.db, workspace_id=call.workspace_id, key=customer_id)).id
    last = before(cursor)
    rows = await queries.methods(
        call.db,
        workspace_id=call.workspace_id,
        customer_id=customer,
        before=None if last is None else PaymentMethodId(last),
        limit=limit + 1,
    )
    return page(rows, limit=limit, show=show, id_of=lambda row: row.id)


async def _own(call: Call, text: str) -> PaymentMethod:
    found = path_id(PAYMENT_METHOD, text, "payment method")
    return await queries.method_in(call.db, workspace_id=call.workspace_id, method_id=found)


@reads("/payment_methods/{payment_method_id:str}")
async def retrieve_payment_method(payment_method_id: str, call: Call) -> PaymentMethodView:
    """Retrieve a payment method, a removed one too."""
    return show(await _own(call, payment_method_id))


@acts("/payment_methods/{payment_method_id:str}/make_default", scope="payments:write", takes_key=True)
async def make_default_payment_method(payment_method_id: str, call: Call) -> PaymentMethodView:
    """Make it the one that purchases use when none is named."""
    method = await _own(call, payment_method_id)
    await flow.make_default_method(
        db=call.db,
        workspace_id=call.workspace_id,
        customer_id=method.customer_id,
        method_id=method.id,
        request_key=call.request_key(),
    )
    return show(await _own(call, payment_method_id))


@acts("/payment_methods/{payment_method_id:str}/detach", scope="payments:write", takes_key=True)
async def detach_payment_method(payment_method_id: str, call: Call) -> PaymentMethodView:
    """Remove it: nothing charges it from now on, and its provider forgets it."""
    method = await _own(call, payment_method_id)
    await flow.detach_method(
        db=call.db,
        providers=call.context.providers,
        workspace_id=call.workspace_id,
        customer_id=method.customer_id,
        method_id=method.id,
        request_key=call.request_key(),
    )
    return show(await _own(call, payment_method_id))


routes = [list_payment_methods, retrieve_payment_method, make_default_payment_method, detach_payment_method]
