//! Close as it behaves.
mod config;
mod faults;
mod generate;
mod world;
pub use config::{RateLimit, SimulatorConfig, WebhookTiming};
pub use faults::Faults;
