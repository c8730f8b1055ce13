//! Calls a server and times it.
//!
//! *Closed loop*: so many calls in flight, each followed by the next: how much the server can take, and
//! what a call costs it. *At a rate*: calls begin when the schedule says so, whether earlier ones have
//! come back or not, and latency counts from that moment, so that a server which stalls can't hide it.

mod grpc;
mod http;
mod latencies;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;

use crate::in_process::Transport;
use crate::machine::processes::{self, ThreadUse};
use latencies::Latencies;

/// Let caches and connections warm up first.
const WARM_UP: Duration = Duration::from_millis(400);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    transport: Transport,
    /// The server's HOST:PORT.
    #[arg(long)]
    target: String,
    /// Whose CPU time is read.
    #[arg(long)]
    server: u32,
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// HTTP/2 connections that share the calls in flight. HTTP/1.1 has one for each of those.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// How long to measure, after a warm-up.
    #[arg(long, required_unless_present = "calls")]
    millis: Option<u64>,
    /// Makes and measures so many calls, without a warm-up.
    #[arg(long, conflicts_with_all = ["millis", "rate"])]
    calls: Option<u64>,
    /// Calls a second; without it a closed loop.
    #[arg(long)]
    rate: Option<f64>,
    /// The traceparents are not sampled.
    #[arg(long)]
    unsampled: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    /// All calls, the warm-up's too: so many spans there should be.
    pub(crate) calls_in_all: u64,
    pub(crate) calls: u64,
    pub(crate) seconds: f64,
    /// CPU time of the server in nanoseconds.
    pub(crate) server_cpu: u64,
    /// The same by thread.
    pub(crate) server_threads: Vec<ThreadUse>,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// How late the load itself began calls at the rate: its own share in the latencies.
    pub(crate) late_p99: f64,
}

/// What the calls of a window have come to.
#[derive(Default)]
struct Window {
    number: u64,
    /// No calls beyond this number.
    limit: u64,
    calls: u64,
    latencies: Latencies,
    late: Latencies,
}

type Shared = Rc<RefCell<Window>>;

pub(crate) fn run(arguments: &Arguments) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime of one thread");
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        match arguments.transport {
            Transport::Grpc => {
                let client = grpc::Client::connect(
                    &arguments.target,
                    arguments.connections,
                    arguments.unsampled,
                )
                .await;
                load(arguments, client).await
            }
            Transport::Http => {
                let (target, flights) = (&arguments.target, arguments.in_flight);
                let client = http::Client::connect(target, flights, arguments.unsampled).await;
                load(arguments, client).await
            }
        }
    })
}

/// Makes one call and checks the answer.
trait Call: Clone + 'static {
    async fn call(&self, number: u64);
}

async fn load(arguments: &Arguments, client: impl Call) -> Measured {
    let window = Shared::default();
    window.borrow_mut().limit = arguments.calls.unwrap_or(u64::MAX);
    let driver = match arguments.rate {
        None => {
            for _ in 0..arguments.in_flight {
                tokio::task::spawn_local(again_and_again(client.clone(), Rc::clone(&window)));
            }
            None
        }
        Some(rate) => Some(tokio::task::spawn_local(by_schedule(
            client,
            Rc::clone(&window),
            rate,
        ))),
    };
    if arguments.calls.is_none() {
        tokio::time::sleep(WARM_UP).await;
    }
    let warm_up = std::mem::take(&mut window.borrow_mut().calls);
    window.borrow_mut().latencies = Latencies::default();
    window.borrow_mut().late = Latencies::default();
    let (began, threads) = (Instant::now(), processes::threads(arguments.server));
    match arguments.millis {
        Some(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        None => all_gone(&window).await,
    }
    let seconds = began.elapsed().as_secs_f64();
    let threads = processes::used_since(&threads, arguments.server);
    let calls = window.borrow().calls;
    // Calls in flight are let go to their end, so that the spans can be counted.
    window.borrow_mut().number |= STOP;
    if let Some(driver) = driver {
        driver.await.expect("the schedule does not panic");
    }
    all_gone(&window).await;
    let window = window.borrow();
    Measured {
        calls_in_all: warm_up + window.calls,
        calls,
        seconds,
        server_cpu: threads.iter().map(|thread| thread.cpu).sum(),
        server_threads: threads,
        p50: window.latencies.quantile(0.5),
        p99: window.latencies.quantile(0.99),
        p999: window.latencies.quantile(0.999),
        late_p99: window.late.quantile(0.99),
    }
}

/// Waits until each task that makes calls has ended.
async fn all_gone(window: &Shared) {
    while Rc::strong_count(window) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// In a window's number: no further calls.
const STOP: u64 = 1 << 63;

/// The number of the next call, unless it is over.
fn next(window: &Shared) -> Option<u64> {
    let mut window = window.borrow_mut();
    if window.number & STOP != 0 || window.number >= window.limit {
        return None;
    }
    window.number += 1;
    Some(window.number)
}

fn done(window: &Shared, since: Instant) {
    let mut window = window.borrow_mut();
    window.calls += 1;
    window.latencies.record(since.elapsed());
}

async fn again_and_again(client: impl Call, window: Shared) {
    while let Some(number) = next(&window) {
        let began = Instant::now();
        client.call(number).await;
        done(&window, began);
    }
}

/// Never sleeps, as timers are a thousand times too coarse: it has its own processor.
async fn by_schedule(client: impl Call, window: Shared, rate: f64) {
    let began = Instant::now();
    let mut due = began;
    let mut calls = 0_u64;
    loop {
        while due <= Instant::now() {
            let Some(number) = next(&window) else { return };
            window.borrow_mut().late.record(due.elapsed());
            let (client, window) = (client.clone(), Rc::clone(&window));
            tokio::task::spawn_local(async move {
                client.call(number).await;
                done(&window, due);
            });
            calls += 1;
            due = began + Duration::from_secs_f64(calls as f64 / rate);
        }
        tokio::task::yield_now().await;
    }
}
