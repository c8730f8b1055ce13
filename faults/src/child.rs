//! The child process: started, told what to do, and killed.

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
use std::time::Duration;

use crate::{Claims, Counts};

/// Only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A child in the making. What can be set is in `bin/service/options.rs`.
#[derive(Debug)]
#[must_use = "nothing runs until it is started"]
pub struct Service(Command);

impl Service {
    /// One that sends to this URL, over HTTP.
    pub fn new(url: &str) -> Self {
        // `target/debug/deps/test-…` and `target/debug/service`.
        let test = env::current_exe().unwrap();
        Self::at(&test.ancestors().nth(2).unwrap().join("service"), url)
    }

    /// The same, with so much address space and no more, in KiB.
    pub fn limited_to(kib: u64, url: &str) -> Self {
        let program = Self::new(url).0.get_program().to_owned();
        let mut shell = Command::new("sh");
        let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(program);
        Self(shell).set("endpoint", url)
    }

    /// The same by a copy of the program.
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

    /// The command, for what is not an option of ours.
    pub fn command(&mut self) -> &mut Command {
        &mut self.0
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When its pipeline does not start.
    #[track_caller]
    pub fn start(self) -> Child {
        match self.try_start() {
            Ok(child) => child,
            Err(said) => panic!("{said}"),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// What it says of why its pipeline does not start.
    pub fn try_start(self) -> Result<Child, String> {
        let mut child = self.spawn();
        match child.answer("start") {
            first if first == "ready" => Ok(child),
            first => Err(first),
        }
    }

    /// Starts it, and does not wait until its pipeline has begun.
    ///
    /// # Panics
    ///
    /// When the system has no process for it.
    #[must_use]
    pub fn spawn(mut self) -> Child {
        let command = &mut self.0;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut process = loop {
            match command.spawn() {
                // Just copied, and a child that another thread forked meanwhile still has it open for writing: until
                // that one becomes its own program.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    thread::sleep(Duration::from_millis(5));
                }
                process => break process.unwrap(),
            }
        };
        let claims: Arc<Mutex<Claims>> = Arc::default();
        let said: Arc<Mutex<String>> = Arc::default();
        let (tell, answers) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let heard = Arc::clone(&claims);
        let reader = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                match claim(&line) {
                    Some((ids, unpromised)) => heard.lock().unwrap().add(ids, unpromised),
                    None => drop(tell.send(line)),
                }
            }
        });
        let mut stderr = process.stderr.take().unwrap();
        let noted = Arc::clone(&said);
        let listener = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]);
                noted.lock().unwrap().push_str(&text);
            }
        });
        Child {
            stdin: process.stdin.take(),
            process,
            answers,
            claims,
            said,
            threads: vec![reader, listener],
        }
    }
}

/// `c 5 9 1`: the spans 5 to 9 have ended, and of all that have one is not promised to survive.
fn claim(line: &str) -> Option<(RangeInclusive<i64>, u64)> {
    let mut words = line.strip_prefix("c ")?.split(' ');
    let mut number = || words.next()?.parse().ok();
    Some((number()?..=number()?, number()? as u64))
}

/// A child that runs. Killed when it is dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    claims: Arc<Mutex<Claims>>,
    said: Arc<Mutex<String>>,
    threads: Vec<JoinHandle<()>>,
}

impl Child {
    /// Tells it to do something, and waits for its answer.
    ///
    /// # Panics
    ///
    /// When there is none: the child hangs, or is gone.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer(command)
    }

    /// The same, where the answer has to be `ok`.
    #[track_caller]
    pub fn must(&mut self, command: &str) {
        let answer = self.ask(command);
        assert_eq!(answer, "ok", "{command}; it said: {}", self.said());
    }

    /// Tells it to do something that has no answer.
    #[track_caller]
    pub fn tell(&mut self, command: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{command}").unwrap();
    }

    #[track_caller]
    fn answer(&mut self, command: &str) -> String {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("{command}: hangs; {}", self.said()),
            Err(RecvTimeoutError::Disconnected) => panic!("{command}: gone; {}", self.said()),
        }
    }

    /// Its counts.
    #[track_caller]
    pub fn counts(&mut self) -> Counts {
        Counts::parse(&self.ask("counts"))
    }

    /// Those of each destination, which have to add up.
    #[track_caller]
    pub fn destinations(&mut self) -> Vec<Counts> {
        let answer = self.ask("destinations");
        let counts: Vec<_> = answer.split(';').map(Counts::parse).collect();
        counts.iter().for_each(Counts::assert_identity);
        counts
    }

    /// Waits until this destination, by its number, has so many spans.
    ///
    /// # Panics
    ///
    /// When it never has.
    #[track_caller]
    pub fn wait_for_exported(&mut self, destination: usize, wanted: u64) {
        let mut counts = Vec::new();
        for _ in 0..PATIENCE.as_millis() / 10 {
            counts = self.destinations();
            if counts[destination].exported >= wanted {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not {wanted}: {counts:?}; {}", self.said());
    }

    /// Waits until its health says this: the recorder looks at itself once a second.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn wait_for_health(&mut self, wanted: &str) {
        let mut health = String::new();
        for _ in 0..100 {
            health = self.ask("health");
            if health.contains(wanted) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{health}");
    }

    /// Waits until it has said this on standard error, so many times.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn wait_to_say(&self, wanted: &str, times: usize) {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if self.said().matches(wanted).count() >= times {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not {wanted:?}, {times} times; {}", self.said());
    }

    /// Waits until its counts are so.
    ///
    /// # Panics
    ///
    /// When they never are.
    #[track_caller]
    pub fn wait_for_counts(&mut self, wanted: impl Fn(&Counts) -> bool) {
        let mut counts = Counts::default();
        for _ in 0..PATIENCE.as_millis() / 10 {
            counts = self.counts();
            if wanted(&counts) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{counts:?}; {}", self.said());
    }

    /// Waits until so many of its spans are as safe as the recorder promises.
    #[track_caller]
    pub fn wait_for_durable(&mut self, wanted: u64) {
        self.wait_for_counts(|counts| counts.durable >= wanted);
    }

    /// What has ended so far.
    #[must_use]
    pub fn claims(&self) -> Claims {
        self.claims.lock().unwrap().clone()
    }

    /// What it has said on standard error.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How much memory it has, in KiB.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    #[must_use]
    pub fn rss(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// `kill -9`. Gives all that it has claimed.
    pub fn kill(mut self) -> Claims {
        self.process.kill().unwrap();
        self.end().1
    }

    /// Waits for its end, and gives how it ended and all that it has claimed.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[track_caller]
    pub fn wait(mut self) -> (ExitStatus, Claims) {
        for _ in 0..PATIENCE.as_millis() / 5 {
            if self.process.try_wait().unwrap().is_some() {
                return self.end();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("does not end; {}", self.said());
    }

    /// The signal that has ended it.
    #[track_caller]
    pub fn wait_for_signal(self) -> (i32, Claims) {
        let (status, claims) = self.wait();
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
