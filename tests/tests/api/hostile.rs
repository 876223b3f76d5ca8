//! Documents and requests that mean harm: each is refused with the code of the limit that it exceeds, before it costs
//! what it is made for.

use crate::world::{ONE, World, read};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use std::fmt::Write;

/// Fragments that each spread the next one twice: 2^`levels` of whatever stands in the last one.
fn doubling(levels: usize, last: &str) -> String {
    let mut document = "{ ...f0 }".to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(
            document,
            " fragment f{level} on Query {{ ...f{next} ...f{next} }}"
        )
        .unwrap();
    }
    write!(document, " fragment f{levels} on Query {{ {last} }}").unwrap();
    document
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(|at| one(at) + " ").collect()
}

/// What is asked, with the code that refuses it.
type Hostile = (&'static str, Value, &'static str);

fn ask(query: &str) -> Value {
    json!({ "query": query })
}

/// `open` so many times around an id, with as many brackets closed behind it.
fn around(open: &str, levels: usize) -> String {
    let brackets = open.matches('{').count() * levels;
    format!("{{ {} id {} }}", open.repeat(levels), "} ".repeat(brackets))
}

/// Fragments, and levels.
fn spreading() -> Vec<Hostile> {
    let fields = doubling(24, "connections { id }");
    let unspread = fields.replace("{ ...f0 }", "{ __typename }");
    let cycle = format!(
        "{{ ...a }} fragment a on Query {{ {} }}",
        "...a ".repeat(900)
    );
    let inside = format!(
        "{{ __typename }} fragment u on Query {{ {} }} fragment f on Connection {{ {} }}",
        many(400, |_| "connections { ...f }".to_owned()),
        "id ".repeat(1_000)
    );
    let fragments = many(500, |at| format!("fragment f{at} on Query {{ a }}"));
    let fragments = format!("{{ __typename }} {fragments}");
    let nowhere = doubling(24, "...nowhere");
    let levels = "companies { nodes { people { nodes { company { ";
    vec![
        ("2^24 fields", ask(&fields), "FIELD_LIMIT"),
        ("2^24 spreads of nothing", ask(&nowhere), "SPREAD_LIMIT"),
        ("2^24 fields without use", ask(&unspread), "FIELD_LIMIT"),
        (
            "fields in fragments without use",
            ask(&inside),
            "FIELD_LIMIT",
        ),
        ("a fragment cycle", ask(&cycle), "FRAGMENT_CYCLE"),
        ("500 fragments", ask(&fragments), "FRAGMENT_LIMIT"),
        (
            "50 levels of fields",
            ask(&around(levels, 10)),
            "DEPTH_LIMIT",
        ),
        ("3,000 brackets", ask(&"{a".repeat(3_000)), "NESTING_LIMIT"),
        (
            "60 inline fragments inside each other",
            ask(&around("... { ", 60)),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "70 inline fragments inside each other",
            ask(&around("... { ", 70)),
            "NESTING_LIMIT",
        ),
    ]
}

/// Many of one kind.
fn counting() -> Vec<Hostile> {
    let below = |text: String| ask(&format!("{{ connections {{ {text} }} }}"));
    let at_root = |text: String| ask(&format!("{{ {text} }}"));
    let batch = Value::Array(vec![ask("{ __typename }"); 1_000]);
    let operations = many(700, |at| format!("query q{at} {{ __typename }}"));
    let arguments = many(600, |at| format!("a{at}: 1"));
    let variables = many(900, |at| format!("$v{at}: Int"));
    let aliased = |at: usize| format!("a{at}: id");
    vec![
        ("5,000 aliases", below(many(5_000, aliased)), "TOKEN_LIMIT"),
        ("1,200 aliases", below(many(1_200, aliased)), "ALIAS_LIMIT"),
        ("1,000 operations in a batch", batch, "BATCH_LIMIT"),
        ("700 operations", ask(&operations), "OPERATION_LIMIT"),
        (
            "1,900 directives",
            at_root(format!("__typename {}", "@a ".repeat(1_900))),
            "DIRECTIVE_LIMIT",
        ),
        (
            "3,900 fields",
            at_root("__typename ".repeat(3_900)),
            "FIELD_LIMIT",
        ),
        (
            "600 fields of one name that conflict",
            below(many(600, |at| format!("id(a: {at})"))),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "two fields with 600 arguments",
            at_root(format!("a({arguments}) a({arguments})")),
            "ARGUMENT_LIMIT",
        ),
        (
            "900 variables",
            ask(&format!("query ({variables}) {{ __typename }}")),
            "VARIABLE_LIMIT",
        ),
        (
            "a list of 11,000 texts",
            at_root(format!("a(b: [{}])", "\"x\" ".repeat(11_000))),
            "TOKEN_LIMIT",
        ),
    ]
}

/// Long words, large variables, and answers that would be large.
fn large() -> Vec<Hostile> {
    let long = "x".repeat(60_000);
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let brought = |variables: Value| {
        let query = "query ($ids: [String!]) { companies(filter: { closeId: { in: $ids } }) { totalCount } }";
        json!({ "query": query, "variables": variables })
    };
    let undeclared = (0..5_000).map(|at| (format!("v{at}"), json!(1))).collect();
    let types = "fields { type { ".repeat(5);
    let schema = format!(
        "{{ __schema {{ types {{ {types} name {} }} }} }}",
        "} ".repeat(10)
    );
    let page = "companies(first: 500) { nodes { people(first: 500) { nodes { id } } } }";
    let pages = many(20, |at| format!("a{at}: {page}"));
    vec![
        (
            "100,000 values in a variable",
            brought(json!({ "ids": vec!["x"; 100_000] })),
            "VALUE_LIMIT",
        ),
        (
            "5,000 variables that nobody declared",
            brought(undeclared),
            "VARIABLE_LIMIT",
        ),
        (
            "100 levels in a variable",
            brought(json!({ "ids": nested })),
            "VALUE_NESTING_LIMIT",
        ),
        (
            "a name of 60,000 letters",
            ask(&format!("{{ {long} }}")),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "a document of 120,000 letters",
            ask(&format!("{{ a(b: \"{long}{long}\") }}")),
            "DOCUMENT_LIMIT",
        ),
        ("types of fields of types", ask(&schema), "COST_LIMIT"),
        (
            "20 pages of 500 with 500",
            ask(&format!("{{ {pages} }}")),
            "COST_LIMIT",
        ),
    ]
}

fn hostile() -> Vec<Hostile> {
    [spreading(), counting(), large()].concat()
}

fn request(token: &str, body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn each_hostile_request_is_refused_by_the_limit_that_is_for_it() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    for (what, body, expected) in hostile() {
        let answer = read(world.send(request(&token, &body)).await).await;
        let error = &answer["errors"][0];
        let short = answer.to_string().chars().take(300).collect::<String>();
        assert_eq!(error["extensions"]["code"], expected, "{what}: {short}");
        assert!(answer.get("data").is_none_or(Value::is_null), "{what}");
        let size = answer.to_string().len();
        assert!(size < 20_000, "{what} is answered with {size} bytes");
    }
}
