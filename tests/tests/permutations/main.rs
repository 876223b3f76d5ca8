//! However events arrive, the mirror ends the same: any order, any repetition, any batches.
//!
//! `PROPTEST_CASES` asks for another number of histories, `PROPTEST_RNG_SEED` for certain ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod arena;
mod history;
mod object;

use arena::Arena;
use history::{History, Shape, Step, steps};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestError, TestRunner};
use serde_json::Value;
use std::fmt::Write;

/// Histories of each property, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 32;

/// How events arrive.
#[derive(Clone, Debug)]
struct Arrival {
    /// The earlier, the smaller; equal ones keep their order.
    order: Vec<u16>,
    /// How often an event comes.
    copies: Vec<usize>,
    /// Whether what came so far is worked off before the next.
    cuts: Vec<bool>,
}

impl Arrival {
    /// Arrivals of up to 64 events.
    fn any() -> impl Strategy<Value = Self> {
        let copies = prop_oneof![4 => Just(1_usize), 1 => 2..4_usize];
        let cuts = vec(prop::bool::weighted(0.3), 64);
        (vec(any::<u16>(), 64), vec(copies, 16), cuts).prop_map(|(order, copies, cuts)| Self {
            order,
            copies,
            cuts,
        })
    }

    fn of<'a>(&self, events: &'a [Value]) -> Vec<Vec<&'a Value>> {
        let times = self.copies.iter().cycle();
        let copies = events
            .iter()
            .zip(times)
            .flat_map(|(event, times)| std::iter::repeat_n(event, *times));
        let mut arriving: Vec<(u16, &Value)> =
            self.order.iter().cycle().copied().zip(copies).collect();
        arriving.sort_by_key(|(order, _)| *order);
        let mut batches = vec![Vec::new()];
        for ((_, event), cut) in arriving.into_iter().zip(self.cuts.iter().cycle()) {
            if *cut {
                batches.push(Vec::new());
            }
            batches.last_mut().unwrap().push(event);
        }
        batches.retain(|batch| !batch.is_empty());
        batches
    }
}

/// Tries arrivals of histories of a shape, and compares all columns but some.
fn whatever_the_order(shape: Shape, but: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arena = runtime.block_on(Arena::start()).unwrap();
    let mut config = ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/permutations/regressions.txt",
        ))),
        max_shrink_iters: 1_024,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let strategy = (steps(shape), Arrival::any());
    let tried = TestRunner::new(config).run(&strategy, |(steps, arrival)| {
        runtime.block_on(ends_the_same(&arena, &steps, &arrival, shape, but))
    });
    // The story says all that the input would.
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(failure) => panic!("{failure}"),
    }
}

async fn ends_the_same(
    arena: &Arena,
    steps: &[Step],
    arrival: &Arrival,
    shape: Shape,
    but: &[&str],
) -> Result<(), TestCaseError> {
    let failed = |error: anyhow::Error| TestCaseError::fail(format!("{error:#}"));
    let history = History::of(steps, shape);
    let batches = arrival.of(&history.events);
    let told = || story(&history, &batches);
    arena.begin(&history).await.map_err(failed)?;
    let in_order = arena.in_order(&history).await.map_err(failed)?;
    let as_it_came = arena.as_it_comes(&batches).await.map_err(failed)?;
    let expected = compared(in_order, but);
    let found = differing(&compared(as_it_came, but), &expected);
    prop_assert!(found.is_empty(), "{found}{}", told());
    let defects = arena.trail_defects().await.map_err(failed)?;
    prop_assert!(defects.is_empty(), "{defects:#?} {}", told());

    let entries = arena.entries(but).await.map_err(failed)?;
    let replayed = arena.replay().await.map_err(failed)?;
    let found = differing(&compared(replayed, but), &expected);
    prop_assert!(found.is_empty(), "replayed: {found}{}", told());
    let after = arena.entries(but).await.map_err(failed)?;
    prop_assert_eq!(after, entries, "entries after a replay {}", told());
    Ok(())
}

/// The rows, but for some columns.
fn compared(mut rows: Vec<Value>, but: &[&str]) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut()
            .unwrap()
            .retain(|column, _| !but.contains(&&**column));
    }
    rows
}

/// Rows that are not as expected, for people.
fn differing(found: &[Value], expected: &[Value]) -> String {
    let wrong = found.iter().filter(|row| !expected.contains(row));
    let wrong = wrong.map(|row| format!("found    {row}\n"));
    let lost = expected.iter().filter(|row| !found.contains(row));
    wrong
        .chain(lost.map(|row| format!("expected {row}\n")))
        .collect()
}

/// What happened and how it arrived, for people.
fn story(history: &History, batches: &[Vec<&Value>]) -> String {
    let mut story = "\nWhat happened:\n".to_owned();
    let name = |event: &Value| format!("{}@{}", event["id"], event["date_updated"]);
    for event in &history.events {
        let (object, action) = (&event["object_id"], &event["action"]);
        let changed = &event["changed_fields"];
        let (data, meta) = (&event["data"], &event["meta"]);
        writeln!(
            story,
            "  {} {object} {action} changed {changed} data {data} meta {meta}",
            name(event)
        )
        .unwrap();
    }
    for batch in batches {
        let batch: Vec<String> = batch.iter().map(|event| name(event)).collect();
        writeln!(story, "Arrived together: {}", batch.join(", ")).unwrap();
    }
    story
}

#[test]
fn complete_events_end_the_same_in_any_order() {
    let shape = Shape {
        partial: false,
        ties: false,
        restores: false,
    };
    whatever_the_order(shape, &[]);
}

#[test]
fn partial_events_end_the_same_in_any_order() {
    let shape = Shape {
        partial: true,
        ties: false,
        restores: false,
    };
    whatever_the_order(shape, &[]);
}

#[test]
fn objects_that_die_and_come_back_end_the_same_in_any_order() {
    let shape = Shape {
        partial: true,
        ties: false,
        restores: true,
    };
    // Close does not tell how long a deal that came back had been in its stage.
    whatever_the_order(shape, &["stage_entered_at"]);
}

#[test]
fn objects_that_change_twice_in_an_instant_end_as_close_has_them() {
    let shape = Shape {
        partial: false,
        ties: true,
        restores: false,
    };
    // Which of the two changes came last is read from Close, when the deal entered its stage is not; and nothing is read
    // where they differ in what no column shows.
    whatever_the_order(shape, &["stage_entered_at", "raw"]);
}
