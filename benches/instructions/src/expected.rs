//! What was counted before, and what may change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::calls::Case;
use crate::count::{self, Counts};

/// More instructions than this part over what they were is a failure: other processors have another
/// `memcpy`, and that is not one.
const TOLERANCE: f64 = 0.10;

type All = BTreeMap<String, Counts>;

fn now() -> All {
    Case::ALL
        .into_iter()
        .map(|case| (case.name().to_owned(), count::of(case)))
        .collect()
}

pub(crate) fn update(file: &Path) -> ExitCode {
    let now = now();
    for (case, counts) in &now {
        println!("{}", line(case, counts));
    }
    let json = serde_json::to_string_pretty(&now).expect("counts are JSON");
    fs::write(file, json + "\n").expect("the file can be written");
    ExitCode::SUCCESS
}

pub(crate) fn check(file: &Path) -> ExitCode {
    let json = fs::read_to_string(file).expect("the file can be read");
    let before: All = serde_json::from_str(&json).expect("it is what `update` wrote");
    let mut ok = true;
    let mut fell = false;
    for (case, now) in now() {
        let Some(before) = before.get(&case) else {
            println!("{}  NEW: run with --update", line(&case, &now));
            ok = false;
            continue;
        };
        let change = now.instructions as f64 / before.instructions as f64 - 1.0;
        let too_many = change > TOLERANCE;
        let more_allocations = now.allocations > before.allocations;
        let verdict = match (too_many, more_allocations) {
            (_, true) => "MORE ALLOCATIONS",
            (true, false) => "TOO MANY INSTRUCTIONS",
            (false, false) => "ok",
        };
        println!(
            "{}  was {} and {}, {:+.1} %  {verdict}",
            line(&case, &now),
            before.instructions,
            before.allocations,
            change * 100.0
        );
        ok &= !too_many && !more_allocations;
        fell |= change < -TOLERANCE || now.allocations < before.allocations;
    }
    if fell {
        println!(
            "Some need less than before: run with --update, or what is won here may be lost again."
        );
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        println!("If that is the price of something worth having: run with --update and say so.");
        ExitCode::FAILURE
    }
}

fn line(case: &str, counts: &Counts) -> String {
    let Counts {
        instructions,
        allocations,
    } = counts;
    format!("{case:<20} {instructions:>7} instructions {allocations:>6} allocations")
}
