//! A full recorder, and a full table of calls.

use super::*;

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn drop_oldest_drops_the_oldest_spans() {
    let mut bench = Bench::new(Durability::ProcessCrash);
    // As in `Shared::evict`.
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::get_mut(&mut bench.recorder).unwrap();
    recorder.set_when_full(WhenFull::DropOldest);
    let queue: Arc<Mutex<Vec<Waiting>>> = Arc::default();
    let evict: Evict = {
        let (queue, dropped) = (Arc::clone(&queue), Arc::clone(&dropped));
        Box::new(move |pick| {
            let mut spans = 0;
            queue.lock().unwrap().retain(|(part, numbers)| {
                let is_picked = pick(part);
                if is_picked {
                    spans += part.spans() as u64;
                    dropped.lock().unwrap().extend(numbers.iter().copied());
                    part.ack(0, DESTINATION);
                }
                !is_picked
            });
            spans
        })
    };
    for _ in 0..100 {
        for _ in 0..10 {
            bench.append();
        }
        bench.hand_over();
        queue.lock().unwrap().append(&mut bench.waiting);
        bench.recorder.maintain(&evict);
    }
    assert_eq!(bench.kept_in_memory, 0);
    // Reported once, and by the health check while it lasts.
    assert!(matches!(
        bench.events.lock().unwrap()[..],
        [PipelineEvent::RecorderFull { max_bytes: SMALL }]
    ));
    assert!(bench.recorder.failing().unwrap().contains("full"));
    let dropped = dropped.lock().unwrap().clone();
    assert!(dropped.len() > 800, "{}", dropped.len());
    let oldest: Vec<u64> = (0..dropped.len() as u64).collect();
    assert_eq!(dropped, oldest);
    let left: Vec<_> = std::mem::take(&mut *queue.lock().unwrap());
    let mut next = dropped.len() as u64;
    for (part, _) in &left {
        for number in bench.read(part) {
            assert_eq!(number, next);
            next += 1;
        }
    }
    assert_eq!(next, 1000);
}

#[test]
fn open_calls_are_limited_by_their_slots() {
    let bench = Bench::new(Durability::ProcessCrash);
    let mut thread_slots = FreeSlots::default();
    let note = |thread_slots: &mut FreeSlots| {
        bench
            .recorder
            .note(thread_slots, &bench.scope, b"\x12\x01x", 3)
    };
    let slots: Vec<_> = (0..=SLOTS).map(|_| note(&mut thread_slots)).collect();
    assert_eq!(slots.iter().flatten().count(), SLOTS);
    assert_eq!(bench.recorder.unnoted(), 1);
    for slot in slots.into_iter().flatten() {
        bench.recorder.release(&mut thread_slots, slot);
    }
    assert!((0..SLOTS).all(|_| note(&mut thread_slots).is_some()));
}
