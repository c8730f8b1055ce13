//! Prints the counts as a table.

use crate::cases::Case;
use crate::count::Counts;
use crate::expected::Rows;

const COLUMNS: &str = "\
                             one call         above bare       the handler adds
case                         instr. allocs    instr. allocs    instr. allocs    expected";

/// Prints a row for each case, with the change if there are counts from before.
pub(crate) fn print(now: &Rows, before: &Rows) {
    println!("{COLUMNS}");
    for case in Case::ALL {
        let Some(row) = now.get(case.name) else {
            continue;
        };
        let expected = before.get(case.name).map(|before| {
            let change = change(row.counts, before.counts) * 100.0;
            format!("{} ({change:+.1} %)", before.counts.instructions)
        });
        let line = format!(
            "{:<26}{}{}{}   {}",
            case.name,
            pair(Some(row.counts)),
            pair(row.above_bare),
            pair(row.handler_adds),
            expected.unwrap_or_default()
        );
        println!("{}", line.trim_end());
    }
}

fn pair(counts: Option<Counts>) -> String {
    match counts {
        Some(counts) => format!("{:>9}{:>7}", counts.instructions, counts.allocations) + " ",
        None => format!("{:>9}{:>7} ", "", ""),
    }
}

/// By which part of `before` the instructions have changed.
pub(crate) fn change(now: Counts, before: Counts) -> f64 {
    now.instructions as f64 / before.instructions as f64 - 1.0
}
