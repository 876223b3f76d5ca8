//! Objects of every type to rows: two lines of JSON, the second over the first. No key is lost, whatever a column makes
//! of it.

#![no_main]

use chrono::DateTime;
use closegraph_sync::close::{Object, ObjectType};
use closegraph_sync::mapping::MappingContext;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const TYPES: [ObjectType; 4] = [
    ObjectType::User,
    ObjectType::Lead,
    ObjectType::Contact,
    ObjectType::Opportunity,
];

fuzz_target!(|text: &str| {
    let (older, newer) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(newer) = Object::parse(newer) else {
        return;
    };
    for complete in [true, false] {
        let Ok(mut merged) = Object::parse(older) else {
            return;
        };
        merged.overlay(&newer, complete);
        let changed: Vec<String> = keys(older).into_keys().take(3).collect();
        merged.clear_lacking(&changed, &newer);
        let kept = keys(&merged.to_json());
        merged.overlay(&newer, complete);
        merged.clear_lacking(&changed, &newer);
        let again = keys(&merged.to_json());
        assert!(
            kept.iter()
                .map(|(key, value)| (key, value.get()))
                .eq(again.iter().map(|(key, value)| (key, value.get()))),
            "laid over twice: {kept:?} is {again:?}"
        );
        for (key, value) in keys(&newer.to_json()) {
            assert_eq!(kept.get(&key).map(|kept| kept.get()), Some(value.get()));
        }
        map(&merged, &kept);
    }
});

fn keys(json: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(json).unwrap_or_default()
}

fn map(object: &Object, kept: &BTreeMap<String, Box<RawValue>>) {
    let version = DateTime::UNIX_EPOCH;
    for (currency, value_exponent) in [("USD", 2), ("JPY", 2), ("KWD", 0)] {
        let context = MappingContext {
            connection_id: Uuid::nil(),
            currency: currency.to_owned(),
            value_exponent,
            labels: Arc::default(),
        };
        for object_type in TYPES {
            // An error has its reason; its object goes to the dead letters as a whole.
            let Ok(columns) = context.columns(object_type, object, "x_1", version) else {
                assert_eq!(object_type, ObjectType::Opportunity);
                continue;
            };
            let raw: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(&columns.raw).expect("raw is JSON");
            assert_eq!(raw.len(), kept.len(), "raw lost a key");
        }
    }
}
