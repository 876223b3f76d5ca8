//! A person who is asked in Close whether it may be read, as far as a browser without scripts shows it.

use anyhow::{Context, ensure};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use url::Url;
use url::form_urlencoded::Serializer;

/// What a person decides about a request for access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny,
}

/// Opens the consent page, decides, and answers where Close sends the person back to.
pub async fn decide(asked: &str, decision: Decision) -> anyhow::Result<Url> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let page = http.get(asked).send().await?.error_for_status()?;
    let page = page.text().await?;
    let mut form = Serializer::new(String::new());
    for input in page.split(r#"<input type="hidden" name=""#).skip(1) {
        let (name, rest) = input.split_once(r#"" value=""#).context("no value")?;
        let (value, _) = rest.split_once('"').context("no end of a value")?;
        form.append_pair(name, &value.replace("&amp;", "&"));
    }
    let (_, organization) = page.split_once("<option value=\"").context("no choice")?;
    let (organization, _) = organization.split_once('"').context("no choice")?;
    form.append_pair("organization_id", organization);
    let word = match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    ensure!(page.contains(&format!(r#"value="{word}">"#)), "{page}");
    form.append_pair("decision", word);
    let target = Url::parse(asked)?.join("/oauth2/authorize/")?;
    let sent = http
        .post(target)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.finish());
    let answer = sent.send().await?;
    let back = answer.headers().get(LOCATION).context("not sent back")?;
    Ok(Url::parse(back.to_str()?)?)
}

/// The same, and goes there: the status and the page that is shown.
pub async fn answer(asked: &str, decision: Decision) -> anyhow::Result<(u16, String)> {
    open(decide(asked, decision).await?).await
}

/// Opens an address: the status and the page that is shown.
pub async fn open(address: Url) -> anyhow::Result<(u16, String)> {
    let page = reqwest::get(address).await?;
    Ok((page.status().as_u16(), page.text().await?))
}
