//! The table that the tests make: a row each.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::{Claims, Counts, Inbox};

/// What became of the spans under one fault. Printed when it is done, and added to `target/faults.md` or the file that
/// `LIANLU_FAULTS_TABLE` names.
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
    ratio: Option<f64>,
}

impl Row {
    /// Of this fault.
    pub fn new(fault: &'static str) -> Self {
        Self {
            fault,
            runs: 0,
            started: 0,
            exported: 0,
            waiting: 0,
            dropped: Vec::new(),
            lost: 0,
            ratio: None,
        }
    }

    /// A process's last counts, which have to add up.
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

    /// The last counts of one that has sent what a process before it had left, which is in the row already.
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

    /// Processes that could not be asked any more, and what became of what they had claimed. What the recorder had not
    /// promised is not lost but dropped: it was in memory.
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

    /// A folder of `started` spans, of which so many arrived, and the others were passed over for this reason and counted.
    pub fn recovered(&mut self, started: usize, arrived: usize, reason: &str) {
        self.runs += 1;
        self.started += started as u64;
        self.exported += arrived as u64;
        if arrived < started {
            self.drop(reason, (started - arrived) as u64);
        }
    }

    /// A start that was refused, as it should be.
    pub fn refused(&mut self) {
        self.runs += 1;
    }

    /// Spans that ended, and neither arrived, nor wait, nor were counted.
    pub fn lost(&mut self, spans: usize) {
        self.lost += spans;
    }

    /// How much slower requests were: the 99th percentile under the fault by that without.
    pub fn ratio(&mut self, ratio: f64) {
        self.ratio = Some(self.ratio.map_or(ratio, |other| other.max(ratio)));
    }

    /// To standard output and into the table. Fails if anything was lost.
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
        let ratio = self
            .ratio
            .map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
        let line = format!(
            "| {} | {} | {} | {} | {} | {dropped} | {} | {ratio} |\n",
            self.fault, self.runs, self.started, self.exported, self.waiting, self.lost
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

/// Beside the folder that the test was built into.
fn table() -> PathBuf {
    if let Some(path) = env::var_os("LIANLU_FAULTS_TABLE") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("faults.md")
}
