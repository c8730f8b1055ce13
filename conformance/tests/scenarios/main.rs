//! Every scenario: what the layers export of it is what the conventions say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

// The servers and clients that the layers' own tests use.
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
mod proxies;
mod resent;
mod streams;
mod tunnels;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use common::provider::Whose;
use futures_util::{StreamExt, stream};
use harness::{Asked, Harness, Told};
use known_gaps::KNOWN_GAPS;
use lianlu::{Conventions, RpcStatusKey};
use lianlu_conformance::{Expected, Generation, Model, StatusKey};

type Calls = Pin<Box<dyn Future<Output = Vec<Expected>> + Send>>;

/// Something that happens, and what is to be seen of it.
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
    check_everything(&model, Told::default()).await;
}

/// The name that a gRPC call's status has after v1.44.0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_has_the_other_status_key() {
    let model = Model::with_status_key(StatusKey::Main).unwrap();
    let told = Told {
        status_key: RpcStatusKey::StatusCode,
        ..Told::default()
    };
    check_everything(&model, told).await;
}

/// Layers that are told to follow the old conventions, or both, do so in every scenario.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_follows_the_old_conventions() {
    check_generation(Generation::Old, Conventions::Old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_follows_both_conventions_at_once() {
    check_generation(Generation::Both, Conventions::Both).await;
}

async fn check_generation(generation: Generation, conventions: Conventions) {
    let told = Told {
        conventions: Some(conventions),
        ..Told::default()
    };
    check_everything(&Model::of(generation).unwrap(), told).await;
}

/// Runs all scenarios with layers that are `told` so: once with a sampler that looks at roots, and once without.
async fn check_everything(model: &Model, told: Told) {
    check_all(model, scenarios(), told).await;
    // To other providers than ours there is but one way.
    if Whose::of_this_run() == Whose::Ours {
        let told = Told {
            sampler: Asked::Nobody,
            ..told
        };
        check_all(model, scenarios(), told).await;
    }
}

/// Runs `scenarios` with layers that are `told` so, and fails with all that is wrong but known gaps.
async fn check_all(model: &Model, scenarios: Vec<Scenario>, told: Told) {
    let names: BTreeSet<_> = scenarios
        .iter()
        .map(|scenario| scenario.name.clone())
        .collect();
    assert_eq!(names.len(), scenarios.len(), "a name is there twice");

    let results = stream::iter(scenarios).map(async |scenario| {
        let harness = Arc::new(Harness::with(told).await);
        let calls = common::soon((scenario.run)(Arc::clone(&harness))).await;
        let harness = Arc::into_inner(harness).expect("a scenario has kept its harness");
        let found = harness.check(model, &calls).await;
        (scenario.name, found)
    });
    let results: Vec<_> = results.buffer_unordered(4).collect().await;

    let mut unknown = Vec::new();
    let mut still_there = BTreeSet::new();
    for (scenario, found) in &results {
        for violation in found {
            let gap = KNOWN_GAPS
                .iter()
                .position(|gap| gap.is(scenario, violation));
            match gap {
                Some(gap) => drop(still_there.insert(gap)),
                None => unknown.push(format!("{scenario}: {violation}")),
            }
        }
    }
    let closed: Vec<_> = KNOWN_GAPS
        .iter()
        .enumerate()
        .filter(|(position, gap)| gap.is_of(model, &names) && !still_there.contains(position))
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
        "closed, take them out of the list: {closed:#?}"
    );
}
