//! What a flight recorder is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a span that has ended is kept until every destination has it, and what it survives there.
///
/// What a span costs is what the layer adds to a sampled gRPC call, by `benches/run --part recorder`, medians of November
/// 2026 on two noisy cores.
///
/// | | what a span costs | what is lost |
/// |---|---|---|
/// | `Memory` | × 1: one copy | all that waits, when the process dies |
/// | `ProcessCrash` | about × 1.2: a second copy and a checksum, no system call | nothing when the process dies (`kill -9`, abort, out of memory); what the system has not written yet (up to 30 s by Linux's default), when the machine does |
/// | `PowerLoss` | about × 1.6: the same, and pages that the disk is at work on are copied once more | what ended since the last sync, when the machine dies |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// In the process's memory.
    Memory,
    /// In files that are mapped into it.
    #[default]
    ProcessCrash,
    /// The same, and a span counts as durable once the disk has it: a thread of its own syncs ten times a second.
    PowerLoss,
}

/// What happens to spans when the recorder has no room left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// New ones wait in memory; when that is full too, they are dropped and counted.
    #[default]
    DropNewest,
    /// The oldest are dropped and counted, a file of them at once.
    DropOldest,
}

/// A flight recorder in the making: the folder, and what may be in it.
///
/// ```
/// use lianlu_sdk::{Durability, FlightRecorder, WhenFull};
///
/// let recorder = FlightRecorder::new("/var/lib/shop/traces")
///     .with_durability(Durability::PowerLoss)
///     .with_max_bytes(256 * 1024 * 1024)
///     .when_full(WhenFull::DropOldest);
/// # let _ = recorder;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a recorder does nothing until a pipeline has it"]
pub struct FlightRecorder {
    pub(super) dir: PathBuf,
    pub(super) durability: Durability,
    pub(super) max_bytes: u64,
    pub(super) when_full: WhenFull,
}

/// A segment is no larger.
const LARGEST_SEGMENT: u64 = 1024 * 1024;
/// And no smaller; for Miri, to whom each word is work, much smaller.
const SMALLEST_SEGMENT: u64 = if cfg!(miri) { 8 * 1024 } else { 64 * 1024 };
/// Places for calls that there are at least.
const FEWEST_SLOTS: u64 = if cfg!(miri) { 16 } else { 64 };
/// How often `PowerLoss` syncs.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);
/// How often the recorder says that the process lives.
const BEAT: Duration = Duration::from_secs(1);

impl FlightRecorder {
    /// The variable that every pipeline honours.
    pub const VARIABLE: &'static str = "LIANLU_FLIGHT_RECORDER_DIR";

    /// A recorder in this folder, which is made if it isn't there. The folder belongs to one process at a time.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durability: Durability::default(),
            max_bytes: 64 * LARGEST_SEGMENT,
            when_full: WhenFull::default(),
        }
    }

    /// The one in the folder that `LIANLU_FLIGHT_RECORDER_DIR` names, if it names one.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let dir = std::env::var_os(Self::VARIABLE)?;
        (!dir.is_empty()).then(|| Self::new(dir))
    }

    /// What spans survive. [`Durability::ProcessCrash`] by default.
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The most bytes that files of spans may have together, 64 MiB by default and a quarter of one at least. What
    /// earlier runs have left is part of it.
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// What happens when those are full.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether spans are to survive anything.
    pub(crate) fn is_on(&self) -> bool {
        self.durability > Durability::Memory
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes.max(4 * SMALLEST_SEGMENT)
    }

    pub(super) fn segment_bytes(&self) -> usize {
        let bytes = (self.max_bytes() / 64).clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        // Whole words.
        bytes as usize / 8 * 8
    }

    /// For so many calls at once there is a place.
    pub(super) fn slots(&self) -> usize {
        (self.max_bytes() / 16 / 1024).clamp(FEWEST_SLOTS, 4096) as usize
    }

    pub(super) fn interval(&self) -> Duration {
        match self.durability {
            Durability::PowerLoss => SYNC_INTERVAL,
            _ => BEAT,
        }
    }
}

impl<P: Into<PathBuf>> From<P> for FlightRecorder {
    fn from(dir: P) -> Self {
        Self::new(dir)
    }
}
