//! The counts of before, and what may change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::cases::Case;
use crate::count::{self, Counts};
use crate::table;

/// A rise by more than this share of the instructions is a failure. Three runs of one binary differ
/// by less than 0.2 %.
const TOLERANCE: f64 = 0.03;

/// What one case takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Without the bare service of the same request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) above_bare: Option<Counts>,
    /// What the handler's attributes and child span add to the same call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handler_adds: Option<Counts>,
}

pub(crate) type Rows = BTreeMap<String, Row>;

fn count_all() -> Rows {
    let mut counted = BTreeMap::new();
    for case in Case::ALL {
        eprintln!("counting {}", case.name);
        counted.insert(case.name, count::of(case));
    }
    let minus = |counts: Counts, other: Option<Case>| {
        let other = other.and_then(|case| counted.get(case.name));
        other.map(|other| counts.minus(*other))
    };
    let row = |case: Case, counts| Row {
        counts,
        above_bare: minus(counts, case.bare()),
        handler_adds: minus(counts, case.without_handler()),
    };
    Case::ALL
        .into_iter()
        .filter_map(|case| {
            let counts = *counted.get(case.name)?;
            Some((case.name.to_owned(), row(case, counts)))
        })
        .collect()
}

/// Counts and prints the table.
pub(crate) fn show() -> ExitCode {
    table::print(&count_all(), &Rows::new());
    ExitCode::SUCCESS
}

/// Counts, prints the table and writes the file.
pub(crate) fn update(file: &Path) -> ExitCode {
    let now = count_all();
    table::print(&now, &Rows::new());
    let json = serde_json::to_string_pretty(&now).expect("counts are JSON");
    fs::write(file, json + "\n").expect("the file can be written");
    ExitCode::SUCCESS
}

/// Counts, and fails on a rise over the file's counts.
pub(crate) fn check(file: &Path) -> ExitCode {
    let json = fs::read_to_string(file).expect("the file can be read");
    let before: Rows = serde_json::from_str(&json).expect("`update` wrote the file");
    let now = count_all();
    table::print(&now, &before);

    let verdicts: Vec<_> = now
        .iter()
        .map(|(case, row)| (case, Verdict::of(row, before.get(case))))
        .collect();
    println!();
    for (case, verdict) in &verdicts {
        if let Some(failure) = verdict.failure() {
            println!("{case}: {failure}");
        }
    }
    if verdicts
        .iter()
        .any(|(_, verdict)| *verdict == Verdict::Less)
    {
        println!(
            "Some cases take less than before: run with --update, so that this stays checked."
        );
    }
    if verdicts
        .iter()
        .all(|(_, verdict)| verdict.failure().is_none())
    {
        println!("ok: no case takes more than expected.json has.");
        ExitCode::SUCCESS
    } else {
        println!("If the change is worth it, run with --update and give the reason in the commit.");
        ExitCode::FAILURE
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Less,
    New,
    MoreInstructions,
    MoreAllocations,
}

impl Verdict {
    fn of(now: &Row, before: Option<&Row>) -> Self {
        let Some(before) = before else {
            return Self::New;
        };
        let (now, before) = (now.counts, before.counts);
        let change = table::change(now, before);
        if now.allocations > before.allocations {
            Self::MoreAllocations
        } else if change > TOLERANCE {
            Self::MoreInstructions
        } else if change < -TOLERANCE || now.allocations < before.allocations {
            Self::Less
        } else {
            Self::Same
        }
    }

    fn failure(self) -> Option<&'static str> {
        match self {
            Self::Same | Self::Less => None,
            Self::New => Some("not in expected.json: run with --update"),
            Self::MoreInstructions => Some("more than 3 % more instructions than expected"),
            Self::MoreAllocations => Some("more allocations than expected"),
        }
    }
}
