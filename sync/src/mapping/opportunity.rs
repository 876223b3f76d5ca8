//! Opportunity to deal.

use super::money::{amount, currency};
use super::row::columns;
use super::{Mapped, MappingContext, MappingError, indexed};
use crate::close::Object;
use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::opportunity::{Status, ValuePeriod};
use uuid::Uuid;

columns! {
    /// The columns of `opportunity`.
    OpportunityColumns in "opportunity", raw true {
        company_id: Option<Uuid> => "uuid" / "uuid",
        person_id: Option<Uuid> => "uuid" / "uuid",
        owner_id: Option<Uuid> => "uuid" / "uuid",
        status: Status => "text" / "text" through status_text,
        status_id: Option<String> => "text" / "text",
        status_label: Option<String> => "text" / "text",
        pipeline_id: Option<String> => "text" / "text",
        pipeline_name: Option<String> => "text" / "text",
        value_minor: Option<i64> => "bigint" / "bigint",
        currency: String => "text" / "text",
        value_period: ValuePeriod => "text" / "text" through period_text,
        expected_value_minor: Option<i64> => "bigint" / "bigint",
        annualized_value_minor: Option<i64> => "bigint" / "bigint",
        confidence: Option<i16> => "smallint" / "smallint",
        expected_on: Option<NaiveDate> => "date" / "date",
        won_on: Option<NaiveDate> => "date" / "date",
        lost_at: Option<DateTime<Utc>> => "timestamptz" / "timestamptz",
        note: Option<String> => "text" / "text",
        stage_entered_at: Option<DateTime<Utc>> => "timestamptz" / "timestamptz",
    }
}

impl Mapped for OpportunityColumns {
    fn map(deal: &Object, context: &MappingContext) -> Result<Self, MappingError> {
        let status = status(deal)?;
        let currency = currency(deal, context)?;
        let date_won = deal.date("date_won");
        let won = status == Status::Won;
        Ok(Self {
            company_id: context.reference(deal, "lead_id"),
            person_id: context.reference(deal, "contact_id"),
            owner_id: context.reference(deal, "user_id"),
            status,
            status_id: deal.text("status_id"),
            status_label: context
                .label(deal, "status_id", "status_label")
                .or_else(|| deal.text("status_display_name").map(indexed)),
            pipeline_id: deal.text("pipeline_id"),
            pipeline_name: context.label(deal, "pipeline_id", "pipeline_name"),
            value_minor: amount(deal, "value", &currency, context)?,
            value_period: value_period(deal)?,
            // Derived by Close and fractional at times: not worth losing the deal over.
            expected_value_minor: amount(deal, "expected_value", &currency, context)
                .ok()
                .flatten(),
            annualized_value_minor: amount(deal, "annualized_value", &currency, context)
                .ok()
                .flatten(),
            currency,
            confidence: deal.text("confidence").and_then(|text| text.parse().ok()),
            expected_on: date_won.filter(|_| !won),
            won_on: date_won.filter(|_| won),
            lost_at: deal.timestamp("date_lost"),
            note: deal.text("note"),
            stage_entered_at: None,
        })
    }
}

/// `status_type` on opportunities; a `type` is how status objects spell the same.
fn status(deal: &Object) -> Result<Status, MappingError> {
    let given = deal.text("status_type").unwrap_or_default();
    match given.as_str() {
        "active" => Ok(Status::Active),
        "won" => Ok(Status::Won),
        "lost" => Ok(Status::Lost),
        _ => Err(MappingError::Value {
            field: "status_type",
            given,
            allowed: "active, won, lost",
        }),
    }
}

fn value_period(deal: &Object) -> Result<ValuePeriod, MappingError> {
    let given = deal
        .text("value_period")
        .unwrap_or_else(|| "one_time".to_owned());
    match given.as_str() {
        "one_time" => Ok(ValuePeriod::OneTime),
        "monthly" => Ok(ValuePeriod::Monthly),
        "annual" => Ok(ValuePeriod::Annual),
        _ => {
            let allowed = "one_time, monthly, annual";
            Err(MappingError::Value {
                field: "value_period",
                given,
                allowed,
            })
        }
    }
}

fn status_text(status: &Status) -> &'static str {
    status.as_str()
}

pub(super) fn period_text(period: &ValuePeriod) -> &'static str {
    period.as_str()
}
