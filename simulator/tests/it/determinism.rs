use close_sim::SimulatorConfig;
use serde_json::Value;

use crate::harness::{config, start, text};

async fn world(config: SimulatorConfig) -> Vec<Value> {
    let sim = start(config).await;
    let mut all = Vec::new();
    for list in [
        "lead/",
        "contact/",
        "opportunity/",
        "user/",
        "pipeline/",
        "custom_field/lead/",
    ] {
        all.extend(sim.all(list).await);
    }
    all
}

#[tokio::test]
async fn the_same_seed_makes_the_same_organization_and_another_one_another() {
    let first = world(config()).await;
    assert_eq!(first, world(config()).await);
    let other = world(SimulatorConfig {
        seed: 43,
        ..config()
    })
    .await;
    assert_ne!(first[0]["id"], other[0]["id"]);
}

#[tokio::test]
async fn a_lead_is_the_same_however_many_others_there_are() {
    let few = start(SimulatorConfig {
        leads: 80,
        same_instant_leads: 0,
        ..config()
    })
    .await;
    let many = start(SimulatorConfig {
        leads: 120,
        same_instant_leads: 0,
        ..config()
    })
    .await;
    let many = many.all("lead/").await;
    for lead in few.all("lead/").await {
        assert!(many.contains(&lead), "{}", lead["id"]);
    }
}

#[tokio::test]
async fn leads_are_as_odd_as_closes() {
    let sim = start(SimulatorConfig {
        leads: 600,
        ..config()
    })
    .await;
    let leads = sim.all("lead/").await;
    let any = |holds: &dyn Fn(&Value) -> bool| leads.iter().any(holds);
    assert!(any(&|lead| lead["name"].is_null()));
    assert!(any(&|lead| lead["name"] == ""));
    assert!(any(&|lead| lead["name"]
        .as_str()
        .is_some_and(|name| name.ends_with("(Example)"))));
    assert!(any(&|lead| lead["name"]
        .as_str()
        .is_some_and(|name| !name.is_ascii())));
    assert!(any(&|lead| lead["description"]
        .as_str()
        .is_some_and(|text| text.contains('\0'))));
    assert!(any(&|lead| lead["description"].is_null()) && any(&|lead| lead["description"] == ""));
    assert!(any(&|lead| lead["url"]
        .as_str()
        .is_some_and(|url| !url.is_empty() && !url.contains("://"))));
    assert!(any(&|lead| lead["updated_by"].is_null()));
    assert!(
        any(&|lead| lead["addresses"][0]["address_2"] == "")
            && any(&|lead| lead["addresses"][0]["address_2"].is_null())
    );
    let imported = leads
        .iter()
        .filter(|lead| lead["created_by"].is_null())
        .collect::<Vec<_>>();
    assert_eq!(imported.len(), 36);
    assert!(
        imported
            .iter()
            .all(|lead| lead["date_updated"] == imported[0]["date_updated"])
    );
    assert!(
        leads
            .iter()
            .all(|lead| !text(lead, "display_name").is_empty())
    );
}

#[tokio::test]
async fn deals_and_contacts_are_as_odd_as_closes() {
    let sim = start(SimulatorConfig {
        leads: 600,
        ..config()
    })
    .await;
    let deals = sim.all("opportunity/").await;
    let any = |holds: &dyn Fn(&Value) -> bool| deals.iter().any(holds);
    assert!(any(&|deal| deal["value"].is_null()));
    assert!(any(&|deal| deal["contact_id"].is_null()));
    assert!(
        any(&|deal| deal["value_period"] == "monthly")
            && any(&|deal| deal["value_period"] == "annual")
    );
    assert!(any(
        &|deal| deal["status_type"] == "active" && deal["date_won"].as_str() > Some("2026-06-19")
    ));
    assert!(any(&|deal| deal["status_type"] == "active"
        && deal["date_won"].as_str() < Some("2026-06-01")
        && !deal["date_won"].is_null()));
    assert!(
        deals
            .iter()
            .all(|deal| deal["status_type"] != "won" || deal["date_won"].is_string())
    );
    let labels: std::collections::BTreeSet<&str> = deals
        .iter()
        .filter(|deal| deal["status_type"] == "won")
        .map(|deal| text(deal, "status_label"))
        .collect();
    assert_eq!(
        labels.into_iter().collect::<Vec<_>>(),
        ["Renewed", "Won", "Won - Paid"]
    );
    let contacts = sim.all("contact/").await;
    assert!(
        contacts
            .iter()
            .any(|contact| contact["emails"] == serde_json::json!([]))
    );
    assert!(
        contacts
            .iter()
            .any(|contact| contact["phones"][0]["country"].is_null()
                && contact["phones"][0]["phone"].is_string())
    );
}
