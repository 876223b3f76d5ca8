//! `GET /_sim/state` and `GET /_sim/revenue`: what a mirror's figures must come to.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure, ok};
use crate::rest::params::Params;
use crate::world::organization::StatusType;
use crate::world::store::{Order, Window};

/// Won deals of one day.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Won {
    /// Minor units; a deal without a value adds nothing.
    value: i64,
    /// Deals, those without a value included.
    count: u64,
    without_value: u64,
}

fn won_by_day(app: &App) -> BTreeMap<Option<NaiveDate>, Won> {
    let mut days: BTreeMap<Option<NaiveDate>, Won> = BTreeMap::new();
    app.read(|world| {
        let organization = &world.organization;
        for (_, deal) in world
            .records
            .opportunities
            .walk(Order::Created, Window::ALL)
        {
            if deal.status_type(organization) != Some(StatusType::Won) {
                continue;
            }
            let day = days.entry(deal.date_won).or_default();
            day.count += 1;
            match deal.value {
                Some(value) => day.value += value,
                None => day.without_value += 1,
            }
        }
    });
    days
}

pub(super) async fn state(State(app): Shared) -> Answer {
    let days = won_by_day(&app);
    let organization = app.organization();
    let currency = &organization.currency;
    let won: Vec<_> = days
        .iter()
        .map(|(date, won)| {
            json!({
                "currency": currency,
                "date": date,
                "value": won.value,
                "count": won.count,
                "without_value": won.without_value,
            })
        })
        .collect();
    let answer = app.read(|world| {
        json!({
            "organization_id": organization.id,
            "now": world.clock.now(),
            "counts": {
                "lead": world.records.leads.len(),
                "contact": world.records.contacts.len(),
                "opportunity": world.records.opportunities.len(),
                "custom_object": world.records.custom_objects.len(),
                "custom_activity": world.records.custom_activities.len(),
                "user": organization.users.len(),
                "event": world.log.len(),
                "won_opportunity": days.values().map(|won| won.count).sum::<u64>(),
            },
            "pending_deliveries": app.webhooks.pending(),
            "traffic_per_second": *app.traffic.borrow(),
            "won": won,
        })
    });
    Ok(ok(&answer))
}

/// `from` and `to` are inclusive dates; either may be left out.
pub(super) async fn revenue(State(app): Shared, params: Params) -> Answer {
    let date = |name: &str, default: NaiveDate| match params.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| Failure::field(name, "Value must be YYYY-MM-DD.")),
    };
    let (from, to) = (date("from", NaiveDate::MIN)?, date("to", NaiveDate::MAX)?);
    let days = won_by_day(&app);
    let mut total = Won::default();
    for (date, won) in &days {
        if date.is_some_and(|date| from <= date && date <= to) {
            total.value += won.value;
            total.count += won.count;
            total.without_value += won.without_value;
        }
    }
    let currencies = if total.count == 0 {
        Vec::new()
    } else {
        vec![json!({
            "currency": app.organization().currency,
            "total": total.value,
            "count": total.count,
            "without_value": total.without_value,
        })]
    };
    Ok(ok(&currencies))
}
