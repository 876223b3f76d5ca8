//! What operators need: bodies of events can be trimmed before their rows, and the newest success of each kind of run is
//! found by one probe.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0006_retention",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
alter table event alter column payload drop not null;
create index event_body on event (finished_at)
    where payload is not null and state in ('applied', 'unchanged', 'stale', 'ignored', 'discarded');
create index sync_run_succeeded on sync_run (connection_id, kind, finished_at) where status = 'succeeded';
";

const DOWN: &str = r"
drop index sync_run_succeeded;
drop index event_body;
update event set payload = '{}' where payload is null;
alter table event alter column payload set not null;
";
