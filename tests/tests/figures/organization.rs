//! The simulated organization as it is, without a database.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use closegraph_tests::Demo;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The organization as it is, and the day where it is.
pub(crate) struct Organization {
    pub(crate) demo: Demo,
    pub(crate) invoices: Vec<Value>,
    pub(crate) deals: Vec<Value>,
    zone: Tz,
    pub(crate) today: NaiveDate,
}

impl Organization {
    pub(crate) async fn start(leads: u32) -> Self {
        let demo = Demo::start(leads).unwrap();
        let lines = async |path: &str| -> Vec<Value> {
            let text = demo.control(path).await.unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        let (invoices, deals) = (lines("invoices").await, lines("objects/opportunity").await);
        let answer = demo
            .ask("{ connections { timeZone } }", json!({}))
            .await
            .unwrap();
        let zone: Tz = answer["connections"][0]["timeZone"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let today = Utc::now().with_timezone(&zone).date_naive();
        Self {
            demo,
            invoices,
            deals,
            zone,
            today,
        }
    }

    pub(crate) async fn ask(&self, question: &str) -> Value {
        self.demo.ask(question, json!({})).await.unwrap()
    }

    pub(crate) fn day(&self, value: &Value) -> NaiveDate {
        let at: DateTime<Utc> = value.as_str().unwrap().parse().unwrap();
        at.with_timezone(&self.zone).date_naive()
    }

    /// Invoices on which money is owed, with what is left to pay.
    pub(crate) fn unpaid(&self) -> impl Iterator<Item = (&Value, i64)> {
        self.invoices.iter().filter_map(|invoice| {
            let left =
                invoice["total_minor"].as_i64()? - invoice["paid_minor"].as_i64().unwrap_or(0);
            let is_open = matches!(invoice["state"].as_str(), Some("issued" | "paid"));
            (is_open && left > 0).then_some((invoice, left))
        })
    }

    /// What each won deal is worth, by the day on which it was won.
    pub(crate) fn won(&self) -> impl Iterator<Item = (NaiveDate, &Value)> {
        let won = self
            .deals
            .iter()
            .filter(|deal| deal["status_type"] == "won");
        won.filter_map(|deal| Some((date(&deal["date_won"])?, deal)))
    }

    /// Payments as they are of invoices that were read only as they are now: what was paid, on the day that they say.
    pub(crate) fn collected(&self) -> BTreeMap<String, i64> {
        let mut collected = BTreeMap::new();
        for invoice in &self.invoices {
            let paid = invoice["paid_minor"].as_i64().unwrap_or(0);
            let Some(day) = date(&invoice["paid_on"]) else {
                continue;
            };
            if paid > 0 && day.year() == self.today.year() {
                let key = format!("{} {}", invoice["currency"].as_str().unwrap(), day.month());
                *collected.entry(key).or_default() += paid;
            }
        }
        collected
    }
}

pub(crate) fn date(value: &Value) -> Option<NaiveDate> {
    value.as_str()?.parse().ok()
}

/// Decimal places of a currency.
pub(crate) fn places(currency: &str) -> u32 {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    }
}

pub(crate) fn amount(minor: i64, currency: &str) -> Decimal {
    Decimal::new(minor, places(currency))
}

pub(crate) fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

/// Adds up by key.
pub(crate) fn sums<K: Ord>(of: impl Iterator<Item = (K, i64)>) -> BTreeMap<K, (i64, i64)> {
    let mut sums: BTreeMap<K, (i64, i64)> = BTreeMap::new();
    for (key, minor) in of {
        let sum = sums.entry(key).or_default();
        *sum = (sum.0 + minor, sum.1 + 1);
    }
    sums
}
