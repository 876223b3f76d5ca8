//! The parts that every generated organization has: six users, lead statuses, two pipelines with
//! several won statuses, and custom fields of every type.

use rand_chacha::ChaCha8Rng;

use crate::config::InvoiceLayout;
use crate::world::custom_field::{CustomField, FieldOn, FieldType};
use crate::world::id::{Id, IdKind};
use crate::world::moment::Moment;
use crate::world::organization::{
    LeadStatus, OpportunityStatus, Organization, Pipeline, StatusType, User,
};

use FieldOn::{Contact, Lead, Opportunity};
use FieldType as T;

const USERS: [(&str, &str, &str, &str); 6] = [
    ("Sam", "Rep", "America/New_York", "admin"),
    ("Ines", "Duarte", "Europe/Lisbon", "user"),
    ("Tom", "Becker", "Europe/Berlin", "user"),
    ("Aiko", "Mori", "Asia/Tokyo", "user"),
    ("Ngozi", "Eze", "Africa/Lagos", "superuser"),
    ("Liam", "O'Connor", "Europe/Dublin", "restricteduser"),
];

const LEAD_STATUSES: [&str; 6] = [
    "Potential",
    "Contacted",
    "Qualified",
    "Customer",
    "Former Customer",
    "Bad Fit",
];

const SALES: &[(&str, StatusType)] = &[
    ("Discovery", StatusType::Active),
    ("Demo Completed", StatusType::Active),
    ("Proposal Sent", StatusType::Active),
    ("Contract Sent", StatusType::Active),
    ("Won", StatusType::Won),
    ("Won - Paid", StatusType::Won),
    ("Lost", StatusType::Lost),
    ("Lost - Competitor", StatusType::Lost),
];

const RENEWALS: &[(&str, StatusType)] = &[
    ("Due", StatusType::Active),
    ("Negotiation", StatusType::Active),
    ("Renewed", StatusType::Won),
    ("Churned", StatusType::Lost),
];

type FieldSpec = (
    &'static str,
    FieldType,
    bool,
    &'static [FieldOn],
    &'static [&'static str],
);

const INDUSTRIES: &[&str] = &[
    "Manufacturing",
    "Retail",
    "Healthcare",
    "Finance",
    "Hospitality",
    "Software",
];
const REGIONS: &[&str] = &["Americas", "Europe", "Asia-Pacific", "Middle East & Africa"];
const LANGUAGES: &[&str] = &["English", "Deutsch", "Français", "日本語", "Português"];
const TOPICS: &[&str] = &["Pricing", "Security", "Onboarding", "Integrations"];
const PRODUCTS: &[&str] = &["Starter", "Team", "Enterprise", "Services"];
const COMPETITORS: &[&str] = &["Incumbent", "Spreadsheet", "Built in-house", "Other vendor"];
const SEGMENTS: &[&str] = &["SMB", "Mid-market", "Enterprise"];

/// Name, type, multi-value, where, choices. The first eleven stand on leads.
const FIELDS: &[FieldSpec] = &[
    ("Industry", T::Choices, false, &[Lead], INDUSTRIES),
    ("Company Size", T::Number, false, &[Lead], &[]),
    ("VAT number", T::Text, false, &[Lead], &[]),
    ("Renewal Date", T::Date, false, &[Lead], &[]),
    ("Last Audit", T::DateTime, false, &[Lead], &[]),
    ("Account Manager", T::User, false, &[Lead], &[]),
    ("Regions", T::Choices, true, &[Lead], REGIONS),
    ("Billing Contact", T::Contact, false, &[Lead], &[]),
    ("Support Team", T::User, true, &[Lead], &[]),
    ("Key Contacts", T::Contact, true, &[Lead], &[]),
    ("ERP Id", T::Hidden, false, &[Lead], &[]),
    (
        "Preferred Language",
        T::Choices,
        false,
        &[Contact],
        LANGUAGES,
    ),
    ("Engagement Score", T::Number, false, &[Contact], &[]),
    ("Nickname", T::Text, false, &[Contact], &[]),
    ("Birthday", T::Date, false, &[Contact], &[]),
    ("Last Met", T::DateTime, false, &[Contact], &[]),
    ("Introduced By", T::User, false, &[Contact], &[]),
    ("Topics", T::Choices, true, &[Contact], TOPICS),
    ("Newsletter Ref", T::Hidden, false, &[Contact], &[]),
    ("Product", T::Choices, false, &[Opportunity], PRODUCTS),
    ("Contract Months", T::Number, false, &[Opportunity], &[]),
    ("PO Number", T::Text, false, &[Opportunity], &[]),
    ("Contract Signed", T::Date, false, &[Opportunity], &[]),
    ("Kickoff", T::DateTime, false, &[Opportunity], &[]),
    ("Sales Engineer", T::User, false, &[Opportunity], &[]),
    ("Decision Maker", T::Contact, false, &[Opportunity], &[]),
    ("Competitors", T::Choices, true, &[Opportunity], COMPETITORS),
    ("Forecast Ref", T::Hidden, false, &[Opportunity], &[]),
    ("Segment", T::Choices, false, &[Lead, Opportunity], SEGMENTS),
];

pub(super) fn organization(currency: &str, now: Moment, rng: &mut ChaCha8Rng) -> Organization {
    let founded = now.plus(-760 * 24 * 60 * Moment::MINUTE - 123_457);
    let mut statuses = Vec::new();
    let mut pipelines = Vec::new();
    for (place, (name, board)) in (0_u8..).zip([("Sales", SALES), ("Renewals", RENEWALS)]) {
        pipelines.push(Pipeline {
            id: Id::random(IdKind::Pipeline, rng),
            name: name.into(),
            created_by: (place > 0).then_some(0),
            created: founded.plus(i64::from(place) * 1_000_003),
            updated: founded.plus(i64::from(place) * 1_000_003 + 7),
        });
        statuses.extend(board.iter().map(|(label, kind)| OpportunityStatus {
            id: Id::random(IdKind::Status, rng),
            label: (*label).into(),
            kind: *kind,
            pipeline: place,
        }));
    }
    let lead_statuses = LEAD_STATUSES.map(|label| LeadStatus {
        id: Id::random(IdKind::Status, rng),
        label: label.into(),
    });
    let users = USERS.map(|(first, last, timezone, role)| User {
        id: Id::random(IdKind::User, rng),
        membership: Id::random(IdKind::Membership, rng),
        email: format!("{}@closegraph.example", first.to_lowercase()),
        first_name: first.into(),
        last_name: last.into(),
        timezone,
        role,
        created: founded,
        updated: founded.plus(90_061_000_001),
    });
    Organization {
        id: Id::random(IdKind::Organization, rng),
        name: "Harborlight Supply".into(),
        currency: currency.into(),
        billing_account: Id::random(IdKind::BillingAccount, rng),
        api_key_id: Id::random(IdKind::ApiKey, rng),
        created: founded,
        updated: founded.plus(90_061_000_123),
        users: users.into(),
        lead_statuses: lead_statuses.into(),
        pipelines,
        opportunity_statuses: statuses,
        custom_fields: custom_fields(founded, rng),
        custom_types: Vec::new(),
        invoices: InvoiceLayout::None,
    }
}

fn custom_fields(founded: Moment, rng: &mut ChaCha8Rng) -> Vec<CustomField> {
    let spec = FIELDS.iter();
    spec.map(|(name, kind, many, on, choices)| {
        let id = Id::random(IdKind::CustomField, rng);
        CustomField {
            id,
            key: format!("custom.{id}").into(),
            name: (*name).into(),
            description: (*kind == T::Hidden).then_some("Written by an integration"),
            kind: *kind,
            choices: choices.iter().map(|word| (*word).into()).collect(),
            many: *many,
            on: (*on).into(),
            shared: on.len() > 1,
            references: None,
            role: None,
            created_by: Some(0),
            created: founded.plus(5_000_017),
            updated: founded.plus(5_000_018),
        }
    })
    .collect()
}
