//! Which custom type holds the invoices: proposed from what its fields are called and can hold, kept when a person says
//! otherwise.

mod decimals;
mod propose;
mod trial;
mod words;

pub use closegraph_entity::custom_type::CustomType;
pub use propose::propose;
pub use trial::{Trial, TriedInvoice, try_mapping};

use crate::error::SyncError;
use closegraph_entity::access_entry::{Action, RECORD};
use closegraph_entity::custom_type::{Kind, TypeField};
use closegraph_entity::invoice_mapping::{
    Decimals, InvoiceMapping, Lines, Origin, Proposal, State,
};
use sea_orm::ActiveEnum;
use serde_json::json;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeSet;
use uuid::Uuid;

/// From this score on a proposal is used at once.
pub const SURE: u8 = 75;

/// The mapping of a connection as it stands.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub state: State,
    pub origin: Origin,
    pub mapping: Option<InvoiceMapping>,
    pub proposals: Vec<Proposal>,
    pub decided_by: Option<String>,
}

type Stored = (
    String,
    String,
    Option<Json<InvoiceMapping>>,
    Json<Vec<Proposal>>,
    Option<String>,
);

/// The mapping of a connection; `None` before its types were read.
pub async fn mapped(pool: &PgPool, connection_id: Uuid) -> Result<Option<Mapped>, SyncError> {
    let mut connection = pool.acquire().await?;
    read(&mut connection, connection_id).await
}

async fn read(connection: &mut PgConnection, id: Uuid) -> Result<Option<Mapped>, SyncError> {
    let stored: Option<Stored> = sqlx::query_as(
        "select state, origin, mapping, proposals, decided_by from invoice_mapping where connection_id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    let Some((state, origin, mapping, proposals, decided_by)) = stored else {
        return Ok(None);
    };
    Ok(Some(Mapped {
        state: State::try_from_value(&state).unwrap_or(State::None),
        origin: Origin::try_from_value(&origin).unwrap_or(Origin::Person),
        mapping: mapping.map(|Json(mapping)| mapping),
        proposals: proposals.0,
        decided_by,
    }))
}

/// The types that were last read of a connection.
pub async fn custom_types(
    pool: &PgPool,
    connection_id: Uuid,
) -> Result<Vec<CustomType>, SyncError> {
    type Stored = (String, String, String, bool, Json<Vec<TypeField>>);
    let stored: Vec<Stored> = sqlx::query_as(
        "select close_id, kind, name, archived, fields from custom_type where connection_id = $1 order by close_id",
    )
    .bind(connection_id)
    .fetch_all(pool)
    .await?;
    let types = stored
        .into_iter()
        .map(|(id, kind, name, archived, fields)| CustomType {
            id,
            kind: Kind::try_from_value(&kind).unwrap_or(Kind::CustomObject),
            name,
            archived,
            fields: fields.0,
        });
    Ok(types.collect())
}

/// What a person decides about the invoices of an organization.
#[derive(Clone, Debug)]
pub enum Decision {
    /// They are kept like this.
    Mapping(InvoiceMapping),
    /// There are none.
    None,
    /// Whatever is proposed.
    Proposal,
}

/// Keeps what a person decided, named by `decided_by`, and notes it in the access log. The sync maps what is stored again by itself.
pub async fn decide_mapping(
    pool: &PgPool,
    connection_id: Uuid,
    decision: &Decision,
    decided_by: &str,
) -> Result<(), SyncError> {
    let (state, origin, mapping) = match decision {
        Decision::Mapping(mapping) => (State::Active, Origin::Person, Some(mapping)),
        Decision::None => (State::None, Origin::Person, None),
        Decision::Proposal => (State::Waiting, Origin::Proposed, None),
    };
    let action = match decision {
        Decision::Mapping(_) | Decision::None => Action::MappingSet,
        Decision::Proposal => Action::MappingReset,
    };
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into invoice_mapping (connection_id, state, origin, mapping, decided_by)
         values ($1, $2, $3, $4, $5)
         on conflict (connection_id) do update
            set state = excluded.state, origin = excluded.origin, mapping = excluded.mapping,
                decided_by = excluded.decided_by, updated_at = now()",
    )
    .bind(connection_id)
    .bind(state.to_value())
    .bind(origin.to_value())
    .bind(mapping.map(Json))
    .bind((origin == Origin::Person).then_some(decided_by))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(RECORD)
        .bind(decided_by)
        .bind(None::<Uuid>)
        .bind(None::<&str>)
        .bind(action.to_value())
        .bind([connection_id])
        .bind(None::<Uuid>)
        .bind(json!({ "typeId": mapping.map(|mapping| &mapping.type_id) }))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    match decision {
        Decision::Proposal => follow_kept(pool, connection_id).await,
        Decision::Mapping(_) | Decision::None => Ok(()),
    }
}

/// Proposes a mapping anew from what is kept of types and records.
pub(crate) async fn follow_kept(pool: &PgPool, connection_id: Uuid) -> Result<(), SyncError> {
    let types = custom_types(pool, connection_id).await?;
    if types.is_empty() {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    follow(&mut transaction, connection_id, &types).await?;
    transaction.commit().await?;
    Ok(())
}

/// Proposes a mapping from the types, and puts it in use where it is sure and no person has decided.
pub(super) async fn follow(
    connection: &mut PgConnection,
    connection_id: Uuid,
    types: &[CustomType],
) -> Result<Option<InvoiceMapping>, SyncError> {
    let proposals = propose(types);
    let known = read(connection, connection_id).await?;
    let by_person = known
        .as_ref()
        .is_some_and(|known| known.origin == Origin::Person);
    let (state, mut mapping) = match known {
        Some(known) if by_person => (known.state, known.mapping),
        known => {
            let used = known.filter(|known| known.state == State::Active);
            decide(used.and_then(|known| known.mapping), types, &proposals)
        }
    };
    if let Some(mapping) = mapping.as_mut().filter(|_| !by_person)
        && mapping.decimals == Decimals::Auto
    {
        mapping.decimals = decimals::learn(connection, connection_id, mapping).await?;
    }
    let origin = if by_person {
        Origin::Person
    } else {
        Origin::Proposed
    };
    sqlx::query(
        "insert into invoice_mapping as known (connection_id, state, origin, mapping, proposals)
         values ($1, $2, $3, $4, $5)
         on conflict (connection_id) do update
            set state = excluded.state, mapping = excluded.mapping, proposals = excluded.proposals, updated_at = now()
          where known.origin = excluded.origin
            and (known.state, known.mapping, known.proposals)
                is distinct from (excluded.state, excluded.mapping, excluded.proposals)",
    )
    .bind(connection_id)
    .bind(state.to_value())
    .bind(origin.to_value())
    .bind(mapping.as_ref().map(Json))
    .bind(Json(&proposals))
    .execute(connection)
    .await?;
    Ok(mapping.filter(|_| state == State::Active))
}

/// A mapping that is in use follows its fields by their ids, whatever they are called now; otherwise the best proposal
/// is used when it is sure and the only one.
fn decide(
    used: Option<InvoiceMapping>,
    types: &[CustomType],
    proposals: &[Proposal],
) -> (State, Option<InvoiceMapping>) {
    if let Some(used) = used
        && let Some(still) = carry_on(used, types, proposals)
    {
        return (State::Active, Some(still));
    }
    let sure = proposals.iter().filter(|proposal| proposal.score >= SURE);
    let sure: Vec<&Proposal> = sure.collect();
    match (sure.as_slice(), proposals) {
        ([one], _) => (State::Active, Some(one.mapping.clone())),
        (_, []) => (State::None, None),
        _ => (State::Waiting, None),
    }
}

/// The mapping with what is new of its type, and without what is gone; `None` when nothing is left of it.
fn carry_on(
    mut used: InvoiceMapping,
    types: &[CustomType],
    proposals: &[Proposal],
) -> Option<InvoiceMapping> {
    use closegraph_entity::invoice_mapping::Role;
    let own = types
        .iter()
        .find(|one| one.id == used.type_id && !one.archived)?;
    let there: BTreeSet<&str> = own.fields.iter().map(|field| field.id.as_str()).collect();
    used.fields
        .retain(|_, field| there.contains(field.as_str()));
    if !used.fields.contains_key(&Role::Amount) {
        return None;
    }
    if let Some(Lines::Objects { type_id, .. }) = &used.lines
        && types.iter().all(|one| one.id != *type_id)
    {
        used.lines = None;
    }
    let anew = proposals
        .iter()
        .find(|proposal| proposal.mapping.type_id == used.type_id);
    if let Some(anew) = anew.map(|proposal| &proposal.mapping) {
        let taken: BTreeSet<String> = used.fields.values().cloned().collect();
        for (role, field) in &anew.fields {
            if !taken.contains(field) {
                used.fields.entry(*role).or_insert_with(|| field.clone());
            }
        }
        used.lines = used.lines.or_else(|| anew.lines.clone());
    }
    // Of a status that was renamed, records may still have the old word.
    if let Some(field) = used.fields.get(&Role::Status)
        && let Some(field) = own.fields.iter().find(|own| own.id == *field)
    {
        for (word, status) in words::status_words(&field.choices) {
            used.status_words.entry(word).or_insert(status);
        }
    }
    Some(used)
}

#[cfg(test)]
mod tests;
