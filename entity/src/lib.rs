//! The tables of the mirror, one file each, and the enums stored in them.
//!
//! No foreign keys stand between mirrored tables: a child may arrive before its parent. Ids of mirrored rows are
//! computed from the connection and the Close id (see [`record::record_id`]), never looked up.

pub mod access_entry;
pub mod api_token;
pub mod audit_entry;
pub mod authorization_attempt;
pub mod browser_session;
pub mod change_feed;
pub mod company;
pub mod connection;
pub mod custom_field;
pub mod custom_record;
pub mod custom_type;
pub mod deferred_index;
pub mod delivery;
pub mod drift;
pub mod event;
pub mod exchange_rate;
pub mod feed_horizon;
pub mod invoice_mapping;
pub mod label;
pub mod link;
pub mod match_queue;
pub mod member;
pub mod opportunity;
pub mod paid_amount;
pub mod permission;
pub mod person;
pub mod rate_limit;
pub mod receivable;
pub mod receivable_line;
pub mod record;
pub mod revenue_day;
pub mod sync_checkpoint;
pub mod sync_run;
pub mod token_use;
pub mod tombstone;
pub mod transaction;
