//! `closegraph mapping`: how an organization keeps its invoices.

mod edit;
mod show;

use super::Usage;
use super::backfill::choose;
use super::verify::Session;
use crate::cli::{Mapping, MappingEdit, SetMapping, ShowMapping, TestMapping};
use crate::config::Config;
use anyhow::Context;
use closegraph_entity::custom_type::CustomType;
use closegraph_entity::invoice_mapping::InvoiceMapping;
use closegraph_sync::connect::{
    Decision, Mapped, custom_types, decide_mapping, mapped, try_mapping,
};
use uuid::Uuid;

/// Who is noted as having decided.
const DECIDED_BY: &str = "closegraph mapping set";

pub(super) async fn run(config: &Config, command: Mapping) -> anyhow::Result<()> {
    if let Mapping::Set(args) = &command
        && args.edit.is_empty()
        && !args.none
        && !args.reset
    {
        let allowed =
            "--type, --field, --without, --status, --decimals, --currency, --none or --reset";
        return Err(Usage(format!("say what to change: {allowed}")).into());
    }
    let session = Session::open(config).await?;
    let done = match &command {
        Mapping::Show(args) => show(&session, args).await,
        Mapping::Set(args) => set(&session, args).await,
        Mapping::Test(args) => test(&session, args).await,
    };
    session.database.close().await;
    done
}

/// What is known of one connection's invoices.
struct Known {
    id: Uuid,
    types: Vec<CustomType>,
    mapped: Mapped,
}

async fn known(session: &Session, connection: Option<Uuid>) -> anyhow::Result<Known> {
    let id = choose(&session.connections, connection).await?;
    let pool = &session.database.pool;
    let types = custom_types(pool, id).await?;
    let mapped = mapped(pool, id).await?;
    let mapped = mapped.context(
        "the organization's types were not read yet: a running server reads them within 15 minutes of its start",
    )?;
    Ok(Known { id, types, mapped })
}

impl Known {
    /// The mapping of now with an edit, refused with what is allowed where it does not fit.
    fn edited(&self, edit: &MappingEdit) -> anyhow::Result<InvoiceMapping> {
        let mapping = edit::apply(edit, &self.types, &self.mapped)?.normalized();
        mapping
            .check(&self.types)
            .map_err(|wrong| Usage(wrong.join("\n")))?;
        Ok(mapping)
    }
}

async fn show(session: &Session, args: &ShowMapping) -> anyhow::Result<()> {
    let known = known(session, args.connection).await?;
    if args.output.json {
        let shown = show::json(&known.mapped, &known.types);
        return super::print(&serde_json::to_string_pretty(&shown)?);
    }
    super::print(&show::mapped(&known.mapped, &known.types))
}

async fn set(session: &Session, args: &SetMapping) -> anyhow::Result<()> {
    let known = known(session, args.connection).await?;
    let decision = match (args.none, args.reset) {
        (true, _) => Decision::None,
        (_, true) => Decision::Proposal,
        _ => Decision::Mapping(known.edited(&args.edit)?),
    };
    let pool = &session.database.pool;
    decide_mapping(pool, known.id, &decision, DECIDED_BY).await?;
    let now = mapped(pool, known.id)
        .await?
        .context("the mapping is gone")?;
    if args.output.json {
        let shown = show::json(&now, &known.types);
        return super::print(&serde_json::to_string_pretty(&shown)?);
    }
    super::print(&show::mapped(&now, &known.types))?;
    super::tell(
        "A running server maps what is stored by it within seconds; without one: closegraph sync remap",
    )
}

async fn test(session: &Session, args: &TestMapping) -> anyhow::Result<()> {
    let known = known(session, args.connection).await?;
    let mapping = known.edited(&args.edit)?;
    let trial = try_mapping(
        &session.database.pool,
        known.id,
        mapping.clone(),
        args.limit,
    )
    .await?;
    if args.output.json {
        return super::print(&serde_json::to_string_pretty(&trial)?);
    }
    super::print(&show::trial(&trial))
}
