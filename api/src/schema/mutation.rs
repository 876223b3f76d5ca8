//! What an operator decides about events.

use async_graphql::{Context, Object, SimpleObject};
use sea_orm::ActiveEnum;
use serde::Deserialize;

use super::FilterInput;
use super::event::{self, EventFilter};
use super::lookup::{compiler, operator, pool};
use crate::error::{ApiError, Result};
use crate::query::operators::read;
use crate::query::run::decide;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use closegraph_entity::access_entry::Action;
use closegraph_entity::event::{CHANNEL, DISCARD, REPLAY, State};

/// Events that one call changes at most.
const MAX_EVENTS: u32 = 10_000;

/// How many events a decision was about.
#[derive(Debug, Default, Deserialize, SimpleObject)]
pub(crate) struct EventsChanged {
    /// Events that were given the new state. More may be left when this is 10,000: call again.
    count: i64,
}

/// Decisions about events: part of the root of all decisions.
#[derive(Debug)]
pub(crate) struct Events;

#[Object(name = "EventDecisions")]
impl Events {
    /// Has events worked off once more, 10,000 at most: those that the filter finds and that do not wait already.
    async fn replay_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; it must say something.")] filter: EventFilter,
    ) -> async_graphql::Result<EventsChanged> {
        let _ = filter;
        Ok(change(ctx, REPLAY, State::REPLAYABLE, Action::EventsReplayed).await?)
    }

    /// Gives events up, 10,000 at most: those that the filter finds and that wait, failed or are dead.
    async fn discard_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events; it must say something.")] filter: EventFilter,
    ) -> async_graphql::Result<EventsChanged> {
        let _ = filter;
        Ok(change(ctx, DISCARD, State::DISCARDABLE, Action::EventsDiscarded).await?)
    }
}

async fn change(ctx: &Context<'_>, set: &str, from: &str, action: Action) -> Result<EventsChanged> {
    let caller = operator(ctx)?;
    let arguments = Selection::of(ctx).arguments();
    let given = arguments.get("filter");
    if matches!(given, Some(async_graphql::Value::Object(fields)) if fields.is_empty()) {
        let message = "say which events: the filter is empty";
        return Err(ApiError::BadInput(message.to_owned()));
    }
    let filter = read::<EventFilter>("filter", given)?
        .ok_or_else(|| ApiError::BadInput("say which events: there is no filter".to_owned()))?
        .filter()?;
    let mut compiler = compiler(ctx)?;
    let at = compiler.at_scope(&event::TABLE);
    let from_where = compiler.in_scope(&at)?;
    let condition = filter.compile(&mut compiler, &at)?;
    let channel = compiler.bind(Bind::Text(CHANNEL.to_owned()))?;
    let alias = &at.alias;
    let actor = compiler.bind(Bind::Text(caller.name.to_string()))?;
    let (token, prefix) = match &caller.token {
        Some((id, prefix)) => (
            compiler.bind(Bind::Uuid(*id))?,
            compiler.bind(Bind::Text(prefix.to_string()))?,
        ),
        None => ("null::uuid".to_owned(), "null::text".to_owned()),
    };
    let action = action.to_value();
    let changes = format!(
        "chosen as (select {alias}.seq from {from_where} and {alias}.state in ({from}) and {condition}
                     order by {alias}.seq limit {MAX_EVENTS} for update skip locked),
         changed as (update event set {set} from chosen where event.seq = chosen.seq
                     returning event.connection_id),
         logged as (insert into access_entry (actor, token_id, token_prefix, action, connections, details)
                    select {actor}, {token}, {prefix}, '{action}', array[connection_id],
                           jsonb_build_object('events', count(*))
                      from changed group by connection_id)"
    );
    let answer = format!(
        "json_build_object('count', (select count(*) from changed), 'told', pg_notify({channel}, '') is null)"
    );
    let statement = compiler.finish_with(&changes, &answer);
    Ok(decide(pool(ctx)?, statement).await?.unwrap_or_default())
}
