//! A typed client in Rust: the documents of `clients/questions.graphql`, compiled against `api/schema.graphql`, ask a
//! running server.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use chrono::{TimeDelta, Utc};
use closegraph_tests::Demo;
use graphql_client::{GraphQLQuery, Response};
use record::RecordNode;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use transactions::{
    BigIntFilter, DateFilter, TransactionFilter, TransactionKind, TransactionKindFilter,
};

/// What the schema's scalars are in Rust.
mod scalars {
    pub(crate) type BigInt = String;
    pub(crate) type CurrencyCode = String;
    pub(crate) type Date = chrono::NaiveDate;
    pub(crate) type DateTime = chrono::DateTime<chrono::Utc>;
    pub(crate) type Decimal = rust_decimal::Decimal;
    #[expect(clippy::upper_case_acronyms, reason = "the schema's name")]
    pub(crate) type JSON = serde_json::Value;
}

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../api/schema.graphql",
    query_path = "../clients/questions.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Clone, Default",
    skip_serializing_none
)]
struct Transactions;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../api/schema.graphql",
    query_path = "../clients/questions.graphql",
    custom_scalars_module = "crate::scalars"
)]
struct Customer;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "../api/schema.graphql",
    query_path = "../clients/questions.graphql",
    custom_scalars_module = "crate::scalars"
)]
struct Record;

/// Won within a year, with a value.
fn won() -> TransactionFilter {
    TransactionFilter {
        kind: Some(TransactionKindFilter {
            eq: Some(TransactionKind::WON_DEAL),
            ..Default::default()
        }),
        occurred_on: Some(DateFilter {
            gte: Some(Utc::now().date_naive() - TimeDelta::days(365)),
            ..Default::default()
        }),
        amount_minor: Some(BigIntFilter {
            gte: Some("1".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The answer to a question of type `Q`.
async fn ask<Q: GraphQLQuery>(
    url: &str,
    token: &str,
    variables: Q::Variables,
) -> anyhow::Result<Response<Q::ResponseData>> {
    let response = reqwest::Client::new()
        .post(url)
        .bearer_auth(token)
        .json(&Q::build_query(variables))
        .send()
        .await?;
    Ok(response.error_for_status()?.json().await?)
}

#[tokio::test]
async fn a_typed_client_reads_exact_amounts_pages_types_and_errors() {
    let demo = Demo::start(100).unwrap();
    let (url, token) = (demo.word("graphql"), demo.word("token"));
    let mut variables = transactions::Variables {
        filter: Some(won()),
        first: 10,
        after: None,
    };
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut last = None;
    loop {
        let page = ask::<Transactions>(url, token, variables.clone())
            .await
            .unwrap();
        let page = page.data.unwrap().transactions;
        for deal in page.edges.into_iter().map(|edge| edge.node) {
            let amount = deal.amount.as_ref().unwrap();
            *sums.entry(amount.currency.clone()).or_default() += amount.amount;
            last = Some(deal);
        }
        if !page.page_info.has_next_page {
            let totals = page.totals.into_iter();
            let totals: BTreeMap<_, _> = totals.map(|sum| (sum.currency, sum.amount)).collect();
            assert_eq!(sums, totals);
            break;
        }
        variables.after = page.page_info.end_cursor;
    }
    assert!(variables.after.is_some(), "one page only");

    let deal = last.unwrap();
    let id = deal.id.clone();
    let found = ask::<Record>(url, token, record::Variables { id })
        .await
        .unwrap();
    let Some(RecordNode::Transaction(found)) = found.data.unwrap().node else {
        panic!("{} is no transaction", deal.id);
    };
    assert_eq!(found.amount.unwrap().amount, deal.amount.unwrap().amount);

    let company = deal.company.unwrap();
    let id = company.id;
    let customer = ask::<Customer>(url, token, customer::Variables { id })
        .await
        .unwrap();
    assert_eq!(customer.data.unwrap().company.unwrap().name, company.name);

    let id = "lead_1".to_owned();
    let refused = ask::<Customer>(url, token, customer::Variables { id })
        .await
        .unwrap();
    assert!(refused.data.unwrap().company.is_none());
    let extensions = refused.errors.unwrap().remove(0).extensions.unwrap();
    assert_eq!(extensions["code"], "BAD_USER_INPUT");
}
