//! Child processes. One that fails ends the run.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

use crate::sink::Arrived;

/// Room for what an overloaded machine lets wait. Everybody's pipeline heeds it, Go's too.
pub(super) const LARGE_QUEUE: (&str, &str) = ("OTEL_BSP_MAX_QUEUE_SIZE", "65536");

/// This program, with one of its other commands.
pub(super) fn bench(what: &str) -> Command {
    let mut command = program(&std::env::current_exe().expect("a program has a path"));
    command.arg(what);
    command
}

/// Nothing in the environment may change what is measured.
pub(super) fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command
}

/// The same command bound to one processor, at this niceness.
pub(super) fn pinned(command: &Command, cpu: usize, nice: u8) -> Command {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut pinned = Command::new("nice");
    pinned
        .args(["-n", &nice.to_string()])
        .args(["taskset", "-c", &(cpu % processors).to_string()]);
    wrap(command, pinned)
}

/// The same command where the kernel wants it, at this process's niceness.
pub(super) fn anywhere(command: &Command) -> Command {
    wrap(command, Command::new("env"))
}

/// `wrapper` with the command as its last arguments, in the command's environment.
fn wrap(command: &Command, mut wrapper: Command) -> Command {
    wrapper.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapper.env(name, value),
            None => wrapper.env_remove(name),
        };
    }
    wrapper
}

/// Waits for a child's result.
pub(super) fn result<T: DeserializeOwned>(command: &mut Command) -> T {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A child that prints its address and runs until its standard input ends.
pub(super) struct Service {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(super) address: String,
}

impl Service {
    pub(super) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut address = String::new();
        let read = stdout.read_line(&mut address);
        assert!(
            read.is_ok() && !address.is_empty(),
            "{command:?} did not start"
        );
        Self {
            child,
            stdin,
            stdout,
            address: address.trim().to_owned(),
        }
    }

    /// `nice` and `taskset` become the program that they start, so this is the program's.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn stop(mut self) {
        self.stdin = None;
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "a server: {status}");
    }
}

impl Drop for Service {
    // After `stop` there is nothing left to do; in a panic no server may stay behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The collector that counts.
pub(super) struct Sink(Service);

impl Sink {
    /// On the second processor.
    pub(super) fn start() -> Self {
        Self(Service::start(&mut pinned(&bench("sink"), 1, 0)))
    }

    /// The same with what others leave of that processor, which it must not take from the load.
    pub(super) fn start_nice() -> Self {
        Self(Service::start(&mut pinned(&bench("sink"), 1, 19)))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub(super) fn address(&self) -> &str {
        &self.0.address
    }

    /// What has arrived since this was asked last.
    pub(super) fn arrived(&mut self) -> Arrived {
        let stdin = self
            .0
            .stdin
            .as_mut()
            .expect("it is open until the sink stops");
        stdin.write_all(b"\n").expect("the sink lives");
        let mut line = String::new();
        let read = self.0.stdout.read_line(&mut line);
        assert!(read.is_ok() && !line.is_empty(), "the sink has given up");
        serde_json::from_str(&line).expect("the sink speaks JSON")
    }
}
