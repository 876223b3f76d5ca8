//! The custom types and fields of each layout of invoices.

use rand_chacha::ChaCha8Rng;

use crate::config::InvoiceLayout;
use crate::world::custom_field::{CustomField, FieldType};
use crate::world::custom_type::CustomType;
use crate::world::id::{Id, IdKind};
use crate::world::invoice::Role;
use crate::world::moment::Moment;
use crate::world::organization::Organization;
use crate::world::records::Kind;

use FieldType as T;

/// Name, type, choices, what it says of an invoice.
type FieldSpec = (
    &'static str,
    FieldType,
    &'static [&'static str],
    Option<Role>,
);

/// Kind, name, plural, description, fields. A `custom_object` field names the first type.
type TypeSpec = (
    Kind,
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static [FieldSpec],
);

const CURRENCIES: &[&str] = &["USD", "EUR", "GBP", "JPY", "KWD"];
const MONEDAS: &[&str] = &["EUR", "USD", "MXN", "JPY", "KWD"];
const STATUS: &[&str] = &[
    "Draft",
    "Sent",
    "Partially Paid",
    "Paid",
    "Void",
    "Credited",
];
const ZAHLUNGSSTATUS: &[&str] = &[
    "Entwurf",
    "Offen",
    "Teilweise bezahlt",
    "Bezahlt",
    "Storniert",
];
const ESTADO: &[&str] = &["Borrador", "Emitida", "Pago parcial", "Pagada", "Anulada"];
/// In the order of [`super::invoice::TERMS`].
const TERMS: &[&str] = &["Net 14", "Net 30", "Net 60", "Due on receipt"];

const ENGLISH: &[TypeSpec] = &[
    (
        Kind::CustomObject,
        "Invoice",
        "Invoices",
        Some("What we bill"),
        &[
            ("Invoice Number", T::Text, &[], Some(Role::Number)),
            ("Amount", T::Number, &[], Some(Role::Total)),
            ("Tax", T::Number, &[], Some(Role::Tax)),
            ("Currency", T::Choices, CURRENCIES, Some(Role::Currency)),
            ("Amount Paid", T::Number, &[], Some(Role::Paid)),
            ("Issue Date", T::Date, &[], Some(Role::IssuedOn)),
            ("Due Date", T::Date, &[], Some(Role::DueOn)),
            ("Paid Date", T::Date, &[], Some(Role::PaidOn)),
            ("Status", T::Choices, STATUS, Some(Role::Status)),
            ("Billing Contact", T::Contact, &[], Some(Role::Contact)),
            ("Opportunity ID", T::Text, &[], Some(Role::Deal)),
            ("Payment Terms", T::Choices, TERMS, Some(Role::Terms)),
            ("Internal Notes", T::Textarea, &[], None),
            ("Reviewed By", T::User, &[], None),
        ],
    ),
    (
        Kind::CustomObject,
        "Invoice Line",
        "Invoice Lines",
        None,
        &[
            ("Invoice", T::CustomObject, &[], Some(Role::LineInvoice)),
            ("Description", T::Text, &[], Some(Role::LineDescription)),
            ("Quantity", T::Number, &[], Some(Role::LineQuantity)),
            ("Unit Price", T::Number, &[], Some(Role::LineUnitPrice)),
            ("Tax Rate", T::Number, &[], Some(Role::LineTaxRate)),
            ("Line Total", T::Number, &[], Some(Role::LineTotal)),
        ],
    ),
];

const GERMAN: &[TypeSpec] = &[(
    Kind::CustomActivity,
    "Rechnung",
    "Rechnungen",
    None,
    &[
        ("Rechnungsnummer", T::Text, &[], Some(Role::Number)),
        ("Bruttobetrag", T::Text, &[], Some(Role::Total)),
        ("MwSt", T::Text, &[], Some(Role::Tax)),
        ("Währung", T::Text, &[], Some(Role::Currency)),
        ("Bezahlter Betrag", T::Text, &[], Some(Role::Paid)),
        ("Rechnungsdatum", T::Date, &[], Some(Role::IssuedOn)),
        ("Fällig am", T::Date, &[], Some(Role::DueOn)),
        ("Bezahlt am", T::Date, &[], Some(Role::PaidOn)),
        (
            "Zahlungsstatus",
            T::Choices,
            ZAHLUNGSSTATUS,
            Some(Role::Status),
        ),
        ("Ansprechpartner", T::Contact, &[], Some(Role::Contact)),
        ("Positionen", T::Textarea, &[], Some(Role::Rows)),
    ],
)];

const SPANISH: &[TypeSpec] = &[(
    Kind::CustomObject,
    "Factura",
    "Facturas",
    None,
    &[
        ("Folio", T::Text, &[], Some(Role::Number)),
        ("Importe total", T::Text, &[], Some(Role::Total)),
        ("IVA", T::Number, &[], Some(Role::Tax)),
        ("Moneda", T::Choices, MONEDAS, Some(Role::Currency)),
        ("Saldo pendiente", T::Number, &[], Some(Role::Balance)),
        ("Fecha de emisión", T::Date, &[], Some(Role::IssuedOn)),
        ("Vencimiento", T::Date, &[], Some(Role::DueOn)),
        ("Fecha de pago", T::Date, &[], Some(Role::PaidOn)),
        ("Estado", T::Choices, ESTADO, Some(Role::Status)),
    ],
)];

/// Names that invoices have, on things that are none; no field has a role.
const MISLEADING: &[TypeSpec] = &[
    (
        Kind::CustomObject,
        "Invoice",
        "Invoices",
        Some("Printed matter that went out with a parcel"),
        &[
            ("Amount", T::Choices, &["Small", "Medium", "Large"], None),
            ("Due", T::User, &[], None),
            ("Paid", T::Contact, &[], None),
            ("Number", T::Number, &[], None),
            ("Status", T::Text, &[], None),
        ],
    ),
    (
        Kind::CustomActivity,
        "Supplier bill",
        "Supplier bills",
        Some("What we have to pay"),
        &[
            ("Bill Number", T::Text, &[], None),
            ("Supplier", T::Text, &[], None),
            ("Amount Due", T::Number, &[], None),
            ("Currency", T::Choices, CURRENCIES, None),
            ("Due Date", T::Date, &[], None),
            (
                "Status",
                T::Choices,
                &["Received", "Approved", "Paid"],
                None,
            ),
        ],
    ),
];

/// Adds what the layout needs to an organization that has no custom types yet.
pub(super) fn add(layout: InvoiceLayout, organization: &mut Organization, rng: &mut ChaCha8Rng) {
    organization.invoices = layout;
    let types = match layout {
        InvoiceLayout::None => &[],
        InvoiceLayout::English => ENGLISH,
        InvoiceLayout::German => GERMAN,
        InvoiceLayout::Spanish => SPANISH,
        InvoiceLayout::Misleading => MISLEADING,
    };
    let since = organization.created.plus(30 * super::DAY);
    for (place, (kind, name, plural, description, fields)) in (0_u8..).zip(types) {
        let id = match kind {
            Kind::CustomActivity => IdKind::CustomActivityType,
            _ => IdKind::CustomObjectType,
        };
        let one = CustomType {
            id: Id::random(id, rng),
            kind: *kind,
            name: (*name).into(),
            name_plural: (*plural).into(),
            description: *description,
            created: since,
            updated: since.plus(Moment::MINUTE),
        };
        for spec in *fields {
            let first = organization.custom_types.first().map(|first| first.id);
            let field = field(spec, &one, place, first, rng);
            organization.custom_fields.push(field);
        }
        organization.custom_types.push(one);
    }
}

fn field(
    (name, kind, choices, role): &FieldSpec,
    of: &CustomType,
    place: u8,
    first: Option<Id>,
    rng: &mut ChaCha8Rng,
) -> CustomField {
    let id = Id::random(IdKind::CustomField, rng);
    CustomField {
        id,
        key: format!("custom.{id}").into(),
        name: (*name).into(),
        description: None,
        kind: *kind,
        choices: choices.iter().map(|word| (*word).into()).collect(),
        many: false,
        on: vec![of.fields_on(place)].into(),
        shared: false,
        references: first.filter(|_| *kind == T::CustomObject),
        role: *role,
        created_by: Some(0),
        created: of.created,
        updated: of.updated,
    }
}
