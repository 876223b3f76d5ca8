//! Made-up invoices: many at once, or one that a test describes.

use crate::world::World;
use chrono::NaiveDate;
use closegraph_entity::record::{payment_id, record_id};
use uuid::Uuid;

/// An invoice as a test wants it. Amounts are minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invoice<'a> {
    pub(crate) close_id: &'a str,
    /// Close id of its company.
    pub(crate) company: Option<&'a str>,
    pub(crate) status: Option<&'a str>,
    pub(crate) payment_status: &'a str,
    pub(crate) issued_on: Option<NaiveDate>,
    pub(crate) due_on: Option<NaiveDate>,
    pub(crate) paid_on: Option<NaiveDate>,
    pub(crate) currency: &'a str,
    pub(crate) places: i16,
    pub(crate) total: Option<i64>,
    pub(crate) tax: Option<i64>,
    pub(crate) balance: Option<i64>,
}

/// Issued and unpaid, 100.00 USD, without dates.
pub(crate) const UNPAID: Invoice<'_> = Invoice {
    close_id: "custobj_1",
    company: None,
    status: Some("issued"),
    payment_status: "unpaid",
    issued_on: None,
    due_on: None,
    paid_on: None,
    currency: "USD",
    places: 2,
    total: Some(10_000),
    tax: None,
    balance: Some(10_000),
};

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl World {
    /// Adds an invoice.
    pub(crate) async fn invoice(&self, connection: Uuid, invoice: Invoice<'_>) {
        sqlx::query(
            "insert into receivable (id, connection_id, close_id, company_id, number, status, status_label, payment_status,
                    issued_on, due_on, paid_on, currency, currency_places, total_minor, tax_minor, paid_minor, balance_minor,
                    source_updated_at)
             values ($1, $2, $3, $4, $3, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12 - $14, $14, '2026-01-01Z')",
        )
        .bind(record_id(connection, invoice.close_id))
        .bind(connection)
        .bind(invoice.close_id)
        .bind(invoice.company.map(|company| record_id(connection, company)))
        .bind(invoice.status)
        .bind(invoice.payment_status)
        .bind(invoice.issued_on)
        .bind(invoice.due_on)
        .bind(invoice.paid_on)
        .bind(invoice.currency)
        .bind(invoice.places)
        .bind(invoice.total)
        .bind(invoice.tax)
        .bind(invoice.balance)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Adds the payment of an invoice that counts `place` from 1.
    pub(crate) async fn payment(
        &self,
        connection: Uuid,
        invoice: Invoice<'_>,
        (place, on, minor): (usize, &str, i64),
    ) {
        sqlx::query(
            "insert into transaction (id, connection_id, close_id, kind, receivable_id, company_id, occurred_on,
                    amount_minor, currency, billing_period, source_updated_at)
             values ($1, $2, $3, 'invoice_payment', $4, $5, $6, $7, $8, 'one_time', '2026-01-01Z')",
        )
        .bind(payment_id(connection, invoice.close_id, place))
        .bind(connection)
        .bind(invoice.close_id)
        .bind(record_id(connection, invoice.close_id))
        .bind(invoice.company.map(|company| record_id(connection, company)))
        .bind(day(on))
        .bind(minor)
        .bind(invoice.currency)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Adds a line of an invoice: (description, quantity, unit price, total), in major units.
    pub(crate) async fn line(
        &self,
        connection: Uuid,
        invoice: &str,
        position: i32,
        (description, quantity, unit_price, total): (
            &str,
            Option<&str>,
            Option<&str>,
            Option<&str>,
        ),
    ) {
        sqlx::query(
            "insert into receivable_line (id, connection_id, close_id, receivable_id, position, description, quantity,
                    unit_price, total, source_updated_at)
             values (gen_random_uuid(), $1, $2, $3, $4, $5, $6::numeric, $7::numeric, $8::numeric, '2026-01-01Z')",
        )
        .bind(connection)
        .bind(invoice)
        .bind(record_id(connection, invoice))
        .bind(position)
        .bind(description)
        .bind(quantity)
        .bind(unit_price)
        .bind(total)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Links an invoice with a deal.
    pub(crate) async fn link(
        &self,
        connection: Uuid,
        (invoice, deal): (&str, &str),
        (state, origin, score): (&str, &str, i16),
    ) {
        sqlx::query(
            "insert into link (receivable_id, opportunity_id, connection_id, state, origin, score)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(record_id(connection, invoice))
        .bind(record_id(connection, deal))
        .bind(connection)
        .bind(state)
        .bind(origin)
        .bind(score)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Adds as many invoices as there are deals to a seeded connection: `custobj_1` and so on.
    pub(crate) async fn seed_invoices(&self, connection: Uuid, size: i32) {
        let ids = |prefix: &str| -> Vec<Uuid> {
            (1..=size)
                .map(|number| record_id(connection, &format!("{prefix}_{number}")))
                .collect()
        };
        let payments: Vec<Uuid> = (1..=size)
            .map(|number| payment_id(connection, &format!("custobj_{number}"), 1))
            .collect();
        for statement in SEED.split(";\n").filter(|text| !text.trim().is_empty()) {
            sqlx::query(statement)
                .bind(connection)
                .bind(ids("custobj"))
                .bind(ids("lead"))
                .bind(ids("cont"))
                .bind(ids("oppo"))
                .bind(&payments)
                .execute(&self.pool)
                .await
                .unwrap();
        }
        sqlx::query("analyze").execute(&self.pool).await.unwrap();
    }
}

/// As with other records, columns repeat and lack values at different steps.
const SEED: &str = "
insert into custom_type (connection_id, close_id, kind, name, fields)
select $1, 'cotype_1', 'custom_object', 'Invoice', '[{\"id\": \"cf_po\", \"name\": \"Purchase order\", \"type\": \"text\"}]'
 where coalesce($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into custom_record (id, connection_id, close_id, kind, type_id, company_id, name, raw, source_updated_at)
select u.id, $1, 'custobj_' || n, 'custom_object', 'cotype_1', ($3::uuid[])[1 + n % 40], 'INV-' || n,
       json_build_object('id', 'custobj_' || n), '2026-01-01Z'
  from unnest($2::uuid[]) with ordinality u (id, n)
 where coalesce($4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into receivable (id, connection_id, close_id, company_id, person_id, number, status, status_label, payment_status,
       issued_on, due_on, paid_on, terms, currency, currency_places, total_minor, tax_minor, paid_minor, balance_minor, custom,
       source_created_at, source_updated_at)
select u.id, $1, 'custobj_' || n, ($3::uuid[])[1 + n % least(40, array_length($3::uuid[], 1))], ($4::uuid[])[n],
       case when n % 14 > 0 then 'INV-' || n % 800 end, (array['issued', 'paid', 'void', 'draft', null])[1 + n % 5],
       (array['Sent', 'Paid', 'Void', 'Draft', '?'])[1 + n % 5],
       (array['unpaid', 'paid', 'unknown', 'unknown', 'partial'])[1 + n % 5],
       case when n % 12 > 0 then date '2025-01-01' + (n % 500)::int end,
       case when n % 7 > 0 then date '2025-02-01' + (n % 500)::int end,
       case when n % 5 = 1 then date '2025-01-15' + (n % 500)::int end, 'Net 30',
       (array['USD', 'EUR', 'JPY'])[1 + n % 3], (array[2, 2, 0])[1 + n % 3], t.minor, t.minor / 10,
       case n % 5 when 1 then t.minor when 4 then t.minor / 2 else 0 end,
       t.minor - case n % 5 when 1 then t.minor when 4 then t.minor / 2 else 0 end,
       case when n % 2 = 0 then '{\"cf_po\": \"PO 7\"}' else '{}' end::jsonb,
       case when n % 11 > 0 then timestamptz '2025-01-01Z' + (n / 4) * interval '1 hour' end,
       timestamptz '2026-01-01Z' + (n / 3) * interval '1 minute'
  from unnest($2::uuid[]) with ordinality u (id, n)
 cross join lateral (select case when n % 10 > 0 then n % 20 * 1000 end as minor) t
 where coalesce($5::uuid[], $6::uuid[]) is not null;
insert into receivable_line (id, connection_id, close_id, receivable_id, position, description, quantity, unit_price, source_updated_at)
select gen_random_uuid(), $1, 'custobj_' || n, u.id, p, 'Line ' || p, p, n % 20 * 5, '2026-01-01Z'
  from unnest($2::uuid[]) with ordinality u (id, n) cross join generate_series(1, n % 4) p
 where coalesce($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null;
insert into transaction (id, connection_id, close_id, kind, receivable_id, company_id, person_id, occurred_on, amount_minor,
       currency, billing_period, source_created_at, source_updated_at)
select ($6::uuid[])[n], $1, r.close_id, 'invoice_payment', r.id, r.company_id, r.person_id, current_date - (n % 500)::int,
       r.paid_minor, r.currency, 'one_time', r.source_created_at, r.source_updated_at
  from unnest($2::uuid[]) with ordinality u (id, n) join receivable r on r.id = u.id
 where r.paid_minor > 0 and coalesce($3::uuid[], $4::uuid[], $5::uuid[]) is not null;
insert into link (receivable_id, opportunity_id, connection_id, state, origin, score)
select u.id, ($5::uuid[])[n], $1, 'linked', 'match', 80
  from unnest($2::uuid[]) with ordinality u (id, n)
 where n % 3 = 0 and coalesce($3::uuid[], $4::uuid[], $6::uuid[]) is not null;
insert into audit_entry (connection_id, record_type, record_id, close_id, action, origin, at)
select $1, w.word, u.id, 'custobj_' || n, 'created', 'backfill', '2026-01-01Z'
  from unnest($2::uuid[]) with ordinality u (id, n) cross join (values ('custom_record'), ('receivable')) w (word)
 where n <= 100 and coalesce($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) is not null
";
