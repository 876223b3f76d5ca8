//! A person who is forgotten is gone from every table, whatever Close sends afterwards.

use crate::afterwards::stays_away;
use crate::fill::fill;
use crate::world::{Someone, mirror, places, print, refusal, someone, write};
use closegraph_tests::{Database, WRONG_DAYS};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

pub(crate) fn exported(database: &Database, named: &str) -> Value {
    serde_json::from_str(&print(database, &["export", "person", named])).unwrap()
}

/// The places that an export names.
pub(crate) fn names(export: &Value) -> BTreeSet<&str> {
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

/// Other records lose nothing but the name.
async fn others_are_kept(database: &Database, who: &Someone) {
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
}

/// The feed tells of it, and so does the access log.
async fn it_is_told(database: &Database, who: &Someone) {
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
}

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
    others_are_kept(database, &who).await;
    it_is_told(database, &who).await;
    stays_away(&mut mirror, &who).await;
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
