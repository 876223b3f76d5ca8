//! Keys of webhook subscriptions that a person made by hand.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0021_handed_keys",
    up: "alter table connection add column webhook_handed_keys bytea;",
    down: "alter table connection drop column webhook_handed_keys;",
};
