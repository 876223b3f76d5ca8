//! Connections: their credentials, their settings, their webhook subscription.

mod api_key;
mod connections;
mod settings;
mod vault;

pub use api_key::{ConnectRequest, Connected, connect_api_key};
pub use connections::Connections;
pub use vault::{Vault, VaultError};
