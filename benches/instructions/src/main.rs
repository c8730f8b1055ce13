//! Instructions and heap allocations of a call through lianlu's layer, in process.
//!
//! ```text
//! instructions call CASE CALLS    what is counted: so many calls; prints their heap allocations
//! instructions check FILE         counts, and fails on a rise over what FILE has
//! instructions update FILE        counts, and writes FILE
//! ```

// The bench beside this one has the same calls; none of these files needs more than this crate has.
#[path = "../../src/machine/allocations.rs"]
mod allocations;
#[path = "../../src/calls/caller.rs"]
mod caller;
#[path = "../../src/calls/service.rs"]
mod service;

mod calls;
mod count;
mod expected;
mod page;

use std::path::Path;
use std::process::ExitCode;

use calls::Case;

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
        ["check", file] => expected::check(Path::new(file)),
        ["update", file] => expected::update(Path::new(file)),
        _ => {
            eprintln!("usage: instructions call CASE CALLS | check FILE | update FILE");
            ExitCode::from(2)
        }
    }
}
