//! Which requests come from pages of this server. A browser sends the cookie of a session with requests that it was told to
//! make by any page; it says, too, by which, and pages can't change what it says.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, header};
use url::{Origin, Url};

/// How a browser says from where a request comes: `same-origin`, `same-site`, `cross-site`, or `none` where a person does.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where browsers reach this server.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    public: Option<Origin>,
    is_https: bool,
}

impl Site {
    pub(super) fn new(public: Option<&Url>) -> Self {
        Self {
            public: public.map(Url::origin),
            is_https: public.is_some_and(|url| url.scheme() == "https"),
        }
    }

    /// Whether browsers are known to come by HTTPS, all of them.
    pub(super) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether a browser says that it came by HTTPS, or must have.
    pub(super) fn came_by_https(&self, head: &Parts) -> bool {
        let origin = origin(head).flatten();
        self.is_https || origin.is_some_and(|origin| origin.scheme() == "https")
    }

    /// Whether a request comes from a page of this server, or reads what a person asked for. Old browsers, and those that
    /// came by HTTP, say only an origin, and that not when they read.
    pub(super) fn is_own(&self, head: &Parts) -> bool {
        if self.loses_cookies(head) {
            return false;
        }
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        match head.headers.get(FETCH_SITE).map(HeaderValue::as_bytes) {
            Some(b"same-origin") => true,
            Some(b"none") => reads,
            Some(_) => false,
            None => self.is_own_origin(head).unwrap_or(reads),
        }
    }

    /// The same for a socket, which everything may be asked through: its origin must be said.
    pub(super) fn is_own_socket(&self, head: &Parts) -> bool {
        let site = head.headers.get(FETCH_SITE);
        site.is_none_or(|site| site == "same-origin") && self.is_own_origin(head) == Some(true)
    }

    /// Whether a page came by HTTP, where cookies are for HTTPS.
    fn loses_cookies(&self, head: &Parts) -> bool {
        let origin = origin(head).flatten();
        self.is_https && origin.is_some_and(|origin| origin.scheme() == "http")
    }

    /// Whether the origin is ours; `None` where none is said.
    fn is_own_origin(&self, head: &Parts) -> Option<bool> {
        let Some(origin) = origin(head)?.filter(|_| !self.loses_cookies(head)) else {
            return Some(false);
        };
        let is_public = self.public.as_ref() == Some(&origin.origin());
        Some(is_public || is_host(&origin, head))
    }
}

/// The origin that is said; `Some(None)` where it is none that a page of ours has.
fn origin(head: &Parts) -> Option<Option<Url>> {
    let said = head.headers.get(header::ORIGIN)?;
    let url = said.to_str().ok().and_then(|said| Url::parse(said).ok());
    Some(url.filter(|url| matches!(url.scheme(), "http" | "https")))
}

/// Whether an origin is what the request itself was sent to.
fn is_host(origin: &Url, head: &Parts) -> bool {
    let host = head.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    // HTTP/2 has it in the address.
    let host = host.or_else(|| head.uri.authority().map(Authority::as_str));
    let asked = host.and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    asked.is_some_and(|asked| asked.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::Site;
    use axum::http::Request;
    use axum::http::request::Parts;
    use url::Url;

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri("/graphql");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    const HOST: (&str, &str) = ("host", "app.example:8080");

    #[test]
    fn only_pages_of_this_server_and_persons_who_read_are_own() {
        let site = Site::default();
        for (method, headers, expected) in [
            ("POST", &[("sec-fetch-site", "same-origin")][..], true),
            ("POST", &[("sec-fetch-site", "none")], false),
            ("GET", &[("sec-fetch-site", "none")], true),
            ("GET", &[("sec-fetch-site", "same-site")], false),
            ("GET", &[("sec-fetch-site", "cross-site")], false),
            // What the browser says of the site counts, whatever the origin is.
            (
                "POST",
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://app.example:8080"),
                ],
                false,
            ),
            ("POST", &[("origin", "http://app.example:8080")], true),
            ("POST", &[("origin", "http://app.example")], false),
            ("POST", &[("origin", "http://evil.example:8080")], false),
            ("POST", &[("origin", "null")], false),
            ("GET", &[("origin", "null")], false),
            ("POST", &[], false),
            ("GET", &[], true),
        ] {
            let headers = [headers, &[HOST]].concat();
            let head = head(method, &headers);
            assert_eq!(site.is_own(&head), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_socket_must_say_that_its_origin_is_this_server() {
        let site = Site::default();
        for (headers, expected) in [
            (&[("origin", "http://app.example:8080")][..], true),
            (
                &[
                    ("origin", "http://app.example:8080"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (
                &[
                    ("origin", "http://app.example:8080"),
                    ("sec-fetch-site", "same-site"),
                ],
                false,
            ),
            (&[("origin", "http://app.example:8081")], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[], false),
        ] {
            let headers = [headers, &[HOST]].concat();
            let head = head("GET", &headers);
            assert_eq!(site.is_own_socket(&head), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_public_address_is_own_behind_a_proxy_and_by_https_if_it_is_so() {
        let public = Url::parse("https://cg.example/below/").unwrap();
        let site = Site::new(Some(&public));
        let proxied = ("host", "127.0.0.1:8080");
        let own = |origin| site.is_own(&head("POST", &[proxied, ("origin", origin)]));
        assert!(own("https://cg.example"));
        assert!(own("https://cg.example:443"));
        assert!(!own("http://cg.example"));
        assert!(!own("http://127.0.0.1:8080"), "the cookie would be lost");
        let local = [
            proxied,
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(
            !site.is_own(&head("POST", &local)),
            "the cookie would be lost"
        );
        assert!(!own("https://cg.example.evil.example"));
    }
}
