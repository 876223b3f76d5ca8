//! Whatever a server of the tests writes is searched for secrets when the test ends. This is the test of the search.

use closegraph_tests::{DataDir, PrivatePostgres};
use sqlx::{Connection, Executor, PgConnection};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn ends_badly<T>(owner: T) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(owner))).is_err()
}

fn token() -> String {
    format!("cg_{}", "aB3-_".repeat(9).split_at(43).0)
}

#[test]
fn a_secret_in_a_log_fails_the_test_that_wrote_it() {
    let secrets = [
        token(),
        "api_simulator.demo".to_owned(),
        "simulator-client-secret".to_owned(),
        format!("sim5ecret{}", "x".repeat(32)),
        format!("5ec4e75ec4e7{}", "0f".repeat(26)),
    ];
    for secret in secrets {
        let folder = DataDir::new().unwrap();
        let log = folder.path().join("serve.log");
        std::fs::write(log, format!("{{\"message\":\"{secret}\"}}\n")).unwrap();
        assert!(ends_badly(folder), "{} is not found", &secret[..8]);
    }
    let folder = DataDir::new().unwrap();
    let key = "0123456789abcdef0123456789abcdef";
    std::fs::write(folder.path().join("vault.key"), key).unwrap();
    std::fs::write(folder.path().join("serve.log"), "cg_abcdef and api_key").unwrap();
    std::fs::write(folder.path().join("other.log"), key).unwrap();
    assert!(ends_badly(folder), "the key of the vault is not found");
}

#[tokio::test]
async fn a_secret_in_a_database_fails_the_test_that_wrote_it() {
    let postgres = PrivatePostgres::start().await.unwrap();
    let url = postgres.database("secrets").await.unwrap();
    let mut session = PgConnection::connect(&url).await.unwrap();
    session
        .execute("create table note (text text)")
        .await
        .unwrap();
    sqlx::query("insert into note values ($1)")
        .bind(token())
        .execute(&mut session)
        .await
        .unwrap();
    session.close().await.unwrap();
    assert!(ends_badly(postgres));
}
