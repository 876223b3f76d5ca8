//! Connections: their credentials, their settings, their webhook subscription.

mod api_key;
mod connections;
mod disconnect;
mod full;
mod handed_key;
mod invoices;
mod oauth;
mod permissions;
mod session;
mod settings;
mod subscription;
mod vault;

pub use api_key::{ConnectRequest, add_api_key, connect_api_key};
pub use connections::Connections;
pub(crate) use connections::mapping;
pub use disconnect::{Disconnected, disconnect};
pub use full::Connected;
pub use handed_key::{hand_over_key, handed_address};
pub(crate) use invoices::follow_kept;
pub use invoices::{
    CustomType, Decision, Mapped, SURE, Trial, TriedInvoice, custom_types, decide_mapping, mapped,
    propose, try_mapping,
};
pub use oauth::{AppRequest, Attempt, Callback, OAuthError, begin, begin_app, finish, outcome};
pub(crate) use session::{CURSOR, Listed, McpSession};
pub use settings::reread_settings;
pub use subscription::{Watched, rotate_signing_key, watch_subscription};
pub use vault::{
    KeyStore, Rotated, Vault, VaultError, generate as generate_key, rotate as rotate_vault,
};
