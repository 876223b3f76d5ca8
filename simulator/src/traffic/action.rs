//! One action: a request as the web app of a user would make it.

use serde_json::{Value, json};

use crate::app::App;
use crate::generate::{self, Dice};
use crate::world::World;
use crate::world::custom_field::{FieldOn, FieldType};
use crate::world::fields::Selection;
use crate::world::id::IdKind;
use crate::world::organization::StatusType;
use crate::world::records::{Kind, View, to_object};
use crate::world::store::Handle;
use crate::world::write::{Actor, Body, Refused};

/// How often each action comes, in a hundred.
const WEIGHTS: [(Action, usize); 17] = [
    (Action::NewLead, 9),
    (Action::NewContact, 9),
    (Action::EditContact, 13),
    (Action::NewDeal, 12),
    (Action::AdvanceDeal, 11),
    (Action::WinDeal, 11),
    (Action::ReopenDeal, 2),
    (Action::LoseDeal, 5),
    (Action::ChangeValue, 7),
    (Action::EditLead, 5),
    (Action::RenameLead, 2),
    (Action::SetCustom, 6),
    (Action::UnsetCustom, 3),
    (Action::Merge, 1),
    (Action::DeleteContact, 1),
    (Action::DeleteDeal, 2),
    (Action::DeleteLead, 1),
];

#[derive(Debug, Clone, Copy)]
enum Action {
    NewLead,
    NewContact,
    EditContact,
    NewDeal,
    AdvanceDeal,
    WinDeal,
    ReopenDeal,
    LoseDeal,
    ChangeValue,
    EditLead,
    RenameLead,
    SetCustom,
    UnsetCustom,
    Merge,
    DeleteContact,
    DeleteDeal,
    DeleteLead,
}

/// Makes one change; nothing when no object fits it.
pub(super) fn act(app: &App, dice: &mut Dice) {
    let mut throw = dice.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    let mut chosen = Action::EditContact;
    for (action, weight) in WEIGHTS {
        if throw < weight {
            chosen = action;
            break;
        }
        throw -= weight;
    }
    let outcome = app.write(|world| Traffic { world, dice }.act(chosen));
    if let Some(Err(refused)) = outcome {
        tracing::warn!(action = ?chosen, ?refused, "traffic made a write that was refused");
    }
}

struct Traffic<'t> {
    world: &'t mut World,
    dice: &'t mut Dice,
}

pub(super) type Outcome = Option<Result<(), Refused>>;

impl Traffic<'_> {
    fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::NewLead => {
                let body = generate::new_lead_body(self.dice);
                self.post(Kind::Lead, &body)
            }
            Action::NewContact => {
                let lead = self.any(Kind::Lead)?.id();
                let body = generate::new_contact_body(Some(lead.as_str()), self.dice);
                self.post(Kind::Contact, &body)
            }
            Action::EditContact => {
                let contact = self.any(Kind::Contact)?;
                let body = generate::contact_edit_body(self.dice);
                self.put(&contact, &body)
            }
            Action::NewDeal => {
                let lead = self.any(Kind::Lead)?.id();
                let today = self.world.clock.now().date();
                let body = generate::new_deal_body(lead.as_str(), today, self.dice);
                self.post(Kind::Opportunity, &body)
            }
            Action::AdvanceDeal => self.move_deal(StatusType::Active, StatusType::Active),
            Action::WinDeal => self.move_deal(StatusType::Active, StatusType::Won),
            Action::ReopenDeal => self.move_deal(StatusType::Won, StatusType::Active),
            Action::LoseDeal => self.move_deal(StatusType::Active, StatusType::Lost),
            Action::ChangeValue => {
                let deal = self.any(Kind::Opportunity)?;
                let value = (!self.dice.chance(0.1)).then(|| self.dice.amount());
                self.put_json(&deal, json!({ "value": value }))
            }
            Action::EditLead => {
                let lead = self.any(Kind::Lead)?;
                let status = self.dice.below(self.world.organization.lead_statuses.len());
                let status = self.world.organization.lead_statuses.get(status)?.id;
                self.put_json(
                    &lead,
                    json!({ "status_id": status, "description": "Spoke on the phone." }),
                )
            }
            Action::RenameLead => {
                let lead = self.any(Kind::Lead)?;
                let name = generate::company(self.dice);
                self.put_json(&lead, json!({ "name": name }))
            }
            Action::SetCustom => self.set_custom(),
            Action::UnsetCustom => self.unset_custom(),
            Action::Merge => {
                let (source, destination) =
                    (self.any(Kind::Lead)?.id(), self.any(Kind::Lead)?.id());
                if source == destination {
                    return None;
                }
                let actor = self.actor("POST", "/api/v1/lead/merge/".into());
                Some(
                    self.world
                        .merge(&actor, source.as_str(), destination.as_str()),
                )
            }
            Action::DeleteContact => self.delete(Kind::Contact),
            Action::DeleteDeal => self.delete(Kind::Opportunity),
            Action::DeleteLead => self.delete(Kind::Lead),
        }
    }

    /// A random object of a type.
    fn any(&mut self, kind: Kind) -> Option<View> {
        let places = self.world.records.places(kind);
        (0..40).find_map(|_| {
            let place = Handle::try_from(self.dice.below(places)).ok()?;
            self.world.records.view(kind, place)
        })
    }

    fn move_deal(&mut self, from: StatusType, to: StatusType) -> Outcome {
        let organization = std::sync::Arc::clone(&self.world.organization);
        let (deal, old) = (0..60).find_map(|_| {
            let deal = self.any(Kind::Opportunity)?;
            let View::Opportunity(view) = &deal else {
                return None;
            };
            let status = organization.opportunity_status(view.opportunity.status)?;
            (status.kind == from).then_some((deal, status))
        })?;
        let fitting: Vec<_> = organization
            .board(old.pipeline)
            .filter(|status| status.kind == to && status.id != old.id)
            .collect();
        let new = fitting.get(self.dice.below(fitting.len()))?;
        let mut body = json!({ "status_id": new.id });
        let confidence = match to {
            StatusType::Won => 100,
            StatusType::Lost => 0,
            StatusType::Active => self.dice.between(1, 9) * 10,
        };
        if let Some(body) = body.as_object_mut() {
            body.insert("confidence".into(), confidence.into());
            if to == StatusType::Won {
                // As the web app does: the estimate gives way to the day of the win.
                let today = self.world.clock.now().date();
                body.insert("date_won".into(), json!(today));
            }
        }
        self.put_json(&deal, body)
    }

    fn set_custom(&mut self) -> Outcome {
        let organization = std::sync::Arc::clone(&self.world.organization);
        let (kind, on) = self.kind_with_fields();
        let object = self.any(kind)?;
        let fields: Vec<_> = organization
            .fields_of(on)
            .map(|(_, field)| field)
            .filter(|field| field.kind != FieldType::Contact)
            .collect();
        let field = fields.get(self.dice.below(fields.len()))?;
        let today = self.world.clock.now();
        let value: Value = match field.kind {
            FieldType::Choices => self.dice.one(&field.choices)?.to_string().into(),
            FieldType::Number => self.dice.between(1, 9_000).into(),
            FieldType::Date => json!(today.date()),
            FieldType::DateTime => json!(today),
            FieldType::User => {
                let user = self.dice.below(organization.users.len());
                json!(organization.users.get(user)?.id)
            }
            _ => self.dice.digits("ref-#####").into(),
        };
        let value = if field.many { json!([value]) } else { value };
        let mut body = Body::new();
        body.insert(field.key.to_string(), value);
        self.put(&object, &body)
    }

    fn unset_custom(&mut self) -> Outcome {
        let organization = std::sync::Arc::clone(&self.world.organization);
        let (kind, _) = self.kind_with_fields();
        let (object, key) = (0..20).find_map(|_| {
            let object = self.any(kind)?;
            let shown = to_object(&organization, &Selection::Bare, &object);
            let key = shown
                .keys()
                .find(|key| key.starts_with("custom.cf_"))?
                .clone();
            Some((object, key))
        })?;
        let mut body = Body::new();
        body.insert(key, Value::Null);
        self.put(&object, &body)
    }

    fn kind_with_fields(&mut self) -> (Kind, FieldOn) {
        match self.dice.below(3) {
            0 => (Kind::Lead, FieldOn::Lead),
            1 => (Kind::Contact, FieldOn::Contact),
            _ => (Kind::Opportunity, FieldOn::Opportunity),
        }
    }

    fn actor(&mut self, method: &'static str, path: String) -> Actor {
        // Now and then it is an import or an automation that writes.
        let user = (!self.dice.chance(0.05)).then(|| self.dice.small(6));
        Actor {
            user,
            api_key_id: None,
            request_id: self.world.mint(IdKind::Request),
            method,
            path,
            today: self.world.clock.now().date(),
        }
    }

    fn post(&mut self, kind: Kind, body: &Body) -> Outcome {
        let actor = self.actor("POST", format!("/api/v1/{}/", kind.as_str()));
        Some(self.world.create(kind, &actor, body).map(drop))
    }

    fn put_json(&mut self, object: &View, body: Value) -> Outcome {
        let Value::Object(body) = body else {
            return None;
        };
        self.put(object, &body)
    }

    fn put(&mut self, object: &View, body: &Body) -> Outcome {
        let (kind, id) = (object.kind(), object.id());
        let actor = self.actor("PUT", format!("/api/v1/{}/{id}/", kind.as_str()));
        Some(self.world.update(kind, &actor, id.as_str(), body).map(drop))
    }

    fn delete(&mut self, kind: Kind) -> Outcome {
        let id = self.any(kind)?.id();
        let actor = self.actor("DELETE", format!("/api/v1/{}/{id}/", kind.as_str()));
        Some(self.world.delete(kind, &actor, id.as_str()))
    }
}
