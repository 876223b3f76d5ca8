//! What kind of revenue a won deal is, by rules that an operator may write.

use super::{Json, OpportunityColumns};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rules, in the order in which they are tried: the first that fits gives the category.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Categories(Vec<CategoryRule>);

/// A category and the deals that are of it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CategoryRule {
    /// Shown beside the category, so that a reader can tell why.
    pub name: String,
    pub category: String,
    /// All of it holds; without it, every deal fits.
    #[serde(default)]
    pub when: When,
}

/// What has to hold. Words are compared without regard to case, and may stand within a longer text.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// One of these is in the name of the pipeline.
    pub pipeline: Vec<String>,
    /// One of these is in what the status is called.
    pub status: Vec<String>,
    /// One of these is in the note.
    pub note: Vec<String>,
    /// `one_time`, `monthly` or `annual`: one of these is how often the value is paid.
    pub billing_period: Vec<String>,
    /// Custom fields by their `cf_…`: one of the words is in the value.
    pub custom: BTreeMap<String, Vec<String>>,
}

impl Default for Categories {
    fn default() -> Self {
        let rule = |name: &str, category: &str, pipeline: &[&str], status: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            CategoryRule {
                name: name.to_owned(),
                category: category.to_owned(),
                when: When {
                    pipeline: words(pipeline),
                    status: words(status),
                    ..When::default()
                },
            }
        };
        let renewal: &[&str] = &["renew", "verlänger", "renouvel", "renov"];
        let expansion: &[&str] = &[
            "expan",
            "upsell",
            "up-sell",
            "cross-sell",
            "cross sell",
            "upgrade",
        ];
        let services: &[&str] = &["service", "consult", "implement", "onboard", "training"];
        let new: &[&str] = &["new", "sales", "acqui", "neukund", "vertrieb"];
        Self(vec![
            rule("pipeline says renewal", "renewal", renewal, &[]),
            rule("status says renewal", "renewal", &[], renewal),
            rule("pipeline says expansion", "expansion", expansion, &[]),
            rule("status says expansion", "expansion", &[], expansion),
            rule("pipeline says services", "services", services, &[]),
            rule("pipeline says new business", "new_business", new, &[]),
            rule("no other rule", "other", &[], &[]),
        ])
    }
}

impl Categories {
    /// Rules in the order in which they are tried.
    pub fn new(rules: Vec<CategoryRule>) -> Self {
        Self(rules)
    }

    /// The category of a deal, and the rule that gives it.
    pub(super) fn of(&self, deal: &OpportunityColumns, custom: &Json) -> Option<(String, String)> {
        let rule = self.0.iter().find(|rule| rule.when.holds(deal, custom))?;
        Some((rule.category.clone(), rule.name.clone()))
    }
}

impl When {
    fn holds(&self, deal: &OpportunityColumns, custom: &Json) -> bool {
        let period = deal.value_period.as_str();
        within(&self.pipeline, deal.pipeline_name.as_deref())
            && within(&self.status, deal.status_label.as_deref())
            && within(&self.note, deal.note.as_deref())
            && within(&self.billing_period, Some(period))
            && (self.custom.is_empty() || self.custom_holds(custom))
    }

    fn custom_holds(&self, custom: &Json) -> bool {
        let values: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&custom.0).unwrap_or_default();
        self.custom.iter().all(|(field, words)| {
            let value = values.get(field).map(|value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            within(words, value.as_deref())
        })
    }
}

/// Whether one of the words is in the text; no words ask for nothing.
fn within(words: &[String], text: Option<&str>) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = text.unwrap_or_default().to_lowercase();
    words.iter().any(|word| text.contains(&word.to_lowercase()))
}
