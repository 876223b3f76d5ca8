//! Names of statuses and pipelines, as the organization's settings have them now.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0007_label",
    up: UP,
    down: "drop table label;",
};

const UP: &str = r"
create table label (
    connection_id uuid not null,
    close_id text not null,
    name text not null,
    primary key (connection_id, close_id)
);
";
