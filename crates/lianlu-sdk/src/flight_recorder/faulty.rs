//! An in-memory storage that simulates failures and power loss.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use lianlu_wire::segment::WORD;

use super::storage::{Region, Storage};

const PAGE: usize = 4096;

/// An operation on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Sync,
    SyncNames,
    Remove,
    Read,
}

/// The folder, and the state that would remain after a power loss.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

type Gate = (Sender<()>, Arc<Mutex<Receiver<()>>>);

#[derive(Debug, Default)]
struct Inner {
    /// The content that processes see.
    live: BTreeMap<String, Arc<Vec<AtomicU64>>>,
    /// The synced content.
    synced: BTreeMap<String, Vec<u8>>,
    /// The synced directory entries.
    names: Vec<String>,
    keeps_states: bool,
    /// The states in which the power may fail: one before each operation, and one after the last.
    states: Vec<State>,
    /// Simulates a slow disk: reports that a sync has begun, and waits until it may end.
    gate: Option<Gate>,
    /// Number of operations that succeed, and the kind that fails afterwards.
    remaining: Option<(usize, Op)>,
    failed: usize,
}

/// What may be on the disk after a power loss.
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

    /// After this many operations of this kind, further ones fail.
    pub(super) fn fail_after(&self, remaining: usize, op: Op) {
        self.lock().remaining = Some((remaining, op));
    }

    /// Each sync waits for a message from the returned sender. The receiver gets a message when a
    /// sync begins.
    pub(super) fn block_syncs(&self) -> (Receiver<()>, Sender<()>) {
        let ((begun, begins), (ends, end)) = (channel(), channel());
        self.lock().gate = Some((begun, Arc::new(Mutex::new(end))));
        (begins, ends)
    }

    pub(super) fn repair(&self) {
        self.lock().remaining = None;
    }

    pub(super) fn failed(&self) -> usize {
        self.lock().failed
    }

    /// Records every state from now on.
    pub(super) fn keep_states(&self) {
        self.lock().keeps_states = true;
    }

    /// Number of recorded states.
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
        match &mut self.remaining {
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
    /// Writes the state to a real folder. `luck` decides which unsynced pages are on the disk
    /// nevertheless.
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
        // The disk may persist it immediately.
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
            // Errors are ignored: the test may have ended.
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
