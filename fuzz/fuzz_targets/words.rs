//! Words that are read one by one: timestamps, dates, texts, signatures.

#![no_main]

use chrono::{DateTime, Datelike};
use closegraph_sync::close::signature::SigningKey;
use closegraph_sync::close::{Object, parse_timestamp};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|text: &str| {
    if let Some(at) = parse_timestamp(text) {
        assert!((1..=9_999).contains(&at.year()), "{text:?} is {at}");
        assert_eq!(parse_timestamp(&at.to_rfc3339()), Some(at), "{text:?}");
    }
    let json = serde_json::json!({ "word": text }).to_string();
    let object = Object::parse(&json).expect("a word is JSON");
    let word = object.text("word");
    assert_eq!(word.is_some(), !text.replace('\0', "").trim().is_empty());
    object.timestamp("word");
    if let Some(date) = object.date("word") {
        assert!((1..=9_999).contains(&date.year()), "{text:?} is {date}");
    }
    let (key, rest) = text.split_once('\n').unwrap_or(("00", text));
    let (timestamp, hash) = rest.split_once('\n').unwrap_or((rest, ""));
    if let Some(key) = SigningKey::from_hex(key) {
        let (now, age) = (DateTime::UNIX_EPOCH, Duration::from_secs(300));
        let verified = key.verify(Some(timestamp), Some(hash), text.as_bytes(), now, age);
        assert!(verified.is_err(), "a signature was guessed: {text:?}");
    }
});
