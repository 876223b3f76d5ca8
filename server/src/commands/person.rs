//! `closegraph forget person` and `closegraph export person`.

use super::Usage;
use crate::cli::{ForgetPerson, PersonName};
use crate::config::Config;
use crate::database::Database;
use anyhow::bail;
use closegraph_sync::privacy::{Counts, Person, export_person, find_people, forget_person, look};
use std::io::{BufRead, IsTerminal, stdin};
use tokio::sync::oneshot;

pub(super) async fn export(config: &Config, name: &PersonName) -> anyhow::Result<()> {
    let held = super::on_database(config, async |database| {
        database.migrate().await?;
        let person = meant(database, name).await?;
        Ok(export_person(&database.pool, &person, "closegraph export person").await?)
    })
    .await?;
    super::print(&serde_json::to_string_pretty(&held)?)
}

pub(super) async fn forget(config: &Config, args: &ForgetPerson) -> anyhow::Result<()> {
    if !(args.dry_run || args.yes || stdin().is_terminal()) {
        let reason = "there is no terminal to ask at: --yes removes without asking, --dry-run removes nothing";
        return Err(Usage(reason.to_owned()).into());
    }
    super::on_database(config, async |database| {
        database.migrate().await?;
        let person = meant(database, &args.name).await?;
        if args.dry_run || !args.yes {
            let found = look(&database.pool, &person).await?;
            super::print(&shown(&person, "would be removed", &found))?;
        }
        if args.dry_run {
            return Ok(());
        }
        if !args.yes && !agreed().await? {
            bail!("nothing was removed");
        }
        let by = "closegraph forget person";
        let removed = forget_person(&database.pool, &person, by).await?;
        super::print(&shown(&person, "removed", &removed))?;
        super::print(
            "It is forgotten: what Close sends of it is not kept any more. Close still has it.",
        )
    })
    .await
}

/// The one person who is meant.
async fn meant(database: &Database, name: &PersonName) -> anyhow::Result<Person> {
    let found = find_people(&database.pool, &name.person, name.connection).await?;
    match found.as_slice() {
        [person] => Ok(person.clone()),
        [] if name.person.contains('@') => bail!(
            "nobody has this e-mail address; somebody who was deleted in Close is found by id only"
        ),
        [] => {
            bail!("nobody has this id: allowed are ids of people here and ids of contacts in Close")
        }
        many => {
            let lines = many.iter().map(|person| {
                let Person {
                    id,
                    close_id,
                    connection_id,
                } = person;
                format!("\n  {id}  {close_id}  in connection {connection_id}")
            });
            Err(Usage(format!(
                "{} people are meant, and nothing was done: say which, by the first id{}",
                many.len(),
                lines.collect::<String>()
            ))
            .into())
        }
    }
}

/// Asks at the terminal. A thread of its own reads the answer, so that a signal ends the command meanwhile.
async fn agreed() -> anyhow::Result<bool> {
    super::tell("This can't be undone. Forget this person? Type yes:")?;
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = stdin().lock().read_line(&mut answer);
        // Nobody waits any more where a signal came first.
        tell.send(read.map(|_| answer)).ok();
    });
    Ok(told.await??.trim() == "yes")
}

/// What is or would be removed, a line a place.
fn shown(person: &Person, what: &str, counts: &Counts) -> String {
    let head = format!("{} ({}), {what}:", person.close_id, person.id);
    let places = counts
        .iter()
        .map(|(place, rows)| format!("  {place}: {}", super::count(*rows, "row")));
    let mut lines: Vec<String> = std::iter::once(head).chain(places).collect();
    if counts.is_empty() {
        lines.push("  nothing is held".to_owned());
    }
    lines.join("\n")
}
