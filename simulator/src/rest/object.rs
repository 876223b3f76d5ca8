//! What leads, contacts and opportunities have in common: GET, POST, PUT and DELETE of one.

use axum::response::Response;
use serde_json::Value;

use super::answer::{Answer, Failure, nothing, ok};
use super::caller::Caller;
use crate::app::App;
use crate::world::fields::Selection;
use crate::world::records::{Kind, Shown, View};

/// The selection of a request, under the fault that leaves embedded children out.
pub(super) fn selection(app: &App, asked: Selection) -> Selection {
    match asked {
        Selection::Usual if app.faults().omit_embedded => Selection::Bare,
        other => other,
    }
}

fn shown(app: &App, selection: &Selection, view: &View) -> Response {
    ok(&Shown {
        organization: &app.organization(),
        selection,
        view,
    })
}

pub(super) fn get(app: &App, kind: Kind, id: &str, asked: Selection) -> Answer {
    let current = app.read(|world| {
        let records = &world.records;
        records
            .find(kind, id)
            .and_then(|place| records.view(kind, place))
    });
    // Right after a DELETE a GET may still answer (dossier 3.1).
    let view = current.or_else(|| {
        app.listed(|records| {
            records
                .find(kind, id)
                .and_then(|place| records.view(kind, place))
        })
    });
    let view = view.ok_or(Failure::NotFound)?;
    Ok(shown(app, &selection(app, asked), &view))
}

pub(super) fn create(
    app: &App,
    kind: Kind,
    caller: &Caller,
    body: &serde_json::Map<String, Value>,
) -> Answer {
    let view = app.write(|world| {
        let actor = caller.actor(world);
        world.create(kind, &actor, body)
    })?;
    Ok(shown(app, &Selection::Usual, &view))
}

pub(super) fn update(
    app: &App,
    kind: Kind,
    caller: &Caller,
    id: &str,
    body: &serde_json::Map<String, Value>,
) -> Answer {
    let view = app.write(|world| {
        let actor = caller.actor(world);
        world.update(kind, &actor, id, body)
    })?;
    Ok(shown(app, &Selection::Usual, &view))
}

pub(super) fn delete(app: &App, kind: Kind, caller: &Caller, id: &str) -> Answer {
    app.write(|world| {
        let actor = caller.actor(world);
        world.delete(kind, &actor, id)
    })?;
    Ok(nothing())
}
