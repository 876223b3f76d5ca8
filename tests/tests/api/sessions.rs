//! The sessions that questions run in are left to others while nobody asks, and when the pool closes.

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
