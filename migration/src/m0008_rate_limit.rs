//! What all processes know of how fast Close may be asked. It is worth nothing after a crash, so it is not logged.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0008_rate_limit",
    up: UP,
    down: "drop table rate_limit;",
};

const UP: &str = r"
create unlogged table rate_limit (
    connection_id uuid primary key,
    state jsonb not null
);
";
