//! An opportunity: a deal with a lead (dossier 4.5).

use std::sync::Arc;

use chrono::NaiveDate;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::contact::Contact;
use super::custom::CustomValues;
use super::fields::{Fields, Selection};
use super::id::Id;
use super::moment::Moment;
use super::money::Formatted;
use super::organization::{Organization, StatusType, user_id, user_name};
use super::store::{Handle, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValuePeriod {
    OneTime,
    Monthly,
    Annual,
}

impl ValuePeriod {
    pub(crate) const ALL: [Self; 3] = [Self::OneTime, Self::Monthly, Self::Annual];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "one_time",
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    const fn per_year(self) -> i64 {
        match self {
            Self::OneTime | Self::Annual => 1,
            Self::Monthly => 12,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Opportunity {
    pub(crate) id: Id,
    pub(crate) lead: Handle,
    pub(crate) contact: Option<Handle>,
    pub(crate) owner: u8,
    pub(crate) status: u8,
    pub(crate) period: ValuePeriod,
    /// 0 to 100.
    pub(crate) confidence: u8,
    /// Minor units; none when not set, which is not zero.
    pub(crate) value: Option<i64>,
    /// The win date of a won deal, the estimate of an active one.
    pub(crate) date_won: Option<NaiveDate>,
    pub(crate) date_lost: Option<Moment>,
    pub(crate) note: Option<Box<str>>,
    pub(crate) custom: CustomValues,
    pub(crate) created_by: Option<u8>,
    pub(crate) updated_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl Record for Opportunity {
    fn id(&self) -> Id {
        self.id
    }
    fn created(&self) -> Moment {
        self.created
    }
    fn updated(&self) -> Moment {
        self.updated
    }
    fn lead(&self) -> Option<Handle> {
        Some(self.lead)
    }
}

impl Opportunity {
    pub(crate) fn status_type(&self, organization: &Organization) -> Option<StatusType> {
        Some(organization.opportunity_status(self.status)?.kind)
    }

    /// Value times confidence, also for won deals.
    pub(crate) fn expected_value(&self) -> Option<i64> {
        Some(self.value?.saturating_mul(i64::from(self.confidence)) / 100)
    }

    pub(crate) fn annualized_value(&self) -> Option<i64> {
        Some(self.value?.saturating_mul(self.period.per_year()))
    }

    pub(crate) fn annualized_expected_value(&self) -> Option<i64> {
        Some(
            self.expected_value()?
                .saturating_mul(self.period.per_year()),
        )
    }
}

/// An opportunity at one moment, with the names that Close copies onto it.
#[derive(Debug, Clone)]
pub(crate) struct OpportunityView {
    pub(crate) opportunity: Arc<Opportunity>,
    pub(crate) lead_id: Id,
    pub(crate) lead_name: Box<str>,
    pub(crate) contact: Option<Arc<Contact>>,
}

impl OpportunityView {
    pub(crate) fn write<S: Serializer>(
        &self,
        organization: &Organization,
        selection: &Selection,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let deal = &*self.opportunity;
        let map = serializer.serialize_map(None)?;
        let mut fields = Fields { map, selection };
        fields.put("id", &deal.id)?;
        fields.put("organization_id", &organization.id)?;
        fields.put("lead_id", &self.lead_id)?;
        fields.put("lead_name", &self.lead_name)?;
        fields.put(
            "contact_id",
            &self.contact.as_ref().map(|contact| contact.id),
        )?;
        let contact_name = self.contact.as_ref().map(|contact| contact.display_name());
        fields.put("contact_name", &contact_name)?;
        fields.put("user_id", &user_id(organization, Some(deal.owner)))?;
        fields.put("user_name", &user_name(organization, Some(deal.owner)))?;
        self.put_status(organization, &mut fields)?;
        self.put_money(organization, &mut fields)?;
        fields.put("confidence", &deal.confidence)?;
        fields.put("date_won", &deal.date_won)?;
        fields.put("date_lost", &deal.date_lost)?;
        fields.put("note", &deal.note)?;
        let html = deal
            .note
            .as_deref()
            .filter(|note| !note.is_empty())
            .map(NoteHtml);
        fields.put("note_html", &html)?;
        fields.put("attachments", &[(); 0])?;
        fields.put("integration_links", &[(); 0])?;
        deal.custom.put_flat(organization, &mut fields)?;
        fields.put("created_by", &user_id(organization, deal.created_by))?;
        fields.put("created_by_name", &user_name(organization, deal.created_by))?;
        fields.put("updated_by", &user_id(organization, deal.updated_by))?;
        fields.put("updated_by_name", &user_name(organization, deal.updated_by))?;
        fields.put("date_created", &deal.created)?;
        fields.put("date_updated", &deal.updated)?;
        fields.map.end()
    }

    fn put_status<M: SerializeMap>(
        &self,
        organization: &Organization,
        fields: &mut Fields<'_, M>,
    ) -> Result<(), M::Error> {
        let status = organization.opportunity_status(self.opportunity.status);
        let pipeline = status.and_then(|status| organization.pipeline(status.pipeline));
        fields.put("status_id", &status.map(|status| status.id))?;
        fields.put("status_label", &status.map(|status| &status.label))?;
        fields.put("status_display_name", &status.map(|status| &status.label))?;
        fields.put("status_type", &status.map(|status| status.kind))?;
        fields.put("pipeline_id", &pipeline.map(|pipeline| pipeline.id))?;
        fields.put("pipeline_name", &pipeline.map(|pipeline| &pipeline.name))
    }

    fn put_money<M: SerializeMap>(
        &self,
        organization: &Organization,
        fields: &mut Fields<'_, M>,
    ) -> Result<(), M::Error> {
        let deal = &*self.opportunity;
        let currency = organization.currency.as_str();
        fields.put("value", &deal.value)?;
        fields.put("value_currency", currency)?;
        let formatted = deal.value.map(|minor| Formatted {
            minor,
            currency,
            period: deal.period,
        });
        fields.put("value_formatted", &formatted)?;
        fields.put("value_period", &deal.period)?;
        fields.put("expected_value", &deal.expected_value())?;
        fields.put("annualized_value", &deal.annualized_value())?;
        fields.put(
            "annualized_expected_value",
            &deal.annualized_expected_value(),
        )
    }
}

/// `<body><p>…</p></body>` around the escaped note.
#[derive(Debug)]
struct NoteHtml<'n>(&'n str);

impl Serialize for NoteHtml<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let escaped = self
            .0
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        serializer.collect_str(&format_args!("<body><p>{escaped}</p></body>"))
    }
}
