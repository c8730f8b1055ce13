//! What needs a process of its own: environment variables and global providers belong to the
//! process.
//!
//! A process cannot change its environment safely, so a test here starts itself again: the parent
//! runs [`child`] with the test's own name, and the child finds its [`role`].

/// The name of the test in which it is written, as `--exact` takes it.
macro_rules! this_test {
    () => {{
        fn here() {}
        $crate::own_process::test_name(std::any::type_name_of_val(&here))
    }};
}

mod config_file;
mod context_beyond_http;
mod exceptions;
mod from_env_disabled;
mod from_env_exporters;
mod from_env_limits;
mod from_env_samplers;
mod global_meter_provider;
mod global_propagator;
mod global_tracer_provider;
mod http_known_methods;
mod log_records;
mod missing_provider_warning;
mod pipeline_remote_sampler_stops;
mod pipeline_second_install;
mod pipeline_variables;
mod propagators_from_env;

use std::process::Command;

/// Set in a child: what it has to do.
pub const ROLE: &str = "LIANLU_TEST_ROLE";

/// A test's name, of the path of a function inside of it.
pub fn test_name(path: &str) -> String {
    let segments = path.split("::").skip(1);
    let names = segments.filter(|name| !["here", "{{closure}}"].contains(name));
    names.collect::<Vec<_>>().join("::")
}

/// What this process has to do, if a test has started it.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// A process that runs one test, in this role.
pub fn child(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, role);
    command
}

/// What a child has printed.
#[derive(Debug)]
pub struct Printed {
    pub stdout: String,
    pub stderr: String,
}

impl Printed {
    /// What follows `marker`, on each line of standard output that has it.
    pub fn marked(&self, marker: &str) -> Vec<&str> {
        let lines = self.stdout.lines();
        let marked = lines.filter_map(|line| Some(line.split_once(marker)?.1));
        marked.collect()
    }

    /// lianlu's own lines on standard error.
    pub fn warnings(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines.filter(|line| line.starts_with("lianlu:")).collect()
    }
}

/// Runs a child, in which the one test must pass.
#[track_caller]
pub fn run(child: &mut Command) -> Printed {
    let output = child.output().unwrap();
    let printed = Printed {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let one_passed = printed.stdout.contains("test result: ok. 1 passed;");
    assert!(output.status.success() && one_passed, "{printed:#?}");
    printed
}

/// True if the test has the process to itself. Otherwise runs it in a child, where it must pass.
#[track_caller]
pub fn is_alone(test: &str) -> bool {
    if role().is_some() {
        return true;
    }
    run(&mut child(test, "alone"));
    false
}
