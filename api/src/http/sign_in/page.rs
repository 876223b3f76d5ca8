//! The pages of signing in: plain HTML, without scripts, and nothing from elsewhere.

use super::SigningIn;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = "
:root { color-scheme: light dark; --text: light-dark(#1f2733, #e8ecf2); --quiet: light-dark(#5b6675, #9aa6b6);
  --line: light-dark(#8a94a3, #6b7688); --accent: light-dark(#15604f, #8fe3c4); --refusal: light-dark(#b3261e, #ff9d95); }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: light-dark(#fff, #212a3b); }
main { max-width: 26rem; margin: 12vh auto 0; padding: 1rem; }
h1 { font-size: 1.4rem; }
label, input { display: block; }
input { box-sizing: border-box; width: 100%; margin: .3rem 0; padding: .5rem; font: 15px ui-monospace, monospace;
  color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 5px; }
button, .button { display: inline-block; margin-top: .6rem; padding: .4rem 1rem; font: inherit; color: var(--accent);
  background: transparent; border: 1px solid currentColor; border-radius: 5px; text-decoration: none; cursor: pointer; }
.quiet { margin: 0; color: var(--quiet); font-size: .9rem; }
.refusal { color: var(--refusal); }
";

/// Nothing but the style in the page, the icon, and a form for this server.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// The form, and why the last one was refused.
pub(super) fn form(signing_in: &SigningIn, refusal: Option<&str>) -> Response {
    let refusal = refusal.map_or_else(String::new, |refusal| {
        format!(
            "<p class=\"refusal\" role=\"alert\">{}</p>\n",
            text(refusal)
        )
    });
    let provider = signing_in.provider.as_ref().map(|provider| {
        let label = text(&provider.label());
        format!("<p><a class=\"button\" href=\"sign-in/openid-connect\">Sign in with {label}</a></p>\n<p>or with a token:</p>\n")
    });
    let main = format!(
        "<h1>Sign in to Closegraph</h1>
{refusal}{}<form method=\"post\" action=\"sign-in\">
<label for=\"token\">API token</label>
<input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" spellcheck=\"false\" placeholder=\"cg_…\" required autofocus aria-describedby=\"hint\">
<p class=\"quiet\" id=\"hint\">An admin makes one, or the command <code>closegraph token create</code>.</p>
<button type=\"submit\">Sign in</button>
</form>",
        provider.unwrap_or_default()
    );
    // With less, browsers would not say from which page the form comes.
    page(&main, "", "same-origin")
}

/// What became of signing in with a provider.
pub(super) fn told(message: &str, root: &str) -> Response {
    let message = text(message);
    let main = format!(
        "<h1>You are not signed in</h1>
<p class=\"refusal\" role=\"alert\">{message}</p>
<p><a class=\"button\" href=\"{root}sign-in\">Back to the sign-in</a></p>"
    );
    // The address of this page holds the code.
    page(&main, root, "no-referrer")
}

/// A page; `root` leads from its address to that of the server.
fn page(main: &str, root: &str, referrer: &'static str) -> Response {
    let html = format!(
        "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\"><title>Sign in · Closegraph</title>
<link rel=\"icon\" href=\"{root}graphiql/favicon.svg\"><style>{STYLE}</style></head>
<body><main>
{main}
</main></body></html>
"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::REFERRER_POLICY, referrer),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

/// Text as it stands in HTML.
fn text(raw: &str) -> String {
    let escaped = raw.replace('&', "&amp;").replace('<', "&lt;");
    escaped.replace('>', "&gt;").replace('"', "&quot;")
}
