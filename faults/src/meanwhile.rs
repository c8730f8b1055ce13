//! What happens around a service while it is asked other things.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

/// Something that a thread does again and again. It stands back for others that want the processor, as there are few of
/// them: what is looked for is who waits for a lock or the disk.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Meanwhile {
    is_over: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Meanwhile {
    /// Begins.
    pub fn new(mut work: impl FnMut() + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let times: Arc<AtomicU64> = Arc::default();
        let (ends, counter) = (Arc::clone(&is_over), Arc::clone(&times));
        let (ready, begins) = channel();
        let thread = thread::spawn(move || {
            stand_back();
            ready.send(()).unwrap();
            while !ends.load(Ordering::Relaxed) {
                work();
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        begins.recv().unwrap();
        Self {
            is_over,
            times,
            thread: Some(thread),
        }
    }

    /// How many times it is done.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }
}

impl Drop for Meanwhile {
    /// Ends it, and waits for that.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            assert!(result.is_ok() || thread::panicking(), "it has failed");
        }
    }
}

/// This thread, and the processes that it starts, get what others leave.
fn stand_back() {
    let me = fs::read_link("/proc/thread-self").unwrap();
    let me = me.file_name().unwrap();
    let mut renice = Command::new("renice");
    let output = renice.args(["-n", "19", "-p"]).arg(me).output();
    assert!(output.is_ok_and(|output| output.status.success()), "renice");
}
