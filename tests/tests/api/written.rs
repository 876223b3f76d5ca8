//! Answers that are written straight from columns, beside the same answers resolved value by value.

use crate::world::{ONE, World};
use serde_json::{Value, json};

const DEPTH: usize = 3;

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

/// Both answers to one question. Asked twice under one key, values are merged, and so nothing is written.
async fn both(world: &World, token: &str, list: &str, asked: &str) -> (Value, Value) {
    let variables = json!({});
    let written = world
        .ask(token, &format!("{{ {list} {asked} }}"), variables.clone())
        .await;
    let resolved = format!("{{ {list} {asked} {list} {{ __typename }} }}");
    let mut resolved = world.ask(token, &resolved, variables).await;
    let mut written = written;
    for answer in [&mut written, &mut resolved] {
        answer.as_object_mut().unwrap().remove("extensions");
        let data = answer["data"].as_object_mut().unwrap();
        let of_list = data.values_mut().next().unwrap();
        if let Some(fields) = of_list.as_object_mut() {
            fields.remove("__typename");
        }
    }
    (written, resolved)
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
        ("companies", "Company"),
        ("people", "Person"),
        ("opportunities", "Opportunity"),
        ("transactions", "Transaction"),
        ("receivables", "Receivable"),
        ("members", "Member"),
        ("events", "Event"),
        ("syncRuns", "SyncRun"),
    ] {
        for asked in schema.selections(name, DEPTH - 1) {
            let asked = format!("{{ nodes {{ one: {asked} two: {asked} }} }}");
            let asked = asked.replace("one: __typename", "__typename");
            let (written, resolved) =
                both(&world, &token, &format!("{list}(first: 4)"), &asked).await;
            assert_eq!(written, resolved, "{list} {asked}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
