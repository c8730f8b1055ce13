//! `OTEL_SEMCONV_STABILITY_OPT_IN` chooses the conventions of layers that are not told.
//!
//! A process can't change its environment safely, so the test starts itself again with another one.

use std::process::{Command, Output};

use lianlu_conformance::{Generation, Model};

use crate::harness::Told;
use crate::{Scenario, check_all, scenarios};

const VARIABLE: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
/// What the started process expects of HTTP and of RPC: `old both`.
const EXPECTED: &str = "LIANLU_TEST_EXPECTED";

fn generation(name: &str) -> Generation {
    match name {
        "old" => Generation::Old,
        "both" => Generation::Both,
        _ => Generation::Current,
    }
}

/// A few scenarios of a protocol, with both sides.
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

fn start(list: &str, expected: &str) -> Output {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "environment::the_variable_chooses",
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
async fn the_variable_chooses() {
    if let Ok(expected) = std::env::var(EXPECTED) {
        let (http, rpc) = expected.split_once(' ').unwrap();
        for (protocol, name) in [("http", http), ("rpc", rpc)] {
            let model = Model::of(generation(name)).unwrap();
            check_all(&model, some(protocol), Told::default()).await;
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
        let output = start(list, expected);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains(VARIABLE), "{list}: {errors}");
    }
}

/// An entry that says nothing is told once, with the variable's name, and changes nothing. Those of other
/// areas are other libraries'.
#[test]
fn what_is_unknown_is_told() {
    let output = start("http/dpu,database/dup,rpc/old", "current old");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.matches(VARIABLE).count(), 1, "{errors}");
    assert!(errors.contains("http/dpu"), "{errors}");
    assert!(!errors.contains("database/dup"), "{errors}");
}
