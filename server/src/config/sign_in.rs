//! How people sign in by browser.

use super::Config;
use anyhow::Context;
use closegraph_entity::api_token::Role;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// Sessions of browsers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    pub session_s: u64,
    pub idle_s: u64,
    pub openid_connect: OpenIdConnect,
}

/// A provider with which people sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenIdConnect {
    /// Absent: there is none.
    pub issuer: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<SecretString>,
    pub client_secret_file: Option<PathBuf>,
    pub scopes: Vec<String>,
    pub role_claim: String,
    pub roles: BTreeMap<String, Role>,
    /// Absent: all.
    pub connections: Option<Vec<Uuid>>,
    pub connections_claim: Option<String>,
    pub label: String,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            session_s: 12 * 3_600,
            idle_s: 2 * 3_600,
            openid_connect: OpenIdConnect::default(),
        }
    }
}

impl Default for OpenIdConnect {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret: None,
            client_secret_file: None,
            scopes: Vec::new(),
            role_claim: "groups".to_owned(),
            roles: BTreeMap::new(),
            connections: None,
            connections_claim: None,
            label: "your organization".to_owned(),
        }
    }
}

/// Refuses a provider of which something is missing.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let openid = &config.sign_in.openid_connect;
    if openid.issuer.is_none() {
        return Ok(());
    }
    for (is_there, key, why) in [
        (
            openid.client_id.is_some(),
            "sign_in.openid_connect.client_id",
            "by which the provider knows this server",
        ),
        (
            !openid.roles.is_empty(),
            "sign_in.openid_connect.roles",
            "without which nobody may do anything",
        ),
        (
            config.http.public_url.is_some(),
            "http.public_url",
            "below which the provider sends browsers back",
        ),
    ] {
        if !is_there {
            return Err(format!("sign_in.openid_connect.issuer needs {key}, {why}"));
        }
    }
    if openid.client_secret.is_some() && openid.client_secret_file.is_some() {
        return Err(
            "sign_in.openid_connect has client_secret and client_secret_file, allowed: one of them"
                .to_owned(),
        );
    }
    Ok(())
}

impl Config {
    /// How people sign in; the secret of the provider's client is read now.
    pub(crate) fn sign_in(&self) -> anyhow::Result<closegraph_api::SignIn> {
        let sign_in = &self.sign_in;
        Ok(closegraph_api::SignIn {
            public_url: self.http.public_url.clone(),
            session: Duration::from_secs(sign_in.session_s),
            idle: Duration::from_secs(sign_in.idle_s),
            openid_connect: sign_in.openid_connect.provider()?,
        })
    }
}

impl OpenIdConnect {
    fn provider(&self) -> anyhow::Result<Option<closegraph_api::OpenIdConnect>> {
        let (Some(issuer), Some(client_id)) = (&self.issuer, &self.client_id) else {
            return Ok(None);
        };
        let read = self.client_secret_file.as_ref().map(|path| {
            let name = path.display();
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| {
                format!("sign_in.openid_connect.client_secret_file: {name} can't be read")
            })?;
            let secret = text.trim();
            anyhow::ensure!(
                !secret.is_empty(),
                "sign_in.openid_connect.client_secret_file: {name} is empty"
            );
            Ok(SecretString::from(secret.to_owned()))
        });
        Ok(Some(closegraph_api::OpenIdConnect {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: read.transpose()?.or_else(|| self.client_secret.clone()),
            scopes: self.scopes.clone(),
            role_claim: self.role_claim.clone(),
            roles: self.roles.clone(),
            connections: self.connections.clone(),
            connections_claim: self.connections_claim.clone(),
            label: self.label.clone(),
        }))
    }
}
