//! Custom objects and custom activities, written by clients as fields and by the simulated people
//! as the invoices that they mean (dossier 4.8, 4.10). Their lead does not move.

use super::body::{set_custom, text};
use super::{Body, Refused, Write};
use crate::world::custom::CustomValues;
use crate::world::custom_record::{CustomRecord, Form};
use crate::world::id::IdKind;
use crate::world::invoice::{Invoice, Role, Truth};
use crate::world::moment::Moment;
use crate::world::records::{Kind, View};
use crate::world::store::Handle;

impl Write<'_> {
    pub(super) fn create_custom(&mut self, kind: Kind, body: &Body) -> Result<View, Refused> {
        let key = match kind {
            Kind::CustomActivity => "custom_activity_type_id",
            _ => "custom_object_type_id",
        };
        let required = |key| Refused::field(key, "This field is required.");
        let type_id = text(body, key)?.flatten().ok_or_else(|| required(key))?;
        let found = self.world.organization.find_type(kind, type_id);
        let (of_type, _) = found.ok_or_else(|| Refused::field(key, "Object does not exist."))?;
        let lead = text(body, "lead_id")?.flatten();
        let lead = lead.ok_or_else(|| required("lead_id"))?;
        let lead = self.world.records.leads.find(lead).map(|(place, _)| place);
        let lead = lead.ok_or_else(|| Refused::field("lead_id", "Object does not exist."))?;
        if kind == Kind::CustomObject && text(body, "name")?.flatten().is_none() {
            return Err(required("name"));
        }
        let mut record = self.blank_custom(kind, of_type, lead);
        self.fill_custom(&mut record, body)?;
        self.add_custom(record)
    }

    fn blank_custom(&mut self, kind: Kind, of_type: u8, lead: Handle) -> CustomRecord {
        let now = self.now();
        let (id, form) = match kind {
            Kind::CustomActivity => {
                let form = Form::Activity {
                    contact: None,
                    user: self.actor.user,
                    published: true,
                    at: now,
                };
                (IdKind::Activity, form)
            }
            _ => (IdKind::CustomObject, Form::Object { name: "".into() }),
        };
        CustomRecord {
            id: self.world.mint_custom(id),
            of_type,
            lead,
            form,
            custom: CustomValues::default(),
            truth: Truth::Other,
            created_by: self.actor.user,
            updated_by: self.actor.user,
            created: now,
            updated: now,
        }
    }

    fn add_custom(&mut self, record: CustomRecord) -> Result<View, Refused> {
        let kind = record.kind();
        let place = self.world.records.custom(kind).next_handle();
        self.world.put_custom(kind, place, Some(record));
        self.created(kind, place)
    }

    /// The body's keys over the record, and the truth as the fields then tell it.
    fn fill_custom(&self, record: &mut CustomRecord, body: &Body) -> Result<(), Refused> {
        let (on, lead) = (record.on(), record.lead);
        match &mut record.form {
            Form::Object { name } => {
                if let Some(given) = text(body, "name")? {
                    let given =
                        given.ok_or_else(|| Refused::field("name", "Value is required."))?;
                    *name = given.into();
                }
            }
            Form::Activity {
                contact,
                user,
                published,
                at,
            } => {
                if let Some(given) = text(body, "contact_id")? {
                    *contact = given.map(|id| self.contact_of(lead, id)).transpose()?;
                }
                if let Some(given) = self.user(body, "user_id")? {
                    *user = Some(given);
                }
                match text(body, "status")? {
                    None => {}
                    Some(Some("published")) => *published = true,
                    Some(Some("draft")) => *published = false,
                    Some(_) => {
                        let message = "Value must be draft or published.";
                        return Err(Refused::field("status", message));
                    }
                }
                if let Some(given) = text(body, "activity_at")? {
                    let given = given.and_then(Moment::parse);
                    let wrong = || Refused::field("activity_at", "Value must be a datetime.");
                    *at = given.ok_or_else(wrong)?;
                }
            }
        }
        let organization = &self.world.organization;
        let before = record.custom.clone();
        set_custom(organization, on, body, &mut record.custom)?;
        if before != record.custom || body.contains_key("status") {
            let published = record.published();
            record.truth = Truth::read(organization, on, &record.custom, published);
        }
        Ok(())
    }

    pub(super) fn update_custom(
        &mut self,
        kind: Kind,
        id: &str,
        body: &Body,
    ) -> Result<View, Refused> {
        let (place, before) = self.find(kind, id)?;
        let mut record = custom(&before)?;
        self.fill_custom(&mut record, body)?;
        record.updated_by = self.actor.user;
        self.change_custom(place, record, &before)
    }

    /// A new version, later than the one before.
    pub(super) fn change_custom(
        &mut self,
        place: Handle,
        mut record: CustomRecord,
        before: &View,
    ) -> Result<View, Refused> {
        let kind = record.kind();
        record.updated = self.now();
        self.world.put_custom(kind, place, Some(record));
        self.updated(kind, place, before)
    }

    /// What named the object in a field of its own names it no more, with an event each.
    pub(super) fn delete_custom(&mut self, kind: Kind, id: &str) -> Result<(), Refused> {
        let (place, before) = self.find(kind, id)?;
        let gone = custom(&before)?;
        self.world.put_custom(kind, place, None);
        self.deleted(&before);
        for (line, line_before) in self.children(Kind::CustomObject, gone.lead) {
            let mut record = custom(&line_before)?;
            if let Truth::Line(of) = &mut record.truth
                && of.invoice == Some(gone.id)
            {
                of.invoice = None;
                self.refill(&mut record);
                self.change_custom(line, record, &line_before)?;
            }
        }
        Ok(())
    }

    /// The fields as the truth has them.
    pub(super) fn refill(&self, record: &mut CustomRecord) {
        let on = record.on();
        record
            .truth
            .fill(&self.world.organization, on, &mut record.custom);
        if let (Form::Activity { published, .. }, Truth::Invoice(invoice)) =
            (&mut record.form, &record.truth)
        {
            *published = invoice.phase != crate::world::invoice::Phase::Draft;
        }
    }

    /// A new instance that means this truth, of the type whose fields tell it.
    pub(super) fn tell(&mut self, lead: Handle, truth: Truth) -> Result<View, Refused> {
        let role = match &truth {
            Truth::Line(_) => Role::LineInvoice,
            _ => Role::Status,
        };
        let (kind, of_type) = self
            .world
            .organization
            .told_in(role)
            .ok_or(Refused::NotFound)?;
        let mut record = self.blank_custom(kind, of_type, lead);
        if let Form::Object { name } = &mut record.form {
            *name = truth.name();
        }
        if let (Form::Activity { contact, .. }, Truth::Invoice(invoice)) =
            (&mut record.form, &truth)
        {
            let named = invoice
                .contact
                .and_then(|id| self.world.records.contacts.find(id.as_str()));
            *contact = named.map(|(place, _)| place);
        }
        record.truth = truth;
        self.refill(&mut record);
        self.add_custom(record)
    }

    /// The invoice as it stands now, into its fields.
    pub(super) fn retell(
        &mut self,
        kind: Kind,
        id: &str,
        invoice: Invoice,
    ) -> Result<View, Refused> {
        let (place, before) = self.find(kind, id)?;
        let mut record = custom(&before)?;
        record.truth = Truth::Invoice(Box::new(invoice));
        record.updated_by = self.actor.user;
        self.refill(&mut record);
        self.change_custom(place, record, &before)
    }
}

/// The version that a view shows.
pub(super) fn custom(view: &View) -> Result<CustomRecord, Refused> {
    match view {
        View::Custom(view) => Ok((*view.record).clone()),
        _ => Err(Refused::NotFound),
    }
}
