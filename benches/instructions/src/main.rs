//! Instructions and heap allocations of a call through lianlu's layer, in process.
//!
//! ```text
//! instructions call CASE CALLS    makes the calls that are counted; prints their heap allocations
//! instructions show               counts and prints the table
//! instructions check FILE         counts, and fails on a rise over the counts in FILE
//! instructions update FILE        counts and writes FILE
//! ```

// Shared with the bench in the folder above; these files need only crates that this one has too.
#[path = "../../src/machine/allocations.rs"]
mod allocations;
#[path = "../../src/calls/caller.rs"]
mod caller;
#[path = "../../src/calls/handler.rs"]
mod handler;
#[path = "../../src/calls/service.rs"]
mod service;

mod calls;
mod cases;
mod count;
mod expected;
mod page;
mod requests;
mod table;

use std::path::Path;
use std::process::ExitCode;

use cases::Case;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["call", case, calls] => {
            let case = Case::named(case).expect("a case of this bench");
            println!(
                "{}",
                calls::run(case, calls.parse().expect("a number of calls"))
            );
            ExitCode::SUCCESS
        }
        ["show"] => expected::show(),
        ["check", file] => expected::check(Path::new(file)),
        ["update", file] => expected::update(Path::new(file)),
        _ => {
            eprintln!("usage: instructions call CASE CALLS | show | check FILE | update FILE");
            ExitCode::from(2)
        }
    }
}
