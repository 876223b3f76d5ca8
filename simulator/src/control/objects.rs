//! `GET /_sim/objects/{lead|contact|opportunity|custom_object|custom_activity|user}`: every live object, one a line, as REST
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
        let organization = app.organization();
        for user in &organization.users {
            bytes.extend_from_slice(user_object(&organization, user).to_string().as_bytes());
            bytes.push(b'\n');
        }
        return Ok((lines, bytes).into_response());
    }
    let kind = match kind.as_str() {
        "custom_activity" => Kind::CustomActivity,
        other => Kind::parse(other).ok_or(Failure::NoSuchPath)?,
    };
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
        let places = records.places(kind);
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
    let organization = app.organization();
    for view in &views {
        let shown = Shown {
            organization: &organization,
            selection: &Selection::Bare,
            view,
        };
        out.extend(serde_json::to_vec(&shown).unwrap_or_default());
        out.push(b'\n');
    }
    Some(out)
}
