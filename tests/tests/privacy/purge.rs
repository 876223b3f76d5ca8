//! What is held on a person goes a while after it was deleted in Close, and a return brings it back.

use crate::world::{mirror, places, print, refusal, someone, write};
use closegraph_entity::record::Origin;
use closegraph_sync::apply::{Outcome, apply};
use closegraph_sync::change::Change;
use closegraph_sync::close::{Object, ObjectType};
use closegraph_tests::Mirror;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_of_the_deleted_is_purged_and_a_return_brings_the_person_back() {
    let mut mirror = mirror().await;
    let who = someone(&mirror).await;
    let bare = json!({ "name": "Ltd" });
    write(&mirror, Method::PUT, &format!("lead/{}/", who.lead), &bare).await;
    let object = mirror.close.objects("contact").await.unwrap()[&who.contact].clone();
    // The company goes, and with it, in Close, the person.
    let path = format!("lead/{}/", who.lead);
    write(&mirror, Method::DELETE, &path, &Value::Null).await;
    mirror.settle().await.unwrap();
    let dead = mirror
        .count("select count(*) from tombstone where record_type = 'person'")
        .await;
    assert_eq!(
        dead.unwrap(),
        2,
        "the person, and the other contact of the company"
    );
    let held = places(&mirror.database).await;
    assert!(
        held.contains("event.payload") && held.contains("audit_entry.changes"),
        "{held:?}"
    );

    // Before its time nothing goes.
    mirror.stop().await;
    mirror.resume().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(places(&mirror.database).await, held);
    mirror.stop().await;
    sqlx::query(
        "update tombstone set recorded_at = now() - interval '31 days' where close_id = $1",
    )
    .bind(&who.contact)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
    mirror.resume().unwrap();
    mirror
        .wait("select exists (select from tombstone where purged_at is not null)")
        .await
        .unwrap();
    assert_eq!(places(&mirror.database).await, BTreeSet::new());
    let purged = mirror
        .count("select count(*) from tombstone where purged_at is not null")
        .await;
    assert_eq!(purged.unwrap(), 1, "nobody else was gone for that long");
    let entries = mirror
        .count("select count(*) from access_entry")
        .await
        .unwrap();
    assert_eq!(entries, 0);

    // It is not forgotten: what is newer than its death brings it back.
    let outcomes = restore(&mirror, object).await;
    assert_eq!(outcomes, [Outcome::Created]);
    let name: String = sqlx::query_scalar("select name from person where id = $1")
        .bind(who.id)
        .fetch_one(&mirror.database.pool)
        .await
        .unwrap();
    assert_eq!(name, "Zephyrine Quandt");
    let marks = mirror
        .count("select count(*) from tombstone where purged_at is not null")
        .await;
    assert_eq!(marks.unwrap(), 0);
}

/// Tells of a contact as if it were restored in Close now.
async fn restore(mirror: &Mirror, mut contact: Value) -> Vec<Outcome> {
    contact["date_updated"] = json!(chrono::Utc::now());
    let contact = Object::parse(&contact.to_string()).unwrap();
    let change = Change::read(ObjectType::Contact, contact, Origin::Sweep).unwrap();
    let id = mirror.close.connection;
    let context = mirror.close.connections.mapping(id).await.unwrap();
    let mut transaction = mirror.database.pool.begin().await.unwrap();
    let applied = apply(&mut transaction, &context, None, vec![change]).await;
    transaction.commit().await.unwrap();
    applied.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_gone_can_be_forgotten_and_does_not_return() {
    let mirror = mirror().await;
    let who = someone(&mirror).await;
    let contact = mirror.close.objects("contact").await.unwrap()[&who.contact].clone();
    let path = format!("contact/{}/", who.contact);
    write(&mirror, Method::DELETE, &path, &Value::Null).await;
    mirror.settle().await.unwrap();
    assert!(!places(&mirror.database).await.is_empty());
    let by_address = ["forget", "person", "zq@feathers.example", "--yes"];
    let (code, said) = refusal(&mirror.database, &by_address);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("found by id only"), "{said}");

    let by_id = ["forget", "person", &who.contact, "--yes"];
    let done = print(&mirror.database, &by_id);
    assert!(done.contains("event of another record"), "{done}");
    assert_eq!(places(&mirror.database).await, BTreeSet::new());
    assert_eq!(restore(&mirror, contact).await, [Outcome::Unchanged]);
    assert_eq!(places(&mirror.database).await, BTreeSet::new());
    // A second time there is nothing left to remove.
    let again = print(&mirror.database, &by_id);
    assert!(again.contains("nothing is held"), "{again}");
}
