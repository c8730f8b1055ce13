//! What needs a process of its own: the environment and what is global are a process's. A test here starts itself again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/from_env.rs"]
mod from_env;

mod exceptions_are_recorded_once;
mod from_env_disabled;
mod from_env_exporters;
mod from_env_limits;
mod from_env_samplers;
mod global_propagator;
mod global_provider_is_switched;
mod http_known_methods;
mod log_records_carry_the_trace;
mod metrics_global_provider_is_switched;
mod no_provider_is_said_once;
mod pipeline_environment;
mod pipeline_remote_sampler_stops;
mod pipeline_second_install;
mod propagators_of_the_environment;

use std::process::Command;

/// Set in a process that one test has to itself.
const ALONE: &str = "LIANLU_TEST_ALONE";

/// Whether the test of this name has the process to itself. Elsewhere it is started again, in one that it has, and must
/// pass there.
fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let has_passed = output.status.success() && out.contains("test result: ok. 1 passed;");
    assert!(has_passed, "{out}{said}");
    false
}
