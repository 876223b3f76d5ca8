//! Answers that are written straight from columns, beside the same answers resolved value by value: lists write theirs,
//! `node` resolves.

use crate::world::{ONE, World};
use serde_json::{Value, json};

/// Levels of records below a record.
const DEPTH: usize = 2;

/// What the schema says of its object types.
struct Schema(Value);

impl Schema {
    async fn of(world: &World, token: &str) -> Self {
        let query = "{ __schema { types { name kind fields { name args { name } type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";
        Self(world.ask(token, query, json!({})).await["data"]["__schema"]["types"].take())
    }

    fn fields(&self, name: &str) -> &[Value] {
        let mut types = self.0.as_array().unwrap().iter();
        let found = types.find(|found| found["name"] == name).unwrap();
        found["fields"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The name of the type of a field without lists and the like.
    fn named(field: &Value) -> &str {
        let mut ty = &field["type"];
        while !ty["ofType"].is_null() {
            ty = &ty["ofType"];
        }
        ty["name"].as_str().unwrap()
    }

    /// A selection of each field of a type, on its own, with what hangs on it down to a depth.
    fn selections(&self, name: &str, depth: usize) -> Vec<String> {
        let fields = self.fields(name).iter();
        fields
            .filter_map(|field| self.selection(field, depth))
            .collect()
    }

    fn selection(&self, field: &Value, depth: usize) -> Option<String> {
        let name = field["name"].as_str().unwrap();
        let of = Self::named(field);
        if self.fields(of).is_empty() {
            return Some(name.to_owned());
        }
        let below = (depth > 0).then(|| self.selections(of, depth - 1).join(" "))?;
        let takes_first = field["args"]
            .as_array()
            .unwrap()
            .iter()
            .any(|arg| arg["name"] == "first");
        let arguments = if takes_first { "(first: 2)" } else { "" };
        (!below.is_empty()).then(|| format!("{name}{arguments} {{ __typename {below} }}"))
    }
}

/// What a list says of its records, and what is said of each by its id.
async fn both(world: &World, token: &str, list: &str, name: &str, asked: &str) -> [Value; 2] {
    let asked = format!("one: {asked} two: {asked}").replace("one: __typename", "__typename");
    let rows = if list == "connections" {
        "connections".to_owned()
    } else {
        format!("{list}(first: 3)")
    };
    let of_rows = if list == "connections" {
        "{ id ASKED }"
    } else {
        "{ nodes { id ASKED } }"
    };
    let query = format!("{{ rows: {rows} {} }}", of_rows.replace("ASKED", &asked));
    let mut written = world.data(token, &query, json!({})).await["rows"].take();
    if let Some(nodes) = written.get_mut("nodes") {
        written = nodes.take();
    }
    let ids = written
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap());
    let each = ids.enumerate().map(|(place, id)| {
        format!("r{place}: node(id: \"{id}\") {{ ... on {name} {{ id {asked} }} }}")
    });
    let query = format!("{{ {} }}", each.collect::<Vec<_>>().join(" "));
    let resolved = world.data(token, &query, json!({})).await;
    let resolved = resolved.as_object().unwrap().values().cloned().collect();
    [written, resolved]
}

#[tokio::test]
async fn every_field_is_answered_the_same_written_and_resolved() {
    let world = World::new().await;
    world.seed(ONE, 12).await;
    world.seed_invoices(ONE, 12).await;
    let token = world.token(&[ONE]).await;
    let schema = Schema::of(&world, &token).await;
    let mut compared = 0;
    for (list, name) in [
        ("connections", "Connection"),
        ("companies", "Company"),
        ("people", "Person"),
        ("opportunities", "Opportunity"),
        ("transactions", "Transaction"),
        ("receivables", "Receivable"),
        ("members", "Member"),
        ("events", "Event"),
        ("syncRuns", "SyncRun"),
    ] {
        for asked in schema.selections(name, DEPTH) {
            let [written, resolved] = both(&world, &token, list, name, &asked).await;
            assert_eq!(written, resolved, "{list} {asked}");
            assert!(
                written.as_array().is_some_and(|rows| !rows.is_empty()),
                "{list}"
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[tokio::test]
async fn what_is_asked_of_one_key_at_several_places_is_one_answer() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let query = "query { page: companies(first: 1) { nodes { id addresses { city } } } ...More
            page: companies(first: 1) { ... on CompanyConnection { nodes { addresses { country } people { totalCount } } } } }
        fragment More on Query { page: companies(first: 1) { nodes { people { nodes { name } } __typename } totalCount } }";
    let page = &world.data(&token, query, json!({})).await["page"];
    let whole = "{ page: companies(first: 1) { nodes { id addresses { city country }
            people { totalCount nodes { name } } __typename } totalCount } }";
    assert_eq!(page, &world.data(&token, whole, json!({})).await["page"]);
    assert_eq!(page["nodes"][0]["__typename"], "Company");
    assert_eq!(page["totalCount"], 3);
}

#[tokio::test]
async fn custom_fields_are_known_wherever_a_key_is_asked() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let field = "insert into custom_field (connection_id, record_type, close_id, name, type, accepts_multiple_values, position)
                 values ($1, 'opportunity', 'cf_source', 'Source', 'choices', false, 1)";
    let told = sqlx::query(field).bind(ONE).execute(&world.pool).await;
    told.unwrap();
    let token = world.token(&[ONE]).await;
    let filter = "filter: { customFields: { name: \"Source\", text: { eq: \"Fair\" } } }";
    let query = format!(
        "{{ page: companies {{ totalCount }}
            page: companies {{ nodes {{ opportunities({filter}) {{ totalCount }} }} }} }}"
    );
    let page = &world.data(&token, &query, json!({})).await["page"];
    assert_eq!(page["totalCount"], 3);
    assert_eq!(page["nodes"][0]["opportunities"]["totalCount"], 0);
}

#[tokio::test]
async fn more_values_than_a_row_can_have_are_refused_with_the_number_allowed() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    let wide = |times: usize| {
        let values = "id closeId createdAt updatedAt syncedAt name url domain description";
        let each = (0..times).map(|place| format!("c{place}: company {{ {values} }}"));
        format!(
            "{{ people(first: 1) {{ nodes {{ {} }} }} }}",
            each.collect::<String>()
        )
    };
    let answer = world.data(&token, &wide(150), json!({})).await;
    assert!(answer["people"]["nodes"][0]["c149"]["name"].is_string());
    let (message, code) = world.refused(&token, &wide(170), json!({})).await;
    assert_eq!(code, "BAD_USER_INPUT", "{message}");
    assert!(message.contains("1600"), "{message}");
}
