//! Whether requests go on as if nothing were wrong.

use crate::Child;

/// Rounds at the least, and at the most.
const FEW: usize = 7;
const MANY: usize = 49;
/// In each round, without and with the fault: so few that the machine's other work falls into some rounds and not into all.
const CALLS: usize = 250;
/// The 99th percentile may be so much higher.
const MOST: f64 = 2.0;

/// Times requests without and with a fault, in turns, and gives how much slower they are with it: the first quartile of
/// the rounds' 99th percentiles by the other, as the machine has other things to do in many of them. It goes on for a while
/// if that is too much.
///
/// # Panics
///
/// When it is more than twice.
#[track_caller]
pub fn undisturbed(
    child: &mut Child,
    mut without: impl FnMut(&mut Child),
    mut with: impl FnMut(&mut Child),
) -> f64 {
    // The first ones are slower than any fault makes them.
    p99(child);
    let (mut usual, mut faulty) = (Vec::new(), Vec::new());
    for round in 1..=MANY {
        without(child);
        usual.push(p99(child));
        with(child);
        faulty.push(p99(child));
        let ratio = quartile(&mut faulty) / quartile(&mut usual);
        if round >= FEW && ratio <= MOST {
            return ratio;
        }
    }
    panic!("p99 in ns is {usual:?} without the fault and {faulty:?} with it");
}

fn quartile(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 4]
}

/// In nanoseconds.
fn p99(child: &mut Child) -> f64 {
    let answer = child.ask(&format!("calls {CALLS}"));
    let (_, p99) = answer.split_once(' ').expect(&answer);
    p99.parse().expect(&answer)
}
