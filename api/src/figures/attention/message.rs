//! The sentences in which attention is asked for.

use chrono::NaiveDate;
use closegraph_entity::receivable::Flag;
use serde::Deserialize;

use super::AttentionReason;
use crate::schema::Money;

/// What a sentence tells; which of it there is follows from the reason.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// Number of the invoice, or name of the organization.
    name: Option<String>,
    company: Option<String>,
    /// The due date, the win or the estimated close date.
    day: Option<NaiveDate>,
    /// Days since then.
    days: Option<i64>,
    /// What is left to pay, or what the deal is worth.
    amount: Option<Money>,
    /// Total of the invoice.
    total: Option<Money>,
    flags: Vec<Flag>,
    /// The invoice's status word, or why a connection is as it is.
    word: Option<String>,
    /// Events, hours or per cent.
    count: Option<i64>,
    /// How a connection stopped.
    detail: Option<String>,
    proposal: Option<Proposed>,
}

/// The best proposal of a mapping that waits.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Proposed {
    r#type: Option<String>,
    score: Option<i64>,
    others: Option<i64>,
}

impl Facts {
    /// The money that is at stake.
    pub(super) fn amount(&self) -> Option<&Money> {
        self.amount.as_ref()
    }

    /// The sentence.
    pub(super) fn message(&self, reason: AttentionReason) -> String {
        match reason {
            AttentionReason::OverdueInvoice => self.overdue(),
            AttentionReason::WonDealWithoutValue => self.without_value(),
            AttentionReason::WonDealNeverInvoiced => self.never_invoiced(),
            AttentionReason::StalledDeal => self.stalled(),
            AttentionReason::ConnectionStopped => self.stopped(),
            AttentionReason::DeadLetters => self.dead_letters(),
            AttentionReason::InvoiceMappingWaiting => self.mapping_waits(),
            AttentionReason::InvoiceFlagged => self.flagged(),
        }
    }

    fn overdue(&self) -> String {
        let late = days(self.days);
        let left = match (text(self.amount.as_ref()), text(self.total.as_ref())) {
            (Some(left), Some(total)) if left != total => {
                format!("{left} of {total} is still to be paid")
            }
            (Some(left), _) => format!("{left} is still to be paid"),
            (None, _) => "what is still to be paid is not known".to_owned(),
        };
        format!("{} is {late} overdue: {left}.", self.invoice())
    }

    fn without_value(&self) -> String {
        let on = self
            .day
            .map_or_else(String::new, |day| format!(" on {day}"));
        format!(
            "The deal{} was won{on} without a value, so that no revenue counts it.",
            self.with_company()
        )
    }

    fn never_invoiced(&self) -> String {
        let worth = text(self.amount.as_ref()).map_or_else(
            || "of unknown value".to_owned(),
            |worth| format!("of {worth}"),
        );
        format!(
            "The deal {worth}{} was won {} ago, and no invoice bills it.",
            self.with_company(),
            days(self.days)
        )
    }

    fn stalled(&self) -> String {
        let worth = text(self.amount.as_ref()).map_or_else(
            || "of unknown value".to_owned(),
            |worth| format!("of {worth}"),
        );
        let likely = self
            .count
            .map_or_else(String::new, |likely| format!(" ({likely}% likely)"));
        let on = self
            .day
            .map_or_else(String::new, |day| format!(" on {day}"));
        format!(
            "The open deal {worth}{}{likely} was expected to close{on}, {} ago.",
            self.with_company(),
            days(self.days)
        )
    }

    fn stopped(&self) -> String {
        let whose = self.organization();
        let why = self
            .word
            .as_ref()
            .map_or_else(String::new, |why| format!(" ({why})"));
        let hours = count(self.count.unwrap_or_default().max(1), "hour", "hours");
        match self.detail.as_deref() {
            Some("needs_reconnect") => {
                format!(
                    "Close refuses the credential of {whose}{why}: connect it again, since nothing is synced until then."
                )
            }
            Some("paused") => {
                format!("The connection of {whose} is paused{why}: nothing is synced.")
            }
            Some("unread") => format!(
                "Nothing was read from Close for {whose} for {hours}: what changed since then is missing here."
            ),
            Some("behind") => format!(
                "Events of {whose} have waited for {hours} to be applied: figures are older than that."
            ),
            Some("webhook") => format!(
                "Close does not push changes of {whose} as it should{why}: they arrive later, by the event log."
            ),
            _ => format!(
                "{whose} is disconnected{why}: what is shown here does not change any more."
            ),
        }
    }

    fn dead_letters(&self) -> String {
        let events = count(self.count.unwrap_or_default(), "event", "events");
        format!(
            "{events} of {} could not be applied, so that some records may be older than in Close: look why, then replay or discard.",
            self.organization()
        )
    }

    fn mapping_waits(&self) -> String {
        let whose = self.organization();
        let todo = "see `closegraph mapping show`, then confirm it or choose another";
        match &self.proposal {
            Some(Proposed {
                r#type: Some(found),
                score: Some(score),
                others,
            }) => {
                let others = match others.unwrap_or_default() {
                    0 => String::new(),
                    others => format!(", and {} may", count(others, "other type", "other types")),
                };
                format!(
                    "No invoices of {whose} are shown yet: \"{found}\" may hold them ({score} of 100 sure{others}); {todo}."
                )
            }
            _ => format!(
                "No invoices of {whose} are shown yet, and a person has to say where they are; {todo}."
            ),
        }
    }

    fn flagged(&self) -> String {
        let told = |flag: &Flag| match flag {
            Flag::AmountUnreadable => "an amount can't be read".to_owned(),
            Flag::CurrencyUnknown => {
                "its currency is not known, so that the organization's was taken".to_owned()
            }
            Flag::StatusUnknown => {
                let word = self.word.as_deref().unwrap_or_default();
                format!(
                    "its status \"{word}\" is not known, so that it counts as neither paid nor unpaid"
                )
            }
            Flag::BalanceDiffers => "its balance is not its total less what was paid".to_owned(),
            Flag::PaidWithBalance => match text(self.amount.as_ref()) {
                Some(left) => format!("it is marked as paid, and {left} is left to pay"),
                None => "it is marked as paid, and money is left to pay".to_owned(),
            },
        };
        let told: Vec<String> = self.flags.iter().map(told).collect();
        format!("{} does not add up: {}.", self.invoice(), told.join("; "))
    }

    /// "Invoice INV-7 of Northwind"
    fn invoice(&self) -> String {
        let number = self.name.as_ref().map_or_else(
            || "An invoice without a number".to_owned(),
            |number| format!("Invoice {number}"),
        );
        match &self.company {
            Some(company) => format!("{number} of {company}"),
            None => number,
        }
    }

    fn with_company(&self) -> String {
        self.company
            .as_ref()
            .map_or_else(String::new, |company| format!(" with {company}"))
    }

    fn organization(&self) -> &str {
        self.name.as_deref().unwrap_or("the organization")
    }
}

fn text(money: Option<&Money>) -> Option<String> {
    money?.text().ok()
}

fn days(days: Option<i64>) -> String {
    count(days.unwrap_or_default(), "day", "days")
}

fn count(number: i64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
