//! People are forgotten while webhooks arrive and all of Close is read: neither ends the other, and nothing slips through.

use crate::afterwards::load;
use crate::world::{mirror, places_of};
use closegraph_sync::privacy::{Person, find_people, forget_person};
use closegraph_sync::reconcile::Strategy;
use closegraph_tests::{Mirror, WRONG_DAYS};
use serde_json::Value;
use std::collections::BTreeSet;

const PEOPLE: i64 = 12;

/// The addresses of these contacts, as Close has them now, and those of all others.
async fn addresses(mirror: &Mirror, people: &[Person]) -> (BTreeSet<String>, BTreeSet<String>) {
    let ours: BTreeSet<&str> = people
        .iter()
        .map(|person| person.close_id.as_str())
        .collect();
    let (mut theirs, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (id, contact) in mirror.close.objects("contact").await.unwrap() {
        let found = contact["emails"].as_array().unwrap().iter();
        let found = found.filter_map(|email| email["email"].as_str().map(str::to_lowercase));
        match ours.contains(id.as_str()) {
            true => theirs.extend(found),
            false => others.extend(found),
        }
    }
    (theirs, others)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_forgotten_while_everything_is_at_work() {
    let mirror = mirror().await;
    let pool = &mirror.database.pool;
    let chosen: Vec<String> = sqlx::query_scalar(
        "select p.close_id from person p where primary_email is not null
          order by exists (select from opportunity o where o.person_id = p.id) desc, p.id limit $1",
    )
    .bind(PEOPLE)
    .fetch_all(pool)
    .await
    .unwrap();
    let mut people = Vec::new();
    for id in &chosen {
        people.extend(find_people(pool, id, None).await.unwrap());
    }
    assert_eq!(people.len() as i64, PEOPLE);
    let (before, others_before) = addresses(&mirror, &people).await;

    mirror.close.simulator.set_traffic(100.0);
    let forgetting = async {
        for person in &people {
            let removed = forget_person(pool, person, "test").await.unwrap();
            // Somebody in Close may have deleted it meanwhile, and has then left events.
            assert!(!removed.is_empty());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let reading = async {
        for strategy in [Strategy::List, Strategy::Search, Strategy::List] {
            load(&mirror, strategy).await;
        }
    };
    tokio::join!(forgetting, reading);
    mirror.settle().await.unwrap();
    mirror.read_log().await.unwrap();
    mirror.settle().await.unwrap();

    let (after, others) = addresses(&mirror, &people).await;
    let of_nobody_else = |word: &&String| !others.contains(*word) && !others_before.contains(*word);
    let words = before.union(&after).filter(of_nobody_else);
    let words: Vec<&str> = words.map(String::as_str).collect();
    assert!(words.len() > 5, "{words:?}");
    assert_eq!(places_of(&mirror.database, &words).await, BTreeSet::new());
    let left: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(e) from event e where object_id = any($1) and payload <> '{}'
         union all select to_jsonb(a) from audit_entry a where close_id = any($1) and changes is not null
         union all select to_jsonb(p) from person p where close_id = any($1)
         union all select o.raw from opportunity o
                    where o.raw ->> 'contact_id' = any($1) and o.raw ->> 'contact_name' is not null",
    )
    .bind(&chosen)
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(left, Vec::<Value>::new());
    assert_eq!(mirror.count(WRONG_DAYS).await.unwrap(), 0);
    for drift in mirror.verify(true).await.unwrap() {
        assert_eq!(drift.left(), 0, "{drift:?}");
    }
}
