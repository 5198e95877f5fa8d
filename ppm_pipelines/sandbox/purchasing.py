"""Purchase orders in V4 and V2: headers, items, account assignments, schedule lines, supplier addresses.

Belongs here: names, types and values as in the service metadata, and finding orders by number or change stamp.
Does not belong here: query options and formats (``query.py``, ``odata_v2.py``, ``odata_v4.py``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from . import own_fields
from .documents import WHOLE, Item, Order
from .finding import (
    CURRENCY,
    MONEY,
    QUANTITY,
    TEXT1,
    TEXT2,
    TEXT3,
    TEXT4,
    TEXT10,
    TEXT12,
    TEXT24,
    TEXT40,
    V2_ROOT,
    V4_ROOT,
    amount_of,
    intervals,
    link,
    lowest,
    money,
)
from .model import (
    BOOLEAN,
    DATE,
    FLAG,
    STAMP,
    EntityType,
    Hints,
    Interval,
    Property,
    Service,
    constant,
    decimal,
    filled_text,
    numeric_text,
    table,
    text,
)
from .tenant import Tenant, order_number

# A day that none is: what a fault shows instead of a date.
NO_DAY = -1
ORDER_DATE = replace(
    DATE,
    v2=lambda day: "/Date(n.a.)/" if day == NO_DAY else DATE.v2(day),
    v4=lambda day: "2026-02-30" if day == NO_DAY else DATE.v4(day),
)


def _order_day(order: Order) -> int:
    return NO_DAY if any(item.broken == "bad_date" for item in order.items) else order.day


def _header(*, v2: bool) -> dict[str, Property]:
    code = "PurchasingDocumentDeletionCode" if v2 else "PurchaseOrderDeletionCode"
    rate = (lambda o: str(Decimal(o.rate).scaleb(-5))) if v2 else (lambda o: Decimal(o.rate).scaleb(-5))
    names = [
        ("PurchaseOrder", filled_text(10), lambda o: o.number),
        ("CompanyCode", TEXT4, lambda o: o.company.code),
        ("PurchaseOrderType", TEXT4, lambda _: "NB"),
        (code, TEXT1, lambda o: o.code),
        ("PurchasingProcessingStatus", TEXT2, lambda o: o.status),
        ("CreatedByUser", TEXT12, lambda o: o.user),
        ("CreationDate", DATE, lambda o: o.day),
        ("LastChangeDateTime", STAMP, lambda o: o.changed),
        ("Supplier", TEXT10, lambda o: o.vendor.number),
        ("PurchasingOrganization", TEXT4, lambda o: o.company.code),
        ("PurchaseOrderDate", ORDER_DATE, _order_day),
        ("DocumentCurrency", CURRENCY, lambda o: o.currency),
        ("ExchangeRate", text(12) if v2 else decimal(9, 5), rate),
        ("ReleaseIsNotCompleted", BOOLEAN, lambda o: not o.released),
        *constant("EN", TEXT2, "Language"),
        *constant("001", TEXT3, "PurchasingGroup"),
        *constant("0004", TEXT4, "PaymentTerms"),
        *constant(False, BOOLEAN, "ExchangeRateIsFixed PurchasingCompletenessStatus"),
        *constant(None, DATE, "ValidityStartDate ValidityEndDate"),
        *constant(Decimal(0), decimal(3, 0), "CashDiscount1Days CashDiscount2Days NetPaymentDays"),
        *constant("", TEXT1, "PurchaseOrderSubtype PurchasingDocumentOrigin"),
        *constant(
            "", TEXT10, "SupplierQuotationExternalID PurchasingCollectiveNumber SupplyingSupplier InvoicingParty"
        ),
        *own_fields.of_orders(v2=v2),
        *constant("", TEXT12, "CorrespncExternalReference CorrespncInternalReference"),
        *constant("", text(30), "SupplierRespSalesPersonName SupplierPhoneNumber"),
    ]
    if v2:
        names += [
            ("AddressName", TEXT40, lambda o: o.vendor.name),
            ("AddressCityName", TEXT40, lambda o: o.vendor.city),
            ("AddressCountry", TEXT3, lambda o: o.vendor.country),
        ]
    else:
        names += [
            ("SupplierAddressID", TEXT10, lambda o: f"A{o.vendor.number}"[:10]),
            *constant("", TEXT10, "PurchaseContract Customer"),
        ]
    return table(*names)


def _quantity(item: Item) -> Decimal:
    return Decimal(0) if item.limit else amount_of(item.quantity)


def _net(item: Item, amount: int) -> Decimal | str:
    """What the tenant shows as order value; nonsense where a fault wants it."""
    if item.broken == "bad_amount":
        return "n/a"
    return money(0 if item.hidden_net else amount, item.order.currency)


def _limit(item: Item, factor: int) -> Decimal:
    return money(item.net * factor // 10 if item.limit else 0, item.order.currency)


def _item(*, v2: bool) -> dict[str, Property]:
    names = [
        ("PurchaseOrder", filled_text(10), lambda i: i.order.number),
        ("PurchaseOrderItem", numeric_text(5), lambda i: i.number),
        ("PurchasingDocumentDeletionCode", TEXT1, lambda i: i.code),
        ("PurchaseOrderItemText", TEXT40, lambda i: i.text[:40]),
        ("Plant", TEXT4, lambda i: i.order.company.code),
        ("MaterialGroup", text(9), lambda i: i.group),
        ("OrderQuantity", QUANTITY, _quantity),
        ("PurchaseOrderQuantityUnit", TEXT3, lambda i: i.unit),
        ("OrderPriceUnit", TEXT3, lambda i: i.unit),
        *constant(Decimal(1), decimal(5, 0), "OrderPriceUnitToOrderUnitNmrtr OrdPriceUnitToOrderUnitDnmntr"),
        ("DocumentCurrency", CURRENCY, lambda i: i.order.currency),
        ("NetPriceAmount", MONEY, lambda i: money(0 if i.limit else i.price, i.order.currency)),
        ("NetPriceQuantity", decimal(5, 0), lambda i: Decimal(i.per)),
        ("TaxCode", TEXT2, lambda _: "V1"),
        ("IsCompletelyDelivered", BOOLEAN, lambda i: i.complete),
        ("IsFinallyInvoiced", BOOLEAN, lambda i: i.final),
        ("PurchaseOrderItemCategory", TEXT1, lambda i: i.category),
        ("AccountAssignmentCategory", TEXT1, lambda i: "P" if any(a.wbs for a in i.assignments) else "K"),
        ("MultipleAcctAssgmtDistribution", TEXT1, lambda i: "2" if len(i.assignments) > 1 else ""),
        ("GoodsReceiptIsExpected", BOOLEAN, lambda i: i.receipt),
        ("GoodsReceiptIsNonValuated", BOOLEAN, lambda i: i.non_valuated),
        *constant(True, BOOLEAN, "InvoiceIsExpected"),
        ("InvoiceIsGoodsReceiptBased", BOOLEAN, lambda i: i.by_receipt),
        ("IsReturnsItem", BOOLEAN, lambda i: i.returns),
        ("RequisitionerName", TEXT12, lambda i: i.requester[:12]),
        ("PurchasingItemIsFreeOfCharge", BOOLEAN, lambda i: i.free),
        ("ExpectedOverallLimitAmount", MONEY, lambda i: _limit(i, 10)),
        ("OverallLimitAmount", MONEY, lambda i: _limit(i, 12)),
        *own_fields.of_items(v2=v2),
        *constant("", TEXT4, "StorageLocation"),
        *constant("", TEXT40, "Material"),
        *constant("", TEXT10, "PurchaseContract PurchaseRequisition PurchasingInfoRecord Customer"),
        *constant(0, numeric_text(5), "PurchaseContractItem PurchaseRequisitionItem PurchasingParentItem"),
        *constant("", text(35), "SupplierMaterialNumber"),
        *constant("", TEXT1, "PartialInvoiceDistribution"),
        *constant(None, DATE, "TaxDeterminationDate"),
        *constant(Decimal("0.0"), decimal(3, 1), "OverdelivTolrtdLmtRatioInPct UnderdelivTolrtdLmtRatioInPct"),
        *constant(False, BOOLEAN, "UnlimitedOverdeliveryIsAllowed EvaldRcptSettlmtIsAllowed"),
    ]
    if v2:
        names += [
            ("ProductType", TEXT2, lambda i: i.product_type),
            *constant("", FLAG, "ItemHasValueAddedService"),
        ]
    else:
        names += [
            ("ProductTypeCode", TEXT2, lambda i: i.product_type),
            ("CompanyCode", TEXT4, lambda i: i.order.company.code),
            *((name, MONEY, lambda i: _net(i, i.net)) for name in ("NetAmount", "GrossAmount", "EffectiveAmount")),
            ("IsStatisticalItem", BOOLEAN, lambda i: i.statistical),
            *constant(False, BOOLEAN, "ItemIsRejectedBySupplier"),
        ]
    return table(*names)


def _assignment(*, v2: bool) -> dict[str, Property]:
    internal = numeric_text(24) if v2 else numeric_text(8)
    unit = "PurchaseOrderQuantityUnit" if v2 else "OrderQuantityUnit"
    names = [
        ("PurchaseOrder", filled_text(10), lambda a: a.item.order.number),
        ("PurchaseOrderItem", numeric_text(5), lambda a: a.item.number),
        ("AccountAssignmentNumber", numeric_text(2), lambda a: a.number),
        ("IsDeleted", BOOLEAN, lambda a: a.deleted),
        (unit, TEXT3, lambda a: a.item.unit),
        ("Quantity", QUANTITY, lambda a: Decimal(0) if a.item.limit else amount_of(a.quantity)),
        (
            "MultipleAcctAssgmtDistrPercent",
            decimal(3, 1),
            lambda a: Decimal("0.0") if a.percent == 1000 else Decimal(a.percent).scaleb(-1),
        ),
        ("DocumentCurrency", CURRENCY, lambda a: a.item.order.currency),
        ("PurgDocNetAmount", MONEY, lambda a: _net(a.item, a.net)),
        ("GLAccount", TEXT10, lambda a: a.account.lstrip("0")),
        ("CostCenter", TEXT10, lambda a: a.cost_centre),
        ("ControllingArea", TEXT4, lambda _: "A000"),
        ("WBSElementInternalID", internal, lambda a: a.wbs.internal if a.wbs else 0),
        ("WBSElementExternalID", TEXT24, lambda a: a.wbs.element if a.wbs else ""),
        *constant("", TEXT12, "OrderID MasterFixedAsset ProjectNetwork GoodsRecipientName CostObject"),
        *constant("", TEXT10, "ProfitCenter SalesOrder FundsCenter Fund"),
        *constant("", TEXT4, "BusinessArea NetworkActivity FixedAsset"),
        *constant("", text(16), "FunctionalArea"),
        ("TaxCode", TEXT2, lambda _: "V1"),
    ]
    if v2:
        names.append(("WBSElement", TEXT24, lambda a: a.wbs.element if a.wbs else ""))
    else:
        names += [
            ("IsFinallyInvoiced", BOOLEAN, lambda a: a.item.final),
            *constant(Decimal(0), MONEY, "NonDeductibleInputTaxAmount"),
            ("CompanyCode", TEXT4, lambda a: a.item.order.company.code),
            ("CreationDate", DATE, lambda a: a.item.order.day),
        ]
    return table(*names)


class Schedule(NamedTuple):
    """A schedule line; large quantities come in two deliveries."""

    item: Item
    number: int
    day: int
    quantity: int
    open: int


def schedules(item: Item) -> list[Schedule]:
    split = item.quantity // (2 * WHOLE) * WHOLE if item.quantity >= 100 * WHOLE else 0
    parts = [(1, item.delivery, split), (2, item.delivery + 45, item.quantity - split)]
    made, received = [], item.received if item.by_receipt else item.invoiced
    for number, day, quantity in parts if split else [(1, item.delivery, item.quantity)]:
        taken = min(received, quantity)
        received -= taken
        made.append(Schedule(item, number, day, 0 if item.limit else quantity, 0 if item.limit else quantity - taken))
    return made


def _schedule(*, v2: bool) -> dict[str, Property]:
    order, line = ("PurchasingDocument", "PurchasingDocumentItem") if v2 else ("PurchaseOrder", "PurchaseOrderItem")
    names: list[tuple[Any, ...]] = [
        (order, filled_text(10), lambda s: s.item.order.number),
        (line, numeric_text(5), lambda s: s.item.number),
        ("ScheduleLine", numeric_text(4), lambda s: s.number),
        ("ScheduleLineDeliveryDate", DATE, lambda s: s.day),
        ("ScheduleLineOrderQuantity", QUANTITY, lambda s: amount_of(s.quantity)),
        ("PurchaseOrderQuantityUnit", TEXT3, lambda s: s.item.unit),
        ("DelivDateCategory", TEXT1, lambda _: "1"),
    ]
    if not v2:
        names.append(("OpenPurchaseOrderQuantity", decimal(14, 3), lambda s: amount_of(s.open)))
        names.append(("Currency", TEXT3, lambda s: s.item.order.currency))
    return table(*names)


LAST_NUMBER = 9_999_999_999


def _orders(tenant: Tenant, hints: Hints, after: Any) -> Iterator[Order]:
    """By number, or by stamp or day where the filter bounds it from below."""
    first = 0 if after is None else after[0] + 1
    since = lowest(hints, "LastChangeDateTime")
    if since is not None:
        key = ("orders", since)
        found = tenant.recall(
            key, lambda: sorted((o for o in tenant.order_log.between(since, None) if not o.vanished), key=order_number)
        )
        return iter(found[bisect_left(found, first, key=order_number) :])
    day = lowest(hints, "CreationDate")
    if day is not None:  # numbers are given in the order of time
        place = bisect_left(tenant.orders, day, key=lambda order: order.day)
        first = max(first, tenant.orders[place].number) if place < len(tenant.orders) else LAST_NUMBER
    return _orders_within(tenant, intervals(hints, "PurchaseOrder"), first)


def _listed_orders(tenant: Tenant, hints: Hints, after: Any) -> Iterator[Order]:
    """The list of orders; a doubled one comes twice, as when rows move while somebody pages through them."""
    for order in _orders(tenant, hints, after):
        yield order
        if order.doubled:
            yield order


def _orders_within(tenant: Tenant, ranges: list[Interval], first: int) -> Iterator[Order]:
    for low, high in ranges:
        if high is None or high >= first:
            yield from tenant.orders_from(first if low is None else max(low, first), high)


def _items(tenant: Tenant, hints: Hints, after: Any, name: str = "PurchaseOrder") -> Iterator[Item]:
    start = None if after is None else (after[0] - 1,)
    for order in _orders(tenant, {"PurchaseOrder": hints[name]} if name in hints else {}, start):
        for item in order.items:
            if after is None or (order.number, item.number) >= tuple(after[:2]):
                yield item


def _parts(tenant: Tenant, hints: Hints, after: Any, attribute: str) -> Iterator[Any]:
    """Assignments or schedule lines of the items, after the position (order, item, number)."""
    name = "PurchasingDocument" if "PurchasingDocument" in hints else "PurchaseOrder"
    for item in _items(tenant, hints, after, name):
        for part in item.assignments if attribute == "assignments" else schedules(item):
            if after is None or (item.order.number, item.number, part.number) > tuple(after):
                yield part


def _order_types(tenant: Tenant, *, v2: bool) -> dict[str, EntityType]:
    order_set, item_set, schedule_set, assignment_set = (
        ("A_PurchaseOrder", "A_PurchaseOrderItem", "A_PurchaseOrderScheduleLine", "A_PurOrdAccountAssignment")
        if v2
        else ("PurchaseOrder", "PurchaseOrderItem", "PurchaseOrderScheduleLine", "PurchaseOrderAccountAssignment")
    )
    suffix = "Type" if v2 else "_Type"
    line_keys = ("PurchaseOrder", "PurchaseOrderItem")
    names = ("PurchasingDocument", "PurchasingDocumentItem") if v2 else line_keys
    types = (
        EntityType(
            order_set + suffix, order_set, ("PurchaseOrder",), _header(v2=v2),
            lambda hints, after: _listed_orders(tenant, hints, after), lambda o: (o.number,),
        ),
        EntityType(
            item_set + suffix, item_set, line_keys, _item(v2=v2),
            lambda hints, after: (
                one for one in _items(tenant, hints, after)
                if after is None or (one.order.number, one.number) > tuple(after)
            ),
            lambda i: (i.order.number, i.number),
        ),
        EntityType(
            assignment_set + suffix, assignment_set, (*line_keys, "AccountAssignmentNumber"), _assignment(v2=v2),
            lambda hints, after: _parts(tenant, hints, after, "assignments"),
            lambda a: (a.item.order.number, a.item.number, a.number),
        ),
        EntityType(
            schedule_set + suffix, schedule_set, (*names, "ScheduleLine"), _schedule(v2=v2),
            lambda hints, after: _parts(tenant, hints, after, "schedules"),
            lambda s: (s.item.order.number, s.item.number, s.number),
        ),
    )  # fmt: skip
    order, item = types[0], types[1]
    to_items, to_assignments, to_schedules, to_order = (
        ("to_PurchaseOrderItem", "to_AccountAssignment", "to_ScheduleLine", "to_PurchaseOrder")
        if v2
        else ("_PurchaseOrderItem", "_PurOrdAccountAssignment", "_PurchaseOrderScheduleLineTP", "_PurchaseOrder")
    )
    link(order, to_items, item_set, True, lambda o: o.items)
    link(item, to_assignments, assignment_set, True, lambda i: i.assignments)
    link(item, to_schedules, schedule_set, True, schedules)
    link(item, to_order, order_set, False, lambda i: i.order)
    return {one.set_name: one for one in types}


def _addresses(tenant: Tenant) -> EntityType:
    def source(hints: Hints, after: Any) -> Iterator[Order]:
        return _orders(tenant, hints, after)

    properties = table(
        ("SupplierAddressID", TEXT10, lambda o: f"A{o.vendor.number}"[:10]),
        ("PurchaseOrder", filled_text(10), lambda o: o.number),
        ("OrganizationName1", TEXT40, lambda o: o.vendor.name),
        ("CityName", TEXT40, lambda o: o.vendor.city),
        ("Country", TEXT3, lambda o: o.vendor.country),
        ("AddresseeFullName", text(80), lambda o: o.vendor.name),
    )
    name = "PurchaseOrderSupplierAddress"
    keys = ("SupplierAddressID", "PurchaseOrder")
    return EntityType(f"{name}_Type", name, keys, properties, source, lambda o: (o.number,))


def purchase_orders_v4(tenant: Tenant) -> Service:
    types = _order_types(tenant, v2=False)
    address = _addresses(tenant)
    types[address.set_name] = address
    link(types["PurchaseOrder"], "_SupplierAddress", address.set_name, False, lambda o: o)
    return Service(V4_ROOT, "com.sap.gateway.srvd_a2x.api_purchaseorder_2.v0001", types)


def purchase_orders_v2(tenant: Tenant) -> Service:
    name = "API_PURCHASEORDER_PROCESS_SRV"
    return Service(f"{V2_ROOT}/{name}", name, _order_types(tenant, v2=True))
