//! `GET /_sim/objects/{lead|contact|opportunity|user}`: every live object, one a line, as REST
//! gives it; leads without embedded children.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::App;
use crate::rest::Shared;
use crate::rest::answer::{Answer, Failure};
use crate::rest::user_object;
use crate::world::fields::Selection;
use crate::world::records::{Kind, Shown, View};
use crate::world::store::Handle;

/// Objects written under one hold of the lock.
const CHUNK: u32 = 500;

pub(super) async fn objects(State(app): Shared, Path(kind): Path<String>) -> Answer {
    let lines = [(header::CONTENT_TYPE, "application/x-ndjson")];
    if kind == "user" {
        let mut bytes = Vec::new();
        for user in &app.organization.users {
            bytes.extend_from_slice(user_object(&app.organization, user).to_string().as_bytes());
            bytes.push(b'\n');
        }
        return Ok((lines, bytes).into_response());
    }
    let kind = Kind::parse(&kind).ok_or(Failure::NoSuchPath)?;
    let chunks = futures::stream::unfold(0, move |from: Handle| {
        let app = Arc::clone(&app);
        async move {
            let bytes = chunk(&app, kind, from)?;
            Some((
                Ok::<_, std::io::Error>(Bytes::from(bytes)),
                from.saturating_add(CHUNK),
            ))
        }
    });
    Ok((lines, Body::from_stream(chunks)).into_response())
}

/// The lines of the objects in places `from..from + CHUNK`; none past the last place.
fn chunk(app: &App, kind: Kind, from: Handle) -> Option<Vec<u8>> {
    let views: Vec<View> = app.read(|world| {
        let records = &world.records;
        let places = match kind {
            Kind::Lead => records.leads.places(),
            Kind::Contact => records.contacts.places(),
            Kind::Opportunity => records.opportunities.places(),
        };
        let until = from
            .saturating_add(CHUNK)
            .min(Handle::try_from(places).ok()?);
        (from < until).then(|| {
            (from..until)
                .filter_map(|place| records.view(kind, place))
                .collect()
        })
    })?;
    let mut out = Vec::with_capacity(views.len() * 1_024);
    for view in &views {
        let shown = Shown {
            organization: &app.organization,
            selection: &Selection::Bare,
            view,
        };
        out.extend(serde_json::to_vec(&shown).unwrap_or_default());
        out.push(b'\n');
    }
    Some(out)
}
