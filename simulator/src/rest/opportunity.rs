//! `/opportunity/`: a list with real filters, orders and totals (dossier 3.2, 4.5).

use std::sync::Arc;

use axum::extract::{Path, State};

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::body::JsonBody;
use super::caller::Caller;
use super::object;
use super::page::Page;
use super::params::Params;
use super::totals::Totals;
use crate::world::opportunity::Opportunity;
use crate::world::organization::{Organization, user_name};
use crate::world::records::{Kind, Records, View};
use crate::world::store::{Handle, Order, Window};

const MAX_LIMIT: usize = 200;
/// Close publishes none; deep offsets are refused as on leads.
const MAX_SKIP: usize = 35_000;

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, MAX_LIMIT)?;
    let skip = params.skip(MAX_SKIP)?;
    let sort = Sort::parse(params.get("_order_by").unwrap_or("-date_created"))?;
    let filter = Filter::read(&params)?;
    let organization = &*app.organization();
    let (views, totals) =
        app.listed(|records| page(records, organization, &filter, sort, skip, limit));
    Ok(ok(&Page {
        organization,
        selection: &params.selection(),
        has_more: skip + views.len() < totals.count(),
        views: &views,
        total: Some(totals.count()),
        more: totals.shown(&organization.currency),
    }))
}

fn page(
    records: &Records,
    organization: &Organization,
    filter: &Filter<'_>,
    sort: Sort,
    skip: usize,
    limit: usize,
) -> (Vec<View>, Totals) {
    let (order, window) = match sort.key {
        SortKey::Created => (Order::Created, filter.created),
        _ => (Order::Updated, filter.updated),
    };
    let lead = filter
        .lead
        .map(|id| records.leads.find(id).map(|(place, _)| place));
    let mut totals = Totals::default();
    let mut matching: Vec<(Handle, &Arc<Opportunity>)> = match lead {
        Some(None) => Vec::new(),
        Some(Some(lead)) => records.opportunities.of_lead(lead).collect(),
        None => records.opportunities.walk(order, window).collect(),
    };
    matching.retain(|(_, deal)| filter.matches(organization, deal));
    for (_, deal) in &matching {
        totals.add(deal);
    }
    sort.apply(organization, &mut matching, lead.is_some());
    let page = matching.iter().skip(skip).take(limit);
    (
        page.filter_map(|(place, _)| records.view(Kind::Opportunity, *place))
            .collect(),
        totals,
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortKey {
    Won,
    Updated,
    Created,
    Confidence,
    UserName,
    Value,
    AnnualizedValue,
    AnnualizedExpectedValue,
}

#[derive(Debug, Clone, Copy)]
struct Sort {
    key: SortKey,
    descending: bool,
}

impl Sort {
    fn parse(text: &str) -> Result<Self, Failure> {
        let key = match text.trim_start_matches('-') {
            "date_won" => SortKey::Won,
            "date_updated" => SortKey::Updated,
            "date_created" => SortKey::Created,
            "confidence" => SortKey::Confidence,
            "user_name" => SortKey::UserName,
            "value" => SortKey::Value,
            "annualized_value" => SortKey::AnnualizedValue,
            "annualized_expected_value" => SortKey::AnnualizedExpectedValue,
            other => {
                return Err(Failure::field(
                    "_order_by",
                    format!("Cannot order by \"{other}\"."),
                ));
            }
        };
        Ok(Self {
            key,
            descending: text.starts_with('-'),
        })
    }

    /// `of_lead`: the rows are one lead's, not walked in a date order.
    fn apply(
        self,
        organization: &Organization,
        rows: &mut [(Handle, &Arc<Opportunity>)],
        of_lead: bool,
    ) {
        match self.key {
            SortKey::Created if of_lead => rows.sort_by_key(|(place, deal)| (deal.created, *place)),
            SortKey::Updated if of_lead => rows.sort_by_key(|(place, deal)| (deal.updated, *place)),
            // These were walked in their order.
            SortKey::Created | SortKey::Updated => {}
            SortKey::Won => rows.sort_by_key(|(_, deal)| deal.date_won),
            SortKey::Confidence => rows.sort_by_key(|(_, deal)| deal.confidence),
            SortKey::Value => rows.sort_by_key(|(_, deal)| deal.value),
            SortKey::AnnualizedValue => rows.sort_by_key(|(_, deal)| deal.annualized_value()),
            SortKey::AnnualizedExpectedValue => {
                rows.sort_by_key(|(_, deal)| deal.annualized_expected_value());
            }
            SortKey::UserName => rows.sort_by_cached_key(|(_, deal)| {
                user_name(organization, Some(deal.owner)).map(|name| name.to_string())
            }),
        }
        if self.descending {
            rows.reverse();
        }
    }
}

/// The filters of one request; a parameter that the list does not know is ignored.
#[derive(Debug)]
struct Filter<'p> {
    lead: Option<&'p str>,
    organization_id: Option<&'p str>,
    users: Option<Vec<&'p str>>,
    statuses: Option<Vec<&'p str>>,
    types: Option<Vec<&'p str>>,
    labels: Option<Vec<&'p str>>,
    periods: Option<Vec<&'p str>>,
    created: Window,
    updated: Window,
    won: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
}

impl<'p> Filter<'p> {
    fn read(params: &'p Params) -> Result<Self, Failure> {
        for name in [
            "query",
            "lead_query",
            "lead_saved_search_id",
            "_group_by",
            "is_stalled",
        ] {
            if params.get(name).is_some() {
                return Err(Failure::field(
                    name,
                    "The simulator does not model this filter.",
                ));
            }
        }
        let types = params.either("status_type");
        let known = ["active", "won", "lost"];
        if types.iter().flatten().any(|given| !known.contains(given)) {
            let message = "Input should be 'active', 'won' or 'lost'";
            return Err(Failure::field("status_type", message));
        }
        Ok(Self {
            lead: params.get("lead_id"),
            organization_id: params.get("organization_id"),
            users: params.either("user_id"),
            statuses: params.either("status_id"),
            types,
            labels: params
                .either("status_label")
                .or_else(|| params.either("status")),
            periods: params.either("value_period"),
            created: params.window("date_created")?,
            updated: params.window("date_updated")?,
            won: params.dates("date_won")?,
        })
    }

    fn matches(&self, organization: &Organization, deal: &Opportunity) -> bool {
        let Some(status) = organization.opportunity_status(deal.status) else {
            return false;
        };
        let among = |list: &Option<Vec<&str>>, value: &str| {
            list.as_ref().is_none_or(|items| items.contains(&value))
        };
        let owner = organization
            .user(deal.owner)
            .map_or("", |user| user.id.as_str());
        self.created.contains(deal.created)
            && self.updated.contains(deal.updated)
            && self.won.is_none_or(|(from, to)| {
                deal.date_won.is_some_and(|date| from <= date && date <= to)
            })
            && self
                .organization_id
                .is_none_or(|id| id == organization.id.as_str())
            && among(&self.types, status.kind.as_str())
            && among(&self.statuses, status.id.as_str())
            && among(&self.labels, &status.label)
            && among(&self.periods, deal.period.as_str())
            && among(&self.users, owner)
    }
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>, params: Params) -> Answer {
    object::get(&app, Kind::Opportunity, &id, params.selection())
}

pub(super) async fn create(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    object::create(&app, Kind::Opportunity, &caller, &body)
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Answer {
    object::update(&app, Kind::Opportunity, &caller, &id, &body)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, caller: Caller) -> Answer {
    object::delete(&app, Kind::Opportunity, &caller, &id)
}
