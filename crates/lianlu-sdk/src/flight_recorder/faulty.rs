//! A folder in memory that does what disks do on their worst days.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use lianlu_wire::segment::WORD;

use super::storage::{Region, Storage};

const PAGE: usize = 4096;

/// What is done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Sync,
    SyncNames,
    Remove,
    Read,
}

/// The folder, and what would be on the disk if the power went now.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

type Gate = (Sender<()>, Arc<Mutex<Receiver<()>>>);

#[derive(Debug, Default)]
struct Inner {
    /// What processes see.
    live: BTreeMap<String, Arc<Vec<AtomicU64>>>,
    /// What was synced.
    synced: BTreeMap<String, Vec<u8>>,
    /// The names that the disk knows.
    names: Vec<String>,
    keeps_states: bool,
    /// Each state in which the power may go: one before each operation, and one after the last.
    states: Vec<State>,
    /// A disk that takes its time: says that a sync has begun, and waits until it may end.
    gate: Option<Gate>,
    /// How many operations go well, and which fail then.
    good: Option<(usize, Op)>,
    failed: usize,
}

/// What may be on the disk after the power has gone.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    synced: BTreeMap<String, Vec<u8>>,
    live: BTreeMap<String, Vec<u8>>,
    names: Vec<String>,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// After so many operations, those of this kind fail.
    pub(super) fn fail_after(&self, good: usize, op: Op) {
        self.lock().good = Some((good, op));
    }

    /// Syncs take as long as it pleases who has the sender. The receiver hears of each that begins.
    pub(super) fn slow_down(&self) -> (Receiver<()>, Sender<()>) {
        let ((begun, begins), (ends, end)) = (channel(), channel());
        self.lock().gate = Some((begun, Arc::new(Mutex::new(end))));
        (begins, ends)
    }

    pub(super) fn mend(&self) {
        self.lock().good = None;
    }

    pub(super) fn failed(&self) -> usize {
        self.lock().failed
    }

    /// Remembers every state from here on.
    pub(super) fn keep_states(&self) {
        self.lock().keeps_states = true;
    }

    /// How many states there are so far.
    pub(super) fn states(&self) -> usize {
        self.lock().states.len()
    }

    pub(super) fn state(&self, number: usize) -> State {
        let inner = self.lock();
        let last = || inner.state();
        inner.states.get(number).cloned().unwrap_or_else(last)
    }
}

impl Inner {
    fn state(&self) -> State {
        let bytes = |words: &Arc<Vec<AtomicU64>>| {
            let words = words.iter();
            words
                .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
                .collect()
        };
        let live = self.live.iter();
        State {
            synced: self.synced.clone(),
            live: live
                .map(|(name, words)| (name.clone(), bytes(words)))
                .collect(),
            names: self.names.clone(),
        }
    }

    fn begin(&mut self, op: Op) -> io::Result<()> {
        if self.keeps_states {
            let state = self.state();
            self.states.push(state);
        }
        match &mut self.good {
            Some((0, failing)) if *failing == op => {
                self.failed += 1;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            Some((left, failing)) if *failing == op => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl State {
    /// Writes it to a real folder. Of the pages that were not synced `luck` says which are there all the same.
    pub(super) fn write(&self, dir: &Path, mut luck: impl FnMut() -> bool) {
        for name in &self.names {
            let Some(live) = self.live.get(name) else {
                continue;
            };
            let mut content = self.synced.get(name).cloned().unwrap_or_default();
            content.resize(live.len(), 0);
            for (page, now) in content.chunks_mut(PAGE).zip(live.chunks(PAGE)) {
                if luck() {
                    page.copy_from_slice(now);
                }
            }
            std::fs::write(dir.join(name), content).unwrap();
        }
    }
}

#[derive(Debug)]
struct File {
    disk: Disk,
    name: String,
    words: Arc<Vec<AtomicU64>>,
}

impl Storage for Disk {
    fn create(&self, name: &str, size: usize) -> io::Result<Box<dyn Region>> {
        let mut inner = self.lock();
        inner.begin(Op::Create)?;
        let words: Arc<Vec<_>> = Arc::new((0..size / WORD).map(|_| AtomicU64::new(0)).collect());
        inner.live.insert(name.to_owned(), Arc::clone(&words));
        Ok(Box::new(File {
            disk: self.clone(),
            name: name.to_owned(),
            words,
        }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.begin(Op::Remove)?;
        inner.live.remove(name);
        inner.synced.remove(name);
        // The disk may know at once.
        inner.names.retain(|known| known != name);
        Ok(())
    }

    fn remove_all(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.begin(Op::Remove)?;
        inner.names.clear();
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.begin(Op::SyncNames)?;
        inner.names = inner.live.keys().cloned().collect();
        Ok(())
    }
}

impl Region for File {
    fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        inner.begin(Op::Read)?;
        let words = self.words.iter().skip(at / WORD);
        let bytes = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        for (to, from) in buffer.iter_mut().zip(bytes.skip(at % WORD)) {
            *to = from;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let gate = self.disk.lock().gate.clone();
        if let Some((begun, end)) = gate {
            // Whoever has gone does not care any more.
            let _ = begun.send(());
            let _ = end.lock().unwrap().recv();
        }
        let mut inner = self.disk.lock();
        inner.begin(Op::Sync)?;
        let words = self.words.iter();
        let bytes = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        inner.synced.insert(self.name.clone(), bytes.collect());
        Ok(())
    }

    fn touch(&self) {}
}
