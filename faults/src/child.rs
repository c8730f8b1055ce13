//! The child process: start it, send it commands, kill it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Claims, Counts, FLUSH, PATIENCE};

/// Interval at which conditions are checked. No result depends on it.
const POLL: Duration = Duration::from_millis(5);

/// A child that is not started yet. `bin/service/options.rs` has the options.
#[derive(Debug)]
#[must_use = "nothing runs until it is started"]
pub struct Service(Command);

impl Service {
    /// A service that exports to this URL, over HTTP.
    pub fn new(url: &str) -> Self {
        // The test is `target/debug/deps/test-…`, the service `target/debug/service`.
        let test = env::current_exe().unwrap();
        Self::at(&test.ancestors().nth(2).unwrap().join("service"), url)
    }

    /// A service with a limit on its address space, in KiB.
    pub fn limited_to(kib: u64, url: &str) -> Self {
        let program = Self::new(url).0.get_program().to_owned();
        let mut shell = Command::new("sh");
        let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(program);
        Self(shell).set("endpoint", url)
    }

    /// A service that runs this copy of the program.
    pub fn at(program: &Path, url: &str) -> Self {
        Self(Command::new(program)).set("endpoint", url)
    }

    /// Sets an option.
    pub fn set(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0.arg(format!("{name}={value}"));
        self
    }

    /// Gives it a flight recorder.
    pub fn recorder(self, dir: &Path) -> Self {
        self.set("dir", dir.display())
    }

    /// The command, for settings that are not options of the service.
    pub fn command(&mut self) -> &mut Command {
        &mut self.0
    }

    /// Starts the child and waits until its pipeline runs.
    ///
    /// # Panics
    ///
    /// If its pipeline does not start.
    #[track_caller]
    pub fn start(self) -> Child {
        match self.try_start() {
            Ok(child) => child,
            Err(message) => panic!("{message}"),
        }
    }

    /// Starts the child and waits until its pipeline runs.
    ///
    /// # Errors
    ///
    /// The child's message if its pipeline does not start.
    pub fn try_start(self) -> Result<Child, String> {
        let mut child = self.spawn();
        match child.answer("start") {
            first if first == "ready" => Ok(child),
            first => Err(first),
        }
    }

    /// Starts the child and does not wait for its pipeline.
    ///
    /// # Panics
    ///
    /// If the system can't start a process.
    #[must_use]
    pub fn spawn(mut self) -> Child {
        let command = &mut self.0;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut process = loop {
            match command.spawn() {
                // The program was just copied, and a child that another thread forked meanwhile inherited the open
                // file. It is closed when that child executes its own program.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => thread::sleep(POLL),
                process => break process.unwrap(),
            }
        };
        let claims: Arc<Mutex<Claims>> = Arc::default();
        let stderr_text: Arc<Mutex<String>> = Arc::default();
        let (send, answers) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let claimed = Arc::clone(&claims);
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                match claim(&line) {
                    Some((ids, unpromised)) => claimed.lock().unwrap().add(ids, unpromised),
                    None => drop(send.send(line)),
                }
            }
        });
        let mut stderr = process.stderr.take().unwrap();
        let text = Arc::clone(&stderr_text);
        let stderr_reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut bytes) {
                let more = String::from_utf8_lossy(&bytes[..length]);
                text.lock().unwrap().push_str(&more);
            }
        });
        Child {
            stdin: process.stdin.take(),
            process,
            answers,
            claims,
            stderr_text,
            threads: vec![reader, stderr_reader],
        }
    }
}

/// Parses `c 5 9 1`: the spans 5 to 9 have ended; of all ended spans, 1 is not promised to survive the process.
fn claim(line: &str) -> Option<(RangeInclusive<i64>, u64)> {
    let mut words = line.strip_prefix("c ")?.split(' ');
    let mut number = || words.next()?.parse().ok();
    Some((number()?..=number()?, number()? as u64))
}

/// A running child. Killed on drop.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    claims: Arc<Mutex<Claims>>,
    stderr_text: Arc<Mutex<String>>,
    threads: Vec<JoinHandle<()>>,
}

impl Child {
    /// Sends a command and returns the answer.
    ///
    /// # Panics
    ///
    /// If there is no answer: the child hangs, or has ended.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer(command)
    }

    /// Sends a command whose answer has to be `ok`.
    #[track_caller]
    pub fn must(&mut self, command: &str) {
        let answer = self.ask(command);
        assert_eq!(answer, "ok", "{command}; stderr: {}", self.stderr());
    }

    /// Sends a command whose answer is a number.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[track_caller]
    pub fn number(&mut self, command: &str) -> u64 {
        let answer = self.ask(command);
        answer.parse().expect(&answer)
    }

    /// Sends a command that has no answer.
    #[track_caller]
    pub fn tell(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}").unwrap();
    }

    #[track_caller]
    fn answer(&mut self, command: &str) -> String {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("{command}: hangs; {}", self.stderr()),
            Err(RecvTimeoutError::Disconnected) => panic!("{command}: gone; {}", self.stderr()),
        }
    }

    /// Flushes; everything has to arrive.
    #[track_caller]
    pub fn flush(&mut self) {
        self.must(&flush());
    }

    /// Flushes, and returns the error, or `ok`.
    #[track_caller]
    pub fn try_flush(&mut self) -> String {
        self.ask(&flush())
    }

    /// Shuts the pipeline down, which has to succeed.
    #[track_caller]
    pub fn shutdown(&mut self) {
        self.must(&format!("shutdown {}", FLUSH.as_millis()));
    }

    /// The pipeline's counts.
    #[track_caller]
    pub fn counts(&mut self) -> Counts {
        Counts::parse(&self.ask("counts"))
    }

    /// The counts of each destination, which have to add up.
    #[track_caller]
    pub fn destinations(&mut self) -> Vec<Counts> {
        let answer = self.ask("destinations");
        let counts: Vec<_> = answer.split(';').map(Counts::parse).collect();
        counts.iter().for_each(Counts::assert_identity);
        counts
    }

    /// Waits until the destination of this number has exported so many spans.
    #[track_caller]
    pub fn wait_for_exported(&mut self, destination: usize, wanted: u64) {
        self.wait(|child| {
            let counts = child.destinations();
            match counts[destination].exported >= wanted {
                true => Ok(()),
                false => Err(format!("{wanted} exported; {counts:?}")),
            }
        });
    }

    /// Waits until the pipeline's health contains a text.
    #[track_caller]
    pub fn wait_for_health(&mut self, wanted: &str) {
        self.wait(|child| match child.ask("health") {
            health if health.contains(wanted) => Ok(()),
            health => Err(format!("{wanted:?} in {health:?}")),
        });
    }

    /// Waits until a text has come on standard error, at least so many times.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, wanted: &str, times: usize) {
        self.wait(|child| match child.stderr().matches(wanted).count() {
            found if found >= times => Ok(()),
            found => Err(format!("{wanted:?} {times} times, found {found}")),
        });
    }

    /// Waits until the counts fulfil a condition.
    #[track_caller]
    pub fn wait_for_counts(&mut self, wanted: impl Fn(&Counts) -> bool) {
        self.wait(|child| match child.counts() {
            counts if wanted(&counts) => Ok(()),
            counts => Err(format!("other counts; {counts:?}")),
        });
    }

    /// Waits until so many spans are as safe as the recorder promises.
    #[track_caller]
    pub fn wait_for_durable(&mut self, wanted: u64) {
        self.wait_for_counts(|counts| counts.durable >= wanted);
    }

    /// Waits until the child holds a thread at its gate, see `bin/service/gate.rs`.
    #[track_caller]
    pub fn wait_until_held(&mut self) {
        self.wait(|child| match child.is_held() {
            true => Ok(()),
            false => Err("a thread at the gate".to_owned()),
        });
    }

    /// True if the child holds a thread at its gate.
    #[track_caller]
    pub fn is_held(&mut self) -> bool {
        self.number("held") > 0
    }

    #[track_caller]
    fn wait(&mut self, mut is_so: impl FnMut(&mut Self) -> Result<(), String>) {
        let begun = Instant::now();
        while let Err(wanted) = is_so(self) {
            if begun.elapsed() > PATIENCE {
                panic!("wanted: {wanted}; stderr: {}", self.stderr());
            }
            thread::sleep(POLL);
        }
    }

    /// The claims so far.
    #[must_use]
    pub fn claims(&self) -> Claims {
        self.claims.lock().unwrap().clone()
    }

    /// What the child has written to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr_text.lock().unwrap().clone()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The resident memory, in KiB.
    ///
    /// # Panics
    ///
    /// If the system does not tell it.
    #[must_use]
    pub fn rss(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// `kill -9`. Returns all claims.
    pub fn kill(mut self) -> Claims {
        self.process.kill().unwrap();
        self.end().1
    }

    /// Waits until the child ends, and returns its status and all claims.
    #[track_caller]
    pub fn wait_for_end(mut self) -> (ExitStatus, Claims) {
        self.wait(|child| match child.process.try_wait().unwrap() {
            Some(_) => Ok(()),
            None => Err("the child's end".to_owned()),
        });
        self.end()
    }

    /// Waits until a signal ends the child, and returns the signal and all claims.
    #[track_caller]
    pub fn wait_for_signal(self) -> (i32, Claims) {
        let (status, claims) = self.wait_for_end();
        (status.signal().expect("no signal"), claims)
    }

    fn end(&mut self) -> (ExitStatus, Claims) {
        let status = self.process.wait().unwrap();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        (status, self.claims())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn flush() -> String {
    format!("flush {}", FLUSH.as_millis())
}
