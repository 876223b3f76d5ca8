//! Measures Closegraph beside peers and limits of the same run.

mod backfill;
mod deliveries;
mod hostile;
mod live;
mod load;
mod ours;
mod peers;
mod pgbench;
mod questions;
mod reads;
mod tables;

use anyhow::bail;
use closegraph_tests::Demo;

const LEADS: u32 = 20_000;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => {
            own().await?;
            questions::measure(questions::COMPANIES, "", say).await?;
            peers::measure(say).await
        }
        Some("questions") => {
            let companies = std::env::args().nth(2);
            let companies = companies.map_or(Ok(questions::COMPANIES), |text| text.parse())?;
            let named = std::env::args().nth(3).unwrap_or_default();
            questions::measure(companies, &named, say).await
        }
        Some("hostile") => hostile::measure(say).await,
        Some("backfill") => {
            say(&backfill::measure(LEADS).await?);
            Ok(())
        }
        Some("peers") => peers::measure(say).await,
        Some("deliveries") => deliveries::measure(say).await,
        Some("live") => live::measure(say).await,
        Some("paced") => {
            say(&deliveries::paced(&Demo::start(LEADS)?).await?);
            Ok(())
        }
        Some(other) => {
            bail!(
                "{other} is not measured: say questions, hostile, backfill, peers, deliveries, paced or live, or nothing for all"
            )
        }
    }
}

/// All that needs no other program than Postgres.
async fn own() -> anyhow::Result<()> {
    say(&backfill::measure(LEADS).await?);
    live::measure(say).await?;
    hostile::measure(say).await?;
    deliveries::measure(say).await?;
    let demo = Demo::start(LEADS)?;
    // Of a demo at rest; what deliveries write is vacuumed and analyzed for a while.
    say(&reads::measure(&demo).await?);
    say(&deliveries::paced(&demo).await?);
    say(&reads::memory(&demo)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn say(line: &str) {
    println!("{line}");
}
