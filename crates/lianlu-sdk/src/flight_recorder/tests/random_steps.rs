//! Arbitrary sequences of operations, compared with a model.

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    HandOver,
    PutBack,
    Ack(usize),
    Maintain,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u8..30).prop_map(Step::Append),
        3 => Just(Step::HandOver),
        1 => Just(Step::PutBack),
        4 => any::<usize>().prop_map(Step::Ack),
        3 => Just(Step::Maintain),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..if cfg!(miri) { 6 } else { 60 })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..ProptestConfig::default() })]

    /// For any order of operations: spans that were written and not acknowledged are recovered
    /// exactly once after a crash, and nothing is overwritten before it is acknowledged. Segments
    /// hold about forty spans, and there are four.
    #[test]
    fn unacknowledged_spans_are_recovered_once(steps in steps()) {
        let mut bench = Bench::new(Durability::ProcessCrash);
        for step in steps {
            match step {
                Step::Append(spans) => (0..spans).for_each(|_| bench.append()),
                Step::HandOver => bench.hand_over(),
                Step::PutBack => bench.put_back(),
                Step::Ack(at) => bench.ack(at),
                Step::Maintain => bench.recorder.maintain(&never()),
                Step::Crash => {
                    // The process dies, the machine does not: all pages and directory entries are
                    // kept.
                    bench.recorder.maintain(&never());
                    super::super::storage::Storage::sync(&bench.disk).unwrap();
                    let found = bench.recovered(usize::MAX, || true);
                    let waiting = bench.waiting.iter().flat_map(|(_, spans)| spans);
                    let wanted: HashSet<u64> = waiting.chain(&bench.unhanded).copied().collect();
                    let lost: Vec<_> = wanted.difference(&found).collect();
                    prop_assert!(lost.is_empty(), "lost {lost:?}");
                    // Acknowledged spans are recovered only if they follow one that was not
                    // acknowledged.
                    for more in found.difference(&wanted) {
                        prop_assert!(bench.acked.contains(more), "{more} was never there");
                    }
                }
            }
        }
        let on_disk = bench.acked.len() + bench.unhanded.len()
            + bench.waiting.iter().map(|(_, spans)| spans.len()).sum::<usize>();
        prop_assert_eq!(on_disk as u64 + bench.kept_in_memory, bench.next);
    }
}
