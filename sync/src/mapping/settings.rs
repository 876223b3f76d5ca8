//! The settings that mapping follows, as the database has them.

use super::{Categories, MappingContext};
use closegraph_entity::invoice_mapping::InvoiceMapping;
use sqlx::PgExecutor;
use sqlx::types::Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const SETTINGS: &str = "
    select id, currency, value_exponent, time_zone, category_rules,
           (select mapping from invoice_mapping where connection_id = c.id and state = 'active') as invoices,
           (select coalesce(jsonb_object_agg(close_id, name), '{}') from label where connection_id = c.id) as labels
      from connection c where id = $1 or ($1 is null and status = 'active')";

#[derive(sqlx::FromRow)]
struct Settings {
    id: Uuid,
    currency: String,
    value_exponent: i16,
    time_zone: String,
    invoices: Option<Json<InvoiceMapping>>,
    category_rules: Option<Json<Categories>>,
    labels: Json<BTreeMap<String, String>>,
}

impl From<Settings> for MappingContext {
    fn from(settings: Settings) -> Self {
        Self {
            connection_id: settings.id,
            currency: settings.currency,
            value_exponent: u32::try_from(settings.value_exponent).unwrap_or(2),
            labels: Arc::new(settings.labels.0),
            time_zone: settings.time_zone.parse().unwrap_or(chrono_tz::UTC),
            invoices: settings.invoices.map(|Json(mapping)| Arc::new(mapping)),
            categories: settings
                .category_rules
                .map(|Json(rules)| Arc::new(rules))
                .unwrap_or_default(),
        }
    }
}

impl MappingContext {
    /// The settings of a connection; `None` where there is no such connection.
    pub(crate) async fn read(
        executor: impl PgExecutor<'_>,
        connection_id: Uuid,
    ) -> Result<Option<Self>, sqlx::Error> {
        let found: Option<Settings> = sqlx::query_as(SETTINGS)
            .bind(connection_id)
            .fetch_optional(executor)
            .await?;
        Ok(found.map(Self::from))
    }

    /// The settings of all connections that are to be synced.
    pub(crate) async fn read_all(executor: impl PgExecutor<'_>) -> Result<Vec<Self>, sqlx::Error> {
        let all: Vec<Settings> = sqlx::query_as(SETTINGS)
            .bind(None::<Uuid>)
            .fetch_all(executor)
            .await?;
        Ok(all.into_iter().map(Self::from).collect())
    }
}
