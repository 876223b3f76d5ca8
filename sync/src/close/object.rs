//! A Close object as it came: its keys with the exact text of their values.

use super::time::{YEARS, parse_timestamp};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The Close object types that are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectType {
    User,
    Lead,
    Contact,
    Opportunity,
    CustomObject,
    CustomActivity,
}

impl ObjectType {
    /// Close's word, in events and search.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::CustomObject => "custom_object",
            Self::CustomActivity => "activity.custom_activity",
        }
    }

    /// Where an object of the type is read by its id.
    pub fn path(self, close_id: &str) -> String {
        match self {
            Self::CustomActivity => format!("activity/custom/{close_id}/"),
            _ => format!("{}/{close_id}/", self.as_str()),
        }
    }

    /// The modelled type that an event names, if any.
    pub fn of_event(object_type: &str) -> Option<Self> {
        match object_type {
            "lead" => Some(Self::Lead),
            "contact" => Some(Self::Contact),
            "opportunity" => Some(Self::Opportunity),
            "custom_object" => Some(Self::CustomObject),
            "activity.custom_activity" => Some(Self::CustomActivity),
            _ => None,
        }
    }
}

/// An object in Close's keys. Values stay text: nothing is rounded, and what we don't model is kept. A clone shares them
/// until one of the two changes.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Arc<Vec<(String, Box<RawValue>)>>,
}

/// Prefix of the keys that hold custom values.
const CUSTOM: &str = "custom.";

impl Object {
    /// Reads one object. NUL escapes and lone surrogates, which Postgres refuses, are taken out first.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&storable(json))
    }

    /// The value of a key as text; `None` when the key is absent.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Box<RawValue>> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries_mut().remove(at).1)
    }

    /// Sets a key.
    pub(crate) fn set(&mut self, key: &str, value: Box<RawValue>) {
        self.put(std::iter::once((key.to_owned(), value)));
    }

    /// Takes out what is not kept of an object: embedded children are objects of their own, and `custom` repeats
    /// `custom.cf_…` under names that may change.
    pub(crate) fn strip(&mut self) {
        for key in ["contacts", "opportunities", "tasks", "custom"] {
            self.take(key);
        }
    }

    /// Decodes a value; absent, null and values of another shape give `None`.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.get(key)?.get()).ok()?
    }

    /// A text value, empty meaning none; numbers and booleans are taken as typed.
    pub fn text(&self, key: &str) -> Option<String> {
        let raw = self.get(key)?.get();
        let text = match raw.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(raw).ok()?,
            b'n' | b'{' | b'[' => return None,
            _ => raw.to_owned(),
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// A timestamp in either of Close's forms.
    pub fn timestamp(&self, key: &str) -> Option<DateTime<Utc>> {
        parse_timestamp(&self.text(key)?)
    }

    /// A plain date; of a timestamp its date part.
    pub fn date(&self, key: &str) -> Option<NaiveDate> {
        let date: NaiveDate = self.text(key)?.get(..10)?.parse().ok()?;
        YEARS.contains(&date.year()).then_some(date)
    }

    /// The custom values, as `(cf_…, value)`; null values are unset ones.
    pub fn custom_values(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.entries.iter().filter_map(|(name, value)| {
            let id = name.strip_prefix(CUSTOM)?;
            (value.get() != "null").then_some((id, &**value))
        })
    }

    /// Lays the keys of `newer` over these. Keys that `newer` lacks stay, except custom ones when `newer` is complete:
    /// a full object simply lacks the custom fields that are unset.
    pub fn overlay(&mut self, newer: &Self, complete: bool) {
        if complete {
            self.entries_mut()
                .retain(|(name, _)| !name.starts_with(CUSTOM));
        }
        self.put(newer.entries.iter().cloned());
    }

    /// Clears the keys among `changed` that `newer` lacks: they have no value any more.
    pub fn clear_lacking(&mut self, changed: &[String], newer: &Self) {
        let carried: HashSet<&str> = newer.entries.iter().map(|(name, _)| &**name).collect();
        let lacking: HashSet<&str> = changed
            .iter()
            .map(|key| &**key)
            .filter(|key| !carried.contains(key))
            .collect();
        self.entries_mut()
            .retain(|(name, _)| !(name.starts_with(CUSTOM) && lacking.contains(&**name)));
        let cleared = changed
            .iter()
            .filter(|key| lacking.contains(&***key) && !key.starts_with(CUSTOM));
        self.put(cleared.map(|key| (key.clone(), RawValue::NULL.to_owned())));
    }

    fn entries_mut(&mut self) -> &mut Vec<(String, Box<RawValue>)> {
        Arc::make_mut(&mut self.entries)
    }

    /// Sets keys, in one pass whatever their number. Of a key that comes twice the last value counts, as in jsonb.
    fn put(&mut self, entries: impl Iterator<Item = (String, Box<RawValue>)>) {
        let kept = self.entries_mut();
        let mut places: HashMap<String, usize> = kept
            .iter()
            .enumerate()
            .map(|(place, (name, _))| (name.clone(), place))
            .collect();
        for (name, value) in entries {
            match places.get(&name).and_then(|place| kept.get_mut(*place)) {
                Some((_, known)) => *known = value,
                None => {
                    places.insert(name.clone(), kept.len());
                    kept.push((name, value));
                }
            }
        }
    }

    /// The object as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries: Vec<(String, Box<RawValue>)> = Vec::with_capacity(32);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                let mut seen = HashSet::with_capacity(entries.len());
                if entries.iter().all(|(name, _)| seen.insert(name)) {
                    return Ok(Object {
                        entries: Arc::new(entries),
                    });
                }
                let mut object = Object::default();
                object.put(entries.into_iter());
                Ok(object)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// JSON text that Postgres can keep: `\u0000` is dropped and half of a surrogate pair becomes U+FFFD. An escaped
/// backslash before the letter u is left alone.
pub(crate) fn storable(json: &str) -> Cow<'_, str> {
    let suspect = |needle: &[u8]| memchr::memmem::find(json.as_bytes(), needle).is_some();
    if !suspect(br"\u0000") && !suspect(br"\ud") && !suspect(br"\uD") {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let taken = match code_unit(escape) {
            Some(0) => 6,
            Some(0xD800..=0xDBFF) if is_low_surrogate(escape.get(6..)) => {
                out.push_str(escape.get(..12).unwrap_or_default());
                12
            }
            Some(0xD800..=0xDFFF) => {
                out.push_str(r"\ufffd");
                6
            }
            _ => {
                // An escape is a backslash and one more character, which may be of several bytes in broken text.
                let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
                out.push_str(escape.get(..length).unwrap_or_default());
                length
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The code unit of a `\uXXXX` escape at the start of the text.
fn code_unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix(r"\u")?.get(..4)?, 16).ok()
}

fn is_low_surrogate(text: Option<&str>) -> bool {
    matches!(text.and_then(code_unit), Some(0xDC00..=0xDFFF))
}

#[cfg(test)]
mod tests {
    use super::{Object, storable};
    use proptest::prelude::*;

    #[test]
    fn a_nul_escape_is_dropped_and_an_escaped_backslash_kept() {
        assert_eq!(storable(r#""a\u0000b""#), r#""ab""#);
        assert_eq!(storable(r#""a\\u0000b""#), r#""a\\u0000b""#);
        assert_eq!(storable(r#""a\\\u0000b""#), r#""a\\b""#);
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_a_whole_one_kept() {
        assert_eq!(storable(r#""\ud83d\ude00""#), r#""\ud83d\ude00""#);
        assert_eq!(storable(r#""\ud83d!""#), r#""\ufffd!""#);
        assert_eq!(storable(r#""\ude00""#), r#""\ufffd""#);
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = r#"{"custom.cf_x":12345678901234567890.123456789}"#;
        assert_eq!(Object::parse(text).unwrap().to_json(), text);
    }

    #[test]
    fn a_full_object_clears_custom_values_that_it_lacks_and_a_partial_one_does_not() {
        let old = Object::parse(r#"{"name":"A","custom.cf_x":1,"custom.cf_y":2}"#).unwrap();
        let newer = Object::parse(r#"{"custom.cf_y":3}"#).unwrap();
        let mut full = old.clone();
        full.overlay(&newer, true);
        assert_eq!(full.to_json(), r#"{"name":"A","custom.cf_y":3}"#);
        let mut partial = old;
        partial.overlay(&newer, false);
        assert_eq!(
            partial.to_json(),
            r#"{"name":"A","custom.cf_x":1,"custom.cf_y":3}"#
        );
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_value_counts() {
        let object = Object::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(object.to_json(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn what_changed_and_is_not_carried_is_cleared() {
        let mut object = Object::parse(r#"{"name":"A","url":"b","custom.cf_x":1}"#).unwrap();
        let newer = Object::parse(r#"{"name":"B"}"#).unwrap();
        let changed = ["name", "url", "custom.cf_x", "note"].map(str::to_owned);
        object.clear_lacking(&changed, &newer);
        assert_eq!(object.to_json(), r#"{"name":"A","url":null,"note":null}"#);
    }

    proptest! {
        #[test]
        fn what_is_storable_stays_json_and_keeps_all_other_characters(text in ".*") {
            let json = serde_json::to_string(&text).unwrap();
            let kept: String = serde_json::from_str(&storable(&json)).unwrap();
            prop_assert_eq!(kept, text.replace('\0', ""));
        }
    }
}
