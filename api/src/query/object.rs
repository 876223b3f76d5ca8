//! The JSON of a row, for what is resolved value by value.

use super::compile::{At, Compiler, LIST_ROWS, asked, relate};
use super::page;
use super::selection::{Child, Selection};
use super::statement::Bind;
use super::table::{Many, Table};
use super::window::Source;
use crate::error::{ApiError, Result};

/// Different arguments for one field of one row; json_build_object takes 100 arguments.
const MAX_VARIANTS: usize = 40;

impl Compiler<'_> {
    /// The JSON object of a row with what is asked of it.
    pub(crate) fn object(&mut self, at: &At, selection: &Selection<'_>) -> Result<String> {
        let children = selection.children(at.table.graphql);
        let mut pairs: Vec<String> = Vec::with_capacity(children.len());
        self.relations(at, &children, &mut pairs)?;
        let fields = at.table.fields.iter().map(|field| (field.0, field.1));
        let composites = at.table.composites.iter();
        for (name, sql) in fields.chain(composites.map(|field| (field.0, field.1))) {
            if children.iter().any(|child| child.name == name) {
                pairs.push(format!("'{name}', {}", sql.replace("{t}", &at.alias)));
            }
        }
        for amount in at.table.amounts {
            if children.iter().any(|child| child.name == amount.field) {
                let minor = amount.minor.replace("{t}", &at.alias);
                pairs.push(format!(
                    "'{}', case when {minor} is not null then json_build_object('minor', {minor}, 'currency', {}.currency) end",
                    amount.field, at.alias
                ));
            }
        }
        for many in at.table.many {
            let asked: Vec<_> = children
                .iter()
                .filter(|child| child.name == many.field)
                .collect();
            if !asked.is_empty() {
                pairs.push(self.pages(at, many, &asked)?);
            }
        }
        Ok(format!("json_build_object({})", pairs.join(", ")))
    }

    /// `select` of the JSON of a row with its type, as interfaces are read; `connection` and `id` are expressions.
    pub(crate) fn typed(
        &mut self,
        table: &'static Table,
        connection: &str,
        id: &str,
        selection: &Selection<'_>,
    ) -> Result<String> {
        let at = At {
            table,
            alias: self.alias(),
            connection: connection.to_owned(),
        };
        let object = self.object(&at, selection)?;
        let from = self.from(&at);
        Ok(format!(
            "select json_build_object('type', '{}', 'record', {object}) from {from} and {}.id = {id}",
            table.graphql, at.alias
        ))
    }

    /// The related rows that take no arguments: at most one, or a few.
    fn relations(
        &mut self,
        at: &At,
        children: &[Child<'_>],
        pairs: &mut Vec<String>,
    ) -> Result<()> {
        for one in at.table.one {
            let Some(selection) = asked(children, one.field) else {
                continue;
            };
            let below = self.below(at, one.table);
            let on = relate(one.on, at, &below);
            let json = self.object(&below, &selection)?;
            let from = self.from(&below);
            pairs.push(format!(
                "'{}', (select {json} from {from} and {on} limit 1)",
                one.field
            ));
        }
        for list in at.table.lists {
            let Some(selection) = asked(children, list.field) else {
                continue;
            };
            let size = self.multiplier.saturating_mul(LIST_ROWS);
            self.spend(size)?;
            let outer = std::mem::replace(&mut self.multiplier, size);
            let below = self.below(at, list.table);
            let on = relate(list.on, at, &below);
            let order = relate(list.order, at, &below);
            let json = self.object(&below, &selection)?;
            let from = self.few(&below);
            self.multiplier = outer;
            pairs.push(format!(
                "'{}', (select coalesce(json_agg({json} order by {order}), '[]') from {from} and {on})",
                list.field
            ));
        }
        Ok(())
    }

    fn pages(&mut self, at: &At, many: &Many, asked: &[&Child<'_>]) -> Result<String> {
        if asked.len() > MAX_VARIANTS {
            return Err(ApiError::BadInput(format!(
                "`{}` is asked with {} different arguments, at most {MAX_VARIANTS} are allowed",
                many.field,
                asked.len()
            )));
        }
        let mut pages = Vec::with_capacity(asked.len());
        for child in asked {
            let request = (many.page)(&child.arguments)?;
            let source = Source::Below {
                parent: at,
                on: many.on,
            };
            let page = page::compile(self, many.table, &request, source, &child.selection)?;
            let key = if child.key.is_empty() {
                "''".to_owned()
            } else {
                format!("{}::text", self.bind(Bind::Text(child.key.clone()))?)
            };
            pages.push(format!("{key}, {page}"));
        }
        Ok(format!(
            "'{}', json_build_object({})",
            many.field,
            pages.join(", ")
        ))
    }
}
