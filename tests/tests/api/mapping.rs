//! How invoices are kept: what is shown of it, and what an operator decides.

use crate::world::{ONE, OTHER, World};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use uuid::Uuid;

const SHOW: &str = "query ($c: ID) { invoiceMapping(connection: $c) { ...setting } }";
const SET: &str = "mutation ($c: ID!, $m: InvoiceMappingInput, $n: Boolean) { setInvoiceMapping(connection: $c, mapping: $m, none: $n) { ...setting } }";
const RESET: &str = "mutation ($c: ID!) { resetInvoiceMapping(connection: $c) { ...setting } }";
const TRY: &str = "query ($c: ID!, $m: InvoiceMappingInput!, $first: Int) { tryInvoiceMapping(connection: $c, mapping: $m, first: $first) {
        closeId number status statusLabel paymentStatus dueOn total { amount currency } amountPaid { amount } balanceDue { amount } flags lineCount } }";
const SETTING: &str = "fragment setting on InvoiceMappingSetting {
  connection { id } state origin decidedBy
  mapping { ...mapping }
  proposals { typeName score reasons fields { role fieldId fieldName score reason } mapping { ...mapping } }
  types { id kind name archived fields { id name type choices roles refersTo } } }
fragment mapping on InvoiceMapping { typeId typeName kind fields { role fieldId fieldName } statusWords { word status } decimals currency
  lines { objects { typeId typeName fields { role fieldId fieldName } } text { fieldId fieldName separator columns } } }";

fn with_setting(document: &str) -> String {
    format!("{document} {SETTING}")
}

impl World {
    /// Adds an invoice type with lines, and a proposal that waits for a person.
    async fn invoice_types(&self, connection: Uuid) {
        let field = |id: &str, name: &str, of: &str| json!({ "id": id, "name": name, "type": of });
        let status = json!({ "id": "cf_state", "name": "State", "type": "choices", "choices": ["Sent", "Paid"] });
        let refers = json!({ "id": "cf_of", "name": "Invoice", "type": "custom_object",
                             "referenced_custom_type_id": "cotype_invoice" });
        for (id, name, fields) in [
            (
                "cotype_invoice",
                "Invoice",
                json!([
                    field("cf_total", "Total", "number"),
                    status,
                    field("cf_due", "Due", "date"),
                    field("cf_rows", "Rows", "textarea")
                ]),
            ),
            (
                "cotype_line",
                "Line",
                json!([refers, field("cf_price", "Price", "number")]),
            ),
        ] {
            sqlx::query("insert into custom_type (connection_id, close_id, kind, name, fields) values ($1, $2, 'custom_object', $3, $4)")
                .bind(connection)
                .bind(id)
                .bind(name)
                .bind(fields)
                .execute(&self.pool)
                .await
                .unwrap();
        }
        let proposal = json!([{ "type_name": "Invoice", "score": 60, "reasons": ["its name says invoice"],
            "mapping": { "type_id": "cotype_invoice", "kind": "custom_object", "fields": { "amount": "cf_total" } },
            "fields": [{ "role": "amount", "field_id": "cf_total", "field_name": "Total", "score": 100, "reason": "it says total" }] }]);
        sqlx::query("insert into invoice_mapping (connection_id, state, origin, proposals) values ($1, 'waiting', 'proposed', $2)")
            .bind(connection)
            .bind(proposal)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Adds two invoices, of which one has two lines, as they are kept.
    async fn kept_records(&self, connection: Uuid) {
        for (close_id, type_id, custom, at) in [
            (
                "custobj_1",
                "cotype_invoice",
                json!({ "cf_total": 12.5, "cf_state": "Sent", "cf_due": "2026-02-03" }),
                "2026-01-02Z",
            ),
            (
                "custobj_2",
                "cotype_invoice",
                json!({ "cf_total": 7, "cf_state": "Lost" }),
                "2026-01-01Z",
            ),
            (
                "custobj_3",
                "cotype_line",
                json!({ "cf_of": "custobj_1", "cf_price": 5 }),
                "2026-01-01Z",
            ),
            (
                "custobj_4",
                "cotype_line",
                json!({ "cf_of": "custobj_1", "cf_price": 7.5 }),
                "2026-01-01Z",
            ),
        ] {
            let mut raw =
                json!({ "id": close_id, "name": close_id, "custom_object_type_id": type_id });
            for (field, value) in custom.as_object().unwrap() {
                raw[format!("custom.{field}")] = value.clone();
            }
            sqlx::query(
                "insert into custom_record (id, connection_id, close_id, kind, type_id, custom, raw, source_updated_at)
                 values ($1, $2, $3, 'custom_object', $4, $5, $6, $7::text::timestamptz)",
            )
            .bind(closegraph_entity::record::record_id(connection, close_id))
            .bind(connection)
            .bind(close_id)
            .bind(type_id)
            .bind(custom)
            .bind(raw)
            .bind(at)
            .execute(&self.pool)
            .await
            .unwrap();
        }
    }
}

async fn stored(
    world: &World,
    connection: Uuid,
) -> (String, String, Option<Value>, Option<String>) {
    sqlx::query_as(
        "select state, origin, mapping, decided_by from invoice_mapping where connection_id = $1",
    )
    .bind(connection)
    .fetch_one(&world.pool)
    .await
    .unwrap()
}

/// A mapping that fits, in words that need to be put right.
fn fitting() -> Value {
    json!({ "typeId": "cotype_invoice", "decimals": "COMMA", "currency": "eur",
        "fields": [{ "role": "AMOUNT", "fieldId": "cf_total" }, { "role": "STATUS", "fieldId": "cf_state" }],
        "statusWords": [{ "word": "Sent ", "status": "ISSUED" }, { "word": "PAID", "status": "PAID" }],
        "lines": { "objects": { "typeId": "cotype_line", "fields": [
            { "role": "INVOICE", "fieldId": "cf_of" }, { "role": "TOTAL", "fieldId": "cf_price" }] } } })
}

#[tokio::test]
async fn a_person_reads_what_was_proposed_and_sets_the_mapping() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    world.invoice_types(ONE).await;
    let viewer = world.token(&[ONE]).await;
    let shown = world.data(&viewer, &with_setting(SHOW), json!({})).await["invoiceMapping"].clone();
    assert_eq!(shown["connection"]["id"], ONE.to_string());
    assert_eq!(
        (&shown["state"], &shown["origin"], &shown["mapping"]),
        (&json!("WAITING"), &json!("PROPOSED"), &Value::Null)
    );
    let proposal = &shown["proposals"][0];
    assert_eq!(
        (&proposal["score"], &proposal["typeName"]),
        (&json!(0.6), &json!("Invoice"))
    );
    assert_eq!(
        proposal["fields"],
        json!([{ "role": "AMOUNT", "fieldId": "cf_total", "fieldName": "Total", "score": 1.0, "reason": "it says total" }])
    );
    assert_eq!(
        proposal["mapping"]["fields"],
        json!([{ "role": "AMOUNT", "fieldId": "cf_total", "fieldName": "Total" }])
    );
    let invoice = &shown["types"][0];
    assert_eq!(invoice["name"], "Invoice");
    assert_eq!(
        invoice["fields"][2],
        json!({ "id": "cf_due", "name": "Due", "type": "date", "choices": [], "refersTo": null, "roles": ["ISSUED_ON", "DUE_ON", "PAID_ON"] })
    );
    assert_eq!(shown["types"][1]["fields"][0]["refersTo"], "cotype_invoice");

    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let set = json!({ "c": ONE, "m": fitting() });
    let done = world.data(&operator, &with_setting(SET), set).await["setInvoiceMapping"].clone();
    assert_eq!(
        (&done["state"], &done["origin"], &done["decidedBy"]),
        (&json!("ACTIVE"), &json!("PERSON"), &json!("test"))
    );
    assert_eq!(
        done["mapping"],
        json!({ "typeId": "cotype_invoice", "typeName": "Invoice", "kind": "CUSTOM_OBJECT", "decimals": "COMMA", "currency": "EUR",
            "fields": [{ "role": "AMOUNT", "fieldId": "cf_total", "fieldName": "Total" },
                       { "role": "STATUS", "fieldId": "cf_state", "fieldName": "State" }],
            "statusWords": [{ "word": "paid", "status": "PAID" }, { "word": "sent", "status": "ISSUED" }],
            "lines": { "text": null, "objects": { "typeId": "cotype_line", "typeName": "Line", "fields": [
                { "role": "INVOICE", "fieldId": "cf_of", "fieldName": "Invoice" },
                { "role": "TOTAL", "fieldId": "cf_price", "fieldName": "Price" }] } } })
    );
    let (.., mapping, _) = stored(&world, ONE).await;
    let read: closegraph_entity::invoice_mapping::InvoiceMapping =
        serde_json::from_value(mapping.unwrap()).unwrap();
    assert_eq!(read.type_id, "cotype_invoice");

    let none = json!({ "c": ONE, "n": true });
    let done = world.data(&operator, &with_setting(SET), none).await["setInvoiceMapping"].clone();
    assert_eq!(
        (&done["state"], &done["origin"], &done["mapping"]),
        (&json!("NONE"), &json!("PERSON"), &Value::Null)
    );

    let read = "update connection set settings_read_at = now() where id = $1 and $2 <> $1";
    world.change(read, ONE, OTHER).await;
    let done = world
        .data(&operator, &with_setting(RESET), json!({ "c": ONE }))
        .await["resetInvoiceMapping"]
        .clone();
    assert_eq!(
        (&done["state"], &done["origin"], &done["decidedBy"]),
        (&json!("WAITING"), &json!("PROPOSED"), &Value::Null)
    );
    let due: bool =
        sqlx::query_scalar("select settings_read_at is null from connection where id = $1")
            .bind(ONE)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert!(due, "sync proposes anew at once");
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_is_refused_with_what_is_allowed() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    world.invoice_types(ONE).await;
    let before = stored(&world, ONE).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let changed = |pointer: &str, value: Value| {
        let mut mapping = fitting();
        *mapping.pointer_mut(pointer).unwrap() = value;
        json!({ "c": ONE, "m": mapping })
    };
    for (variables, expected) in [
        (
            changed("/typeId", json!("cotype_gone")),
            "there are cotype_invoice (Invoice), cotype_line (Line)",
        ),
        (
            changed("/fields/0/fieldId", json!("cf_due")),
            "amount: \"Due\" is of type date; it takes a field of type number, text, hidden: cf_total (Total)",
        ),
        (
            changed("/fields/0/role", json!("TAX")),
            "a field with the role amount is needed",
        ),
        (
            changed("/fields/1/role", json!("AMOUNT")),
            "amount: the role is given twice",
        ),
        (
            changed("/statusWords", json!([])),
            "say which of its words means draft",
        ),
        (changed("/statusWords/0/word", json!("  ")), "not empty"),
        (
            changed("/currency", json!("euro")),
            "\"EURO\" is none of ISO 4217's codes",
        ),
        (
            changed("/lines/objects/typeId", json!("cotype_invoice")),
            "can't hold them",
        ),
        (
            changed(
                "/lines",
                json!({ "text": { "fieldId": "cf_rows", "separator": "", "columns": ["TOTAL"] } }),
            ),
            "the separator is",
        ),
        (json!({ "c": ONE }), "give either a mapping, or none: true"),
        (
            json!({ "c": ONE, "m": fitting(), "n": true }),
            "give either a mapping, or none: true",
        ),
    ] {
        let (message, code) = world
            .refused(&operator, &with_setting(SET), variables)
            .await;
        assert_eq!(code, "BAD_USER_INPUT", "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(stored(&world, ONE).await, before);
}

#[tokio::test]
async fn mappings_are_read_and_set_only_where_the_token_may() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 1).await;
        world.invoice_types(connection).await;
    }
    let before = stored(&world, OTHER).await;
    let viewer = world.token(&[ONE]).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let both = world.token(&[ONE, OTHER]).await;
    for (token, document, variables, expected) in [
        (
            &viewer,
            SET,
            json!({ "c": ONE, "m": fitting() }),
            "FORBIDDEN",
        ),
        (&viewer, RESET, json!({ "c": ONE }), "FORBIDDEN"),
        (&viewer, SHOW, json!({ "c": OTHER }), "NOT_FOUND"),
        (
            &operator,
            SET,
            json!({ "c": OTHER, "m": fitting() }),
            "NOT_FOUND",
        ),
        (&operator, RESET, json!({ "c": OTHER }), "NOT_FOUND"),
        (&both, SHOW, json!({}), "BAD_USER_INPUT"),
    ] {
        let (message, code) = world
            .refused(token, &with_setting(document), variables)
            .await;
        assert_eq!(code, expected, "{message}");
    }
    assert_eq!(stored(&world, OTHER).await, before);
    let shown = world
        .data(&both, &with_setting(SHOW), json!({ "c": OTHER }))
        .await;
    assert_eq!(
        shown["invoiceMapping"]["connection"]["id"],
        OTHER.to_string()
    );
}

#[tokio::test]
async fn a_mapping_is_tried_on_what_is_kept_before_it_is_set() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 1).await;
        world.invoice_types(connection).await;
        world.kept_records(connection).await;
    }
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let mut mapping = fitting();
    mapping["fields"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "role": "DUE_ON", "fieldId": "cf_due" }));
    let variables = json!({ "c": ONE, "m": mapping });
    let tried = world.data(&operator, TRY, variables).await["tryInvoiceMapping"].clone();
    assert_eq!(
        tried,
        json!([
            { "closeId": "custobj_1", "number": "custobj_1", "status": "ISSUED", "statusLabel": "Sent", "paymentStatus": "UNPAID",
              "dueOn": "2026-02-03", "total": { "amount": "12.50", "currency": "EUR" }, "amountPaid": { "amount": "0.00" },
              "balanceDue": { "amount": "12.50" }, "flags": [], "lineCount": 2 },
            { "closeId": "custobj_2", "number": "custobj_2", "status": null, "statusLabel": "Lost", "paymentStatus": "UNKNOWN",
              "dueOn": null, "total": { "amount": "7.00", "currency": "EUR" }, "amountPaid": { "amount": "0.00" },
              "balanceDue": { "amount": "7.00" }, "flags": ["STATUS_UNKNOWN"], "lineCount": 0 },
        ])
    );
    let one = json!({ "c": ONE, "m": fitting(), "first": 1 });
    let one = world.data(&operator, TRY, one).await;
    assert_eq!(one["tryInvoiceMapping"].as_array().unwrap().len(), 1);
    let (.., mapping, _) = stored(&world, ONE).await;
    assert_eq!(mapping, None, "nothing is set");
    let viewer = world.token(&[ONE]).await;
    for (token, variables, expected) in [
        (&viewer, json!({ "c": ONE, "m": fitting() }), "FORBIDDEN"),
        (
            &operator,
            json!({ "c": OTHER, "m": fitting() }),
            "NOT_FOUND",
        ),
        (
            &operator,
            json!({ "c": ONE, "m": fitting(), "first": 101 }),
            "PAGE_TOO_LARGE",
        ),
        (
            &operator,
            json!({ "c": ONE, "m": fitting(), "first": -1 }),
            "BAD_USER_INPUT",
        ),
        (
            &operator,
            json!({ "c": ONE, "m": { "typeId": "cotype_line", "fields": [] } }),
            "BAD_USER_INPUT",
        ),
    ] {
        let (message, code) = world.refused(token, TRY, variables).await;
        assert_eq!(code, expected, "{message}");
    }
}
