//! The body of a delivery: read, classified and turned into changes. What is accepted must be storable as jsonb.

#![no_main]

use closegraph_entity::record::Origin;
use closegraph_sync::change::{Content, changes_of_event};
use closegraph_sync::close::Object;
use closegraph_sync::inbox::Delivery;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use uuid::Uuid;

fuzz_target!(|body: &[u8]| {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let id = Uuid::nil();
    let Ok(delivery) = Delivery::from_envelope(id, Origin::Webhook, text) else {
        return;
    };
    let payload = delivery.payload();
    match serde_json::from_str::<Value>(payload) {
        Ok(value) => assert!(!has_nul(&value), "a NUL in {payload}"),
        // These are told apart by Postgres, and go to the dead letters where it can't hold them.
        Err(error) => {
            let reason = error.to_string();
            let beyond = ["recursion limit", "number out of range"];
            assert!(
                beyond.iter().any(|word| reason.contains(word)),
                "{reason}: {payload}"
            );
        }
    }
    for change in changes_of_event(payload, id, Origin::Webhook).unwrap_or_default() {
        assert!(!change.close_id.is_empty());
        if let Content::Full(object) | Content::Partial { data: object, .. } = change.content {
            let json = object.to_json();
            let again = Object::parse(&json).expect("what was read can be read again");
            assert_eq!(again.to_json(), json);
        }
    }
});

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}
