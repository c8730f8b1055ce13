//! The table of faults: one row for each test.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::{Claims, Counts, Inbox};

/// What happened to the spans under one fault. The test prints it at its end, which also appends it to
/// `target/faults.md`, or to the file that `LIANLU_FAULTS_TABLE` names.
#[derive(Debug)]
#[must_use = "a row is not in the table until it is printed"]
pub struct Row {
    fault: &'static str,
    runs: u64,
    started: u64,
    exported: u64,
    waiting: u64,
    dropped: Vec<(String, u64)>,
    lost: usize,
    requests: u64,
}

impl Row {
    /// The row of this fault.
    pub fn new(fault: &'static str) -> Self {
        Self {
            fault,
            runs: 0,
            started: 0,
            exported: 0,
            waiting: 0,
            dropped: Vec::new(),
            lost: 0,
            requests: 0,
        }
    }

    /// Adds a process's last counts, which have to add up.
    #[track_caller]
    pub fn run(&mut self, counts: &Counts) {
        counts.assert_identity();
        self.runs += 1;
        self.started += counts.started - counts.recovered;
        self.exported += counts.exported;
        self.waiting += counts.waiting;
        for (reason, count) in &counts.dropped {
            self.drop(reason, *count);
        }
    }

    /// Adds the last counts of a process that has recovered spans which are in the row already.
    #[track_caller]
    pub fn run_after(&mut self, counts: &Counts) {
        self.run(counts);
        self.exported -= counts.recovered;
    }

    fn drop(&mut self, reason: &str, count: u64) {
        match self.dropped.iter_mut().find(|(known, _)| known == reason) {
            Some((_, sum)) => *sum += count,
            None => self.dropped.push((reason.to_owned(), count)),
        }
    }

    /// Adds a process that was killed, by its claims. Missing spans that the recorder had not promised count as dropped:
    /// they were in memory. The others are lost.
    pub fn killed(&mut self, claims: &Claims, inbox: &Inbox) {
        let missing = claims.missing(inbox).len();
        let promised = missing.saturating_sub(claims.unpromised as usize);
        self.runs += 1;
        self.started += claims.len() as u64;
        self.exported += (claims.len() - missing) as u64;
        self.lost += promised;
        if missing > promised {
            self.drop("died in memory", (missing - promised) as u64);
        }
    }

    /// Adds a folder of `started` spans, of which `arrived` arrived; the others were counted under this reason.
    pub fn recovered(&mut self, started: usize, arrived: usize, reason: &str) {
        self.runs += 1;
        self.started += started as u64;
        self.exported += arrived as u64;
        if arrived < started {
            self.drop(reason, (started - arrived) as u64);
        }
    }

    /// Adds a start that was refused as expected.
    pub fn refused(&mut self) {
        self.runs += 1;
    }

    /// Adds spans that ended and neither arrived, nor wait, nor were counted as dropped.
    pub fn lost(&mut self, spans: usize) {
        self.lost += spans;
    }

    /// Adds requests that completed while the fault was open.
    pub fn requests(&mut self, completed: u64) {
        self.requests += completed;
    }

    /// Prints the row and appends it to the table. Fails if a span was lost.
    #[track_caller]
    pub fn print(self) {
        let dropped: Vec<_> = self
            .dropped
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let dropped = match dropped.is_empty() {
            true => "0".to_owned(),
            false => dropped.join(", "),
        };
        let line = format!(
            "| {} | {} | {} | {} | {} | {dropped} | {} | {} |\n",
            self.fault,
            self.runs,
            self.started,
            self.exported,
            self.waiting,
            self.lost,
            self.requests
        );
        print!("{line}");
        let mut table = OpenOptions::new()
            .create(true)
            .append(true)
            .open(table())
            .unwrap();
        table.write_all(line.as_bytes()).unwrap();
        assert_eq!(self.lost, 0, "lost");
    }
}

/// In the target folder.
fn table() -> PathBuf {
    if let Some(path) = env::var_os("LIANLU_FAULTS_TABLE") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("faults.md")
}
