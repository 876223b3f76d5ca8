//! Makes a believable organization from a seed. Each lead has a random stream of its own, so a
//! lead is the same however many others there are.

mod billing;
mod child;
mod custom;
mod custom_type;
mod dice;
mod invoice;
mod lead;
mod names;
mod organization;

use std::collections::HashMap;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) use self::child::{contact_edit_body, new_contact_body, new_deal_body};
pub(crate) use self::dice::Dice;
pub(crate) use self::invoice::{Draft, line};
pub(crate) use self::lead::{company, new_lead_body};

use crate::config::SimulatorConfig;
use crate::world::id::Id;
use crate::world::moment::Moment;
use crate::world::organization::Organization;
use crate::world::records::Records;

/// Streams of the seed, one a purpose; leads take those from [`LEADS`] on.
const ORGANIZATION: u64 = 0;
/// Ids of what is created while running.
pub(crate) const MINT: u64 = 1;
pub(crate) const TRAFFIC: u64 = 2;
pub(crate) const FAULTS: u64 = 3;
pub(crate) const WEBHOOK_FAULTS: u64 = 4;
pub(crate) const SUBSCRIPTIONS: u64 = 5;
/// The custom types of an invoice layout.
const CUSTOM_TYPES: u64 = 6;
/// Ids of custom objects and activities that are created while running, and of their events.
pub(crate) const CUSTOM_MINT: u64 = 7;
/// What people do with invoices.
pub(crate) const BILLING: u64 = 8;
const LEADS: u64 = 1 << 20;
/// Each lead's invoices.
const INVOICES: u64 = 1 << 40;

const DAY: i64 = 24 * 60 * Moment::MINUTE;
/// 24 months.
const PAST: i64 = 730 * DAY;

/// A random stream of the seed.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Repeated texts, stored once.
#[derive(Debug, Default)]
struct Texts(HashMap<String, Arc<str>>);

impl Texts {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(text.into(), Arc::clone(&new));
        new
    }
}

/// What the makers of objects share.
struct Maker<'c> {
    config: &'c SimulatorConfig,
    organization: &'c Organization,
    now: Moment,
    texts: Texts,
    /// The users' ids, shared by the custom fields that name them.
    users: Vec<Arc<Id>>,
}

/// The organization and its objects at `now`.
pub(crate) fn generate(config: &SimulatorConfig, now: Moment) -> (Organization, Records) {
    let mut rng = stream(config.seed, ORGANIZATION);
    let mut organization = organization::organization(&config.currency, now, &mut rng);
    let mut types_rng = stream(config.seed, CUSTOM_TYPES);
    custom_type::add(config.invoices, &mut organization, &mut types_rng);
    let import_at = now.plus(-rng.random_range(40 * DAY..60 * DAY));
    let imported = config.same_instant_leads.min(config.leads / 8);
    let mut maker = Maker {
        config,
        organization: &organization,
        now,
        texts: Texts::default(),
        users: organization
            .users
            .iter()
            .map(|user| Arc::new(user.id))
            .collect(),
    };
    let mut records = Records::default();
    for number in 0..config.leads {
        let mut dice = Dice::new(stream(config.seed, LEADS + u64::from(number)));
        let import = (number < imported).then_some(import_at);
        maker.lead(number, import, &mut dice, &mut records);
    }
    for number in 0..config.leads {
        let mut dice = Dice::new(stream(config.seed, INVOICES + u64::from(number)));
        maker.invoices(number, &mut dice, &mut records);
    }
    (organization, records)
}
