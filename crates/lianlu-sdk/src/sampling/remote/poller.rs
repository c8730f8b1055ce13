//! The thread that polls the collector.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::sampling::Sampler;
use opentelemetry::Context;

use super::answer::{self, Told};
use super::strategy::Strategy;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::http_client::HttpClient;
use crate::pipeline::{Listener, PipelineEvent};

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of a response.
const MAX_ANSWER: u64 = 1024 * 1024;

/// The state that the sampler and the thread share.
pub(super) struct Shared {
    /// Locked only while the pointer is read or replaced.
    strategy: RwLock<Arc<Strategy>>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Shared {
    pub(super) fn strategy(&self) -> Arc<Strategy> {
        Arc::clone(&self.strategy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.notify_all();
    }

    fn apply(&self, told: Told) {
        let new = Arc::new(self.strategy().after(told));
        *self
            .strategy
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Waits for `interval`. Returns `false` if the sampler was stopped.
    fn goes_on_after(&self, interval: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = self
            .stop
            .wait_timeout_while(stopped, interval, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        !*stopped
    }
}

pub(super) fn start(
    place: CollectorUrl,
    interval: Duration,
    initial: Sampler,
    listener: Listener,
) -> io::Result<Arc<Shared>> {
    let shared = Arc::new(Shared {
        strategy: RwLock::new(Arc::new(Strategy::Initial(Box::new(initial)))),
        stopped: Mutex::new(false),
        stop: Condvar::new(),
    });
    let of_thread = Arc::clone(&shared);
    std::thread::Builder::new()
        .name("lianlu-sampling".to_owned())
        .spawn(move || run(&of_thread, &place, interval, &listener))?;
    Ok(shared)
}

fn run(shared: &Shared, place: &CollectorUrl, interval: Duration, listener: &Listener) {
    // Polling must not be traced.
    let _silent = Context::enter_telemetry_suppressed_scope();
    let client = HttpClient::new(TIMEOUT);
    let mut is_failing = false;
    loop {
        let result = ask(&client, place);
        let notice = match result {
            Ok(told) => {
                shared.apply(told);
                std::mem::take(&mut is_failing).then_some(PipelineEvent::SamplingRecovered)
            }
            Err(_) if is_failing => None,
            Err(reason) => {
                is_failing = true;
                Some(PipelineEvent::SamplingFailing { reason })
            }
        };
        if let Some(notice) = notice {
            // A panic in the listener must not end this thread.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(&notice)));
        }
        if !shared.goes_on_after(interval) {
            return;
        }
    }
}

fn ask(client: &HttpClient, place: &CollectorUrl) -> Result<Told, String> {
    let (status, body) = client
        .get(place, MAX_ANSWER)
        .map_err(|error| format!("{place}: {}", place.quote(&error.to_string())))?;
    if !status.is_success() {
        return Err(format!("{place} answered {status}"));
    }
    answer::read(&body).map_err(|reason| format!("{place}: {}", place.quote(&reason)))
}
