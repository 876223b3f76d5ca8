//! `closegraph connect set`: what the organization's people say about it, and Close does not.

use super::super::Usage;
use super::super::backfill::choose;
use crate::cli::{HighValue, SetArgs};
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_entity::connection;
use closegraph_sync::connect::Connections;
use iso_currency::Currency;
use rust_decimal::Decimal;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};
use serde_json::json;

pub(in crate::commands) async fn run(config: &Config, args: &SetArgs) -> anyhow::Result<()> {
    if args.high_value.is_none() && args.time_zone.is_none() && args.fiscal_year_start.is_none() {
        let allowed = "--high-value, --time-zone or --fiscal-year-start";
        return Err(Usage(format!("say what to set: {allowed}")).into());
    }
    let row = super::super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let id = choose(&connections, args.connection).await?;
        let orm = database.orm();
        let found = connection::Entity::find_by_id(id).one(&orm).await?;
        let found = found.context("the connection is gone")?;
        let high_value = match &args.high_value {
            None => found.high_value_minor,
            Some(HighValue::None) => None,
            Some(HighValue::From(amount)) => Some(minor(*amount, &found.currency)?),
        };
        let mut row = found.into_active_model();
        row.high_value_minor = Set(high_value);
        if let Some(zone) = &args.time_zone {
            row.time_zone = Set(zone.clone());
        }
        if let Some(month) = args.fiscal_year_start {
            row.fiscal_year_start = Set(month);
        }
        Ok(row.update(&orm).await?)
    })
    .await?;
    let shown = json!({
        "id": row.id,
        "highValueMinorUnits": row.high_value_minor.map(|minor| minor.to_string()),
        "currency": row.currency,
        "timeZone": row.time_zone,
        "fiscalYearStart": row.fiscal_year_start,
    });
    super::super::print(&serde_json::to_string_pretty(&shown)?)
}

/// Minor units of an amount; more decimals than the currency has are refused.
fn minor(amount: Decimal, currency: &str) -> anyhow::Result<i64> {
    let places = Currency::from_code(currency)
        .and_then(Currency::exponent)
        .map_or(2, u32::from);
    let amount = amount.normalize();
    let missing = places.checked_sub(amount.scale());
    let minor =
        missing.and_then(|missing| amount.mantissa().checked_mul(10_i128.checked_pow(missing)?));
    let minor = minor.and_then(|minor| i64::try_from(minor).ok());
    minor.ok_or_else(|| {
        Usage(format!("--high-value is {amount}, allowed: an amount of {currency}, which has {places} decimals")).into()
    })
}
