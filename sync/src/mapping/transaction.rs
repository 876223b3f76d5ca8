//! What is booked: a won deal, or the payment of an invoice.

use super::opportunity::period_text;
use super::row::columns;
use super::{MappingContext, OpportunityColumns, Row};
use chrono::NaiveDate;
use closegraph_entity::opportunity::{Status, ValuePeriod};
use closegraph_entity::record::won_deal_id;
use uuid::Uuid;

columns! {
    /// The columns of `transaction`.
    TransactionColumns in "transaction", raw false {
        kind: &'static str => "text" / "text",
        opportunity_id: Option<Uuid> => "uuid" / "uuid",
        receivable_id: Option<Uuid> => "uuid" / "uuid",
        company_id: Option<Uuid> => "uuid" / "uuid",
        person_id: Option<Uuid> => "uuid" / "uuid",
        owner_id: Option<Uuid> => "uuid" / "uuid",
        occurred_on: Option<NaiveDate> => "date" / "date",
        amount_minor: Option<i64> => "bigint" / "bigint",
        currency: String => "text" / "text",
        billing_period: ValuePeriod => "text" / "text" through period_text,
        category: Option<String> => "text" / "text",
        category_rule: Option<String> => "text" / "text",
        pipeline_id: Option<String> => "text" / "text",
        pipeline_name: Option<String> => "text" / "text",
    }
}

impl TransactionColumns {
    fn of(row: &Row<OpportunityColumns>, context: &MappingContext) -> Self {
        let deal = &row.columns;
        let (category, rule) = context.categories.of(deal, &row.custom).unzip();
        Self {
            kind: "won_deal",
            opportunity_id: Some(row.id),
            receivable_id: None,
            company_id: deal.company_id,
            person_id: deal.person_id,
            owner_id: deal.owner_id,
            occurred_on: deal.won_on,
            amount_minor: deal.value_minor,
            currency: deal.currency.clone(),
            billing_period: deal.value_period,
            category,
            category_rule: rule,
            pipeline_id: deal.pipeline_id.clone(),
            pipeline_name: deal.pipeline_name.clone(),
        }
    }
}

/// The transaction that an opportunity is booked as: one while it is won, none otherwise.
pub(crate) fn won_deal(
    deal: &Row<OpportunityColumns>,
    context: &MappingContext,
) -> Option<Row<TransactionColumns>> {
    (deal.columns.status == Status::Won).then(|| Row {
        id: won_deal_id(context.connection_id, &deal.close_id),
        close_id: deal.close_id.clone(),
        custom: deal.custom.clone(),
        raw: String::new(),
        source_created_at: deal.source_created_at,
        source_updated_at: deal.source_updated_at,
        columns: TransactionColumns::of(deal, context),
    })
}
