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
mod tests;
