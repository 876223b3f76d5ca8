//! The organization's people at work: leads, contacts and deals made, moved, changed, merged and
//! deleted, invoices issued and paid, at a rate that can be switched.

mod action;
mod billing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::action::act;
use crate::app::App;
use crate::generate::{self, Dice};

/// How many of all actions are about invoices.
const BILLING_SHARE: f64 = 0.2;

/// Acts until the shutdown; the pauses vary as arrivals do, the choices are seeded.
pub(crate) async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let mut dice = Dice::new(generate::stream(app.config.seed, generate::TRAFFIC));
    let mut billing = Dice::new(generate::stream(app.config.seed, generate::BILLING));
    let bills = billing::bills(&app);
    let mut rate = app.traffic.subscribe();
    let mut due = Instant::now();
    loop {
        let per_second = *rate.borrow_and_update();
        let turn = async {
            if per_second > 0.0 {
                tokio::time::sleep_until(due.into()).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = rate.changed() => {
                if changed.is_err() {
                    return;
                }
                due = Instant::now();
            }
            () = turn => {
                let dice = if bills && billing.chance(BILLING_SHARE) {
                    billing::act(&app, &mut billing);
                    &mut billing
                } else {
                    act(&app, &mut dice);
                    &mut dice
                };
                // Exponential pauses, none longer than ten times the mean.
                let pause = (-(1.0 - dice.unit()).ln()).min(10.0) / per_second;
                due = (due + Duration::from_secs_f64(pause)).max(Instant::now() - Duration::from_secs(1));
            }
        }
    }
}
