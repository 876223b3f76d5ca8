//! Rates between currencies, as the operator loads them. They are of no connection: nothing of Close is in them.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0014_exchange_rate",
    up: UP,
    down: "drop table exchange_rate;",
};

const UP: &str = r"
create table exchange_rate (
    base text not null,
    quote text not null,
    day date not null,
    rate numeric not null check (rate > 0),
    loaded_at timestamptz not null default now(),
    primary key (base, quote, day)
);
create trigger tell_access after insert or update or delete on exchange_rate
    for each statement execute function closegraph_tell_access();
";
