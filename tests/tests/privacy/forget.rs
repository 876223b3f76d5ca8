//! A person who is forgotten is gone from every table, whatever Close sends afterwards.

use crate::world::{Someone, command, mirror, nickname, places, print, refusal, someone, write};
use closegraph_sync::SyncError;
use closegraph_sync::reconcile::{BackfillOptions, Progress, Strategy, backfill, remap, sweep};
use closegraph_tests::{Database, Mirror, SETTLED, WRONG_DAYS};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where Close's words may stand beside those that events leave: what nobody could read or take, what waits, what
/// embeds, and a record of a custom type.
async fn fill(mirror: &Mirror, who: &Someone) {
    let contact = json!({ "id": who.contact, "lead_id": who.lead, "name": "Zephyrine Quandt" });
    let other = json!({ "id": "cont_other", "name": "Bob Other" });
    let lead = json!({
        "id": "ev_lead", "object_type": "lead", "object_id": who.lead, "lead_id": who.lead, "action": "updated",
        "date_updated": "2020-01-01T00:00:00",
        "data": { "id": who.lead, "name": null, "display_name": "Zephyrine Quandt", "contacts": [contact, other] },
        "previous_data": { "display_name": "Zephyrine Maiden.Name" },
    });
    let unreadable = Value::from(format!("{{ broken {} Zephyrine", who.contact));
    let rows = [
        (
            "contact",
            &who.contact,
            "listed",
            contact.clone(),
            "dead",
            Some("value is \"Quandt\""),
        ),
        (
            "contact",
            &who.contact,
            "updated",
            contact.clone(),
            "pending",
            None,
        ),
        ("lead", &who.lead, "updated", lead.clone(), "stale", None),
        (
            "",
            &String::new(),
            "",
            unreadable,
            "dead",
            Some("no object"),
        ),
    ];
    for (number, (object_type, object_id, action, payload, state, error)) in
        rows.into_iter().enumerate()
    {
        sqlx::query(
            "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id,
                                action, payload, state, error, next_attempt_at)
             values (gen_random_uuid(), $1, 'webhook', $2, now(), $3, $4, $5, $6, $7, $8, 'infinity')",
        )
        .bind(mirror.close.connection)
        .bind(format!("ev_{number}"))
        .bind(object_type)
        .bind(object_id)
        .bind(action)
        .bind(payload)
        .bind(state)
        .bind(error)
        .execute(&mirror.database.pool)
        .await
        .unwrap();
    }
    let own = json!({
        "id": "ev_own", "object_type": "contact", "object_id": who.contact, "action": "updated",
        "date_updated": "2020-01-01T00:00:00", "data": contact,
    });
    for payload in [lead, own] {
        sqlx::query(
            "insert into delivery (id, connection_id, payload) values (gen_random_uuid(), $1, $2)",
        )
        .bind(mirror.close.connection)
        .bind(payload.to_string())
        .execute(&mirror.database.pool)
        .await
        .unwrap();
    }
    sqlx::query(
        "insert into sync_run (id, connection_id, kind, status, error)
         values (gen_random_uuid(), $1, 'sweep', 'failed', 'invalid type: string \"Zephyrine Quandt\"')",
    )
    .bind(mirror.close.connection)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into custom_record (id, connection_id, close_id, kind, company_id, raw, source_updated_at)
         select gen_random_uuid(), connection_id, 'custobj_x', 'custom_object', company_id,
                jsonb_build_object('contact_id', close_id, 'contact_name', name, 'kept', 1), now()
           from person where id = $1",
    )
    .bind(who.id)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
}

/// Sums and counts that must not move.
async fn figures(database: &Database) -> (String, i64, i64, i64) {
    assert_eq!(
        sqlx::query_scalar::<_, i64>(WRONG_DAYS)
            .fetch_one(&database.pool)
            .await
            .unwrap(),
        0
    );
    sqlx::query_as(
        "select (select string_agg(t::text, ' ' order by t::text) from (
                     select kind, currency, sum(amount_minor), count(*), count(distinct person_id)
                       from transaction group by 1, 2) t),
                (select count(*) from opportunity), (select count(person_id) from opportunity),
                (select count(*) from receivable)",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap()
}

fn exported(database: &Database, named: &str) -> Value {
    serde_json::from_str(&print(database, &["export", "person", named])).unwrap()
}

fn names(export: &Value) -> BTreeSet<&str> {
    let places = export["places"].as_object().unwrap();
    places.keys().map(String::as_str).collect()
}

/// What exports name, and the column of each place in which it stands.
const ALL: [(&str, &str); 9] = [
    ("audit_entry", "audit_entry.changes"),
    ("company", "company.raw"),
    ("custom_record", "custom_record.raw"),
    ("delivery", "delivery.payload"),
    ("event", "event.payload"),
    ("event of another record", "event.payload"),
    ("opportunity", "opportunity.raw"),
    ("person", "person.raw"),
    ("sync_run", "sync_run.error"),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_person_and_nothing_comes_back() {
    let mut mirror = mirror().await;
    let who = someone(&mirror).await;
    // Nobody takes what is delivered from here on.
    mirror.stop().await;
    fill(&mirror, &who).await;
    let database = &mirror.database;
    let before = places(database).await;
    for (_, column) in ALL {
        assert!(before.contains(column), "{column} in {before:?}");
    }
    let held = exported(database, "zq@FEATHERS.example");
    for (place, _) in ALL {
        assert!(names(&held).contains(place), "{place} in {held}");
    }
    assert_eq!(held["closeId"], json!(who.contact));
    assert!(!held.to_string().contains("Bob Other"), "{held}");

    let numbers = figures(database).await;
    let dry = print(database, &["forget", "person", &who.contact, "--dry-run"]);
    assert!(
        dry.contains("would be removed") && dry.contains("  person: 1 row"),
        "{dry}"
    );
    assert_eq!(places(database).await, before);
    let done = print(
        database,
        &["forget", "person", &who.id.to_string(), "--yes"],
    );
    assert_eq!(
        dry.lines().skip(1).collect::<Vec<_>>(),
        done.lines()
            .skip(1)
            .take(dry.lines().count() - 1)
            .collect::<Vec<_>>()
    );

    assert_eq!(places(database).await, BTreeSet::new());
    assert_eq!(figures(database).await, numbers);
    let named = exported(database, &who.contact);
    assert_eq!(names(&named), BTreeSet::from(["tombstone"]), "{named}");
    let kept: (i64, String) = sqlx::query_as(
        "select (select count(*) from opportunity where person_id = $1), raw::text
           from custom_record where close_id = 'custobj_x'",
    )
    .bind(who.id)
    .fetch_one(&database.pool)
    .await
    .unwrap();
    let raw: Value = serde_json::from_str(&kept.1).unwrap();
    assert_eq!(
        (kept.0, raw),
        (1, json!({ "contact_id": who.contact, "kept": 1 }))
    );
    let told: Vec<(String, String, String)> = sqlx::query_as(
        "select record_type, action, close_id from change_feed where close_id in ($1, $2) order by seq desc limit 2",
    )
    .bind(&who.contact)
    .bind(&who.lead)
    .fetch_all(&database.pool)
    .await
    .unwrap();
    let row =
        |kind: &str, action: &str, id: &str| (kind.to_owned(), action.to_owned(), id.to_owned());
    assert_eq!(
        told,
        [
            row("company", "updated", &who.lead),
            row("person", "deleted", &who.contact)
        ]
    );
    let log = print(database, &["access-log", "--json"]);
    let log: Value = serde_json::from_str(&log).unwrap();
    let actions: Vec<&str> = (0..3)
        .map(|at| log[at]["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["person_exported", "person_forgotten", "person_exported"]
    );
    assert!(
        (0..3).all(|at| log[at]["subjectId"] == json!(who.id)),
        "{log}"
    );

    // What was of the test only is no drift.
    sqlx::raw_sql("delete from custom_record where close_id = 'custobj_x'; delete from event where close_event_id ~ '^ev_[0-9]$'")
        .execute(&database.pool)
        .await
        .unwrap();
    stays_away(&mut mirror, &who).await;
}

/// Everything by which Close's data comes in.
async fn stays_away(mirror: &mut Mirror, who: &Someone) {
    mirror.resume().unwrap();
    mirror.settle().await.unwrap();
    assert_eq!(places(&mirror.database).await, BTreeSet::new());

    // Webhooks about the person, its company and its deal.
    let nickname = nickname(mirror).await;
    let mut edit = json!({ "name": "Zephyrine Later-Word", "emails": [{ "type": "home", "email": "later-word@x.example" }] });
    edit[&nickname] = json!("Nightjar two");
    write(
        mirror,
        Method::PUT,
        &format!("contact/{}/", who.contact),
        &edit,
    )
    .await;
    let (note, about) = (
        json!({ "note": "changed" }),
        json!({ "description": "changed" }),
    );
    write(
        mirror,
        Method::PUT,
        &format!("opportunity/{}/", who.deal),
        &note,
    )
    .await;
    write(mirror, Method::PUT, &format!("lead/{}/", who.lead), &about).await;
    mirror.settle().await.unwrap();
    let changed: bool = sqlx::query_scalar(
        "select (select note from opportunity where close_id = $1) = 'changed'
            and (select description from company where close_id = $2) = 'changed'",
    )
    .bind(&who.deal)
    .bind(&who.lead)
    .fetch_one(&mirror.database.pool)
    .await
    .unwrap();
    assert!(changed, "other records are followed as before");
    assert_eq!(places(&mirror.database).await, BTreeSet::new());

    // The event log, events once more, and all of Close once more.
    mirror
        .close
        .write(
            Method::PUT,
            &format!("contact/{}/", who.contact),
            &json!({ "title": "Ornithologist" }),
        )
        .await
        .unwrap();
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();
    print(
        &mirror.database,
        &["events", "replay", "--state", "applied"],
    );
    mirror.wait(SETTLED).await.unwrap();
    command(
        &mirror.database,
        &["events", "replay", "--object-id", &who.contact],
    );
    mirror.wait(SETTLED).await.unwrap();
    for strategy in [Strategy::List, Strategy::Search] {
        load(mirror, strategy).await;
        assert_eq!(
            places(&mirror.database).await,
            BTreeSet::new(),
            "{strategy:?}"
        );
    }
    map_again(mirror).await;
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    sqlx::query("delete from sync_checkpoint where stream = 'sweep'")
        .execute(pool)
        .await
        .unwrap();
    sweep(pool, connections, id, &stop).await.unwrap();
    for repair in [false, true] {
        for drift in mirror.verify(repair).await.unwrap() {
            assert_eq!(drift.found(), 0, "{drift:?}");
        }
    }
    assert_eq!(places(&mirror.database).await, BTreeSet::new());

    // A merge moves the person to another company.
    let other: String =
        sqlx::query_scalar("select close_id from company where close_id <> $1 order by id limit 1")
            .bind(&who.lead)
            .fetch_one(pool)
            .await
            .unwrap();
    let merge = json!({ "source": who.lead, "destination": other });
    write(mirror, Method::POST, "lead/merge/", &merge).await;
    mirror.settle().await.unwrap();
    let follows: bool = sqlx::query_scalar(
        "select c.id = any(t.company_ids) from tombstone t, company c where t.close_id = $1 and c.close_id = $2",
    )
    .bind(&who.contact)
    .bind(&other)
    .fetch_one(pool)
    .await
    .unwrap();
    assert!(follows, "the tombstone knows where the person is");
    load(mirror, Strategy::List).await;
    assert_eq!(
        mirror
            .verify(true)
            .await
            .unwrap()
            .iter()
            .map(|drift| drift.found())
            .sum::<u64>(),
        0
    );
    assert_eq!(places(&mirror.database).await, BTreeSet::new());
    let named = exported(&mirror.database, &who.contact);
    assert_eq!(names(&named), BTreeSet::from(["tombstone"]), "{named}");
}

/// Reads all of Close once more.
pub(crate) async fn load(mirror: &Mirror, strategy: Strategy) {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let options = BackfillOptions {
        strategy,
        restart: true,
    };
    let (progress, _) = watch::channel(Progress::default());
    backfill(pool, connections, id, &options, &progress, &stop)
        .await
        .unwrap();
}

async fn map_again(mirror: &Mirror) {
    let (pool, stop) = (&mirror.database.pool, CancellationToken::new());
    let (connections, id) = (&mirror.close.connections, mirror.close.connection);
    let (progress, _) = watch::channel(Progress::default());
    loop {
        match remap(pool, connections, id, &progress, &stop).await {
            Err(SyncError::AlreadyRunning { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            done => {
                assert_eq!(done.unwrap().unmappable, 0);
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_unless_it_is_clear_who_is_meant_and_that_it_is_wanted() {
    let mirror = mirror().await;
    let who = someone(&mirror).await;
    let twin = json!({ "lead_id": who.lead, "name": "Twin", "emails": [{ "type": "office", "email": "zq@feathers.example" }] });
    write(&mirror, Method::POST, "contact/", &twin).await;
    mirror.settle().await.unwrap();
    let database = &mirror.database;
    let before = places(database).await;
    let people = mirror.count("select count(*) from person").await.unwrap();

    let (code, said) = refusal(
        database,
        &["forget", "person", "zq@feathers.example", "--yes"],
    );
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("2 people are meant") && said.contains(&who.contact),
        "{said}"
    );
    assert!(said.contains(&who.id.to_string()), "{said}");
    let (code, said) = refusal(database, &["export", "person", "zq@feathers.example"]);
    assert_eq!(code, Some(2), "{said}");
    // There is nobody to ask.
    let (code, said) = refusal(database, &["forget", "person", &who.contact]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--yes"), "{said}");
    for (named, why) in [
        ("nobody@feathers.example", "nobody has this e-mail address"),
        ("z_@feathers.example", "nobody has this e-mail address"),
        ("cont_nobody", "nobody has this id"),
        ("4fd1d3f2-37b3-4a71-b1a8-1c5f0f6c2f11", "nobody has this id"),
    ] {
        let (code, said) = refusal(database, &["forget", "person", named, "--yes"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(why), "{named}: {said}");
    }
    let elsewhere = [
        "forget",
        "person",
        &who.contact,
        "--yes",
        "--connection",
        "4fd1d3f2-37b3-4a71-b1a8-1c5f0f6c2f11",
    ];
    assert!(
        refusal(database, &elsewhere)
            .1
            .contains("nobody has this id")
    );
    assert_eq!(places(database).await, before);
    assert_eq!(
        mirror.count("select count(*) from person").await.unwrap(),
        people
    );
    let entries = mirror
        .count("select count(*) from access_entry")
        .await
        .unwrap();
    assert_eq!(entries, 0);
}
