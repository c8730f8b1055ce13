//! Syncs that block.

use super::*;

/// While the disk blocks, spans are written, handed over, read and acknowledged.
#[test]
fn a_slow_disk_blocks_only_the_recorders_thread() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    let (begins, ends, thread) = bench.maintain_with_blocked_syncs();
    // From here on the disk blocks the recorder's thread.
    begins.recv().unwrap();
    for _ in 0..50 {
        bench.append();
        bench.hand_over();
    }
    assert!(bench.waiting.len() + bench.kept_in_memory as usize >= 50);
    while !bench.waiting.is_empty() {
        bench.ack(0);
    }
    assert_eq!(bench.acked.len() as u64 + bench.kept_in_memory, 51);
    // None of the spans is durable yet.
    assert_eq!(bench.recorder.durable(bench.next), 0);
    assert!(!thread.is_finished());
    drop(ends);
    thread.join().unwrap();
    assert!(bench.recorder.durable(bench.next) > 0);
}

/// A scope added during a sync must be synced before its spans count as durable.
#[test]
fn a_scope_added_during_a_sync_is_synced() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    let (begins, ends, thread) = bench.maintain_with_blocked_syncs();
    begins.recv().unwrap();
    bench.scope = Arc::new(EncodedScope::of(b"another".to_vec(), String::new()));
    bench.append();
    // First the scopes are synced, then the segment with both spans.
    for _ in 0..2 {
        ends.send(()).unwrap();
        begins.recv().unwrap();
        assert_eq!(bench.recorder.durable(bench.next), 0);
    }
    drop(ends);
    thread.join().unwrap();
    assert_eq!(bench.recorder.durable(bench.next), 2);
}
