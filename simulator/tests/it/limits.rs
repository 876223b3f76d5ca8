use std::time::Duration;

use close_sim::{RateLimit, SimulatorConfig};

use crate::harness::{config, start};

#[tokio::test]
async fn a_used_up_window_answers_429_with_both_headers_until_it_resets() {
    let window = Duration::from_millis(1_500);
    let rate_limit = RateLimit {
        requests: 3,
        window,
        header: true,
    };
    let sim = start(SimulatorConfig {
        rate_limit,
        ..config()
    })
    .await;
    for left in (0..3).rev() {
        let got = sim.get("lead/?_limit=1").await;
        assert_eq!(got.status, 200);
        let header = got.headers["ratelimit"].to_str().unwrap().to_owned();
        assert!(
            header.starts_with(&format!("limit=3, remaining={left}, reset=")),
            "{header}"
        );
    }
    let refused = sim.get("lead/?_limit=1").await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains_key("ratelimit"));
    let seconds: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&seconds), "whole seconds, rounded up");
    assert_eq!(
        sim.get("contact/?_limit=1").await.status,
        200,
        "another group has its own window"
    );
    tokio::time::sleep(window).await;
    assert_eq!(sim.get("lead/?_limit=1").await.status, 200);
}

#[tokio::test]
async fn the_header_can_be_left_out() {
    let rate_limit = RateLimit {
        requests: 1,
        header: false,
        ..RateLimit::default()
    };
    let sim = start(SimulatorConfig {
        rate_limit,
        ..config()
    })
    .await;
    assert!(!sim.get("me/").await.headers.contains_key("ratelimit"));
    let refused = sim.get("me/").await;
    assert_eq!(refused.status, 429);
    assert!(!refused.headers.contains_key("ratelimit"));
    assert!(refused.headers.contains_key("retry-after"));
}
