//! Exchange rates, loaded and listed by command.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use assert_cmd::Command;
use closegraph_tests::PrivatePostgres;
use serde_json::{Value, json};
use std::path::Path;

fn rates(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_closegraph"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", url)
        .env("CLOSEGRAPH_LOG_FILTER", "warn")
        .arg("rates")
        .args(args);
    command
}

fn json_of(url: &str, args: &[&str]) -> Value {
    let done = rates(url, &[args, &["--json"]].concat()).assert().success();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

fn load(url: &str, file: &Path, content: &str) -> Result<Value, String> {
    std::fs::write(file, content).unwrap();
    let done = rates(url, &["load", file.to_str().unwrap(), "--json"]).assert();
    let output = done.get_output();
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).unwrap());
    }
    assert_eq!(output.status.code(), Some(1));
    Err(String::from_utf8(output.stderr.clone()).unwrap())
}

#[tokio::test]
async fn rates_are_loaded_again_without_harm_and_a_file_with_a_mistake_not_at_all() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.database("rates").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rates.csv");
    assert_eq!(json_of(&url, &["list"]), json!([]));
    let first = "date,base,quote,rate\n2026-01-02,EUR,USD,1.10\n2026-01-05, EUR ,USD,1.200000000001\n2026-01-02,GBP,EUR,1.2\n";
    assert_eq!(
        load(&url, &file, first),
        Ok(json!({ "read": 3, "changed": 3 }))
    );
    assert_eq!(
        load(&url, &file, first),
        Ok(json!({ "read": 3, "changed": 0 }))
    );
    let corrected =
        "date,base,quote,rate\n2026-01-02,EUR,USD,1.11\n2026-01-05,EUR,USD,1.200000000001\n";
    assert_eq!(
        load(&url, &file, corrected),
        Ok(json!({ "read": 2, "changed": 1 }))
    );
    for (line, says) in [
        ("2026-01-06,EUR,USD,0", "above zero"),
        ("2026-01-06,EUR,USD,-1", "above zero"),
        ("2026-01-06,EUR,USD,1,1", "rate 2 of the file"),
        ("2026-01-06,EUR,USD,1.1e3", "no decimal number"),
        (
            "2026-01-06,EUR,USD,1.1234567890123",
            "more than 12 decimals",
        ),
        ("2026-01-06,EUR,EUR,1", "needs no rate"),
        ("2026-01-06,EUR,EURO,1", "no currency of ISO 4217"),
        ("2026-02-30,EUR,USD,1", "rate 2 of the file"),
        ("2026-01-07,EUR,USD,2", "stands before it"),
    ] {
        let content = format!("date,base,quote,rate\n2026-01-07,EUR,USD,9\n{line}\n");
        let refusal = load(&url, &file, &content).unwrap_err();
        assert!(refusal.contains(says), "{line}: {refusal}");
    }
    assert!(
        load(&url, &file, "date,base,quote,rate\n")
            .unwrap_err()
            .contains("no rate in it")
    );
    assert!(load(&url, &file, "day,base,quote,rate\n2026-01-07,EUR,USD,9\n").is_err());
    assert_eq!(
        json_of(&url, &["list"]),
        json!([
            { "base": "EUR", "quote": "USD", "first": "2026-01-02", "last": "2026-01-05", "days": 2, "newest": "1.200000000001" },
            { "base": "GBP", "quote": "EUR", "first": "2026-01-02", "last": "2026-01-02", "days": 1, "newest": "1.2" },
        ])
    );
    let shown = rates(&url, &["list"]).assert().success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(
        shown.contains("EUR") && shown.contains("1.200000000001"),
        "{shown}"
    );
}
