//! Locks that a panic elsewhere does not make unusable.
//!
//! A panic in a request becomes a 500 and the worker goes on, so a poisoned lock is no reason to
//! panic again: what it guards is either replaced or dropped with its connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
