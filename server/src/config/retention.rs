//! How long events are kept, checked as a whole.

use super::Sync;

/// Close's event log goes back 30 days. What stands in it must be known here, or it would be taken for new.
const LEAST_DAYS: u16 = 31;

pub(super) fn check(sync: &Sync) -> Result<(), String> {
    let (body, row) = (sync.event_body_retention_days, sync.event_retention_days);
    if row == 0 {
        return Ok(());
    }
    if row < LEAST_DAYS {
        return Err(format!(
            "sync.event_retention_days is {row}, allowed: 0 (for ever) or at least {LEAST_DAYS}, because Close's event \
             log goes back 30 days, and an event of it that was forgotten would be taken for a new one"
        ));
    }
    if body == 0 || body > row {
        let given = if body == 0 {
            "0 (for ever)".to_owned()
        } else {
            body.to_string()
        };
        return Err(format!(
            "sync.event_body_retention_days is {given}, allowed: 1 to {row}, because sync.event_retention_days is {row} \
             and a body can't outlive its row"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::Sync;

    fn checked(body: u16, row: u16) -> Result<(), String> {
        check(&Sync {
            event_body_retention_days: body,
            event_retention_days: row,
            ..Sync::default()
        })
    }

    #[test]
    fn rows_outlive_the_event_log_and_bodies_do_not_outlive_rows() {
        for (body, row) in [(35, 90), (1, 31), (31, 31), (0, 0), (35, 0)] {
            assert_eq!(checked(body, row), Ok(()), "{body} {row}");
        }
        for (body, row) in [(1, 30), (1, 1), (0, 30)] {
            let error = checked(body, row).unwrap_err();
            assert!(error.contains("at least 31"), "{error}");
        }
        for (body, row) in [(91, 90), (0, 90)] {
            let error = checked(body, row).unwrap_err();
            assert!(error.contains("1 to 90"), "{error}");
        }
    }
}
