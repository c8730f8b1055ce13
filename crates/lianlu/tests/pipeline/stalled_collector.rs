//! A collector that accepts connections and never answers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use lianlu::pipeline::FlushError;
use opentelemetry::trace::{Tracer, TracerProvider};

#[test]
fn shutdown_ends_with_its_own_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/traces", listener.local_addr().unwrap());
    let guard = lianlu::jaeger::pipeline()
        .with_collector_endpoint(url)
        .build()
        .unwrap();
    drop(guard.tracer_provider().tracer("test").start("span"));
    let begin = Instant::now();
    let error = guard
        .shutdown_timeout(Duration::from_millis(100))
        .unwrap_err();
    let timeout = FlushError::Timeout {
        waiting: 1,
        reason: None,
    };
    assert_eq!(error, timeout);
    // The exporter's time-out is 10 s, and must not be waited for.
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
}
