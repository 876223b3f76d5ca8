//! How an organization writes its amounts, told from those that can be read in one way only.

use crate::close::Object;
use closegraph_entity::invoice_mapping::{Decimals, InvoiceMapping, Role};
use sqlx::PgConnection;
use uuid::Uuid;

/// Records that are looked at, the newest first.
const SAMPLES: i64 = 500;

/// How the amounts of the records that are kept are written; `Auto` where they do not tell.
pub(super) async fn learn(
    connection: &mut PgConnection,
    connection_id: Uuid,
    mapping: &InvoiceMapping,
) -> Result<Decimals, sqlx::Error> {
    let roles = [Role::Amount, Role::Tax, Role::AmountPaid, Role::Balance];
    let fields = roles.iter().filter_map(|role| mapping.fields.get(role));
    let keys: Vec<String> = fields.map(|field| format!("custom.{field}")).collect();
    let records: Vec<String> = sqlx::query_scalar(
        "select raw::text from custom_record where connection_id = $1 and type_id = $2
          order by source_updated_at desc limit $3",
    )
    .bind(connection_id)
    .bind(&mapping.type_id)
    .bind(SAMPLES)
    .fetch_all(connection)
    .await?;
    let objects = records.iter().filter_map(|raw| Object::parse(raw).ok());
    let texts = objects.flat_map(|object| {
        let texts = keys.iter().filter_map(|key| {
            let is_text = object.get(key)?.get().starts_with('"');
            object.text(key).filter(|_| is_text)
        });
        texts.collect::<Vec<_>>()
    });
    Ok(of(texts))
}

fn of(texts: impl Iterator<Item = String>) -> Decimals {
    let (mut points, mut commas) = (0_u32, 0_u32);
    for text in texts {
        match mark(&text) {
            Some('.') => points += 1,
            Some(_) => commas += 1,
            None => {}
        }
    }
    match (points, commas) {
        (1.., 0) => Decimals::Point,
        (0, 1..) => Decimals::Comma,
        _ => Decimals::Auto,
    }
}

/// The mark before the decimals, where an amount can be read in one way only.
fn mark(text: &str) -> Option<char> {
    let at = text.rfind(['.', ','])?;
    let (whole, fraction) = (text.get(..at)?, text.get(at + 1..)?);
    let mark = text.get(at..)?.chars().next()?;
    let other = if mark == '.' { ',' } else { '.' };
    let digits = fraction.chars().take_while(char::is_ascii_digit).count();
    if whole.contains(mark) {
        // It stands between thousands, so the other one is before decimals.
        return (!whole.contains(other)).then_some(other);
    }
    (whole.contains(other) || digits != 3).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::{Decimals, of};

    #[test]
    fn amounts_tell_how_they_are_written() {
        let learned = |texts: &[&str]| of(texts.iter().map(|text| (*text).to_owned()));
        assert_eq!(learned(&["1.234,50 €", "12.000"]), Decimals::Comma);
        assert_eq!(learned(&["1,234.50", "12,000"]), Decimals::Point);
        assert_eq!(learned(&["1.234.567", "123,456"]), Decimals::Comma);
        assert_eq!(learned(&["12.000", "123,456", "7"]), Decimals::Auto);
        assert_eq!(learned(&["1.50", "1,50"]), Decimals::Auto);
    }
}
