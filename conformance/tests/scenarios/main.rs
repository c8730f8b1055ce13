//! Scenarios of all kinds of calls. What the layers export must follow the conventions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

// The servers and clients of the layers' own tests.
#[path = "../../../crates/lianlu/tests/common/mod.rs"]
mod common;
mod environment;
mod grpc;
mod grpc_options;
mod harness;
mod http_calls;
mod http_client;
mod http_options;
mod http_server;
mod known_gaps;
mod metrics_by_hand;
mod own_names;
mod proxies;
mod resent;
mod streams;
mod tunnels;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use common::provider::ProviderKind;
use futures_util::{StreamExt, stream};
use harness::{Harness, Options, RootSampler};
use known_gaps::KNOWN_GAPS;
use lianlu::conventions::{self, RpcStatusKey};
use lianlu_conformance::{Expected, Generation, Model, StatusKey};

type Calls = Pin<Box<dyn Future<Output = Vec<Expected>> + Send>>;

/// Some calls, and the expectations of them.
#[allow(missing_debug_implementations)]
pub struct Scenario {
    name: String,
    run: Box<dyn FnOnce(Arc<Harness>) -> Calls + Send>,
}

impl Scenario {
    pub fn new<F, C>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(Arc<Harness>) -> C + Send + 'static,
        C: Future<Output = Vec<Expected>> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Box::new(|harness| Box::pin(run(harness))),
        }
    }
}

fn scenarios() -> Vec<Scenario> {
    let all = [
        http_server::scenarios(),
        http_client::scenarios(),
        http_options::scenarios(),
        proxies::scenarios(),
        resent::scenarios(),
        tunnels::scenarios(),
        grpc::scenarios(),
        grpc_options::scenarios(),
        streams::scenarios(),
    ];
    all.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_follows_the_conventions() {
    let model = Model::of(Generation::Current).unwrap();
    check_everything(&model, Options::default()).await;
}

/// The key of a gRPC status after v1.44.0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_can_have_the_other_status_key() {
    let model = Model::with_status_key(StatusKey::Main).unwrap();
    let options = Options {
        status_key: RpcStatusKey::StatusCode,
        ..Options::default()
    };
    check_everything(&model, options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_follows_the_old_conventions() {
    check_generation(Generation::Old, conventions::Generation::Old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_follows_both_conventions_at_once() {
    check_generation(Generation::Both, conventions::Generation::Both).await;
}

async fn check_generation(generation: Generation, written: conventions::Generation) {
    let options = Options {
        conventions: Some(written),
        ..Options::default()
    };
    check_everything(&Model::of(generation).unwrap(), options).await;
}

/// Runs all scenarios with these options: with a sampler that gets the roots' attributes, and
/// without.
async fn check_everything(model: &Model, options: Options) {
    check_all(model, scenarios(), options).await;
    // With other providers the layers do the same for both samplers.
    if ProviderKind::from_env() == ProviderKind::Ours {
        let options = Options {
            sampler: RootSampler::AlwaysOn,
            ..options
        };
        check_all(model, scenarios(), options).await;
    }
}

/// Runs `scenarios` with these options, and fails with all violations but the known gaps.
async fn check_all(model: &Model, scenarios: Vec<Scenario>, options: Options) {
    let names: BTreeSet<_> = scenarios
        .iter()
        .map(|scenario| scenario.name.clone())
        .collect();
    assert_eq!(names.len(), scenarios.len(), "duplicate names");

    let results = stream::iter(scenarios).map(async |scenario| {
        let harness = Arc::new(Harness::with(options).await);
        let calls = common::soon((scenario.run)(Arc::clone(&harness))).await;
        let harness = Arc::into_inner(harness).expect("the scenario has dropped its harness");
        let found = harness.check(model, &calls).await;
        (scenario.name, found)
    });
    let results: Vec<_> = results.buffer_unordered(4).collect().await;

    let mut unknown = Vec::new();
    let mut open = BTreeSet::new();
    for (scenario, found) in &results {
        for violation in found {
            let gap = KNOWN_GAPS
                .iter()
                .position(|gap| gap.matches(scenario, violation));
            match gap {
                Some(gap) => drop(open.insert(gap)),
                None => unknown.push(format!("{scenario}: {violation}")),
            }
        }
    }
    let closed: Vec<_> = KNOWN_GAPS
        .iter()
        .enumerate()
        .filter(|(position, gap)| gap.applies(model, &names) && !open.contains(position))
        .map(|(_, gap)| gap)
        .collect();
    unknown.sort();
    assert!(
        unknown.is_empty(),
        "{} violations:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    assert!(
        closed.is_empty(),
        "closed gaps, remove them from the list: {closed:#?}"
    );
}
