"""Asks a running server by the client that ariadne-codegen wrote.

    GRAPHQL_URL=http://127.0.0.1:8080/graphql TOKEN=cg_… python test_client.py
"""

import os
import unittest
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from closegraph_client import (
    BigIntFilter,
    Client,
    DateFilter,
    TransactionFilter,
    TransactionKind,
    TransactionKindFilter,
)
from closegraph_client.exceptions import GraphQLClientGraphQLMultiError



def won(at_least: int) -> TransactionFilter:
    """Deals that were won within a year, of so many minor units or more."""
    return TransactionFilter(
        kind=TransactionKindFilter(eq=TransactionKind.WON_DEAL),
        occurred_on=DateFilter(gte=date.today() - timedelta(days=365)),
        amount_minor=BigIntFilter(gte=at_least),
    )


class ClientTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
        self.client = await self.enterAsyncContext(Client(os.environ["GRAPHQL_URL"], headers))

    async def test_amounts_are_exact_and_days_are_days(self) -> None:
        totals: dict[str, Decimal] = {}
        after = None
        while True:
            page = (await self.client.transactions(first=50, filter_=won(1), after=after)).transactions
            for deal in (edge.node for edge in page.edges):
                self.assertIsInstance(deal.occurred_on, date)
                if deal.created_at:
                    self.assertEqual(deal.created_at.utcoffset(), timedelta(0))
                    self.assertLess(deal.created_at, datetime.now(UTC))
                if deal.amount:
                    self.assertIsInstance(deal.amount.minor_units, int)
                    totals.setdefault(deal.amount.currency, Decimal(0))
                    totals[deal.amount.currency] += deal.amount.amount
            if not page.page_info.has_next_page:
                break
            after = page.page_info.end_cursor
        self.assertIsNotNone(after, "one page only")
        self.assertEqual(totals, {total.currency: total.amount for total in page.totals})

    async def test_a_number_beyond_a_float_arrives_as_it_is(self) -> None:
        for least in (2**53 + 1, 2**62):
            page = await self.client.transactions(first=1, filter_=won(least))
            self.assertEqual(page.transactions.edges, [])

    async def test_a_record_has_the_type_that_it_is_of(self) -> None:
        page = await self.client.transactions(first=1, filter_=won(1))
        deal = page.transactions.edges[0].node
        record = (await self.client.record(deal.id)).node
        self.assertEqual(record.typename__, "Transaction")
        self.assertEqual(record.kind, TransactionKind.WON_DEAL)
        self.assertEqual(record.amount, deal.amount)
        company = (await self.client.customer(deal.company.id)).company
        self.assertEqual(company.name, deal.company.name)
        self.assertIn(deal.amount.currency, {value.currency for value in company.lifetime_value})

    async def test_an_error_has_its_code(self) -> None:
        with self.assertRaises(GraphQLClientGraphQLMultiError) as raised:
            await self.client.customer("lead_1")
        [error] = raised.exception.errors
        self.assertEqual(error.extensions["code"], "BAD_USER_INPUT")


if __name__ == "__main__":
    unittest.main()
