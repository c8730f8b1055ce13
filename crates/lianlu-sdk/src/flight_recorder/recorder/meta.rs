//! The file with the resource and the scopes of a run; a scope is added when its first span starts
//! or ends.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lianlu_wire::segment::{
    FileKind, HEADER, RecordKind, WORD, put_header, put_record, record_len,
};

use super::super::storage::{Region, Storage};
use super::NO_SCOPE;
use crate::encode::{EncodedResource, EncodedScope};

const BYTES: usize = if cfg!(miri) { 4096 } else { 256 * 1024 };

#[derive(Debug)]
pub(super) struct Meta {
    region: Box<dyn Region>,
    /// The offset up to which the file is synced.
    synced: AtomicUsize,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    at: usize,
    scopes: Vec<Arc<EncodedScope>>,
}

impl Meta {
    pub(super) fn create(storage: &dyn Storage, resource: &EncodedResource) -> io::Result<Self> {
        let region = storage.create("meta", BYTES)?;
        put_header(region.words(), FileKind::Meta, 1);
        let mut written = Written {
            at: HEADER,
            scopes: Vec::new(),
        };
        let kind = (RecordKind::Resource, NO_SCOPE);
        if !written.put(&*region, kind, &resource.schema_url, &resource.bytes) {
            return Err(io::Error::other("the resource is larger than 256 KiB"));
        }
        Ok(Self {
            region,
            synced: AtomicUsize::new(0),
            written: Mutex::new(written),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a scope; returns its number.
    #[cold]
    pub(super) fn add(&self, scope: &Arc<EncodedScope>) -> u16 {
        let mut written = self.lock();
        let Ok(number) = u16::try_from(written.scopes.len() + 1) else {
            return NO_SCOPE;
        };
        let kind = (RecordKind::Scope, number);
        if !written.put(&*self.region, kind, &scope.schema_url, &scope.bytes) {
            return NO_SCOPE;
        }
        written.scopes.push(Arc::clone(scope));
        number
    }

    /// The scope with this number.
    pub(super) fn numbered(&self, number: u16) -> Option<Arc<EncodedScope>> {
        let at = usize::from(number).checked_sub(1)?;
        self.lock().scopes.get(at).cloned()
    }

    /// Syncs without the lock: the disk may be slow, and requests with a new scope must not wait
    /// for it. Returns whether there was anything to sync. Called only by the recorder's thread.
    pub(super) fn sync(&self) -> io::Result<bool> {
        let at = self.lock().at;
        if self.synced.load(Ordering::Relaxed) == at {
            return Ok(false);
        }
        if let Err(error) = self.region.sync() {
            // After a failed write the system considers the pages clean. Touching them makes the
            // next sync write them.
            self.region.touch();
            return Err(error);
        }
        self.synced.store(at, Ordering::Relaxed);
        Ok(true)
    }
}

impl Written {
    /// Appends `length u32 | schema URL | message`
    fn put(
        &mut self,
        region: &dyn Region,
        kind: (RecordKind, u16),
        schema_url: &str,
        message: &[u8],
    ) -> bool {
        let Ok(length) = u32::try_from(schema_url.len()) else {
            return false;
        };
        let payload = [&length.to_le_bytes(), schema_url.as_bytes(), message].concat();
        let end = self.at + record_len(payload.len());
        if end > region.words().len() * WORD {
            return false;
        }
        put_record(region.words(), self.at, 1, kind, &payload);
        self.at = end;
        true
    }
}
