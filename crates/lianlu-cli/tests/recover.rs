//! `lianlu recover` sends the spans that a service has left in its flight recorder.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Health, TracerProvider};
use opentelemetry::trace::{Span, Tracer, TracerProvider as _};

struct Unreachable;

impl Export for Unreachable {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        Err(Failure::temporary("connection refused"))
    }
}

/// A service whose collector is unreachable.
fn service(dir: &Path) -> TracerProvider {
    let provider = TracerProvider::builder()
        .with_exporter(Unreachable)
        .with_flight_recorder(dir)
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    for number in 0..700 {
        let mut span = provider.tracer("shop").start(format!("span-{number}"));
        span.end();
    }
    provider
}

/// Runs the service and shuts it down.
fn run_and_stop(dir: &Path) {
    let provider = service(dir);
    provider.shutdown(Duration::from_millis(50)).unwrap_err();
    // The worker stops soon after the timeout of `shutdown`.
    while provider.handle().health() != Health::Stopped {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Accepts everything and reports the body of each request.
fn collector() -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 64 * 1024];
            let body = loop {
                let read = stream.read(&mut buffer).unwrap();
                if read == 0 {
                    break None;
                }
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let Some(end) = request.windows(4).position(|it| it == b"\r\n\r\n") else {
                    continue;
                };
                let length = text.split("content-length: ").nth(1).unwrap();
                let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                if request.len() >= end + 4 + length {
                    break Some(request.split_off(end + 4));
                }
            };
            if let Some(body) = body {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).unwrap();
                if sender.send(body).is_err() {
                    return;
                }
            }
        }
    });
    (address, receiver)
}

fn lianlu(dir: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lianlu"))
        .arg("recover")
        .arg(dir)
        .args(more)
        .output()
        .unwrap()
}

fn output_text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[test]
fn recovers_each_span_once() {
    let dir = tempfile::tempdir().unwrap();
    run_and_stop(dir.path());
    let (address, requests) = collector();
    let endpoint = format!("http://{address}");
    let output = lianlu(dir.path(), &["--endpoint", &endpoint]);
    assert!(output.status.success(), "{}", output_text(&output));
    assert!(
        output_text(&output).contains("700 span(s) found"),
        "{}",
        output_text(&output)
    );
    assert!(
        output_text(&output).contains("700 sent"),
        "{}",
        output_text(&output)
    );
    let bytes: Vec<u8> = requests.try_iter().flatten().collect();
    let text = String::from_utf8_lossy(&bytes);
    for number in 0..700 {
        assert!(text.contains(&format!("span-{number}")), "{number}");
    }

    let output = lianlu(dir.path(), &["--endpoint", &endpoint]);
    assert!(output.status.success(), "{}", output_text(&output));
    assert!(
        output_text(&output).contains("0 span(s) found"),
        "{}",
        output_text(&output)
    );
    assert_eq!(requests.try_iter().count(), 0);
}

#[test]
fn unsent_spans_stay_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    run_and_stop(dir.path());
    let closed_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = format!("http://{closed_port}");
    let output = lianlu(dir.path(), &["--endpoint", &endpoint, "--timeout", "0"]);
    assert!(!output.status.success());
    assert!(
        output_text(&output).contains("700 span(s) found"),
        "{}",
        output_text(&output)
    );
    let (address, _requests) = collector();
    let output = lianlu(dir.path(), &["--endpoint", &format!("http://{address}")]);
    assert!(output.status.success(), "{}", output_text(&output));
    assert!(
        output_text(&output).contains("700 sent"),
        "{}",
        output_text(&output)
    );
}

#[test]
fn errors_name_the_problem() {
    let dir = tempfile::tempdir().unwrap();
    let output = lianlu(&dir.path().join("none"), &[]);
    assert!(!output.status.success());
    assert!(
        output_text(&output).contains("none\" can't be used"),
        "{}",
        output_text(&output)
    );

    let provider = service(dir.path());
    let output = lianlu(dir.path(), &[]);
    assert!(!output.status.success());
    let wanted = format!("in use by process {}", std::process::id());
    assert!(
        output_text(&output).contains(&wanted),
        "{}",
        output_text(&output)
    );
    drop(provider);

    let output = lianlu(dir.path(), &["--endpoint", "ftp://h"]);
    assert!(
        output_text(&output).contains("with_endpoint: "),
        "{}",
        output_text(&output)
    );
    let output = lianlu(dir.path(), &["--header", "x"]);
    assert!(
        output_text(&output).contains("--header: needs NAME=VALUE"),
        "{}",
        output_text(&output)
    );
}
