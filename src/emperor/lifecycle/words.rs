//! What can happen to a vassal, and what can be done about it.

use std::time::Duration;

use lictor_core::ipc::MasterPhase;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emperor) enum Event {
    /// The file was read, and is good; or somebody asked for a new generation of it.
    FileGood,
    /// Nobody has asked this generation anything for long.
    Idle(u64),
    /// A connection has come while it sleeps.
    Knocked,
    /// Its sockets could not be bound, so that nobody could wake it.
    SleepFailed,
    /// The file was read, and is bad.
    FileBad,
    /// The newest file has failed, and nothing serves or what did has just ended: what follows is
    /// made from the file that worked.
    FellBack,
    /// The file is gone.
    FileGone,
    /// Somebody asked for a stop.
    StopAsked,
    /// The master of the coming generation was started.
    Spawned(u64),
    /// Without overlap: it has imported the app and waits to be told to fork its workers.
    Loaded(u64),
    /// Its workers can serve.
    Ready(u64),
    /// It said, or it is known, that it will not come up.
    Failed(u64),
    /// Told to pause, it has no worker any more.
    Paused(u64),
    /// Told to leave, it takes no connection any more.
    Withdrawn(u64),
    /// A master ended.
    Exited(u64),
    /// A master that was found running says where it stands.
    Found(u64, MasterPhase),
    /// All that were running have said so, or are gone.
    AllFound,
    /// A deadline came.
    Woken,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emperor) enum Action {
    /// Bind what is missing and start a master.
    Spawn(u64),
    /// Let its workers finish and leave, its app and its sockets stay.
    Pause(u64),
    /// Let it have workers again, and serve.
    Resume(u64),
    /// Let it fork its workers: nobody else has any.
    ForkWorkers(u64),
    /// Let it serve.
    Serve(u64),
    /// Say that it serves, and alone.
    Announce(u64),
    /// Tell it to finish and leave.
    Drain(u64),
    /// End its processes.
    Kill(u64),
    /// Say that it did not come up in time, and end its processes.
    TimeOut(u64),
    /// Close the sockets that no generation needs any more.
    Release,
    /// Listen, and wait for a connection.
    Sleep,
    /// Say that the next try comes after this.
    Wait(Duration),
    /// The vassal is over.
    Forget,
}
