//! `docs/operations` names what there is: metrics, commands, sections.

use clap::Parser;
use closegraph::cli::Cli;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const README: &str = include_str!("../../../docs/operations/README.md");
pub(crate) const RUNBOOK: &str = include_str!("../../../docs/operations/runbook.md");
const ALERTS: &str = include_str!("../../../docs/operations/alerts.yml");
const DASHBOARD: &str = include_str!("../../../docs/operations/grafana.json");

/// A row of the table of metrics.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
}

/// The table of metrics, by name.
pub(crate) fn table() -> BTreeMap<String, Row> {
    let rows = README
        .lines()
        .filter(|line| line.starts_with("| `closegraph_"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let labels = cells[3].split('`').skip(1).step_by(2);
        let row = Row {
            kind: cells[2].to_owned(),
            labels: labels.map(str::to_owned).collect(),
        };
        (cells[1].trim_matches('`').to_owned(), row)
    })
    .collect()
}

/// The metrics that a text of PromQL names, and the labels that it names in braces and after `by` and `on`.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let ours = words.filter(|word| word.starts_with("closegraph_"));
    let table = table();
    ours.map(|word| {
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| word.strip_suffix(part));
        let histogram =
            base.filter(|base| table.get(*base).is_some_and(|row| row.kind == "histogram"));
        histogram.unwrap_or(word).to_owned()
    })
    .collect()
}

fn assert_known(place: &str, expression: &str) {
    let known: BTreeSet<String> = table().into_keys().collect();
    let unknown: Vec<_> = named(expression).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "{place}: no such metric: {unknown:?}");
}

fn alerts() -> Vec<Value> {
    let parsed: Value = serde_saphyr::from_str(ALERTS).unwrap();
    let groups = parsed["groups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn every_alert_asks_for_metrics_that_exist_and_has_a_section_in_the_runbook() {
    let mut sections: BTreeSet<&str> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let expression = alert["expr"].as_str().unwrap();
        assert_known(name, expression);
        assert!(
            !named(expression).is_empty() || expression.starts_with("up{"),
            "{name}"
        );
        assert!(sections.remove(name), "{name} has no section of its own");
        let runbook = format!("docs/operations/runbook.md#{}", name.to_ascii_lowercase());
        assert_eq!(alert["annotations"]["runbook"], runbook.as_str());
        assert!(alert["annotations"]["summary"].is_string(), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{name}");
    }
    assert_eq!(sections, BTreeSet::new(), "sections without an alert");
}

#[test]
fn every_section_of_the_runbook_says_what_it_means_how_to_see_it_and_what_to_do() {
    for section in RUNBOOK.split("\n## ").skip(1) {
        let parts = ["**Means**", "**See**", "**Do**"].map(|part| section.find(part));
        assert!(
            parts.iter().all(Option::is_some) && parts.is_sorted(),
            "{section}"
        );
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_none_that_does_not_exist() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["name"], "datasource");
    assert_eq!(variables[0]["type"], "datasource");
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(
            ids.insert(panel["id"].as_i64().unwrap()),
            "an id comes twice"
        );
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}"
        );
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            assert_known(title, expression);
            shown.extend(named(expression));
        }
    }
    let documented: BTreeSet<String> = table().into_keys().collect();
    assert_eq!(shown, documented);
}

#[test]
fn every_command_of_the_documents_is_one() {
    let commands = |text: &'static str| {
        text.lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.contains("closegraph "))
            .filter_map(|line| {
                let line = line.split_once("closegraph ")?.1;
                (!line.starts_with('/')).then_some(line)
            })
    };
    let mut count = 0;
    for command in commands(README).chain(commands(RUNBOOK)) {
        let id = "0d0f6c1e-6c1b-5d6a-9f0e-0a8f3f6f7d11";
        let words = command.split_whitespace().map(|word| match word {
            "ID" | "EVENT" => id,
            word => word,
        });
        let parsed = Cli::try_parse_from(std::iter::once("closegraph").chain(words));
        assert!(
            parsed.is_ok(),
            "closegraph {command}: {}",
            parsed.unwrap_err()
        );
        count += 1;
    }
    assert!(count > 30, "only {count} commands");
}
