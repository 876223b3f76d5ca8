//! Values of custom fields, typed as their fields are (dossier 4.7).

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::custom_field::{CustomField, FieldType};
use super::decimal::Decimal;
use super::fields::Fields;
use super::id::Id;
use super::moment::Moment;
use super::organization::Organization;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum CustomValue {
    /// Texts, choices and dates: written as they were given.
    Text(Arc<str>),
    Whole(i64),
    Decimal(f64),
    /// Written as exactly these digits.
    Exact(Decimal),
    Moment(Moment),
    Id(Arc<Id>),
    Many(Box<[CustomValue]>),
    /// Hidden fields hold anything.
    Any(Box<Value>),
}

/// The set values of one object, by the field's place in the organization. Unset is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CustomValues(Box<[(u8, CustomValue)]>);

impl CustomValues {
    pub(crate) fn new(values: Vec<(u8, CustomValue)>) -> Self {
        Self(values.into_boxed_slice())
    }

    pub(crate) fn get(&self, place: u8) -> Option<&CustomValue> {
        self.0
            .iter()
            .find(|(field, _)| *field == place)
            .map(|(_, value)| value)
    }

    pub(crate) fn set(&mut self, place: u8, value: Option<CustomValue>) {
        let mut values = std::mem::take(&mut self.0).into_vec();
        values.retain(|(field, _)| *field != place);
        if let Some(value) = value {
            values.push((place, value));
            values.sort_by_key(|(field, _)| *field);
        }
        self.0 = values.into_boxed_slice();
    }

    /// The flat form: `custom.cf_…` keys at the top level.
    pub(crate) fn put_flat<M: SerializeMap>(
        &self,
        organization: &Organization,
        fields: &mut Fields<'_, M>,
    ) -> Result<(), M::Error> {
        for (place, value) in &self.0 {
            let Some(field) = organization.custom_field(*place) else {
                continue;
            };
            if fields.selection.wants_custom(&field.key) {
                fields.map.serialize_entry(&*field.key, value)?;
            }
        }
        Ok(())
    }

    /// The deprecated form: an object keyed by field name.
    pub(crate) fn by_name<'v>(&'v self, organization: &'v Organization) -> ByName<'v> {
        ByName {
            values: self,
            organization,
        }
    }
}

#[derive(Debug)]
pub(crate) struct ByName<'v> {
    values: &'v CustomValues,
    organization: &'v Organization,
}

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (place, value) in &self.values.0 {
            if let Some(field) = self.organization.custom_field(*place) {
                map.serialize_entry(&field.name, value)?;
            }
        }
        map.end()
    }
}

/// Reads what a client sent for a field; the error is the text for `field-errors`.
pub(crate) fn read(
    organization: &Organization,
    field: &CustomField,
    given: &Value,
) -> Result<Option<CustomValue>, &'static str> {
    match given {
        Value::Null => Ok(None),
        Value::Array(values) if field.many => {
            let values = values.iter().map(|one| read_one(organization, field, one));
            let values: Vec<CustomValue> = values.collect::<Result<_, _>>()?;
            Ok((!values.is_empty()).then(|| CustomValue::Many(values.into())))
        }
        one if field.many => Ok(Some(CustomValue::Many(Box::new([read_one(
            organization,
            field,
            one,
        )?])))),
        one => read_one(organization, field, one).map(Some),
    }
}

/// Reads one value of a field.
pub(crate) fn read_one(
    organization: &Organization,
    field: &CustomField,
    given: &Value,
) -> Result<CustomValue, &'static str> {
    let text = given.as_str();
    match field.kind {
        FieldType::Hidden => Ok(match text {
            Some(text) => CustomValue::Text(text.into()),
            None => CustomValue::Any(Box::new(given.clone())),
        }),
        FieldType::Text | FieldType::Textarea => text
            .map(|text| CustomValue::Text(text.into()))
            .ok_or("Value must be of basestring type."),
        FieldType::Number => match given.as_number().map(read_number) {
            Some(number) => Ok(number),
            None => text
                .and_then(|text| text.parse::<Number>().ok())
                .map(|number| read_number(&number))
                .ok_or("Value must be a number."),
        },
        FieldType::Date => text
            .filter(|text| text.parse::<chrono::NaiveDate>().is_ok())
            .map(|text| CustomValue::Text(text.into()))
            .ok_or("Value must be a date in the YYYY-MM-DD format."),
        FieldType::DateTime => text
            .and_then(Moment::parse)
            .map(CustomValue::Moment)
            .ok_or("Value must be an ISO 8601 datetime."),
        FieldType::Choices => text
            .and_then(|text| field.choices.iter().find(|choice| **choice == text))
            .map(|choice| CustomValue::Text(Arc::from(&**choice)))
            .ok_or("Value is not a valid choice."),
        FieldType::User => text
            .filter(|text| organization.user_place(text).is_some())
            .and_then(Id::parse)
            .map(|id| CustomValue::Id(Arc::new(id)))
            .ok_or("Value is not a user of this organization."),
        FieldType::Contact => text
            .filter(|text| text.starts_with("cont_"))
            .and_then(Id::parse)
            .map(|id| CustomValue::Id(Arc::new(id)))
            .ok_or("Value is not a contact."),
        FieldType::CustomObject => text
            .filter(|text| text.starts_with("custobj_"))
            .and_then(Id::parse)
            .map(|id| CustomValue::Id(Arc::new(id)))
            .ok_or("Value is not a custom object."),
    }
}

fn read_number(number: &Number) -> CustomValue {
    match number.as_i64() {
        Some(whole) => CustomValue::Whole(whole),
        None => CustomValue::Decimal(number.as_f64().unwrap_or_default()),
    }
}
