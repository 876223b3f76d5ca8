//! Events of Close, damaged in every way that JSON and a network allow.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

/// Makes bodies of deliveries out of real events.
pub(crate) struct Mutator {
    random: StdRng,
    events: Vec<Value>,
    made: usize,
}

impl Mutator {
    pub(crate) fn new(seed: u64, events: Vec<Value>) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            events,
            made: 0,
        }
    }

    /// The next body. It is about objects that Close does not have, so that what comes of it harms none that it has.
    pub(crate) fn body(&mut self) -> Vec<u8> {
        self.made += 1;
        let event = self.events.choose(&mut self.random).unwrap().to_string();
        let strange = ["lead_", "cont_", "oppo_", "custobj_", "acti_"]
            .iter()
            .fold(event, |event, kind| {
                event.replace(kind, &format!("{kind}strange"))
            });
        let mut event: Value = serde_json::from_str(&strange).unwrap();
        event["id"] = json!(format!("ev_strange_{}", self.made));
        let mut tokens = Vec::new();
        for _ in 0..self.random.random_range(0..4) {
            let inside = self.random.random_bool(0.6) && event["data"].is_object();
            let target = if inside {
                &mut event["data"]
            } else {
                &mut event
            };
            if let Some(object) = target.as_object_mut() {
                self.change(object, &mut tokens);
            }
        }
        let envelope = json!({ "subscription_id": "whsub_strange", "event": event });
        let mut text = envelope.to_string();
        for (place, token) in tokens.iter().enumerate() {
            text = text.replace(&format!("\"@{place}@\""), token);
        }
        let mut body = text.into_bytes();
        if self.random.random_bool(0.15) {
            self.damage(&mut body);
        }
        body
    }

    /// Changes one key. What `serde_json` can't hold stands as a placeholder until the event is text.
    fn change(&mut self, object: &mut Map<String, Value>, tokens: &mut Vec<String>) {
        let keys: Vec<String> = object.keys().cloned().collect();
        let Some(key) = keys.choose(&mut self.random).cloned() else {
            return;
        };
        let place = tokens.len();
        let placeholder = json!(format!("@{place}@"));
        match self.random.random_range(0..10) {
            0 => drop(object.remove(&key)),
            1 => {
                let value = object.remove(&key).unwrap_or_default();
                object.insert(format!("{key}\u{0}{}", self.random.random::<u8>()), value);
            }
            2 => {
                // The key twice.
                let first = object.get(&key).cloned().unwrap_or_default();
                let second = self.token();
                tokens.push(format!("{first},{}:{second}", json!(key)));
                object.insert(key, placeholder);
            }
            3 => {
                let extra = format!("custom.cf_{}", self.random.random::<u8>());
                tokens.push(self.token());
                object.insert(extra, placeholder);
            }
            _ => {
                tokens.push(self.token());
                object.insert(key, placeholder);
            }
        }
    }

    /// A value that somebody may be surprised by, as JSON text.
    fn token(&mut self) -> String {
        const TOKENS: [&str; 40] = [
            "null",
            "true",
            "false",
            "0",
            "-0.0",
            "1",
            "-1",
            "12.5",
            "100.0",
            "1e3",
            "1e400",
            "-1e400",
            "1e200000",
            "9223372036854775807",
            "9223372036854775808",
            "123456789012345678901234567890.5",
            r#""""#,
            r#"" ""#,
            r#""x""#,
            r#""\u0000""#,
            r#""a\u0000b""#,
            r#""\ud800""#,
            r#""\udc00x""#,
            r#""\ud83d\ude00""#,
            r#""\\u0000""#,
            r#""a\\\u0000""#,
            "[]",
            "{}",
            "[null]",
            r#"{"a":1,"a":2}"#,
            r#""../../me""#,
            r#""won""#,
            r#""EUR""#,
            r#""eur€""#,
            r#""2026-02-30""#,
            r#""2026-03-01T12:00:00.123456789""#,
            r#""+262142-01-01T00:00:00""#,
            r#""-4800-01-01T00:00:00""#,
            r#""9999-12-31T23:59:59.999999+00:00""#,
            r#"[{"email":null},{"email":"\ud800"},7]"#,
        ];
        match self.random.random_range(0..12) {
            0 => {
                let depth = *[100, 200, 5_000, 20_000].choose(&mut self.random).unwrap();
                format!("{}{}", "[".repeat(depth), "]".repeat(depth))
            }
            1 => {
                let depth = *[100, 200, 20_000].choose(&mut self.random).unwrap();
                format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
            }
            2 => {
                // Too long for an index even when compressed.
                let length = *[300, 4_000, 60_000].choose(&mut self.random).unwrap();
                let letter = |_| char::from(self.random.random_range(b'a'..=b'z'));
                format!("\"{}\"", (0..length).map(letter).collect::<String>())
            }
            _ => (*TOKENS.choose(&mut self.random).unwrap()).to_owned(),
        }
    }

    /// Breaks the bytes themselves.
    fn damage(&mut self, body: &mut Vec<u8>) {
        let at = self.random.random_range(0..body.len());
        match self.random.random_range(0..6) {
            0 => body.truncate(at),
            1 => body[at] = self.random.random(),
            2 => body.insert(at, 0xff),
            3 => body.insert(at, 0),
            4 => drop(body.splice(0..0, *b"\xef\xbb\xbf")),
            _ => {
                let slice = body[at..body.len().min(at + 40)].to_vec();
                drop(body.splice(at..at, slice));
            }
        }
    }
}
