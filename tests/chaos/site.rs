//! The model: what each site is, what can be done to it, and what that makes of it. Pure.

/// How a site is made.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What its app calls itself, whatever its file is called.
    pub(crate) label: &'static str,
    pub(crate) has_unix_socket: bool,
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    /// Its Python is executed, not embedded.
    pub(crate) is_executed: bool,
    pub(crate) has_logto: bool,
    pub(crate) is_lazy: bool,
    /// Its old and new code never run side by side.
    pub(crate) overlaps: bool,
    /// A new generation must answer before it takes over.
    pub(crate) has_ready_path: bool,
    /// Its workers are replaced all the time.
    pub(crate) is_recycled: bool,
    /// A request may not take long.
    pub(crate) has_harakiri: bool,
    /// Lines that it prints for each request.
    pub(crate) lines: u32,
}

const PLAIN: Shape = Shape {
    label: "plain",
    has_unix_socket: false,
    processes: 1,
    threads: 1,
    is_executed: false,
    has_logto: false,
    is_lazy: false,
    overlaps: true,
    has_ready_path: false,
    is_recycled: false,
    has_harakiri: false,
    lines: 1,
};

/// The sites of the walk.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape {
        has_ready_path: true,
        ..PLAIN
    },
    Shape {
        label: "wide",
        processes: 3,
        is_executed: true,
        is_recycled: true,
        ..PLAIN
    },
    Shape {
        label: "threads",
        has_unix_socket: true,
        processes: 2,
        threads: 4,
        ..PLAIN
    },
    Shape {
        label: "logged",
        has_unix_socket: true,
        has_logto: true,
        is_executed: true,
        overlaps: false,
        ..PLAIN
    },
    Shape {
        label: "loud",
        processes: 2,
        has_harakiri: true,
        lines: 50,
        ..PLAIN
    },
    Shape {
        label: "lazy",
        processes: 2,
        is_lazy: true,
        is_executed: true,
        ..PLAIN
    },
];

/// What can be wrong with a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    Syntax,
    Import,
    Exit,
    Crash,
    /// It answers, but not as it should.
    NotReady,
    BadToml,
    UnknownOption,
    MissingVirtualenv,
}

impl Breakage {
    pub(crate) const ALL: [Self; 8] = [
        Self::Syntax,
        Self::Import,
        Self::Exit,
        Self::Crash,
        Self::NotReady,
        Self::BadToml,
        Self::UnknownOption,
        Self::MissingVirtualenv,
    ];

    /// The kind of failure that `status` must show.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Syntax | Self::Import => "import",
            Self::Exit | Self::Crash => "crash",
            Self::NotReady => "ready-path",
            Self::BadToml | Self::UnknownOption => "config",
            Self::MissingVirtualenv => "python",
        }
    }

    /// Whether the vassal file is broken, and not the code.
    pub(crate) fn is_in_file(self) -> bool {
        match self {
            Self::Syntax | Self::Import | Self::Exit | Self::Crash | Self::NotReady => false,
            Self::BadToml | Self::UnknownOption | Self::MissingVirtualenv => true,
        }
    }
}

/// What is done to one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Drop,
    Touch,
    Edit,
    /// The second one before the first can have been deployed.
    EditTwice,
    Break(Breakage),
    Mend,
    Remove,
    Rename,
    /// `lictor reload --wait`.
    Reload,
    /// `lictor rollback --wait`.
    RollBack,
    /// `lictor stop --wait`.
    Stop,
    /// `lictor start --wait`.
    Start,
    KillWorker,
    KillMaster,
    /// SIGSTOP.
    FreezeWorker,
    /// The app is asked to crash.
    Crash,
    /// The app is asked for what takes too long.
    Hang,
}

/// How a site differs from what it was before a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Not at all: the same processes.
    Nothing,
    /// Another worker of the same master.
    Worker,
    /// A later generation serves.
    Generation,
    /// The same processes, and a later failure.
    Failure,
    /// It serves or not as it did not before.
    Standing,
}

/// What should be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// There is no such vassal.
    Absent,
    /// Stopped by order.
    Stopped,
    /// Serves this version; the newest deploy failed so, if it did.
    Serves(u32, Option<&'static str>),
    /// Nothing serves, because of this; whoever connects waits.
    Down(&'static str),
}

/// One site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) shape: &'static Shape,
    /// How often it was renamed.
    pub(crate) renamed: u32,
    /// Whether its file is there.
    pub(crate) is_there: bool,
    is_stopped: bool,
    broken: Option<Breakage>,
    /// It serves by the last file that worked, although a later one is there.
    is_rolled_back: bool,
    /// Of the newest good code.
    pub(crate) version: u32,
    serves: bool,
}

impl Site {
    pub(crate) fn new(shape: &'static Shape) -> Self {
        Self {
            shape,
            renamed: 0,
            is_there: false,
            is_stopped: false,
            broken: None,
            is_rolled_back: false,
            version: 0,
            serves: false,
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        let failure = self.broken.map(Breakage::kind);
        match (self.is_there, self.is_stopped, self.serves) {
            (false, ..) => Expected::Absent,
            (true, true, _) => Expected::Stopped,
            (true, false, true) => {
                Expected::Serves(self.version, failure.filter(|_| !self.is_rolled_back))
            }
            (true, false, false) => Expected::Down(failure.unwrap_or_default()),
        }
    }

    /// Whether it answers requests.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.expected(), Expected::Serves(..))
    }

    /// Whether this can be done to it as it is.
    pub(crate) fn may(&self, deed: Deed) -> bool {
        let is_good = self.serves() && self.broken.is_none();
        match deed {
            Deed::Drop => !self.is_there,
            Deed::Remove => self.is_there,
            Deed::Start => self.is_there && self.is_stopped,
            Deed::Edit | Deed::EditTwice | Deed::Rename | Deed::Reload | Deed::Stop => is_good,
            Deed::Touch => self.is_there && !self.is_stopped,
            Deed::Break(how) => {
                let can_be = how != Breakage::NotReady || self.shape.has_ready_path;
                self.serves() && self.broken != Some(how) && can_be
            }
            Deed::RollBack => self.serves() && self.has_broken_file() && !self.is_rolled_back,
            Deed::Mend => self.is_there && !self.is_stopped && self.broken.is_some(),
            Deed::Hang if !self.shape.has_harakiri => false,
            Deed::KillWorker | Deed::FreezeWorker | Deed::Crash | Deed::Hang => {
                // Each worker of a lazy app imports what there is by then.
                self.serves() && !(self.shape.is_lazy && self.has_broken_code())
            }
            Deed::KillMaster => self.serves(),
        }
    }

    /// Whether this can be done to it while there is no emperor.
    pub(crate) fn may_alone(&self, deed: Deed) -> bool {
        let needs_emperor = match deed {
            Deed::Reload | Deed::RollBack | Deed::Stop | Deed::Start => true,
            // The next emperor begins anew, by the file that is there.
            Deed::KillMaster => self.has_broken_file(),
            _ => false,
        };
        self.may(deed) && !needs_emperor
    }

    fn has_broken_file(&self) -> bool {
        self.broken.is_some_and(Breakage::is_in_file)
    }

    fn has_broken_code(&self) -> bool {
        self.broken.is_some_and(|how| !how.is_in_file())
    }

    /// Whether it stops answering by this.
    pub(crate) fn goes_down_by(&self, deed: Deed) -> bool {
        let mut after = self.clone();
        after.suffer(deed);
        self.serves() && !after.serves()
    }

    /// What a reload of everything makes of it.
    pub(crate) fn suffer_reload(&mut self) -> Change {
        if !self.is_there || self.is_stopped {
            Change::Nothing
        } else if self.is_rolled_back {
            Change::Generation
        } else {
            self.suffer(Deed::Touch)
        }
    }

    /// What a deed makes of it.
    pub(crate) fn suffer(&mut self, deed: Deed) -> Change {
        match deed {
            Deed::Drop | Deed::Mend => {
                let change = if self.serves {
                    Change::Generation
                } else {
                    Change::Standing
                };
                self.is_there = true;
                self.broken = None;
                self.is_rolled_back = false;
                self.version += 1;
                self.serves = true;
                change
            }
            Deed::Edit => {
                self.version += 1;
                Change::Generation
            }
            Deed::EditTwice => {
                self.version += 2;
                Change::Generation
            }
            Deed::Reload => Change::Generation,
            Deed::Touch if !self.serves => Change::Standing,
            Deed::Touch if self.broken.is_some() => {
                self.is_rolled_back = false;
                Change::Failure
            }
            Deed::Touch => Change::Generation,
            Deed::Break(how) => {
                self.broken = Some(how);
                self.is_rolled_back = false;
                Change::Failure
            }
            Deed::Remove => {
                self.is_there = false;
                self.is_stopped = false;
                self.serves = false;
                Change::Standing
            }
            Deed::Rename => {
                self.renamed += 1;
                Change::Standing
            }
            Deed::Stop | Deed::Start => {
                self.is_stopped = deed == Deed::Stop;
                Change::Standing
            }
            Deed::KillWorker | Deed::FreezeWorker | Deed::Crash | Deed::Hang => Change::Worker,
            Deed::RollBack => {
                self.is_rolled_back = true;
                Change::Generation
            }
            Deed::KillMaster if self.has_broken_code() => {
                self.serves = false;
                Change::Standing
            }
            Deed::KillMaster => {
                self.is_rolled_back = self.broken.is_some();
                Change::Generation
            }
        }
    }
}

#[test]
fn what_serves_survives_a_bad_deploy_and_not_its_master() {
    let mut site = Site::new(&SHAPES[0]);
    assert!(site.may(Deed::Drop) && !site.may(Deed::Touch));
    assert_eq!(site.suffer(Deed::Drop), Change::Standing);
    assert_eq!(site.expected(), Expected::Serves(1, None));
    let broken = Deed::Break(Breakage::Import);
    assert_eq!(site.suffer(broken), Change::Failure);
    assert_eq!(site.expected(), Expected::Serves(1, Some("import")));
    assert!(!site.goes_down_by(Deed::KillWorker));
    assert!(site.goes_down_by(Deed::KillMaster));
    site.suffer(Deed::KillMaster);
    assert_eq!(site.expected(), Expected::Down("import"));
    site.suffer(Deed::Mend);
    assert_eq!(site.expected(), Expected::Serves(2, None));
}
