//! The invoices of the mirror beside those of the simulated organization, which knows them without any field.

use crate::{Close, Database};
use anyhow::{Context, ensure};
use chrono::NaiveDate;
use closegraph_entity::record::record_id;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is compared of an invoice.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Invoice {
    close_id: String,
    company_id: Option<Uuid>,
    person_id: Option<Uuid>,
    opportunity_id: Option<Uuid>,
    number: Option<String>,
    status: Option<String>,
    currency: String,
    total_minor: Option<i64>,
    tax_minor: Option<i64>,
    /// An amount that is unset is nothing, to the organization as to its reader.
    paid_minor: i64,
    issued_on: Option<NaiveDate>,
    due_on: Option<NaiveDate>,
    paid_on: Option<NaiveDate>,
    lines: i64,
    /// What its payments add up to, in its own currency.
    payments: i64,
    /// What they add up to in others.
    elsewhere: i64,
}

const OURS: &str = "
    select r.close_id, r.company_id, r.person_id, r.opportunity_id, r.number, r.status, r.currency, r.total_minor,
           r.tax_minor, coalesce(r.paid_minor, 0) as paid_minor, r.issued_on, r.due_on, r.paid_on,
           (select count(*) from receivable_line l where l.receivable_id = r.id) as lines,
           (select coalesce(sum(t.amount_minor), 0)::bigint from transaction t
             where t.receivable_id = r.id and t.kind = 'invoice_payment' and t.currency = r.currency) as payments,
           (select coalesce(sum(abs(s.minor)), 0)::bigint
              from (select sum(t.amount_minor) as minor from transaction t
                     where t.receivable_id = r.id and t.kind = 'invoice_payment' and t.currency <> r.currency
                     group by t.currency) s) as elsewhere
      from receivable r where r.connection_id = $1";

impl Close {
    /// Fails unless the receivables of the mirror are the invoices of the organization, and their payments add up to
    /// what was paid.
    pub async fn ensure_invoices(&self, database: &Database) -> anyhow::Result<usize> {
        let ours: Vec<Invoice> = sqlx::query_as(OURS)
            .bind(self.connection)
            .fetch_all(&database.pool)
            .await?;
        let ours: BTreeMap<String, Invoice> = ours
            .into_iter()
            .map(|invoice| (invoice.close_id.clone(), invoice))
            .collect();
        let theirs = self.simulator.invoices();
        ensure!(
            ours.len() == theirs.len(),
            "{} receivables, {} invoices",
            ours.len(),
            theirs.len()
        );
        for truth in &theirs {
            let close_id = truth.get("id").and_then(Value::as_str).context("no id")?;
            let found = ours
                .get(close_id)
                .with_context(|| format!("{close_id} is missing"))?;
            let expected = self.expected(close_id, truth)?;
            ensure!(
                *found == expected,
                "{close_id}\n is {found:?}\n not {expected:?}\n by {truth}"
            );
        }
        Ok(theirs.len())
    }

    fn expected(&self, close_id: &str, truth: &Value) -> anyhow::Result<Invoice> {
        let text = |key: &str| truth.get(key).and_then(Value::as_str).map(str::to_owned);
        let date = |key: &str| text(key).map(|text| text.parse()).transpose();
        let minor = |key: &str| truth.get(key).and_then(Value::as_i64);
        let reference = |key: &str| Some(record_id(self.connection, &text(key)?));
        let lines = truth
            .get("lines")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        Ok(Invoice {
            close_id: close_id.to_owned(),
            company_id: reference("lead_id"),
            person_id: reference("contact_id"),
            opportunity_id: reference("opportunity_id"),
            number: text("number"),
            status: text("state"),
            currency: text("currency").context("no currency")?,
            total_minor: minor("total_minor"),
            tax_minor: minor("tax_minor"),
            paid_minor: minor("paid_minor").unwrap_or_default(),
            issued_on: date("issued_on")?,
            due_on: date("due_on")?,
            paid_on: date("paid_on")?,
            lines: i64::try_from(lines)?,
            payments: minor("paid_minor").unwrap_or_default(),
            elsewhere: 0,
        })
    }
}
