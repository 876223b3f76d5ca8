//! Which answers may be kept: those that are read only from tables that tell when they change, and that depend on no clock
//! but the calendar.
//!
//! The statements themselves are looked at, whoever compiled them. A test compares the tables here with those of the
//! database and their triggers.

use std::cell::Cell;
use std::future::Future;

use super::flights::Flight;

/// Tables that change without telling.
pub const UNTOLD: [&str; 18] = [
    "access_entry",
    "api_token",
    "authorization_attempt",
    "browser_session",
    "change_feed",
    "custom_type",
    "deferred_index",
    "delivery",
    "drift",
    "event",
    "feed_horizon",
    "invoice_mapping",
    "match_queue",
    "rate_limit",
    "seaql_migrations",
    "sync_checkpoint",
    "sync_run",
    "token_use",
];

/// Words that mean another instant, or another value, each time.
const UNSTEADY: [&str; 9] = [
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "localtimestamp",
    "random",
    "statement_timestamp",
    "transaction_timestamp",
];

/// What is read for an answer.
struct Reading {
    /// Whether all that was read so far may be kept.
    steady: Cell<bool>,
    /// Others wait for the answer, as long as it may be kept.
    flight: Cell<Option<Flight>>,
}

tokio::task_local! {
    static READING: Reading;
}

/// Runs what reads, and tells whether all that it read may be kept, with the flight where it may.
pub(crate) async fn watched<T>(
    flight: Option<Flight>,
    reading: impl Future<Output = T>,
) -> (T, bool, Option<Flight>) {
    let watched = async {
        let read = reading.await;
        READING.with(|reading| (read, reading.steady.get(), reading.flight.take()))
    };
    let reading = Reading {
        steady: Cell::new(true),
        flight: Cell::new(flight),
    };
    READING.scope(reading, watched).await
}

/// A statement is about to run.
pub(crate) fn note(sql: &str) {
    // Where nobody watches, nothing is kept.
    let _ = READING.try_with(|reading| {
        if reading.steady.get() && !is_steady(sql) {
            reading.steady.set(false);
            // Nobody waits for what is not for them.
            drop(reading.flight.take());
        }
    });
}

/// Whether a statement answers the same until one of its tables tells of a change, or the day ends.
fn is_steady(sql: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = sql;
    while let Some(start) = rest.find(is_part) {
        let word = rest.get(start..).unwrap_or_default();
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        let is_clock = word == "now" && behind.starts_with("()") && !is_day(behind);
        if is_clock || UNTOLD.contains(&word) || UNSTEADY.contains(&word) {
            return false;
        }
        rest = behind;
    }
    true
}

/// Whether what follows `now` makes it a day: `() at time zone …)::date`.
fn is_day(behind: &str) -> bool {
    let zone = behind.strip_prefix("() at time zone ");
    let cast = zone.and_then(|zone| zone.split_once(')'));
    cast.is_some_and(|(_, cast)| cast.starts_with("::date"))
}

#[cfg(test)]
mod tests {
    use super::is_steady;

    #[test]
    fn what_is_read_from_untold_tables_or_at_an_instant_is_not_kept() {
        for sql in [
            "select 1 from company c where c.connection_id = any($1)",
            "select ((now() at time zone z.time_zone)::date - due_on) from connection z",
            "select e.event_id from audit_entry e",
        ] {
            assert!(is_steady(sql), "{sql}");
        }
        for sql in [
            "select 1 from event e",
            "select 1 from company join sync_run on true",
            "select extract(epoch from now() - c.updated_at) from connection c",
            "select (now() at time zone 'UTC') from company",
            "select now()",
            "select current_date - due_on from receivable",
        ] {
            assert!(!is_steady(sql), "{sql}");
        }
    }
}
