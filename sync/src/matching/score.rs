//! How well an invoice and a won deal fit, of 100, and which pairs that makes.

use chrono::{DateTime, NaiveDate, Utc};
use closegraph_entity::link::{Origin, State};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// From this score on two are linked without asking.
const SURE: u8 = 85;
/// From this score on a person is asked.
const POSSIBLE: u8 = 55;

const COMPANY: u8 = 30;
const AMOUNT: u8 = 40;
const NET_AMOUNT: u8 = 35;
const CLOSE_AMOUNT: u8 = 15;
const NEAR: u8 = 25;
const CONTACT: u8 = 5;

/// A won deal.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    pub(super) id: Uuid,
    pub(super) company: Option<Uuid>,
    pub(super) person: Option<Uuid>,
    pub(super) value: Option<i64>,
    pub(super) currency: String,
    pub(super) won_on: Option<NaiveDate>,
    /// Paid monthly or yearly: many invoices bill it.
    pub(super) recurs: bool,
}

/// An invoice.
#[derive(Clone, Debug)]
pub(super) struct Invoice {
    pub(super) id: Uuid,
    pub(super) close_id: String,
    pub(super) version: DateTime<Utc>,
    pub(super) company: Option<Uuid>,
    pub(super) person: Option<Uuid>,
    /// The deal that a field of the invoice names.
    pub(super) names: Option<Uuid>,
    pub(super) total: Option<i64>,
    pub(super) tax: Option<i64>,
    pub(super) currency: String,
    pub(super) issued_on: Option<NaiveDate>,
    /// Neither a draft nor void.
    pub(super) is_open: bool,
}

/// An invoice and a deal that belong together, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) invoice: Uuid,
    pub(super) deal: Uuid,
    pub(super) state: State,
    pub(super) origin: Origin,
    pub(super) score: u8,
    pub(super) reasons: Vec<String>,
}

/// A link that is stored.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) link: Link,
}

struct Pair<'a> {
    invoice: &'a Invoice,
    deal: &'a Deal,
    score: u8,
    reasons: Vec<String>,
    /// Days between the win and the invoice.
    apart: i64,
}

/// All links of the invoices, decisions of persons among them as they are.
pub(super) fn links(invoices: &[Invoice], deals: &[Deal], known: &[Known]) -> Vec<Link> {
    let decided = known
        .iter()
        .map(|known| &known.link)
        .filter(|link| link.origin == Origin::Person);
    let mut links: Vec<Link> = decided.cloned().collect();
    let refused: HashSet<(Uuid, Uuid)> =
        links.iter().map(|link| (link.invoice, link.deal)).collect();
    let mut taken = Taken::default();
    for link in links.iter().filter(|link| link.state == State::Linked) {
        taken.take(link.invoice, deals.iter().find(|deal| deal.id == link.deal));
    }
    let by_id: HashMap<Uuid, &Deal> = deals.iter().map(|deal| (deal.id, deal)).collect();
    for invoice in invoices {
        if let Some(deal) = invoice.names.and_then(|named| by_id.get(&named))
            && !taken.invoices.contains(&invoice.id)
            && !refused.contains(&(invoice.id, deal.id))
        {
            taken.take(invoice.id, Some(deal));
            links.push(Link {
                invoice: invoice.id,
                deal: deal.id,
                state: State::Linked,
                origin: Origin::Field,
                score: 100,
                reasons: vec!["the invoice names the deal".to_owned()],
            });
        }
    }
    links.extend(by_likeness(invoices, deals, &refused, taken));
    links
}

/// What is linked already: invoices, and deals that are billed once.
#[derive(Default)]
struct Taken {
    invoices: HashSet<Uuid>,
    deals: HashSet<Uuid>,
}

impl Taken {
    fn take(&mut self, invoice: Uuid, deal: Option<&Deal>) {
        self.invoices.insert(invoice);
        self.deals
            .extend(deal.filter(|deal| !deal.recurs).map(|deal| deal.id));
    }

    fn has(&self, pair: &Pair<'_>) -> bool {
        self.invoices.contains(&pair.invoice.id) || self.deals.contains(&pair.deal.id)
    }
}

fn by_likeness(
    invoices: &[Invoice],
    deals: &[Deal],
    refused: &HashSet<(Uuid, Uuid)>,
    mut taken: Taken,
) -> Vec<Link> {
    let mut pairs = pairs(invoices, deals);
    pairs.retain(|pair| !taken.has(pair) && !refused.contains(&(pair.invoice.id, pair.deal.id)));
    pairs.sort_by_key(|pair| {
        (
            std::cmp::Reverse(pair.score),
            pair.apart,
            pair.invoice.id,
            pair.deal.id,
        )
    });
    let mut links = Vec::new();
    // The best pairs first: what they take is no candidate for others.
    for at in 0..pairs.len() {
        let Some(pair) = pairs
            .get(at)
            .filter(|pair| pair.score >= SURE && !taken.has(pair))
        else {
            continue;
        };
        let rivals = pairs.iter().filter(|other| {
            (other.invoice.id == pair.invoice.id) != (other.deal.id == pair.deal.id)
                && (other.score, other.apart) == (pair.score, pair.apart)
                && !taken.has(other)
        });
        // An invoice of a deal that recurs has no rival in the next invoice.
        let is_alone = rivals
            .filter(|other| !(pair.deal.recurs && other.deal.id == pair.deal.id))
            .count()
            == 0;
        if is_alone {
            taken.take(pair.invoice.id, Some(pair.deal));
            links.push(pair.link(State::Linked, None));
        }
    }
    for pair in pairs.iter().filter(|pair| !taken.has(pair)) {
        let doubt = (pair.score >= SURE).then(|| "another one fits as well".to_owned());
        links.push(pair.link(State::Candidate, doubt));
    }
    links
}

/// Pairs of one company that may belong together.
fn pairs<'a>(invoices: &'a [Invoice], deals: &'a [Deal]) -> Vec<Pair<'a>> {
    let mut of_company: HashMap<Uuid, Vec<&Deal>> = HashMap::new();
    for deal in deals {
        if let Some(company) = deal.company {
            of_company.entry(company).or_default().push(deal);
        }
    }
    let open = invoices.iter().filter(|invoice| invoice.is_open);
    let pairs = open.flat_map(|invoice| {
        let deals = invoice.company.and_then(|company| of_company.get(&company));
        deals
            .into_iter()
            .flatten()
            .filter_map(move |deal| pair(invoice, deal))
    });
    pairs.collect()
}

fn pair<'a>(invoice: &'a Invoice, deal: &'a Deal) -> Option<Pair<'a>> {
    if invoice.currency != deal.currency {
        return None;
    }
    let mut score = COMPANY;
    let mut reasons = vec!["the same company".to_owned()];
    if let Some((points, reason)) = amount(invoice, deal) {
        score += points;
        reasons.push(reason.to_owned());
    }
    let days = invoice
        .issued_on
        .zip(deal.won_on)
        .map(|(issued, won)| (issued - won).num_days());
    if let Some(days) = days {
        score += nearness(days, deal.recurs);
        reasons.push(match days {
            0 => "issued on the day of the win".to_owned(),
            1.. => format!("issued {days} days after the win"),
            _ => format!("issued {} days before the win", -days),
        });
    }
    if invoice.person.is_some() && invoice.person == deal.person {
        score += CONTACT;
        reasons.push("the same contact".to_owned());
    }
    (score >= POSSIBLE).then_some(Pair {
        invoice,
        deal,
        score,
        reasons,
        apart: days.map_or(i64::MAX, i64::abs),
    })
}

fn amount(invoice: &Invoice, deal: &Deal) -> Option<(u8, &'static str)> {
    let (total, value) = (i128::from(invoice.total?), i128::from(deal.value?));
    let net = total - i128::from(invoice.tax.unwrap_or_default());
    if total == value {
        Some((AMOUNT, "the same amount"))
    } else if net == value {
        Some((NET_AMOUNT, "the same amount before tax"))
    } else if (total - value).abs() * 50 <= value.abs() {
        Some((CLOSE_AMOUNT, "nearly the same amount"))
    } else {
        None
    }
}

/// Points for days from the win to the invoice.
const fn nearness(days: i64, recurs: bool) -> u8 {
    match days {
        -14..=45 => NEAR,
        46.. if recurs => NEAR,
        -45..=90 => 15,
        -90..=180 => 5,
        _ => 0,
    }
}

impl Pair<'_> {
    fn link(&self, state: State, doubt: Option<String>) -> Link {
        let mut reasons = self.reasons.clone();
        // What a person is asked about is less than sure.
        let score = if doubt.is_some() {
            SURE - 1
        } else {
            self.score
        };
        reasons.extend(doubt);
        Link {
            invoice: self.invoice.id,
            deal: self.deal.id,
            state,
            origin: Origin::Match,
            score,
            reasons,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
