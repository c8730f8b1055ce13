//! `OTEL_SEMCONV_STABILITY_OPT_IN` chooses the conventions of layers without an option.
//!
//! A process cannot change its environment safely, so the test starts itself again.

use std::process::{Command, Output};

use lianlu_conformance::{Generation, Model};

use crate::harness::Options;
use crate::{Scenario, check_all, scenarios};

const VARIABLE: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
/// Set in a child: the conventions to expect for HTTP and for RPC, such as `old both`.
const EXPECTED: &str = "LIANLU_TEST_EXPECTED";

fn generation(name: &str) -> Generation {
    match name {
        "old" => Generation::Old,
        "both" => Generation::Both,
        _ => Generation::Current,
    }
}

/// Some scenarios of a protocol, of both sides.
fn some(protocol: &str) -> Vec<Scenario> {
    let names: &[&str] = match protocol {
        "http" => &[
            "http: both sides of /",
            "http: captured headers",
            "http server: X-Forwarded-*",
        ],
        _ => &[
            "grpc: code",
            "grpc: captured metadata",
            "grpc: a server stream",
        ],
    };
    let all = scenarios().into_iter();
    let some = all.filter(|scenario| names.iter().any(|name| scenario.name.starts_with(name)));
    let some: Vec<_> = some.collect();
    assert!(some.len() > 5, "{protocol}");
    some
}

fn run_child(list: &str, expected: &str) -> Output {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "environment::the_variable_chooses_the_conventions",
            "--nocapture",
        ])
        .env(EXPECTED, expected)
        .env(VARIABLE, list)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{list}: {errors}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_variable_chooses_the_conventions() {
    if let Ok(expected) = std::env::var(EXPECTED) {
        let (http, rpc) = expected.split_once(' ').unwrap();
        for (protocol, name) in [("http", http), ("rpc", rpc)] {
            let model = Model::of(generation(name)).unwrap();
            check_all(&model, some(protocol), Options::default()).await;
        }
        return;
    }
    for (list, expected) in [
        ("http,rpc", "current current"),
        ("http/old", "old current"),
        ("http/dup,rpc/old", "both old"),
        ("rpc/dup", "current both"),
        ("http,http/dup, rpc/old ,rpc", "both current"),
    ] {
        let output = run_child(list, expected);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains(VARIABLE), "{list}: {errors}");
    }
}

/// Entries of other areas are for other libraries.
#[test]
fn an_unknown_entry_is_warned_of_once_and_ignored() {
    let output = run_child("http/dpu,database/dup,rpc/old", "current old");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.matches(VARIABLE).count(), 1, "{errors}");
    assert!(errors.contains("http/dpu"), "{errors}");
    assert!(!errors.contains("database/dup"), "{errors}");
}
