//! Whether requests go on as if nothing were wrong.

use crate::Child;

/// Rounds at the least, and at the most.
const FEW: usize = 7;
const MANY: usize = 49;
/// In each round, without and with the fault: so few that the machine's other work falls into some rounds and not into all.
const CALLS: usize = 250;
/// How many times so many are made until the fault comes.
const PATIENCE: usize = 20;
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
    without: impl FnMut(&mut Child),
    with: impl FnMut(&mut Child),
) -> f64 {
    let mut asked = 0;
    let always = |_: &mut Child| {
        asked += 1;
        asked
    };
    undisturbed_by(child, without, with, always)
}

/// The same for a fault that comes at moments: `times` says how many times it has come, and only those requests count
/// while which it came.
///
/// # Panics
///
/// When it is more than twice, or when the fault stays away.
#[track_caller]
pub fn undisturbed_by(
    child: &mut Child,
    without: impl FnMut(&mut Child),
    with: impl FnMut(&mut Child),
    times: impl FnMut(&mut Child) -> u64,
) -> f64 {
    compare(child, without, with, times, p99)
}

/// The same for a fault that is work for a processor, of which the machine may have too few: what a request waits for one
/// does not count, and what it waits for anything else does.
///
/// # Panics
///
/// When it is more than twice, or when the fault stays away.
#[track_caller]
pub fn undisturbed_by_work(
    child: &mut Child,
    without: impl FnMut(&mut Child),
    with: impl FnMut(&mut Child),
    times: impl FnMut(&mut Child) -> u64,
) -> f64 {
    compare(child, without, with, times, own_p99)
}

/// The same while another thread of the child's does this again and again.
///
/// # Panics
///
/// When it is more than twice, or when the work is not done.
#[track_caller]
pub fn undisturbed_meanwhile(child: &mut Child, work: &str) -> f64 {
    let calm = |child: &mut Child| {
        child.must("meanwhile");
        child.must("flush 10000");
    };
    let ratio = undisturbed_by_work(
        child,
        calm,
        |child| child.must(&format!("meanwhile {work}")),
        |child| child.ask("times").parse().expect("a number"),
    );
    calm(child);
    ratio
}

#[track_caller]
fn compare(
    child: &mut Child,
    mut without: impl FnMut(&mut Child),
    mut with: impl FnMut(&mut Child),
    mut times: impl FnMut(&mut Child) -> u64,
    p99: impl Fn(&mut Child) -> f64,
) -> f64 {
    // The first ones are slower than any fault makes them.
    p99(child);
    let (mut usual, mut faulty) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        without(child);
        let calm = p99(child);
        with(child);
        let coming = (0..PATIENCE).find_map(|_| {
            let before = times(child);
            let rough = p99(child);
            (times(child) > before).then_some(rough)
        });
        let Some(rough) = coming else { continue };
        usual.push(calm);
        faulty.push(rough);
        let ratio = quartile(&mut faulty) / quartile(&mut usual);
        if usual.len() >= FEW && ratio <= MOST {
            return ratio;
        }
    }
    let rounds = usual.len();
    assert!(rounds >= FEW, "the fault came in {rounds} of {MANY} rounds");
    panic!("p99 in ns is {usual:?} without the fault and {faulty:?} with it");
}

fn quartile(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 4]
}

/// In nanoseconds.
fn p99(child: &mut Child) -> f64 {
    calls(child)[1]
}

/// The same without the time for which there was no processor.
fn own_p99(child: &mut Child) -> f64 {
    calls(child)[2]
}

fn calls(child: &mut Child) -> [f64; 3] {
    let answer = child.ask(&format!("calls {CALLS}"));
    let numbers: Vec<_> = answer.split(' ').flat_map(str::parse).collect();
    numbers.try_into().expect(&answer)
}
