//! Invoices and deals as they come.

use super::{Deal, Invoice, Known, Link, links};
use chrono::NaiveDate;
use closegraph_entity::link::{Origin, State};
use proptest::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

fn day(day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2026, 1, 1).map(|first| first + chrono::Days::new(day.into()))
}

fn deal(number: u128, value: i64, won: u32) -> Deal {
    Deal {
        id: Uuid::from_u128(number),
        company: Some(Uuid::nil()),
        person: None,
        value: Some(value),
        currency: "USD".to_owned(),
        won_on: day(won),
        recurs: false,
    }
}

fn invoice(number: u128, total: i64, issued: u32) -> Invoice {
    Invoice {
        id: Uuid::from_u128(1_000 + number),
        close_id: format!("custobj_{number}"),
        version: chrono::DateTime::UNIX_EPOCH,
        company: Some(Uuid::nil()),
        person: None,
        names: None,
        total: Some(total),
        tax: None,
        currency: "USD".to_owned(),
        issued_on: day(issued),
        is_open: true,
    }
}

fn found(invoices: &[Invoice], deals: &[Deal]) -> Vec<(u128, u128, State, u8)> {
    let all = links(invoices, deals, &[]).into_iter();
    let all = all.map(|link| {
        (
            link.invoice.as_u128() - 1_000,
            link.deal.as_u128(),
            link.state,
            link.score,
        )
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(invoice, deal, _, _)| (*invoice, *deal));
    all
}

#[test]
fn company_amount_and_dates_link_by_themselves() {
    assert_eq!(
        found(&[invoice(1, 5_000, 10)], &[deal(1, 5_000, 5)]),
        [(1, 1, State::Linked, 95)]
    );
    let mut taxed = invoice(1, 5_950, 10);
    taxed.tax = Some(950);
    assert_eq!(
        found(&[taxed], &[deal(1, 5_000, 5)]),
        [(1, 1, State::Linked, 90)]
    );
}

#[test]
fn less_is_a_candidate_or_nothing() {
    assert_eq!(
        found(&[invoice(1, 5_000, 400)], &[deal(1, 5_000, 5)]),
        [(1, 1, State::Candidate, 70)]
    );
    assert_eq!(
        found(&[invoice(1, 9_000, 10)], &[deal(1, 5_000, 5)]),
        [(1, 1, State::Candidate, 55)]
    );
    assert_eq!(found(&[invoice(1, 9_000, 100)], &[deal(1, 5_000, 5)]), []);
    let mut euro = invoice(1, 5_000, 10);
    euro.currency = "EUR".to_owned();
    assert_eq!(found(&[euro], &[deal(1, 5_000, 5)]), []);
}

#[test]
fn two_that_fit_as_well_are_left_to_a_person() {
    let found = found(
        &[invoice(1, 5_000, 10)],
        &[deal(1, 5_000, 5), deal(2, 5_000, 5)],
    );
    assert_eq!(
        found,
        [(1, 1, State::Candidate, 84), (1, 2, State::Candidate, 84)]
    );
}

#[test]
fn the_nearer_of_two_is_taken_and_the_other_left_to_the_next() {
    let deals = [deal(1, 5_000, 5), deal(2, 5_000, 30)];
    let invoices = [invoice(1, 5_000, 6), invoice(2, 5_000, 32)];
    assert_eq!(
        found(&invoices, &deals),
        [(1, 1, State::Linked, 95), (2, 2, State::Linked, 95)]
    );
}

#[test]
fn a_deal_that_recurs_has_many_invoices() {
    let mut monthly = deal(1, 5_000, 1);
    monthly.recurs = true;
    let invoices = [
        invoice(1, 5_000, 2),
        invoice(2, 5_000, 33),
        invoice(3, 5_000, 300),
    ];
    let linked = found(&invoices, &[monthly]);
    assert!(
        linked.iter().all(|link| link.2 == State::Linked) && linked.len() == 3,
        "{linked:?}"
    );
}

#[test]
fn what_a_person_decided_stays() {
    let (invoice, deals) = (invoice(1, 5_000, 10), [deal(1, 5_000, 5), deal(2, 1, 5)]);
    let decision = |deal: &Deal, state| Known {
        link: Link {
            invoice: invoice.id,
            deal: deal.id,
            state,
            origin: Origin::Person,
            score: 100,
            reasons: Vec::new(),
        },
    };
    let refused = [decision(&deals[0], State::Rejected)];
    let found = links(std::slice::from_ref(&invoice), &deals, &refused);
    assert!(
        found.iter().all(|link| link.state != State::Linked),
        "{found:?}"
    );
    let linked = [decision(&deals[1], State::Linked)];
    let found = links(std::slice::from_ref(&invoice), &deals, &linked);
    assert_eq!(found, [linked[0].link.clone()]);
}

proptest! {
    /// An invoice has one deal at most, a deal that is billed once has one invoice at most, and the order in which
    /// they stand does not matter.
    #[test]
    fn links_are_one_to_one(
        amounts in proptest::collection::vec((1_i64..4, 0_u32..60), 0..7),
        values in proptest::collection::vec((1_i64..4, 0_u32..60), 0..7),
    ) {
        let mut invoices: Vec<_> = amounts.iter().zip(1..).map(|((total, on), number)| invoice(number, total * 1_000, *on)).collect();
        let mut deals: Vec<_> = values.iter().zip(1..).map(|((value, on), number)| deal(number, value * 1_000, *on)).collect();
        let first = found(&invoices, &deals);
        let (mut by_invoice, mut by_deal) = (HashMap::new(), HashMap::new());
        for (invoice, deal, state, score) in &first {
            prop_assert!(*score >= 55);
            prop_assert_eq!(*state == State::Linked, *score >= 85);
            if *state == State::Linked {
                prop_assert_eq!(by_invoice.insert(*invoice, *deal), None);
                prop_assert_eq!(by_deal.insert(*deal, *invoice), None);
            }
        }
        invoices.reverse();
        deals.reverse();
        prop_assert_eq!(first, found(&invoices, &deals));
    }
}
