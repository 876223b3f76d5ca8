//! `closegraph rates`.

mod file;

use crate::cli::LoadRates;
use crate::config::Config;
use anyhow::Context;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

/// A rate that is known is replaced, and left alone where it is the same.
const LOAD: &str = "
insert into exchange_rate (day, base, quote, rate)
select * from unnest($1::date[], $2::text[], $3::text[], $4::text[]::numeric[])
on conflict (base, quote, day) do update set rate = excluded.rate, loaded_at = now()
 where exchange_rate.rate <> excluded.rate";

const LIST: &str = "
select base, quote, min(day) as first, max(day) as last, count(*) as days,
       trim_scale((array_agg(rate order by day desc))[1])::text as newest
  from exchange_rate group by base, quote order by base, quote";

/// A pair of currencies.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct Pair {
    base: String,
    quote: String,
    first: NaiveDate,
    last: NaiveDate,
    days: i64,
    newest: String,
}

pub(super) async fn load(config: &Config, args: LoadRates) -> anyhow::Result<()> {
    let shown = args.file.display();
    let file = std::fs::File::open(&args.file).with_context(|| format!("{shown} can't be read"))?;
    let rates = file::read(file).with_context(|| format!("{shown} is not loaded"))?;
    let read = rates.days.len();
    let changed = super::on_database(config, async |database| {
        database.migrate().await?;
        let done = sqlx::query(LOAD)
            .bind(rates.days)
            .bind(rates.bases)
            .bind(rates.quotes)
            .bind(rates.rates);
        Ok(done.execute(&database.pool).await?.rows_affected())
    })
    .await?;
    if args.output.json {
        return super::print(&json!({ "read": read, "changed": changed }).to_string());
    }
    super::print(&format!(
        "{read} rates read, {changed} of them new or changed."
    ))
}

pub(super) async fn list(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let pairs: Vec<Pair> = super::on_database(config, async |database| {
        database.migrate().await?;
        Ok(sqlx::query_as(LIST).fetch_all(&database.pool).await?)
    })
    .await?;
    if as_json {
        return super::print(&serde_json::to_string_pretty(&pairs)?);
    }
    if pairs.is_empty() {
        return super::print("No rate yet. Load some: closegraph rates load FILE.csv");
    }
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header([
        "BASE",
        "QUOTE",
        "FIRST DAY",
        "LAST DAY",
        "DAYS",
        "NEWEST RATE",
    ]);
    for pair in pairs {
        let (first, last) = (pair.first.to_string(), pair.last.to_string());
        table.add_row([
            pair.base,
            pair.quote,
            first,
            last,
            pair.days.to_string(),
            pair.newest,
        ]);
    }
    super::print(&table.to_string())
}
