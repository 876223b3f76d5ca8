//! Lead to company.

use super::row::{columns, json_text};
use super::{Json, Mapped, MappingContext, MappingError, indexed};
use crate::close::Object;
use serde::{Deserialize, Serialize};

columns! {
    /// The columns of `company`.
    CompanyColumns in "company", raw true {
        name: Option<String> => "text" / "text",
        description: Option<String> => "text" / "text",
        url: Option<String> => "text" / "text",
        domain: Option<String> => "text" / "text",
        status_id: Option<String> => "text" / "text",
        status_label: Option<String> => "text" / "text",
        addresses: Json => "text" / "jsonb" through json_text,
    }
}

impl Mapped for CompanyColumns {
    fn map(lead: &Object, context: &MappingContext) -> Result<Self, MappingError> {
        let url = lead.text("url");
        Ok(Self {
            name: lead
                .text("name")
                .or_else(|| lead.text("display_name"))
                .map(indexed),
            description: lead.text("description"),
            domain: url.as_deref().and_then(registrable_domain).map(indexed),
            url,
            status_id: lead.text("status_id"),
            status_label: context.label(lead, "status_id", "status_label"),
            addresses: addresses(lead),
        })
    }
}

#[derive(Deserialize)]
struct CloseAddress {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    address_1: Option<String>,
    #[serde(default)]
    address_2: Option<String>,
    #[serde(default)]
    city: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    zipcode: Option<String>,
    #[serde(default)]
    country: Option<String>,
}

#[derive(Serialize)]
struct Address {
    label: Option<String>,
    line1: Option<String>,
    line2: Option<String>,
    city: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    country: Option<String>,
}

fn addresses(lead: &Object) -> Json {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let addresses: Vec<Address> = lead
        .read::<Vec<CloseAddress>>("addresses")
        .unwrap_or_default()
        .into_iter()
        .map(|address| Address {
            label: filled(address.label),
            line1: filled(address.address_1),
            line2: filled(address.address_2),
            city: filled(address.city),
            region: filled(address.state),
            postal_code: filled(address.zipcode),
            country: filled(address.country),
        })
        .collect();
    Json::of(&addresses)
}

/// `shop.example.co.uk/path` to `example.co.uk`, with or without a scheme; `None` for what names no host.
fn registrable_domain(url: &str) -> Option<String> {
    let url = url.trim();
    let with_scheme = if url.contains("://") {
        url.to_owned()
    } else {
        format!("https://{url}")
    };
    let parsed = url::Url::parse(&with_scheme).ok()?;
    let host = parsed.domain()?.trim_end_matches('.').to_ascii_lowercase();
    psl::domain_str(&host).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::registrable_domain;

    #[test]
    fn a_domain_is_read_off_any_spelling_of_a_web_site() {
        let domain = |url: &str| registrable_domain(url);
        assert_eq!(
            domain("https://WWW.Northwind.example/about").as_deref(),
            Some("northwind.example")
        );
        assert_eq!(
            domain("northwind.example").as_deref(),
            Some("northwind.example")
        );
        assert_eq!(
            domain("shop.example.co.uk").as_deref(),
            Some("example.co.uk")
        );
        assert_eq!(domain("n/a"), None);
        assert_eq!(domain("http://127.0.0.1/"), None);
    }
}
