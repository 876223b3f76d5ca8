//! Entry of the access log.

use async_graphql::{ID, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::List;
use crate::error::Result;
use crate::query::compile::{Compiler, asked};
use crate::query::cursor::{decode_of, unreadable};
use crate::query::operators::word_enum;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::schema::connection::Connection;
use crate::schema::page::page_types;

/// Names the order in a cursor.
const ORDER: &str = "access seq-";

pub(super) static LIST: List = List {
    graphql: "AccessEntry",
    table: "access_entry",
    columns: "t.*",
    keys: "json_build_array(t.seq::text)",
    order: "t.seq desc",
    fingerprint: ORDER,
    behind,
    node,
};

word_enum! {
    /// What was done.
    AccessAction {
        /// A token was made; `details` has its name, prefix and role.
        TokenCreated = "token_created",
        /// A token was revoked; `details` has its name, prefix and role.
        TokenRevoked = "token_revoked",
        /// Events are worked off once more; `details` says how many.
        EventsReplayed = "events_replayed",
        /// Events were given up; `details` says how many.
        EventsDiscarded = "events_discarded",
        /// An invoice was linked with a won deal; `details` has the deal's id.
        RecordsLinked = "records_linked",
        /// An invoice was said not to bill a deal; `details` has the deal's id.
        RecordsUnlinked = "records_unlinked",
        /// It was decided which type holds the invoices, or that there are none; `details` says which.
        MappingSet = "mapping_set",
        /// That decision was taken back.
        MappingReset = "mapping_reset",
        /// Somebody signed in by browser, with a token or with an OpenID Connect provider; `details` has the role.
        SignedIn = "signed_in",
        /// Somebody signed out; of a command that ended sessions, `details` says how many.
        SignedOut = "signed_out",
        /// A person was forgotten; `details` says how much was removed, by place.
        PersonForgotten = "person_forgotten",
        /// All that is held on a person was read out; `details` says how much that was, by place.
        PersonExported = "person_exported",
    }
}

/// Something that somebody changed here. Entries are written with the change itself, and never changed or deleted.
#[derive(Debug, Default, Deserialize, SimpleObject)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AccessEntry {
    /// Id in this deployment, a UUID.
    id: ID,
    /// When it was done.
    at: DateTime<Utc>,
    /// Name of the token that did it, or the command, or the person who signed in with an OpenID Connect provider: subject
    /// and issuer.
    actor: String,
    /// Id of the token; null for a command, and for a person who signed in without one.
    token_id: Option<ID>,
    /// The first characters of the token; null where there is none.
    token_prefix: Option<String>,
    /// What was done.
    action: AccessAction,
    /// The organizations that it was about, as far as they are still there; null means all.
    connections: Option<Vec<Connection>>,
    /// Id of the token, invoice or person that it was about; null where it was several, or none.
    subject_id: Option<ID>,
    /// What else there is to say.
    details: Json<serde_json::Value>,
}

page_types!(
    AccessEntryConnection,
    AccessEntryEdge,
    AccessEntry,
    "the access log"
);

fn behind(compiler: &mut Compiler<'_>, after: &str) -> Result<String> {
    let keys = decode_of(after, ORDER, 1)?;
    let [Some(seq)] = keys.as_slice() else {
        return Err(unreadable());
    };
    let seq = seq.parse().map_err(|_| unreadable())?;
    Ok(format!("t.seq < {}", compiler.bind(Bind::Int(seq))?))
}

/// The JSON of an entry `t`.
fn node(compiler: &mut Compiler<'_>, selection: &Selection<'_>) -> Result<String> {
    let connections = match asked(&selection.children("AccessEntry"), "connections") {
        Some(selection) => super::connections(compiler, &selection)?,
        None => "null".to_owned(),
    };
    Ok(format!(
        "json_build_object('id', t.id, 'at', t.at, 'actor', t.actor, 'tokenId', t.token_id, 'tokenPrefix', t.token_prefix,
            'action', t.action, 'connections', {connections}, 'subjectId', t.subject_id, 'details', t.details)"
    ))
}
