//! The part of Close's old text query language that clients still send to `/lead/`: bounds on
//! `date_updated` and `date_created` with minute precision, `sort:`, and words of the name
//! (dossier 3.2).

use crate::world::lead::Lead;
use crate::world::moment::Moment;
use crate::world::store::{Order, Window};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) order: Order,
    pub(super) ascending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeadQuery {
    pub(super) updated: Window,
    pub(super) created: Window,
    pub(super) sort: Sort,
    /// Lower case; all of it must stand in the name.
    pub(super) name: Option<Vec<String>>,
}

impl Default for LeadQuery {
    fn default() -> Self {
        Self {
            updated: Window::ALL,
            created: Window::ALL,
            sort: Sort {
                order: Order::Updated,
                ascending: false,
            },
            name: None,
        }
    }
}

impl LeadQuery {
    /// The error is a message for the query's author.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self::default();
        for term in terms(text)? {
            query.take(&term)?;
        }
        Ok(query)
    }

    fn take(&mut self, term: &str) -> Result<(), String> {
        if term == "*" || term.eq_ignore_ascii_case("and") {
            return Ok(());
        }
        if let Some(field) = term.strip_prefix("sort:") {
            let ascending = !field.starts_with('-');
            let order = match field.trim_start_matches('-') {
                "date_updated" | "updated" => Order::Updated,
                "date_created" | "created" => Order::Created,
                other => return Err(format!("Cannot sort by \"{other}\".")),
            };
            self.sort = Sort { order, ascending };
            return Ok(());
        }
        for (name, created) in [("date_updated", false), ("date_created", true)] {
            if let Some(rest) = term.strip_prefix(name) {
                let bound = bound(rest).ok_or_else(|| format!("Cannot read \"{term}\"."))?;
                let window = if created {
                    &mut self.created
                } else {
                    &mut self.updated
                };
                *window = window.and(bound);
                return Ok(());
            }
        }
        let words = term.strip_prefix("name:").unwrap_or(term);
        if words.contains([':', '<', '>', '=', '(', ')']) {
            return Err(format!("Cannot read \"{term}\"."));
        }
        self.name.get_or_insert_default().push(words.to_lowercase());
        Ok(())
    }

    pub(super) fn matches(&self, lead: &Lead) -> bool {
        self.updated.contains(lead.updated)
            && self.created.contains(lead.created)
            && self.name.as_ref().is_none_or(|words| {
                let name = lead.name.as_deref().unwrap_or_default().to_lowercase();
                words.iter().all(|word| name.contains(word.as_str()))
            })
    }
}

/// A bound such as `>=2026-06-01T10:00`: seconds are cut off on both sides of the comparison.
fn bound(text: &str) -> Option<Window> {
    let rest = text.trim_start_matches(['>', '<', '=', ':']);
    let operator = text.get(..text.len() - rest.len())?;
    let minute = Moment::parse(rest)?.minute();
    let next = minute.plus(Moment::MINUTE);
    Some(match operator {
        ">=" => Window {
            from: minute,
            ..Window::ALL
        },
        ">" => Window {
            from: next,
            ..Window::ALL
        },
        "<" => Window {
            until: minute,
            ..Window::ALL
        },
        "<=" => Window {
            until: next,
            ..Window::ALL
        },
        "=" | ":" => Window {
            from: minute,
            until: next,
        },
        _ => return None,
    })
}

/// Splits at spaces outside quotes, and takes the quotes away.
fn terms(text: &str) -> Result<Vec<String>, String> {
    let (mut terms, mut term, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for letter in text.chars() {
        match letter {
            '"' => (quoted, any) = (!quoted, true),
            letter if letter.is_whitespace() && !quoted => {
                if any {
                    terms.push(std::mem::take(&mut term));
                }
                any = false;
            }
            letter => {
                term.push(letter);
                any = true;
            }
        }
    }
    if quoted {
        return Err("A quotation mark is not closed.".into());
    }
    if any {
        terms.push(term);
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::{LeadQuery, Moment, Order};

    #[test]
    fn seconds_of_a_bound_are_ignored() {
        let at = |text| Moment::parse(text).unwrap();
        let query = "date_updated>=\"2026-06-01T10:00:37\" and date_updated<\"2026-06-01T10:05\" sort:date_updated";
        let query = LeadQuery::parse(query).unwrap();
        assert!(query.updated.contains(at("2026-06-01T10:00:00.000000")));
        assert!(query.updated.contains(at("2026-06-01T10:04:59.999999")));
        assert!(!query.updated.contains(at("2026-06-01T10:05:00")));
        assert_eq!(query.sort.order, Order::Updated);
        assert!(query.sort.ascending);
    }

    #[test]
    fn text_that_is_not_understood_is_refused() {
        for text in [
            "shoe_size:44",
            "sort:moon",
            "date_updated>=soon",
            "name:\"open",
            "a or (b)",
        ] {
            assert!(LeadQuery::parse(text).is_err(), "{text}");
        }
        assert!(LeadQuery::parse("northwind \"blue harbor\"").is_ok());
    }
}
