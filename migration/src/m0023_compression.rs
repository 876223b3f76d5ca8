//! What Close sent is kept compressed by LZ4, which takes a fraction of the time that Postgres's own way takes, for about
//! the same room. A Postgres that was built without it goes on with its own.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0023_compression",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
do $$ begin
    alter table member alter column raw set compression lz4;
    alter table company alter column raw set compression lz4;
    alter table person alter column raw set compression lz4;
    alter table opportunity alter column raw set compression lz4;
    alter table custom_record alter column raw set compression lz4;
    alter table event alter column payload set compression lz4;
exception
    when feature_not_supported then null;
end $$;
";

const DOWN: &str = r"
alter table member alter column raw set compression default;
alter table company alter column raw set compression default;
alter table person alter column raw set compression default;
alter table opportunity alter column raw set compression default;
alter table custom_record alter column raw set compression default;
alter table event alter column payload set compression default;
";
