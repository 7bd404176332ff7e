//! Locks that the workers of a generation share, for `uwsgi.lock`.
//!
//! Robust mutexes (`pthread_mutexattr_setrobust(3)`) in memory shared across fork: the kernel gives
//! up the locks of a thread that ends, however it ends, so that nobody waits for the dead. They check
//! for errors, because a thread that would wait for itself is better told so.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;

use super::shared::map_shared;

/// Why a lock was not taken or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFault {
    /// The calling thread holds it already.
    Held,
    /// The calling thread does not hold it.
    NotHeld,
    /// There is no lock of that number.
    Absent,
    /// Anything else, as its `errno`.
    System(i32),
}

/// A mutex of the C library, which all processes that share its memory may use.
#[repr(transparent)]
struct Mutex(UnsafeCell<libc::pthread_mutex_t>);

#[expect(
    unsafe_code,
    reason = "mutexes in memory shared across fork have no safe interface"
)]
// SAFETY: it is only ever touched by pthread functions, which are made for any thread of any process.
unsafe impl Sync for Mutex {}

/// A row of locks, mapped as long as the process lives.
#[derive(Clone, Copy)]
pub struct Locks(&'static [Mutex]);

impl std::fmt::Debug for Locks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locks")
            .field("count", &self.0.len())
            .finish()
    }
}

impl Locks {
    /// So many locks, which nobody holds.
    pub fn new(count: usize) -> io::Result<Self> {
        let first = map_shared::<Mutex>(count.max(1) * size_of::<Mutex>())?;
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: the mapping is page-aligned, holds `count` mutexes, is never unmapped, and starts
        // zeroed; nothing is done with a mutex before `prepare` has initialized it.
        let locks = unsafe { std::slice::from_raw_parts(first.as_ptr(), count) };
        locks.iter().try_for_each(prepare)?;
        Ok(Self(locks))
    }

    /// Waits until the calling thread has it.
    pub fn lock(&self, index: usize) -> Result<(), LockFault> {
        match self.with(index, libc::pthread_mutex_lock)? {
            0 => Ok(()),
            libc::EOWNERDEAD => self.take_from_dead(index),
            libc::EDEADLK => Err(LockFault::Held),
            error => Err(LockFault::System(error)),
        }
    }

    /// Gives it up.
    pub fn unlock(&self, index: usize) -> Result<(), LockFault> {
        match self.with(index, libc::pthread_mutex_unlock)? {
            0 => Ok(()),
            libc::EPERM => Err(LockFault::NotHeld),
            error => Err(LockFault::System(error)),
        }
    }

    /// Whether anybody has it, the calling thread included.
    pub fn is_locked(&self, index: usize) -> Result<bool, LockFault> {
        match self.with(index, libc::pthread_mutex_trylock)? {
            0 => {}
            libc::EOWNERDEAD => self.take_from_dead(index)?,
            libc::EBUSY | libc::EDEADLK => return Ok(true),
            error => return Err(LockFault::System(error)),
        }
        self.unlock(index).map(|()| false)
    }

    /// Its holder ended. What it guards is the app's, which has to make sense of it.
    fn take_from_dead(&self, index: usize) -> Result<(), LockFault> {
        match self.with(index, libc::pthread_mutex_consistent)? {
            0 => Ok(()),
            error => Err(LockFault::System(error)),
        }
    }

    fn with(
        &self,
        index: usize,
        call: unsafe extern "C" fn(*mut libc::pthread_mutex_t) -> i32,
    ) -> Result<i32, LockFault> {
        let mutex = self.0.get(index).ok_or(LockFault::Absent)?;
        #[expect(
            unsafe_code,
            reason = "mutexes in memory shared across fork have no safe interface"
        )]
        // SAFETY: `new` has initialized the mutex, which nobody ever unmaps; the functions given
        // above take nothing else.
        Ok(unsafe { call(mutex.0.get()) })
    }
}

/// Initializes a mutex that nobody uses yet.
#[expect(
    unsafe_code,
    reason = "mutexes in memory shared across fork have no safe interface"
)]
fn prepare(mutex: &Mutex) -> io::Result<()> {
    let mut memory = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
    let attributes = memory.as_mut_ptr();
    // SAFETY: there is memory for attributes.
    checked(unsafe { libc::pthread_mutexattr_init(attributes) })?;
    let shared = libc::PTHREAD_PROCESS_SHARED;
    // SAFETY: the attributes are initialized, here and below.
    checked(unsafe { libc::pthread_mutexattr_setpshared(attributes, shared) })?;
    let robust = libc::PTHREAD_MUTEX_ROBUST;
    // SAFETY: as above.
    checked(unsafe { libc::pthread_mutexattr_setrobust(attributes, robust) })?;
    let kind = libc::PTHREAD_MUTEX_ERRORCHECK;
    // SAFETY: as above.
    checked(unsafe { libc::pthread_mutexattr_settype(attributes, kind) })?;
    // SAFETY: the mutex lies in mapped memory, is aligned, and is used by nobody yet.
    checked(unsafe { libc::pthread_mutex_init(mutex.0.get(), attributes) })?;
    // SAFETY: as above, and nobody needs them any more.
    checked(unsafe { libc::pthread_mutexattr_destroy(attributes) })
}

fn checked(error: i32) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn one_thread_at_a_time_and_only_its_holder_gives_it_up() {
        let locks = Locks::new(2).unwrap();
        assert_eq!(locks.is_locked(0), Ok(false));
        assert_eq!(locks.lock(0), Ok(()));
        assert_eq!(locks.is_locked(0), Ok(true));
        assert_eq!(locks.is_locked(1), Ok(false));
        assert_eq!(locks.lock(0), Err(LockFault::Held));
        let elsewhere = thread::spawn(move || (locks.unlock(0), locks.is_locked(0)));
        assert_eq!(
            elsewhere.join().unwrap(),
            (Err(LockFault::NotHeld), Ok(true))
        );
        assert_eq!(locks.unlock(0), Ok(()));
        assert_eq!(locks.unlock(0), Err(LockFault::NotHeld));
        assert_eq!(locks.lock(2), Err(LockFault::Absent));
    }

    #[test]
    fn nobody_waits_for_a_thread_that_ended() {
        let locks = Locks::new(1).unwrap();
        let (told, hear) = mpsc::channel();
        let holder = thread::spawn(move || {
            locks.lock(0).unwrap();
            told.send(()).unwrap();
        });
        hear.recv().unwrap();
        holder.join().unwrap();
        assert_eq!(locks.is_locked(0), Ok(false));
        assert_eq!(locks.lock(0), Ok(()));
        assert_eq!(locks.unlock(0), Ok(()));
    }
}
