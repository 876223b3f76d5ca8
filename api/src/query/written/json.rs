//! JSON that is written piece by piece.

use async_graphql::Context;
use serde::Serialize;

use crate::error::{ApiError, Result};

/// What was written so far, and what it answers.
pub(super) struct Json<'a> {
    pub(super) text: Vec<u8>,
    pub(super) ctx: &'a Context<'a>,
}

/// A key of an object with its colon.
#[derive(Debug)]
pub(super) struct Key(String);

impl Key {
    /// A response key, which is a name.
    pub(super) fn new(name: &str) -> Self {
        Self(format!("\"{name}\":"))
    }
}

impl<'a> Json<'a> {
    pub(super) fn new(ctx: &'a Context<'a>, size: usize) -> Self {
        let text = Vec::with_capacity(size);
        Self { text, ctx }
    }

    /// An object of these keys, the value of each written by `each`.
    pub(super) fn object<T>(
        &mut self,
        fields: &[(Key, T)],
        mut each: impl FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        self.text.push(b'{');
        for (place, (key, field)) in fields.iter().enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            self.plain(&key.0);
            each(self, field)?;
        }
        self.text.push(b'}');
        Ok(())
    }

    /// An array of these, each written by `each`.
    pub(super) fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> Result<()>,
    ) -> Result<()> {
        self.text.push(b'[');
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.text.push(b',');
            }
            each(self, item)?;
        }
        self.text.push(b']');
        Ok(())
    }

    /// What is JSON already.
    pub(super) fn plain(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(super) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        serde_json::to_writer(&mut self.text, value).map_err(ApiError::Answer)
    }

    /// A null, where there may be one.
    pub(super) fn null(&mut self, nullable: bool) -> Result<()> {
        if !nullable {
            return Err(super::columns::NULL);
        }
        self.plain("null");
        Ok(())
    }
}
