//! Which media type an answer has: what `Accept` asks for, as the GraphQL-over-HTTP specification reads it.

use axum::http::{HeaderMap, header};

/// The two media types that GraphQL is answered in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: for older clients, a document that is refused is a 200.
    #[default]
    Json,
    /// `application/graphql-response+json`: a document that is refused is a 400.
    GraphqlResponse,
}

impl Media {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The type that is wanted most; none where neither is. `application/json` when nothing is said, and where a
    /// wildcard leaves the choice to us.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(header::ACCEPT).iter().peekable();
        if given.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<Range<'_>> = given
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(Range::read)
            .collect();
        let json = weight(&ranges, "json");
        let modern = weight(&ranges, "graphql-response+json");
        // Between equals the one that is named; of two that are named the newer.
        if modern.quality > 0 && (modern.quality, modern.named) >= (json.quality, json.named) {
            return Some(match (modern.named, json.quality) {
                (false, 1..) => Self::Json,
                _ => Self::GraphqlResponse,
            });
        }
        (json.quality > 0).then_some(Self::Json)
    }
}

/// One entry of `Accept`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// Thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value)?,
                "charset" if !is_utf8(value) => return None,
                _ => {}
            }
        }
        Some(Self {
            kind,
            subtype,
            quality,
        })
    }
}

fn thousandths(text: &str) -> Option<u16> {
    let quality: f32 = text.parse().ok()?;
    // The cast is of a number from 0 to 1000.
    (0.0..=1.0)
        .contains(&quality)
        .then(|| (quality * 1_000.0).round() as u16)
}

/// Whether a charset is the one that JSON has.
pub(super) fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// How much one of our types is wanted, and whether by its own name.
struct Weight {
    quality: u16,
    named: bool,
}

/// The most specific range decides, as RFC 9110 says.
fn weight(ranges: &[Range<'_>], subtype: &str) -> Weight {
    let specificity = |range: &Range<'_>| {
        let is = |text: &str, wanted: &str| text.eq_ignore_ascii_case(wanted);
        match (range.kind, range.subtype) {
            ("*", "*") => Some(0_u8),
            (kind, "*") if is(kind, "application") => Some(1),
            (kind, given) if is(kind, "application") && is(given, subtype) => Some(2),
            _ => None,
        }
    };
    let fitting = ranges
        .iter()
        .filter_map(|range| Some((specificity(range)?, range.quality)));
    let (specific, quality) = fitting.max().unwrap_or((0, 0));
    Weight {
        quality,
        named: specific == 2,
    }
}

#[cfg(test)]
mod tests {
    use super::Media;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn the_type_that_is_wanted_most_is_answered() {
        let wanted = |accept: &str| {
            let value = HeaderValue::from_str(accept).unwrap();
            Media::wanted(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        let (json, modern) = (Some(Media::Json), Some(Media::GraphqlResponse));
        for (accept, expected) in [
            ("application/json", json),
            ("application/graphql-response+json", modern),
            (
                "application/graphql-response+json, application/json",
                modern,
            ),
            (
                "application/json, application/graphql-response+json",
                modern,
            ),
            (
                "application/graphql-response+json;q=0.5, application/json",
                json,
            ),
            (
                "application/json;q=0.5, application/graphql-response+json;q=0.9",
                modern,
            ),
            ("application/graphql-response+json; charset=utf-8", modern),
            ("Application/JSON; Charset=\"UTF-8\"", json),
            ("*/*", json),
            ("application/*", json),
            ("text/html, */*;q=0.1", json),
            ("application/json;q=0, */*", modern),
            ("application/graphql-response+json;q=0.3, */*;q=0.2", modern),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;charset=iso-8859-1", None),
            ("application/json;q=2", None),
            ("", None),
        ] {
            assert_eq!(wanted(accept), expected, "{accept}");
        }
        assert_eq!(Media::wanted(&HeaderMap::new()), json);
    }
}
