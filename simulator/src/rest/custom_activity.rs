//! `/activity/custom/`: newest first; a type, a user or a contact can only be asked for within one
//! lead (dossier 3.2, 4.10).

use axum::extract::{Path, State};

use super::Shared;
use super::answer::{Answer, Failure, ok};
use super::body::JsonBody;
use super::caller::Caller;
use super::object;
use super::page::{Page, Plain};
use super::params::Params;
use crate::world::custom_record::{CustomRecord, Form};
use crate::world::id::Id;
use crate::world::moment::Moment;
use crate::world::organization::{Organization, user_id};
use crate::world::records::{Kind, Records, View};
use crate::world::store::{Handle, Order, Window};

const MAX_LIMIT: usize = 200;
const MAX_SKIP: usize = 250_000;

/// The filters of one request; a parameter that the list does not know is ignored.
struct Filter<'p> {
    ids: Option<Vec<&'p str>>,
    leads: Option<Vec<&'p str>>,
    types: Option<Vec<&'p str>>,
    users: Option<Vec<&'p str>>,
    contacts: Option<Vec<&'p str>>,
    created: Window,
    happened: Window,
    by_activity: bool,
    ascending: bool,
}

impl<'p> Filter<'p> {
    fn read(params: &'p Params) -> Result<Self, Failure> {
        let leads = params.either("lead_id");
        let single = leads.as_ref().is_some_and(|leads| leads.len() == 1);
        let within_lead = |name: &'static str| match params.either(name) {
            Some(_) if !single => Err(Failure::field(name, "This filter requires a lead_id.")),
            given => Ok(given),
        };
        let order = params.get("_order_by").unwrap_or("-date_created");
        let by_activity = match order.trim_start_matches('-') {
            "date_created" => false,
            "activity_at" if single => true,
            "activity_at" => {
                let message = "Ordering by activity_at requires a lead_id.";
                return Err(Failure::field("_order_by", message));
            }
            _ => return Err(Failure::field("_order_by", "Cannot order by this.")),
        };
        Ok(Self {
            ids: params.list("id__in"),
            types: within_lead("custom_activity_type_id")?,
            users: within_lead("user_id")?,
            contacts: within_lead("contact_id")?,
            leads,
            created: params.window("date_created")?,
            happened: params.window("activity_at")?,
            by_activity,
            ascending: !order.starts_with('-'),
        })
    }

    fn matches(
        &self,
        organization: &Organization,
        records: &Records,
        record: &CustomRecord,
    ) -> bool {
        let Form::Activity {
            contact, user, at, ..
        } = &record.form
        else {
            return false;
        };
        let among = |list: &Option<Vec<&str>>, id: Option<&str>| {
            let Some(items) = list else { return true };
            id.is_some_and(|id| items.contains(&id))
        };
        let one = organization.custom_type(record.of_type);
        let user = user_id(organization, *user);
        let contact = contact.and_then(|contact| records.contacts.get(contact));
        self.created.contains(record.created)
            && self.happened.contains(*at)
            && among(&self.ids, Some(record.id.as_str()))
            && among(&self.types, one.map(|one| one.id.as_str()))
            && among(&self.users, user.as_ref().map(Id::as_str))
            && among(&self.contacts, contact.map(|contact| contact.id.as_str()))
    }

    fn places(&self, organization: &Organization, records: &Records) -> Vec<Handle> {
        let store = &records.custom_activities;
        let mut found: Vec<(Moment, Handle)> = Vec::new();
        let mut note = |(place, record): (Handle, &std::sync::Arc<CustomRecord>)| {
            let at = match record.form {
                Form::Activity { at, .. } if self.by_activity => at,
                _ => record.created,
            };
            if self.matches(organization, records, record) {
                found.push((at, place));
            }
        };
        match &self.leads {
            Some(leads) => leads
                .iter()
                .filter_map(|lead| records.leads.find(lead))
                .for_each(|(lead, _)| store.of_lead(lead).for_each(&mut note)),
            None => store.walk(Order::Created, self.created).for_each(note),
        }
        found.sort_unstable();
        if !self.ascending {
            found.reverse();
        }
        found.into_iter().map(|(_, place)| place).collect()
    }
}

pub(super) async fn list(State(app): Shared, params: Params) -> Answer {
    let limit = params.limit(100, MAX_LIMIT)?;
    let skip = params.skip(MAX_SKIP)?;
    let filter = Filter::read(&params)?;
    let organization = &*app.organization();
    let (views, further): (Vec<View>, bool) = app.listed(|records| {
        let places = filter.places(organization, records);
        let page = places.iter().skip(skip).take(limit);
        let views = page.filter_map(|place| records.view(Kind::CustomActivity, *place));
        (views.collect(), places.len() > skip + limit)
    });
    Ok(ok(&Page {
        organization,
        selection: &params.selection(),
        views: &views,
        has_more: further,
        total: None,
        more: Plain,
    }))
}

pub(super) async fn one(State(app): Shared, Path(id): Path<String>, params: Params) -> Answer {
    object::get(&app, Kind::CustomActivity, &id, params.selection())
}

pub(super) async fn create(State(app): Shared, caller: Caller, JsonBody(body): JsonBody) -> Answer {
    object::create(&app, Kind::CustomActivity, &caller, &body)
}

pub(super) async fn update(
    State(app): Shared,
    Path(id): Path<String>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Answer {
    object::update(&app, Kind::CustomActivity, &caller, &id, &body)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, caller: Caller) -> Answer {
    object::delete(&app, Kind::CustomActivity, &caller, &id)
}
