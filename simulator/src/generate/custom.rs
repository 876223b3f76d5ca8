//! Values for custom fields: about a third of the fields are set on an object.

use std::sync::Arc;

use super::dice::Dice;
use super::names::NOTES;
use super::{DAY, Maker};
use crate::world::custom::{CustomValue, CustomValues};
use crate::world::custom_field::{CustomField, FieldOn, FieldType};
use crate::world::id::Id;
use crate::world::moment::Moment;

impl Maker<'_> {
    /// Values for one object; `contacts` are those that a contact field may name.
    pub(super) fn custom(
        &mut self,
        on: FieldOn,
        contacts: &[Arc<Id>],
        dice: &mut Dice,
    ) -> CustomValues {
        let organization = self.organization;
        let mut values = Vec::new();
        for (place, field) in organization.fields_of(on) {
            if !dice.chance(0.3) {
                continue;
            }
            let value = if field.many {
                let mut items = Vec::new();
                for _ in 0..dice.between(1, 3) {
                    if let Some(one) = self.one(field, contacts, dice)
                        && !items.contains(&one)
                    {
                        items.push(one);
                    }
                }
                (!items.is_empty()).then(|| CustomValue::Many(items.into()))
            } else {
                self.one(field, contacts, dice)
            };
            values.extend(value.map(|value| (place, value)));
        }
        CustomValues::new(values)
    }

    fn one(
        &mut self,
        field: &CustomField,
        contacts: &[Arc<Id>],
        dice: &mut Dice,
    ) -> Option<CustomValue> {
        let day = self.now.plus(-dice.between(-200, 500) * DAY);
        Some(match field.kind {
            FieldType::Text => CustomValue::Text(Arc::from(dice.digits("AB######"))),
            FieldType::Textarea => CustomValue::Text(self.texts.get(dice.pick(NOTES))),
            FieldType::CustomObject => return None,
            FieldType::Hidden => CustomValue::Text(Arc::from(dice.digits("ext-####"))),
            FieldType::Number if dice.chance(0.25) => {
                #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                let decimal = dice.between(1, 4_000) as f64 / 4.0;
                CustomValue::Decimal(decimal)
            }
            FieldType::Number => CustomValue::Whole(dice.between(1, 5_000)),
            FieldType::Date => CustomValue::Text(self.texts.get(&day.date().to_string())),
            FieldType::DateTime => CustomValue::Moment(Moment(day.0 - day.0.rem_euclid(1_000))),
            FieldType::Choices => CustomValue::Text(self.texts.get(dice.one(&field.choices)?)),
            FieldType::User => {
                CustomValue::Id(Arc::clone(self.users.get(dice.below(self.users.len()))?))
            }
            FieldType::Contact => {
                CustomValue::Id(Arc::clone(contacts.get(dice.below(contacts.len()))?))
            }
        })
    }
}
