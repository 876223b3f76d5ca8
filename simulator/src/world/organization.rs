//! What changes never or rarely: the organization, its users, statuses, pipelines and custom
//! types and fields (dossier 4.1, 4.2, 4.6, 4.7). Other objects name them by their place in a list.

use serde::{Serialize, Serializer};

use super::custom_field::{CustomField, FieldOn};
use super::custom_type::CustomType;
use super::id::Id;
use super::invoice::Role;
use super::moment::Moment;
use super::records::Kind;
use crate::config::InvoiceLayout;

#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// ISO 4217; one for the whole organization.
    pub(crate) currency: String,
    pub(crate) billing_account: Id,
    pub(crate) api_key_id: Id,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
    pub(crate) users: Vec<User>,
    pub(crate) lead_statuses: Vec<LeadStatus>,
    pub(crate) pipelines: Vec<Pipeline>,
    /// All pipelines' statuses, in board order, pipeline by pipeline.
    pub(crate) opportunity_statuses: Vec<OpportunityStatus>,
    pub(crate) custom_fields: Vec<CustomField>,
    /// Of custom objects and custom activities.
    pub(crate) custom_types: Vec<CustomType>,
    /// How the team keeps its invoices.
    pub(crate) invoices: InvoiceLayout,
}

impl Organization {
    pub(crate) fn user(&self, place: u8) -> Option<&User> {
        self.users.get(usize::from(place))
    }

    pub(crate) fn user_place(&self, id: &str) -> Option<u8> {
        let place = self.users.iter().position(|user| user.id.as_str() == id)?;
        u8::try_from(place).ok()
    }

    pub(crate) fn lead_status(&self, place: u8) -> Option<&LeadStatus> {
        self.lead_statuses.get(usize::from(place))
    }

    pub(crate) fn opportunity_status(&self, place: u8) -> Option<&OpportunityStatus> {
        self.opportunity_statuses.get(usize::from(place))
    }

    pub(crate) fn opportunity_status_place(&self, id: &str) -> Option<u8> {
        let mut statuses = self.opportunity_statuses.iter();
        u8::try_from(statuses.position(|status| status.id.as_str() == id)?).ok()
    }

    /// The first status of a pipeline: where its new opportunities begin.
    pub(crate) fn first_status_of(&self, pipeline: u8) -> Option<u8> {
        let mut statuses = self.opportunity_statuses.iter();
        u8::try_from(statuses.position(|status| status.pipeline == pipeline)?).ok()
    }

    pub(crate) fn pipeline(&self, place: u8) -> Option<&Pipeline> {
        self.pipelines.get(usize::from(place))
    }

    pub(crate) fn custom_field(&self, place: u8) -> Option<&CustomField> {
        self.custom_fields.get(usize::from(place))
    }

    /// The fields of one type of object, shared ones included, each with its place.
    pub(crate) fn fields_of(&self, on: FieldOn) -> impl Iterator<Item = (u8, &CustomField)> {
        (0_u8..)
            .zip(&self.custom_fields)
            .filter(move |(_, field)| field.applies_to(on))
    }

    pub(crate) fn custom_type(&self, place: u8) -> Option<&CustomType> {
        self.custom_types.get(usize::from(place))
    }

    /// The types of custom objects or of custom activities, each with its place.
    pub(crate) fn types_of(&self, kind: Kind) -> impl Iterator<Item = (u8, &CustomType)> {
        (0_u8..)
            .zip(&self.custom_types)
            .filter(move |(_, one)| one.kind == kind)
    }

    /// The type of a kind with an id, and its place.
    pub(crate) fn find_type(&self, kind: Kind, id: &str) -> Option<(u8, &CustomType)> {
        self.types_of(kind).find(|(_, one)| one.id.as_str() == id)
    }

    /// The type that has a field in this role.
    pub(crate) fn told_in(&self, role: Role) -> Option<(Kind, u8)> {
        let mut fields = self.custom_fields.iter();
        let field = fields.find(|field| field.role == Some(role))?;
        match field.on.first()? {
            FieldOn::CustomObject(place) => Some((Kind::CustomObject, *place)),
            FieldOn::CustomActivity(place) => Some((Kind::CustomActivity, *place)),
            _ => None,
        }
    }

    /// The statuses of one pipeline, in board order.
    pub(crate) fn board(&self, pipeline: u8) -> impl Iterator<Item = &OpportunityStatus> {
        self.opportunity_statuses
            .iter()
            .filter(move |status| status.pipeline == pipeline)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) membership: Id,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) timezone: &'static str,
    pub(crate) role: &'static str,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

impl User {
    pub(crate) fn name(&self) -> FullName<'_> {
        FullName(self)
    }
}

/// First and last name as one text.
#[derive(Debug)]
pub(crate) struct FullName<'u>(&'u User);

impl std::fmt::Display for FullName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.first_name, self.0.last_name)
    }
}

impl Serialize for FullName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct LeadStatus {
    pub(crate) id: Id,
    pub(crate) label: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) created_by: Option<u8>,
    pub(crate) created: Moment,
    pub(crate) updated: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusType {
    Active,
    Won,
    Lost,
}

impl StatusType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct OpportunityStatus {
    pub(crate) id: Id,
    pub(crate) label: String,
    pub(crate) kind: StatusType,
    pub(crate) pipeline: u8,
}

/// A user's id, or null.
pub(crate) fn user_id(organization: &Organization, place: Option<u8>) -> Option<Id> {
    Some(organization.user(place?)?.id)
}

/// A user's full name, or null.
pub(crate) fn user_name(organization: &Organization, place: Option<u8>) -> Option<FullName<'_>> {
    Some(organization.user(place?)?.name())
}
