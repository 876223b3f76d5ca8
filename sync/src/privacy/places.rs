//! Everywhere that a person's data can stand.
//!
//! A new table or column with something of a person gets its place here, and is then read out, removed and purged. The
//! feed, links, figures and references of other records have only ids of people.

use super::strip::{Part, whole};
use super::subject::Subject;
use crate::inbox::TRIMMED;
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection};

/// A place. Its statements know of the subject: `$1` the connection, `$2` the people and `$3` their Close ids, `$4`
/// their companies and `$5` the Close ids of these, `$6` patterns of all that names them, `$7` whether what waits is
/// meant, too, and, where events were looked at before, `$8` those that were found and `$9` the last of all.
pub(super) struct Place {
    /// As the output names it: a table, or a table and what of it.
    pub(super) name: &'static str,
    /// Keys, the type of the object, and the text that may be about the people.
    find: &'static str,
    /// What of such a text is about them.
    part: fn(&Subject, &str, &str) -> Option<Part>,
    /// Removes it: `$1` keys, `$2` what is left of each.
    erase: Option<&'static str>,
}

/// Something that is held.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) part: Part,
}

/// The row itself.
pub(super) const PERSON: Place = Place {
    name: "person",
    find: "select p.id::text, 'contact', to_jsonb(p)::text from person p where p.id = any($2)",
    part: |_, _, text| Some(whole(text)),
    erase: Some("delete from person where id = any($1::text[]::uuid[]) and $2::text[] is not null"),
};

/// Old and new values of its columns.
pub(super) const AUDIT: Place = Place {
    name: "audit_entry",
    find: "select a.seq::text, '', a.changes::text from audit_entry a
            where a.record_id = any($2) and a.changes is not null",
    part: |_, _, text| Some(whole(text)),
    erase: Some(
        "update audit_entry set changes = null where seq = any($1::text[]::bigint[]) and $2::text[] is not null",
    ),
};

/// What Close sent of it, dead letters among it, and errors that quote it.
pub(super) const EVENT: Place = Place {
    name: "event",
    find: "select e.seq::text, 'contact', jsonb_build_object('payload', e.payload, 'error', e.error)::text
             from event e
            where e.connection_id = $1 and e.object_type = 'contact' and e.object_id = any($3)
              and (e.payload <> '{}' or e.error is not null)
              and ($7 or e.state not in ('pending', 'failed'))",
    part: |_, _, text| {
        let part = whole(text);
        let is_noted = part.held.get("error").is_some_and(|error| error == TRIMMED);
        let is_empty = part.held.get("payload").is_none_or(Value::is_null);
        (!(is_noted && is_empty)).then_some(part)
    },
    erase: Some(
        "update event
            set payload = null, error = null, finished_at = coalesce(finished_at, now()),
                state = case when state in ('pending', 'failed') then 'ignored' when state = 'dead' then 'discarded'
                             else state end
          where seq = any($1::text[]::bigint[]) and $2::text[] is not null",
    ),
};

/// What Close sent of its company and the deals there, events that are not modelled and name it, and letters that nobody
/// could read.
const REPEATED_IN_EVENT: Place = Place {
    name: "event of another record",
    find: "select e.seq::text, e.object_type, e.payload::text
             from event e
            where e.connection_id = $1 and e.payload is not null
              and ($8::bigint[] is null or e.seq = any($8) or e.seq > $9)
              and not (e.object_type = 'contact' and e.object_id = any($3))
              and (e.object_id = any($5) or e.payload ->> 'lead_id' = any($5)
                   or ((jsonb_typeof(e.payload) = 'string' or e.object_type not in
                        ('lead', 'contact', 'opportunity', 'custom_object', 'activity.custom_activity'))
                       and e.payload::text like any($6)))",
    part: |subject, object_type, text| subject.forgotten.strip_event(object_type, text),
    erase: Some(
        "update event
            set payload = new.payload::jsonb,
                error = case when error is not null then 'left out, since it may quote a person' end,
                state = case when new.payload is null and state = 'dead' then 'discarded' else state end
           from unnest($1::text[]::bigint[], $2::text[]) as new (seq, payload)
          where event.seq = new.seq",
    ),
};

/// What Close delivered and nobody has taken yet. What is being taken is stripped on its way.
const DELIVERY: Place = Place {
    name: "delivery",
    find: "select d.seq::text, '', d.payload from delivery d
            where d.connection_id = $1 and $7 and d.payload like any($6) for update skip locked",
    part: |subject, _, text| subject.forgotten.strip_event("", text),
    erase: Some(
        "with new as (select * from unnest($1::text[]::bigint[], $2::text[]) as new (seq, payload)),
              gone as (delete from delivery d using new where d.seq = new.seq and new.payload is null)
         update delivery d set payload = new.payload from new
          where d.seq = new.seq and new.payload is not null",
    ),
};

/// A company without a name of its own is called like one of its contacts.
const COMPANY: Place = Place {
    name: "company",
    find: "select c.id::text, 'lead', c.raw::text from company c where c.id = any($4)",
    part: |subject, object_type, text| subject.forgotten.strip_raw(object_type, text),
    erase: Some(
        "with new as (select id, raw::jsonb from unnest($1::text[]::uuid[], $2::text[]) as new (id, raw)),
              changed as (
            update company c
               set raw = new.raw, synced_at = now(),
                   name = case when btrim(new.raw ->> 'name') <> '' then new.raw ->> 'name' end
              from new join company old using (id)
             where c.id = new.id
         returning c.id, c.connection_id, c.close_id, c.source_updated_at, c.name is distinct from old.name as renamed),
              noted as (
            insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at, changed_fields)
            select connection_id, 'company', id, close_id, 'updated', 'person', source_updated_at, '{name}'
              from changed where renamed)
         insert into change_feed (connection_id, record_type, record_id, close_id, action, changed_fields, at)
         select connection_id, 'company', id, close_id, 'updated', '{name}', source_updated_at
           from changed where renamed",
    ),
};

/// Names that its company had of it.
const COMPANY_AUDIT: Place = Place {
    name: "audit_entry of its company",
    find: "select a.seq::text, '', a.changes::text from audit_entry a
            where a.record_id = any($4) and a.changes ? 'name'",
    part: |subject, _, text| {
        let mut changes: Map<String, Value> = serde_json::from_str(text).ok()?;
        let name = changes
            .remove("name")
            .filter(|name| subject.forgotten.is_named(name))?;
        Some(Part {
            held: Map::from_iter([("name".to_owned(), name)]).into(),
            left: Some(Value::Object(changes).to_string()),
        })
    },
    erase: Some(
        "update audit_entry a set changes = nullif(new.changes::jsonb, '{}')
           from unnest($1::text[]::bigint[], $2::text[]) as new (seq, changes)
          where a.seq = new.seq",
    ),
};

/// Deals have the name beside the id.
const OPPORTUNITY: Place = Place {
    name: "opportunity",
    find: "select o.id::text, 'opportunity', o.raw::text from opportunity o
            where o.connection_id = $1 and (o.person_id = any($2) or o.company_id = any($4))",
    part: |subject, object_type, text| subject.forgotten.strip_raw(object_type, text),
    erase: Some(
        "update opportunity o set raw = new.raw::jsonb from unnest($1::text[]::uuid[], $2::text[]) as new (id, raw)
          where o.id = new.id",
    ),
};

/// So may records of custom types, invoices among them.
const CUSTOM_RECORD: Place = Place {
    name: "custom_record",
    find: "select r.id::text, 'custom_object', r.raw::text from custom_record r
            where r.connection_id = $1
              and (r.company_id = any($4) or r.id in (select i.id from receivable i where i.person_id = any($2)))",
    part: |subject, object_type, text| subject.forgotten.strip_raw(object_type, text),
    erase: Some(
        "update custom_record r set raw = new.raw::jsonb from unnest($1::text[]::uuid[], $2::text[]) as new (id, raw)
          where r.id = new.id",
    ),
};

/// Why runs failed, where that quotes it.
const SYNC_RUN: Place = Place {
    name: "sync_run",
    find: "select r.id::text, '', r.error from sync_run r where r.connection_id = $1 and r.error is not null",
    part: |subject, _, text| {
        let is_named = subject.forgotten.is_named(&Value::from(text));
        is_named.then(|| whole(text))
    },
    erase: Some(
        "update sync_run set error = 'left out, since it quoted a person'
          where id = any($1::text[]::uuid[]) and $2::text[] is not null",
    ),
};

/// That it is gone, or forgotten. It stays.
pub(super) const TOMBSTONE: Place = Place {
    name: "tombstone",
    find: "select t.record_id::text, '', to_jsonb(t)::text from tombstone t where t.record_id = any($2)",
    part: |_, _, text| Some(whole(text)),
    erase: None,
};

/// All of them.
pub(super) const PLACES: [Place; 11] = [
    PERSON,
    AUDIT,
    EVENT,
    REPEATED_IN_EVENT,
    DELIVERY,
    COMPANY,
    COMPANY_AUDIT,
    OPPORTUNITY,
    CUSTOM_RECORD,
    SYNC_RUN,
    TOMBSTONE,
];

/// Those whose rows workers hold while they wait for objects.
pub(super) const HELD_BY_WORKERS: [Place; 2] = [EVENT, REPEATED_IN_EVENT];

impl Place {
    /// What stands here of the people.
    pub(super) async fn find(
        &self,
        connection: &mut PgConnection,
        subject: &Subject,
    ) -> Result<Vec<Found>, sqlx::Error> {
        // Every statement is given everything; the condition that always holds says what type it has.
        let sql = format!(
            "select * from ({}) as found
              where concat($1::uuid, $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::boolean,
                           $8::bigint[], $9::bigint) is not null",
            self.find
        );
        let people: Vec<_> = subject.forgotten.people.iter().copied().collect();
        let companies: Vec<_> = subject.forgotten.companies.iter().copied().collect();
        let (seen, last) = subject.seen.clone().unzip();
        let found: Vec<(String, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(subject.forgotten.connection_id)
            .bind(people)
            .bind(&subject.forgotten.contacts)
            .bind(companies)
            .bind(&subject.leads)
            .bind(subject.patterns())
            .bind(subject.with_waiting)
            .bind(seen)
            .bind(last)
            .fetch_all(connection)
            .await?;
        let found = found.into_iter().filter_map(|(key, object_type, text)| {
            let part = (self.part)(subject, &object_type, &text)?;
            Some(Found { key, part })
        });
        Ok(found.collect())
    }

    /// Whether anything is removed here.
    pub(super) const fn is_erased(&self) -> bool {
        self.erase.is_some()
    }

    /// Removes what was found here.
    pub(super) async fn erase(
        &self,
        connection: &mut PgConnection,
        found: &[Found],
    ) -> Result<(), sqlx::Error> {
        let Some(erase) = self.erase.filter(|_| !found.is_empty()) else {
            return Ok(());
        };
        let keys: Vec<&str> = found.iter().map(|found| found.key.as_str()).collect();
        let left: Vec<Option<&str>> = found
            .iter()
            .map(|found| found.part.left.as_deref())
            .collect();
        sqlx::query(erase)
            .bind(keys)
            .bind(left)
            .execute(connection)
            .await
            .map(drop)
    }
}
