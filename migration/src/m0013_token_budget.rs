//! What a request of a token may cost, where the token has a budget of its own.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0013_token_budget",
    up: "alter table api_token add column cost_budget bigint check (cost_budget >= 0);",
    down: "alter table api_token drop column cost_budget;",
};
