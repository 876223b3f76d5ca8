//! Values in the binary format of Postgres, for COPY.

use super::Json;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use closegraph_entity::custom_type::Kind;
use closegraph_entity::opportunity::{Status, ValuePeriod};
use closegraph_entity::receivable::{self, PaymentStatus};
use uuid::Uuid;

/// 2000-01-01, from which Postgres counts: days after the first of the common era, and microseconds after 1970.
const DAYS: i32 = 730_120;
const MICROSECONDS: i64 = 946_684_800_000_000;

/// Rows that are being written out.
#[derive(Debug)]
pub(crate) struct Tuples {
    bytes: Vec<u8>,
    columns: u16,
}

impl Tuples {
    /// Of so many columns.
    pub(crate) fn of(columns: u16) -> Self {
        // The signature, no flags, no extension of the header.
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, columns }
    }

    /// Starts a row; its values follow.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    pub(crate) fn put(&mut self, value: &(impl Field + ?Sized)) -> &mut Self {
        value.put(self);
        self
    }

    /// JSON text, for a jsonb column.
    pub(crate) fn put_json(&mut self, json: &str) -> &mut Self {
        // The version of the format comes before the text.
        self.value(&[&[1], json.as_bytes()]);
        self
    }

    /// What has been written and not been cleared.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what has been sent.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Ends the rows.
    pub(crate) fn finish(&mut self) {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    }

    /// One value: its length and its bytes.
    fn value(&mut self, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // What is longer than a value may be in Postgres is refused there.
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }
}

/// A value of a column.
pub(crate) trait Field {
    fn put(&self, tuples: &mut Tuples);
}

impl<T: Field> Field for Option<T> {
    fn put(&self, tuples: &mut Tuples) {
        match self {
            Some(value) => value.put(tuples),
            None => tuples.bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
}

impl<T: Field + ?Sized> Field for &T {
    fn put(&self, tuples: &mut Tuples) {
        (**self).put(tuples);
    }
}

impl Field for str {
    fn put(&self, tuples: &mut Tuples) {
        tuples.value(&[self.as_bytes()]);
    }
}

impl Field for String {
    fn put(&self, tuples: &mut Tuples) {
        self.as_str().put(tuples);
    }
}

impl Field for Json {
    fn put(&self, tuples: &mut Tuples) {
        tuples.put_json(&self.0);
    }
}

impl Field for Uuid {
    fn put(&self, tuples: &mut Tuples) {
        tuples.value(&[self.as_bytes()]);
    }
}

impl Field for i64 {
    fn put(&self, tuples: &mut Tuples) {
        tuples.value(&[&self.to_be_bytes()]);
    }
}

impl Field for i32 {
    fn put(&self, tuples: &mut Tuples) {
        tuples.value(&[&self.to_be_bytes()]);
    }
}

impl Field for i16 {
    fn put(&self, tuples: &mut Tuples) {
        tuples.value(&[&self.to_be_bytes()]);
    }
}

impl Field for DateTime<Utc> {
    fn put(&self, tuples: &mut Tuples) {
        (self.timestamp_micros() - MICROSECONDS).put(tuples);
    }
}

impl Field for NaiveDate {
    fn put(&self, tuples: &mut Tuples) {
        let days = self.num_days_from_ce() - DAYS;
        tuples.value(&[&days.to_be_bytes()]);
    }
}

/// Words of our enums.
macro_rules! words {
    ($($word:ty),*) => {
        $(impl Field for $word {
            fn put(&self, tuples: &mut Tuples) {
                self.as_str().put(tuples);
            }
        })*
    };
}

words!(Kind, PaymentStatus, Status, ValuePeriod, receivable::Status);
