//! A Postgres with made-up rows and the API over it, without a network.

use axum::body::Body;
use axum::http::{Request, Response, header};
use chrono::{DateTime, Utc};
use closegraph::cli::ServeRole;
use closegraph_api::token::{NewToken, issue};
use closegraph_api::{Api, ApiOptions, Documents, SignIn, router};
use closegraph_entity::api_token::Role;
use closegraph_entity::record::{record_id, won_deal_id};
use closegraph_sync::{SyncOptions, SyncService};
use closegraph_tests::Database;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::path::Path;
use std::time::Duration;
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) const ONE: Uuid = Uuid::from_u128(0x0001_0000_0000_4000_8000_0000_0000_0001);
pub(crate) const OTHER: Uuid = Uuid::from_u128(0x0002_0000_0000_4000_8000_0000_0000_0002);

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) router: axum::Router,
    database: Database,
}

impl World {
    /// An empty database.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// An empty database whose sessions have these settings.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::set_up(settings, ApiOptions::default()).await
    }

    /// An empty database below an API of these options.
    pub(crate) async fn serving(options: ApiOptions) -> Self {
        Self::set_up(&[], options).await
    }

    /// An empty database below an API that answers documents of this folder, and no others where `only` says so.
    pub(crate) async fn knowing(folder: &Path, only: bool) -> Self {
        let mut world = Self::new().await;
        let documents = Documents::read(folder).unwrap();
        let api = Api::new(world.pool.clone(), ApiOptions::default(), String::new);
        world.router = router(api.knowing(documents, only));
        world
    }

    async fn set_up(settings: &[(&str, &str)], options: ApiOptions) -> Self {
        let database = Database::start(settings).await.unwrap();
        let pool = database.pool.clone();
        let options = ApiOptions {
            token_cache: Duration::ZERO,
            ..options
        };
        let api = Api::new(pool.clone(), options, String::new);
        let router = router(api.trying(closegraph::Trial(pool.clone())));
        Self {
            pool,
            router,
            database,
        }
    }

    /// From now on below an API where people sign in so.
    pub(crate) fn sign_in_by(&mut self, sign_in: SignIn) {
        let options = ApiOptions {
            token_cache: Duration::ZERO,
            ..ApiOptions::default()
        };
        let api = Api::new(self.pool.clone(), options, String::new);
        self.router = router(api.signing_in(sign_in).unwrap());
    }

    /// From now on all routes of a process, those of the sync among them.
    pub(crate) fn serve_everything(&mut self) {
        let options = ApiOptions {
            token_cache: Duration::ZERO,
            ..ApiOptions::default()
        };
        let trial = closegraph::Trial(self.pool.clone());
        let api = Api::new(self.pool.clone(), options, String::new).trying(trial);
        let vault = closegraph_tests::vault().unwrap();
        let sync = SyncService::new(self.pool.clone(), vault, SyncOptions::default());
        self.router = closegraph::routes(api, &sync, ServeRole::All, &[]);
    }

    /// Adds a connection with `size` companies, twice as many people, as many deals, and a third of them won.
    pub(crate) async fn seed(&self, connection: Uuid, size: i32) {
        sqlx::query(
            "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
             values ($1, 'close', 'api_key', 'active', 'orga_' || $1, 'USD', 'http://localhost/')",
        )
        .bind(connection)
        .execute(&self.pool)
        .await
        .unwrap();
        let ids = |prefix: &str, count: i32| -> Vec<Uuid> {
            (1..=count)
                .map(|number| record_id(connection, &format!("{prefix}_{number}")))
                .collect()
        };
        let deals = 1..=size;
        let won: Vec<Uuid> = deals
            .map(|number| won_deal_id(connection, &format!("oppo_{number}")))
            .collect();
        for statement in SEED.split(";\n").filter(|text| !text.trim().is_empty()) {
            sqlx::query(statement)
                .bind(connection)
                .bind(ids("user", 5))
                .bind(ids("lead", size))
                .bind(ids("cont", 2 * size))
                .bind(ids("oppo", size))
                .bind(&won)
                .execute(&self.pool)
                .await
                .unwrap();
        }
        sqlx::query("analyze").execute(&self.pool).await.unwrap();
    }

    /// A token that sees these connections.
    pub(crate) async fn token(&self, connections: &[Uuid]) -> String {
        self.token_of(connections, Role::Viewer, None).await
    }

    /// The same with a role, and an end.
    pub(crate) async fn token_of(
        &self,
        connections: &[Uuid],
        role: Role,
        expires_at: Option<DateTime<Utc>>,
    ) -> String {
        let token = NewToken {
            name: "test".to_owned(),
            role,
            connections: Some(connections.to_vec()),
            cost_budget: None,
            expires_at,
        };
        issue(&self.database.orm(), token).await.unwrap().secret
    }

    /// Serves the API on a port of its own, where sockets are opened; answers its address without a scheme.
    pub(crate) async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = axum::serve(listener, self.router.clone());
        tokio::spawn(async move { served.await.unwrap() });
        address
    }

    /// The routes, as the router shows them for debugging.
    pub(crate) fn routes(&self) -> String {
        format!("{:?}", self.router)
    }

    /// One request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The whole answer to a question.
    pub(crate) async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let body = json!({"query": query, "variables": variables}).to_string();
        let request = Request::post("/graphql")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        read(self.send(request).await).await
    }

    /// The data of an answer without errors.
    pub(crate) async fn data(&self, token: &str, query: &str, variables: Value) -> Value {
        let answer = self.ask(token, query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// The message and code of the only error of an answer.
    pub(crate) async fn refused(
        &self,
        token: &str,
        query: &str,
        variables: Value,
    ) -> (String, String) {
        let answer = self.ask(token, query, variables).await;
        let error = &answer["errors"][0];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (word(&error["message"]), word(&error["extensions"]["code"]))
    }
}

/// The JSON of a response.
pub(crate) async fn read(response: Response<Body>) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

/// Close ids are the same in each connection, as they never are in Close: nothing may depend on that. Columns repeat
/// and lack values at different steps, so that orders have ties and nulls.
const SEED: &str = "
insert into member (id, connection_id, close_id, name, email, raw, source_updated_at)
select u.id, $1, 'user_' || n, 'Member ' || n, 'member' || n || '@example.com', '{}', '2026-01-01Z'
  from unnest($2::uuid[]) with ordinality u (id, n)
 where coalesce($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into company (id, connection_id, close_id, name, domain, url, status_label, custom, raw, source_created_at, source_updated_at)
select u.id, $1, 'lead_' || n, case when n % 17 > 0 then 'Company ' || n % 50 end,
       case when n % 5 > 0 then 'c' || n % 90 || '.example' end, 'https://c' || n || '.example',
       case when n % 7 > 0 then (array['Potential', 'Customer', 'Bad_Fit%'])[1 + n % 3] end, '{}', '{}',
       case when n % 11 > 0 then timestamptz '2025-01-01Z' + (n / 4) * interval '1 hour' end,
       timestamptz '2026-01-01Z' + (n / 3) * interval '1 minute'
  from unnest($3::uuid[]) with ordinality u (id, n)
 where coalesce($2::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into person (id, connection_id, close_id, company_id, name, title, primary_email, primary_phone, raw, source_created_at, source_updated_at)
select u.id, $1, 'cont_' || n, ($3::uuid[])[(n + 1) / 2], case when n % 13 > 0 then 'Person ' || n % 70 end,
       case when n % 3 > 0 then 'Title ' || n % 4 end, case when n % 4 > 0 then 'p' || n || '@example.com' end,
       case when n % 6 > 0 then '+1555' || n end, '{}',
       case when n % 11 > 0 then timestamptz '2025-01-01Z' + (n / 4) * interval '1 hour' end,
       timestamptz '2026-01-01Z' + (n / 3) * interval '1 minute'
  from unnest($4::uuid[]) with ordinality u (id, n)
 where coalesce($2::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into opportunity (id, connection_id, close_id, company_id, person_id, owner_id, status, status_label, pipeline_name,
       value_minor, currency, value_period, confidence, expected_on, won_on, raw, source_created_at, source_updated_at)
select u.id, $1, 'oppo_' || n, ($3::uuid[])[1 + n % 40], ($4::uuid[])[n], ($2::uuid[])[1 + n % 5],
       (array['won', 'lost', 'active'])[1 + n % 3], 'Label ' || n % 3, 'Sales', case when n % 9 > 0 then n % 20 * 1000 end,
       case when n % 4 = 0 then 'EUR' else 'USD' end, 'one_time', n % 101,
       case when n % 8 > 0 then date '2026-01-01' + (n % 400)::int end,
       case when n % 3 = 0 then current_date - (n % 500)::int end, '{}',
       case when n % 11 > 0 then timestamptz '2025-01-01Z' + (n / 4) * interval '1 hour' end,
       timestamptz '2026-01-01Z' + (n / 3) * interval '1 minute'
  from unnest($5::uuid[]) with ordinality u (id, n)
 where $6::uuid[] is not null;
insert into transaction (id, connection_id, close_id, kind, opportunity_id, company_id, person_id, owner_id, occurred_on,
       amount_minor, currency, billing_period, pipeline_name, source_created_at, source_updated_at)
select ($6::uuid[])[n], $1, o.close_id, 'won_deal', o.id, o.company_id, o.person_id, o.owner_id, o.won_on, o.value_minor,
       o.currency, o.value_period, o.pipeline_name, o.source_created_at, o.source_updated_at
  from unnest($5::uuid[]) with ordinality u (id, n) join opportunity o on o.id = u.id
 where o.status = 'won' and coalesce($2::uuid[], $3::uuid[], $4::uuid[]) is not null;
insert into event (id, connection_id, origin, close_event_id, event_updated_at, object_type, object_id, action, payload, state)
select gen_random_uuid(), $1, 'webhook', 'ev_' || n, '2026-01-01Z', 'lead', 'lead_' || n, 'updated', '{}', 'applied'
  from unnest($3::uuid[]) with ordinality u (id, n)
 where n <= 100 and coalesce($2::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at)
select $1, 'company', u.id, 'lead_' || n, 'created', 'backfill', '2026-01-01Z'
  from unnest($3::uuid[]) with ordinality u (id, n)
 where n <= 100 and coalesce($2::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into sync_run (id, connection_id, kind, status)
select gen_random_uuid(), $1, 'backfill', 'succeeded'
 where coalesce($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null
";
