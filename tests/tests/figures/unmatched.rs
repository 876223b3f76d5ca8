//! What has no partner, and what a person should look at.

use crate::organization::{Organization, date};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long matching may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// All nodes of a list that pages forward. What changes while it is paged through, as matching runs beside the first
/// answers, is read again.
async fn all(organization: &Organization, list: &str, node: &str) -> Vec<Value> {
    let question = format!(
        "query ($after: String) {{ {list}(first: 500, after: $after) {{
             totalCount nodes {{ {node} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let start = Instant::now();
    loop {
        let (found, counts) = pages(organization, list, &question).await;
        if counts.iter().all(|count| *count == found.len()) {
            return found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{counts:?} announced, {} found",
            found.len()
        );
    }
}

/// The nodes of all pages, and what each said how many there are.
async fn pages(
    organization: &Organization,
    list: &str,
    question: &str,
) -> (Vec<Value>, Vec<usize>) {
    let (mut found, mut counts, mut after) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let variables = json!({ "after": after });
        let answer = organization.demo.ask(question, variables).await.unwrap();
        let page = &answer[list];
        found.extend(page["nodes"].as_array().unwrap().iter().cloned());
        counts.push(serde_json::from_value(page["totalCount"].clone()).unwrap());
        if page["pageInfo"]["hasNextPage"] != true {
            return (found, counts);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Ids of what is unmatched, by kind.
async fn unmatched(organization: &Organization) -> BTreeMap<String, BTreeSet<String>> {
    let node = "kind record { __typename ... on Transaction { closeId } ... on Receivable { closeId } ... on Company { closeId } }";
    let mut by_kind: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in all(organization, "unmatched", node).await {
        let ids = by_kind
            .entry(node["kind"].as_str().unwrap().to_owned())
            .or_default();
        ids.extend(node["record"]["closeId"].as_str().map(str::to_owned));
    }
    by_kind
}

#[tokio::test]
async fn what_should_be_tied_to_another_and_is_not() {
    let organization = Organization::start(700).await;
    organization
        .ask(include_str!("../../queries/find-unmatched-records.graphql"))
        .await;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let won: BTreeMap<String, String> = organization
        .deals
        .iter()
        .filter(|deal| deal["status_type"] == "won")
        .map(|deal| (word(&deal["id"]), word(&deal["lead_id"])))
        .collect();
    let named: BTreeSet<String> = organization
        .invoices
        .iter()
        .map(|invoice| word(&invoice["opportunity_id"]))
        .collect();
    let invoiced: BTreeSet<String> = organization
        .invoices
        .iter()
        .map(|invoice| word(&invoice["lead_id"]))
        .collect();
    let sold_to: BTreeSet<&String> = won.values().collect();
    let open = |invoice: &&Value| matches!(invoice["state"].as_str(), Some("issued" | "paid"));
    // Matching runs beside the first answers.
    let start = Instant::now();
    let found = loop {
        let found = unmatched(&organization).await;
        let named_still = found["DEAL_WITHOUT_INVOICE"].intersection(&named).count();
        if named_still == 0 {
            break found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{named_still} deals are named by invoices"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let deals = &found["DEAL_WITHOUT_INVOICE"];
    let of_nobody = won
        .iter()
        .filter(|(_, lead)| !invoiced.contains(*lead))
        .map(|(deal, _)| deal);
    assert!(of_nobody.clone().all(|deal| deals.contains(deal)));
    assert!(of_nobody.count() > 0 && deals.iter().all(|deal| won.contains_key(deal)));
    let invoices = &found["INVOICE_WITHOUT_DEAL"];
    for invoice in organization.invoices.iter().filter(open) {
        let (id, lead, deal) = (
            word(&invoice["id"]),
            word(&invoice["lead_id"]),
            word(&invoice["opportunity_id"]),
        );
        if won.contains_key(&deal) {
            assert!(!invoices.contains(&id), "{invoice} names its deal");
        } else if !sold_to.contains(&lead) {
            assert!(
                invoices.contains(&id),
                "{invoice} is of a company without a won deal"
            );
        }
    }
    for orphans in ["ORPHAN_PERSON", "ORPHAN_TRANSACTION", "ORPHAN_RECEIVABLE"] {
        assert_eq!(found.get(orphans), None);
    }
}

#[tokio::test]
async fn what_a_person_should_look_at() {
    let organization = Organization::start(500).await;
    organization
        .ask(include_str!("../../queries/what-needs-attention.graphql"))
        .await;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for node in all(
        &organization,
        "needsAttention",
        "reason severity message records { id }",
    )
    .await
    {
        *reasons
            .entry(node["reason"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let is_past = |value: &Value| date(value).is_some_and(|day| day < organization.today);
    let overdue = organization
        .unpaid()
        .filter(|(invoice, _)| is_past(&invoice["due_on"]))
        .count();
    assert_eq!(reasons["OVERDUE_INVOICE"], overdue);
    let is = |deal: &&Value, status: &str| deal["status_type"] == status;
    let stalled = organization
        .deals
        .iter()
        .filter(|deal| is(deal, "active") && is_past(&deal["date_won"]));
    assert_eq!(reasons["STALLED_DEAL"], stalled.count());
    let unknown = organization
        .deals
        .iter()
        .filter(|deal| is(deal, "won") && deal["value"].is_null());
    assert_eq!(
        reasons
            .get("WON_DEAL_WITHOUT_VALUE")
            .copied()
            .unwrap_or_default(),
        unknown.count()
    );
    assert!(
        !reasons.contains_key("INVOICE_MAPPING_WAITING"),
        "{reasons:?}"
    );
}
