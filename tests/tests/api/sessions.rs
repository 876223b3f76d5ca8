//! The sessions that questions run in: left to others while nobody asks, and when the pool closes; given in turn.

use crate::world::{ONE, World, read};
use axum::body::Body;
use axum::http::{Request, header};
use closegraph_api::{Api, ApiOptions, Share, router};
use futures::future::join_all;
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use std::time::Duration;
use tower::ServiceExt;

#[tokio::test]
async fn sessions_that_nobody_asks_in_are_given_back() {
    const ALL: usize = 8;
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    for share in [Share::Half, Share::Most] {
        let options = (*world.pool.connect_options()).clone();
        let pool = PgPoolOptions::new()
            .max_connections(ALL.try_into().unwrap())
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .unwrap();
        let options = ApiOptions {
            share,
            ..ApiOptions::default()
        };
        let routes = router(Api::new(pool.clone(), options, String::new));
        let ask = || {
            let body = json!({"query": "{ companies { totalCount nodes { id } } }"});
            let request = Request::post("/graphql")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string()))
                .unwrap();
            let answer = routes.clone().oneshot(request);
            async { read(answer.await.unwrap()).await["data"]["companies"]["totalCount"].clone() }
        };
        for answer in join_all((0..3 * ALL).map(|_| ask())).await {
            assert_eq!(answer, 5);
        }
        // All at once, which a worker of the sync could want.
        let held = join_all((0..ALL).map(|_| pool.acquire())).await;
        assert!(held.iter().all(Result::is_ok), "{share:?}: some are kept");
        drop(held);
        assert_eq!(ask().await, 5);
        let closed = tokio::time::timeout(Duration::from_secs(10), pool.close()).await;
        assert!(closed.is_ok(), "{share:?}: the pool does not close");
    }
}

#[tokio::test]
async fn nobody_waits_for_the_end_of_what_takes_long() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let options = ApiOptions {
        statements: Some(1),
        ..ApiOptions::default()
    };
    let routes = router(Api::new(world.pool.clone(), options, String::new));
    let ask = |list: &str| {
        let body = json!({"query": format!("{{ {list} {{ totalCount }} }}")});
        let request = Request::post("/graphql")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (answer, list) = (routes.clone().oneshot(request), list.to_owned());
        async move { read(answer.await.unwrap()).await["data"][&list]["totalCount"].clone() }
    };
    assert_eq!(ask("companies").await, 5);
    let mut lock = world.pool.begin().await.unwrap();
    sqlx::query("lock table receivable in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    let mut long = std::pin::pin!(ask("receivables"));
    let short = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        join_all((0..3).map(|_| ask("companies"))).await
    };
    tokio::select! {
        _ = &mut long => panic!("it is answered from a table that is locked"),
        answers = short => assert_eq!(answers, [5, 5, 5]),
    }
    lock.rollback().await.unwrap();
    assert!(long.await.is_number());
}
