//! The built-in traffic: shoppers, each with an errand.

mod errand;
mod visit;
mod visits;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::telemetry::Service as Telemetry;
use errand::ROUND;
use visit::Shopper;
pub(crate) use visits::Visits;

/// The time from one shopper to the next: 5 a second.
const PACE: Duration = Duration::from_millis(200);

/// The time for the last shoppers at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends shoppers for `length`, and counts their outcomes in `visits`.
pub(crate) async fn shop(
    gateway: SocketAddr,
    length: Duration,
    telemetry: &Telemetry,
    visits: &mut Visits,
) -> Result<(), Box<dyn Error>> {
    // The shop is on loopback.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let shopper = Shopper::new(http, &telemetry.client(), gateway);
    let tracer = telemetry.tracer();

    let begin = Instant::now();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut errands = ROUND.into_iter().cycle();
    let mut under_way = JoinSet::new();
    while begin.elapsed() < length {
        tokio::select! {
            Some(outcome) = under_way.join_next() => visits.count(outcome),
            _ = pace.tick() => {
                if begin.elapsed() >= length {
                    break;
                }
                let Some(errand) = errands.next() else { break };
                visits.begin();
                // Each errand is a trace. A spawned task does not inherit the context.
                let context = Context::new().with_span(tracer.start(errand.name()));
                let shopper = shopper.clone();
                under_way.spawn(async move { shopper.run(errand).await }.with_context(context));
            }
        }
    }
    let rest = async {
        while let Some(outcome) = under_way.join_next().await {
            visits.count(outcome);
        }
    };
    let _ = timeout(PATIENCE, rest).await;
    Ok(())
}
