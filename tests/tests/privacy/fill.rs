//! Where Close's words may stand beside what the service itself wrote down: what nobody could read or take, what waits, what
//! embeds, errors, and a record of a custom type.

use crate::world::Someone;
use closegraph_tests::Mirror;
use serde_json::{Value, json};

/// An event as it stands in the inbox.
struct Kept<'a> {
    object_type: &'a str,
    object_id: &'a str,
    action: &'a str,
    payload: Value,
    state: &'a str,
    error: Option<&'a str>,
}

pub(crate) async fn fill(mirror: &Mirror, who: &Someone) {
    let contact = json!({ "id": who.contact, "lead_id": who.lead, "name": "Zephyrine Quandt" });
    let other = json!({ "id": "cont_other", "name": "Bob Other" });
    let lead = json!({
        "id": "ev_lead", "object_type": "lead", "object_id": who.lead, "lead_id": who.lead, "action": "updated",
        "date_updated": "2020-01-01T00:00:00",
        "data": { "id": who.lead, "name": null, "display_name": "Zephyrine Quandt", "contacts": [contact, other] },
        "previous_data": { "display_name": "Zephyrine Maiden.Name" },
    });
    let own = json!({
        "id": "ev_own", "object_type": "contact", "object_id": who.contact, "action": "updated",
        "date_updated": "2020-01-01T00:00:00", "data": contact,
    });
    let of_contact = |action, state, error| Kept {
        object_type: "contact",
        object_id: &who.contact,
        action,
        payload: contact.clone(),
        state,
        error,
    };
    let of_lead = Kept {
        object_type: "lead",
        object_id: &who.lead,
        payload: lead.clone(),
        ..of_contact("updated", "stale", None)
    };
    let unreadable = Kept {
        object_type: "",
        object_id: "",
        payload: Value::from(format!("{{ broken {} Zephyrine", who.contact)),
        ..of_contact("", "dead", Some("no object"))
    };
    let ignored = Kept {
        object_type: "activity.email",
        object_id: "acti_mail",
        payload: message("ev_mail", who),
        ..of_contact("created", "ignored", None)
    };
    let events = [
        ignored,
        of_contact("listed", "dead", Some("value is \"Quandt\"")),
        of_contact("updated", "pending", None),
        of_lead,
        unreadable,
    ];
    for (number, event) in events.into_iter().enumerate() {
        keep(mirror, number, event).await;
    }
    for payload in [lead, own] {
        deliver(mirror, &payload).await;
    }
    fail(mirror).await;
    record(mirror, who).await;
}

/// An event of a type that is not modelled.
fn message(id: &str, who: &Someone) -> Value {
    json!({
        "id": id, "object_type": "activity.email", "object_id": "acti_mail", "lead_id": null, "action": "created",
        "date_updated": "2020-01-01T00:00:00",
        "data": { "contact_id": who.contact, "sender": "Zephyrine <zq@feathers.example>" },
    })
}

/// Lets such an event wait among the deliveries.
pub(crate) async fn send_message(mirror: &Mirror, who: &Someone) {
    deliver(mirror, &message("ev_later", who)).await;
}

async fn keep(mirror: &Mirror, number: usize, event: Kept<'_>) {
    sqlx::query(
        "insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id,
                            action, payload, state, error, next_attempt_at)
         values (gen_random_uuid(), $1, 'webhook', $2, now(), $3, $4, $5, $6, $7, $8, 'infinity')",
    )
    .bind(mirror.close.connection)
    .bind(format!("ev_{number}"))
    .bind(event.object_type)
    .bind(event.object_id)
    .bind(event.action)
    .bind(event.payload)
    .bind(event.state)
    .bind(event.error)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
}

async fn deliver(mirror: &Mirror, payload: &Value) {
    sqlx::query(
        "insert into delivery (id, connection_id, payload) values (gen_random_uuid(), $1, $2)",
    )
    .bind(mirror.close.connection)
    .bind(payload.to_string())
    .execute(&mirror.database.pool)
    .await
    .unwrap();
}

async fn fail(mirror: &Mirror) {
    sqlx::query(
        "insert into sync_run (id, connection_id, kind, status, error)
         values (gen_random_uuid(), $1, 'sweep', 'failed', 'invalid type: string \"Zephyrine Quandt\"')",
    )
    .bind(mirror.close.connection)
    .execute(&mirror.database.pool)
    .await
    .unwrap();
}

async fn record(mirror: &Mirror, who: &Someone) {
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

/// Takes away what is no drift, but of the test only.
pub(crate) async fn clear(mirror: &Mirror) {
    sqlx::raw_sql(
        "delete from custom_record where close_id = 'custobj_x'; delete from event where close_event_id ~ '^ev_[0-9]$'",
    )
    .execute(&mirror.database.pool)
    .await
    .unwrap();
}
