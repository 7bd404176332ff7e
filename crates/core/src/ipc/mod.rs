//! How the processes of Lictor talk to each other.
//!
//! Two channels, both sequenced packets over a socket pair: emperor and master, master and worker.
//! What a master or worker says is untrusted: packets are bounded, parsed strictly and tamed.

mod channel;
mod expansion;
mod handover;
mod meeting;
mod message;

pub use channel::{Channel, ChannelError, Received, receive, receive_bare, send};
pub use expansion::{ExpandAnswer, ExpandOrder};
pub use handover::{Adoption, Handover, HandoverListener, Hosting, SharedCounters};
pub use meeting::{accept_at_meeting, bind_meeting, knock, listen_at_meeting};
pub use message::{
    Adopted, MasterMessage, MasterOrder, MasterPhase, PROTOCOL, WorkerMessage, WorkerOrder,
};
