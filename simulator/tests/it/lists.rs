use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{config, ids, start, text};

#[tokio::test]
async fn leads_come_last_changed_first_with_their_children_embedded() {
    let sim = start(config()).await;
    let page = sim.get("lead/").await.ok();
    let leads = page["data"].as_array().unwrap();
    assert_eq!(
        (leads.len(), &page["total_results"], &page["has_more"]),
        (100, &json!(120), &json!(true))
    );
    assert!(
        leads.is_sorted_by_key(|lead| std::cmp::Reverse(text(lead, "date_updated").to_owned()))
    );
    let contact = leads
        .iter()
        .find_map(|lead| lead["contacts"].get(0))
        .unwrap();
    let alone = sim
        .get(&format!("contact/{}/", text(contact, "id")))
        .await
        .ok();
    assert_eq!(*contact, alone);
    let deal = leads
        .iter()
        .find_map(|lead| lead["opportunities"].get(0))
        .unwrap();
    let alone = sim
        .get(&format!("opportunity/{}/", text(deal, "id")))
        .await
        .ok();
    assert_eq!(*deal, alone);
    assert!(leads[0].get("contact_ids").is_none());
    assert_eq!(leads[0]["tasks"], json!([]));
}

#[tokio::test]
async fn only_leads_and_opportunities_tell_how_many_there_are() {
    let sim = start(config()).await;
    for (path, tells) in [
        ("lead/", true),
        ("opportunity/", true),
        ("contact/", false),
        ("user/", false),
    ] {
        let page = sim.get(path).await.ok();
        assert_eq!(page.get("total_results").is_some(), tells, "{path}");
        assert!(page["has_more"].is_boolean(), "{path}");
    }
}

#[tokio::test]
async fn limits_are_refused_with_field_errors() {
    let sim = start(config()).await;
    let message = "Input should be less than or equal to 200";
    for list in ["lead", "contact", "opportunity"] {
        assert_eq!(
            sim.get(&format!("{list}/?_limit=201"))
                .await
                .field_error("_limit"),
            message
        );
        sim.get(&format!("{list}/?_limit=-1"))
            .await
            .field_error("_limit");
        sim.get(&format!("{list}/?_limit=all"))
            .await
            .field_error("_limit");
        sim.get(&format!("{list}/?_skip=35001"))
            .await
            .field_error("_skip");
        assert_eq!(sim.get(&format!("{list}/?_skip=35000")).await.status, 200);
    }
    let counted = sim.get("lead/?_limit=0").await.ok();
    assert_eq!(
        (&counted["data"], &counted["total_results"]),
        (&json!([]), &json!(120))
    );
}

#[tokio::test]
async fn pages_cover_every_object_once() {
    let sim = start(config()).await;
    for list in ["lead", "contact", "opportunity"] {
        let (mut seen, mut skip) = (BTreeSet::new(), 0);
        loop {
            let page = sim
                .get(&format!("{list}/?_limit=37&_skip={skip}"))
                .await
                .ok();
            let page_ids = ids(&page);
            skip += page_ids.len();
            seen.extend(page_ids);
            if page["has_more"] == false {
                break;
            }
        }
        let state = sim.control("GET", "state", Value::Null).await.ok();
        assert_eq!(seen.len(), skip);
        assert_eq!(json!(skip), state["counts"][list]);
    }
}

#[tokio::test]
async fn the_legacy_query_has_minute_precision_and_both_directions() {
    let sim = start(config()).await;
    let all = sim.all("lead/?query=sort:date_updated").await;
    assert!(all.is_sorted_by_key(|lead| text(lead, "date_updated").to_owned()));
    let pivot = text(&all[60], "date_updated");
    let minute = &pivot[..16];
    let query = |text: &str| {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!("lead/?_limit=200&query={encoded}")
    };
    let after = sim
        .get(&query(&format!(
            "date_updated>=\"{minute}:59\" sort:date_updated"
        )))
        .await
        .ok();
    let expected: Vec<&str> = all
        .iter()
        .filter(|lead| &text(lead, "date_updated")[..16] >= minute)
        .map(|lead| text(lead, "id"))
        .collect();
    assert_eq!(ids(&after), expected);
    assert_eq!(after["total_results"], expected.len());
    let before = sim
        .get(&query(&format!(
            "date_updated<\"{minute}\" sort:-date_updated"
        )))
        .await
        .ok();
    assert_eq!(before["total_results"], 120 - expected.len());
    let created = sim
        .get(&query("date_created>=\"2025-01-01\" sort:date_created"))
        .await
        .ok();
    let created = created["data"].as_array().unwrap();
    assert!(!created.is_empty());
    assert!(created.is_sorted_by_key(|lead| text(lead, "date_created").to_owned()));
    sim.get(&query("shoe_size:44")).await.field_error("query");
    sim.get(&query("sort:moon")).await.field_error("query");
}

#[tokio::test]
async fn a_long_filter_may_be_posted_as_a_get() {
    let sim = start(config()).await;
    let some: Vec<String> = ids(&sim.get("lead/?_limit=100").await.ok());
    let body = json!({ "_params": { "id__in": some.join(","), "_limit": 200, "_fields": "id" } });
    let request = sim
        .request("POST", "lead/")
        .header("x-http-method-override", "GET")
        .json(&body);
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(page["total_results"], 100);
    assert_eq!(page["data"][0].as_object().unwrap().len(), 1);
    let few = sim
        .get(&format!("lead/?id__in={},{}", some[3], some[1]))
        .await
        .ok();
    assert_eq!(ids(&few), [some[1].clone(), some[3].clone()]);
}

#[tokio::test]
async fn fields_limit_what_comes_and_bring_what_does_not_come_otherwise() {
    let sim = start(config()).await;
    let page = sim
        .get("lead/?_fields=id,contact_ids,custom&_limit=50")
        .await
        .ok();
    for lead in page["data"].as_array().unwrap() {
        let keys = lead.as_object().unwrap().keys();
        assert!(keys.clone().any(|key| key == "contact_ids"));
        assert!(
            keys.clone()
                .all(|key| key.starts_with("custom") || key == "id" || key == "contact_ids")
        );
    }
}

#[tokio::test]
async fn the_opportunity_list_filters_orders_and_sums_the_whole_result() {
    let sim = start(config()).await;
    let all = sim.all("opportunity/").await;
    let won: Vec<&Value> = all
        .iter()
        .filter(|deal| deal["status_type"] == "won")
        .collect();
    let page = sim.get("opportunity/?status_type=won&_limit=1").await.ok();
    assert_eq!(page["total_results"], won.len());
    let sum = |period: &str| -> i64 {
        won.iter()
            .filter(|deal| deal["value_period"] == period)
            .filter_map(|deal| deal["value"].as_i64())
            .sum()
    };
    assert_eq!(page["total_value_one_time"], sum("one_time"));
    assert_eq!(page["total_value_monthly"], sum("monthly"));
    let annualized = sum("one_time") + 12 * sum("monthly") + sum("annual");
    assert_eq!(page["total_value_annualized"], annualized);
    assert!(text(&page, "total_value_annualized_formatted").starts_with('$'));
    let none = sim.get("opportunity/?date_won__gt=2030-01-01").await.ok();
    assert_eq!(
        (
            &none["total_value_annual"],
            &none["total_value_annual_formatted"]
        ),
        (&json!(0), &Value::Null)
    );

    let since = text(&all[40], "date_updated").replace('+', "%2B");
    let page = sim
        .get(&format!(
            "opportunity/?date_updated__gte={since}&_order_by=date_updated&_limit=200"
        ))
        .await
        .ok();
    let changed = page["data"].as_array().unwrap();
    assert_eq!(changed[0]["id"], all[40]["id"]);
    assert!(changed.is_sorted_by_key(|deal| text(deal, "date_updated").to_owned()));
    let by_value = sim
        .get("opportunity/?_order_by=-value&_limit=200")
        .await
        .ok();
    let by_value = by_value["data"].as_array().unwrap();
    assert!(by_value.is_sorted_by_key(|deal| std::cmp::Reverse(deal["value"].as_i64())));
    sim.get("opportunity/?_order_by=mood")
        .await
        .field_error("_order_by");
}

#[tokio::test]
async fn contacts_know_no_date_filter_and_ignore_one() {
    let sim = start(config()).await;
    let all = ids(&sim.get("contact/?_limit=200").await.ok());
    assert_eq!(
        all,
        ids(&sim
            .get("contact/?_limit=200&date_updated__gt=2030-01-01")
            .await
            .ok())
    );
    let leads = sim.get("lead/?_limit=200").await.ok();
    let lead = leads["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|lead| lead["contacts"].get(1).is_some())
        .unwrap();
    let own = sim
        .get(&format!("contact/?lead_id={}", text(lead, "id")))
        .await
        .ok();
    assert_eq!(
        own["data"].as_array().unwrap().len(),
        lead["contacts"].as_array().unwrap().len()
    );
}
