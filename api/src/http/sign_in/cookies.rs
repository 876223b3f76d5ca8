//! The cookies of a session, and of a sign-in with a provider that has begun.
//!
//! By HTTPS the name begins with `__Host-`: no other host of the domain can put a cookie of that name into a browser.

use super::site::Site;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use cookie::{Cookie, SameSite};
use std::time::Duration;

/// A kind of cookie.
#[derive(Debug)]
pub(super) struct Kind {
    secure: &'static str,
    plain: &'static str,
    same_site: SameSite,
}

/// No page needs it to be loaded, so it is sent with what pages of this server ask for, and never from elsewhere.
pub(super) const SESSION: Kind = Kind {
    secure: "__Host-closegraph",
    plain: "closegraph",
    same_site: SameSite::Strict,
};

/// The provider sends the browser back, which is a request from another site.
pub(super) const ATTEMPT: Kind = Kind {
    secure: "__Host-closegraph-sign-in",
    plain: "closegraph-sign-in",
    same_site: SameSite::Lax,
};

impl Kind {
    /// What a request has of it.
    pub(super) fn of(&self, site: &Site, head: &Parts) -> Option<String> {
        self.sent(site, head).map(|(_, value)| value)
    }

    /// The name by which a request has it, and what it has of it.
    fn sent(&self, site: &Site, head: &Parts) -> Option<(&'static str, String)> {
        let plain = (!site.is_https()).then_some(self.plain);
        let names = [Some(self.secure), plain];
        names.into_iter().flatten().find_map(|name| {
            let sent = head.headers.get_all(header::COOKIE).iter();
            sent.filter_map(|value| value.to_str().ok())
                .flat_map(Cookie::split_parse)
                .filter_map(Result::ok)
                .find(|cookie| cookie.name() == name)
                .map(|cookie| (name, cookie.value().to_owned()))
        })
    }

    /// The header that gives it to the browser.
    pub(super) fn set(
        &self,
        site: &Site,
        head: &Parts,
        value: &str,
        lifetime: Duration,
    ) -> HeaderValue {
        self.header(site.came_by_https(head), value, lifetime)
    }

    /// The header that takes it from the browser.
    pub(super) fn cleared(&self, site: &Site, head: &Parts) -> HeaderValue {
        let sent = self.sent(site, head);
        let is_secure =
            sent.map_or_else(|| site.came_by_https(head), |(name, _)| name == self.secure);
        self.header(is_secure, "", Duration::ZERO)
    }

    fn header(&self, is_secure: bool, value: &str, lifetime: Duration) -> HeaderValue {
        let name = if is_secure { self.secure } else { self.plain };
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(is_secure)
            .same_site(self.same_site)
            .max_age(cookie::time::Duration::seconds(lifetime));
        // Names and values are ASCII.
        HeaderValue::from_str(&cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}
