//! The HTTP of OAuth: only with the party whose MCP server or API is connected, and without following anybody elsewhere.
//! The client of the REST API has no part in it: it can't express these requests.

use super::OAuthError;
use rmcp::transport::auth::{
    OAuthHttpClient, OAuthHttpClientError, OAuthHttpClientFuture, OAuthHttpRequest,
};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Limit of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No answer of an authorization server is longer.
const LONGEST: usize = 256 * 1024;

/// Who may be asked: the host of the server that is connected, and by HTTPS the other hosts under the domain that its owner registered.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    server: Url,
}

impl Hosts {
    pub(super) fn of(server: &Url) -> Result<Self, OAuthError> {
        let local = match server.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        // A token is not to be read on the way; within a machine it has none.
        if server.scheme() == "https" || (server.scheme() == "http" && local) {
            return Ok(Self {
                server: server.clone(),
            });
        }
        Err(OAuthError::Address(server.to_string()))
    }

    pub(super) fn check(&self, url: &Url) -> Result<(), OAuthError> {
        let same_host = url.host() == self.server.host() && url.scheme() == self.server.scheme();
        let owner = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => psl::domain_str(name).map(str::to_owned),
            _ => None,
        };
        let same_owner = url.scheme() == "https"
            && owner(url).is_some_and(|name| owner(&self.server) == Some(name));
        if same_host || same_owner {
            return Ok(());
        }
        Err(OAuthError::Host(
            url.host_str().unwrap_or_default().to_owned(),
        ))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    hosts: Hosts,
}

impl Http {
    pub(super) fn new(hosts: Hosts) -> Result<Self, OAuthError> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("closegraph/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| OAuthError::Discovery {
            server: hosts.server.to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { client, hosts })
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(super) fn shared(&self) -> Arc<dyn OAuthHttpClient> {
        Arc::new(self.clone())
    }

    /// Posts a form and answers the status.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<u16, OAuthHttpClientError> {
        self.hosts.check(url)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        let request = self.client.post(url.clone()).body(body);
        let request = request.header(reqwest::header::CONTENT_TYPE, kind);
        let sent = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(sent.status().as_u16())
    }
}

impl Http {
    /// Sends a request to somebody who may be asked.
    pub(super) async fn send<B: Into<reqwest::Body>>(
        &self,
        request: axum::http::Request<B>,
    ) -> Result<axum::http::Response<Vec<u8>>, OAuthHttpClientError> {
        let request = reqwest::Request::try_from(request)?;
        self.hosts.check(request.url())?;
        let sent = self.client.execute(request).await;
        let mut answer = sent.map_err(reqwest::Error::without_url)?;
        let mut response = axum::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            if body.len() + part.len() > LONGEST {
                return Err("the answer is too long".into());
            }
            body.extend_from_slice(&part);
        }
        Ok(response.body(body)?)
    }
}

impl OAuthHttpClient for Http {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move {
            let request = request.request;
            self.send(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;
    use url::Url;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_the_owner_of_the_server_is_asked() {
        let close = Hosts::of(&url("https://mcp.close.com/mcp")).unwrap();
        for allowed in ["https://api.close.com/oauth2/token/", "https://close.com/"] {
            assert!(close.check(&url(allowed)).is_ok(), "{allowed}");
        }
        for other in [
            "http://api.close.com/",
            "https://close.com.evil.example/",
            "https://notclose.com/",
            "https://127.0.0.1/",
            "http://169.254.169.254/",
        ] {
            assert!(close.check(&url(other)).is_err(), "{other}");
        }
        let local = Hosts::of(&url("http://127.0.0.1:8765/mcp")).unwrap();
        assert!(
            local
                .check(&url("http://127.0.0.1:9/oauth2/token/"))
                .is_ok()
        );
        assert!(local.check(&url("http://127.0.0.2/")).is_err());
    }

    #[test]
    fn a_server_is_reached_by_https_unless_it_is_on_this_machine() {
        for refused in [
            "http://mcp.close.com/mcp",
            "http://10.0.0.1/mcp",
            "ftp://localhost/",
        ] {
            assert!(Hosts::of(&url(refused)).is_err(), "{refused}");
        }
        assert!(Hosts::of(&url("http://localhost:1/mcp")).is_ok());
    }
}
