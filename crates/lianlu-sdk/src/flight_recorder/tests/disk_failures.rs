//! Failing writes, syncs and reads.

use super::*;

#[test]
#[cfg_attr(miri, ignore = "watches the clock")]
fn a_full_disk_and_its_recovery_are_reported_once() {
    let mut bench = Bench::new(Durability::ProcessCrash);
    bench.disk.fail_after(0, Op::Create);
    for _ in 0..300 {
        bench.append();
        bench.recorder.maintain(&never());
    }
    assert!(bench.kept_in_memory > 100, "{}", bench.kept_in_memory);
    // At the first failure a segment was left; the next attempt is a second later.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.recorder.maintain(&never());
    assert!(bench.recorder.failing().is_some());
    // Once a second, not for every span.
    assert!(
        (1..5).contains(&bench.disk.failed()),
        "{}",
        bench.disk.failed()
    );
    bench.disk.repair();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.recorder.maintain(&never());
    let before = bench.kept_in_memory;
    bench.append();
    assert_eq!(bench.kept_in_memory, before);
    assert_eq!(bench.recorder.failing(), None);
    let events = bench.events.lock().unwrap().clone();
    assert!(
        matches!(
            &*events,
            [
                PipelineEvent::RecorderFailing { .. },
                PipelineEvent::RecorderRecovered
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_segment_is_not_written_after_a_failed_sync() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 1);
    bench.append();
    bench.disk.fail_after(0, Op::Sync);
    bench.recorder.maintain(&never());
    bench.disk.repair();
    assert!(bench.recorder.failing().unwrap().starts_with("the disk: "));
    // Unsynced spans never count as durable.
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(2), 1);
    // New spans go to another segment.
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(3), 2);
    assert_eq!(bench.kept_in_memory, 0);
    // The poisoned segment's spans are still exported.
    bench.hand_over();
    let (part, spans) = &bench.waiting[0];
    assert_eq!(bench.read(part), *spans);
    assert!(bench.has_failed_and_recovered_once());
}

/// A thread has returned its segment before the disk failed.
#[test]
fn a_segment_with_a_failed_sync_is_not_handed_out() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.append();
    bench.recorder.maintain(&never());
    bench.append();
    bench.put_back();
    bench.disk.fail_after(0, Op::Sync);
    bench.recorder.maintain(&never());
    bench.disk.repair();
    bench.append();
    bench.recorder.maintain(&never());
    assert_eq!(bench.kept_in_memory, 0);
    assert_eq!(bench.recorder.durable(3), 2);
    // Also when it is emptied for new spans.
    let recorder = Arc::get_mut(&mut bench.recorder).unwrap();
    recorder.set_when_full(WhenFull::DropOldest);
    for _ in 0..500 {
        bench.append();
        bench.recorder.maintain(&never());
    }
    assert_eq!(bench.kept_in_memory, 0);
}

/// The file of scopes exists once per run, so it is written again.
#[test]
fn spans_are_durable_only_with_their_scopes() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.disk.fail_after(0, Op::Sync);
    bench.append();
    bench.recorder.maintain(&never());
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 0);
    bench.disk.repair();
    bench.recorder.maintain(&never());
    assert_eq!(bench.recorder.durable(1), 1);
    assert!(bench.has_failed_and_recovered_once());
}

#[test]
fn unreadable_spans_keep_their_file() {
    for is_read in [false, true] {
        let mut bench = Bench::new(Durability::ProcessCrash);
        (0..10).for_each(|_| bench.append());
        bench.hand_over();
        (0..10).for_each(|_| bench.append());
        bench.hand_over();
        if is_read {
            bench.ack(0);
        }
        bench.ack(bench.waiting.len() - 1);
        super::super::storage::Storage::sync(&bench.disk).unwrap();
        // The counts contain no waiting spans: unreadable spans were given up.
        bench.recorder.close(true, std::time::Duration::ZERO);
        let found = bench.recovered(usize::MAX, || true);
        assert_eq!(found.len(), if is_read { 0 } else { 20 });
    }
}
