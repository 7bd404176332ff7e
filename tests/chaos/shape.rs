//! How the sites are made, and what can be wrong with a deploy of one.

/// How a site is made.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What its app calls itself, whatever its file is called.
    pub(crate) label: &'static str,
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    /// Lines that it prints for each request.
    pub(crate) lines: u32,
    traits: &'static [Trait],
}

/// What not every site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    UnixSocket,
    /// Its Python is executed, not embedded.
    Executed,
    Logto,
    Lazy,
    /// Its old and new code never run side by side.
    NoOverlap,
    /// A new generation must answer before it takes over.
    ReadyPath,
    /// Its workers are replaced all the time.
    Recycled,
    /// A request may not take long.
    Harakiri,
}

impl Shape {
    pub(crate) fn has(&self, wanted: Trait) -> bool {
        self.traits.contains(&wanted)
    }

    /// How many requests it can be in at a time.
    pub(crate) fn places(&self) -> usize {
        self.processes * self.threads
    }
}

/// The sites of the walk.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape {
        label: "plain",
        processes: 1,
        threads: 1,
        lines: 1,
        traits: &[Trait::ReadyPath],
    },
    Shape {
        label: "wide",
        processes: 3,
        threads: 1,
        lines: 1,
        traits: &[Trait::Executed, Trait::Recycled],
    },
    Shape {
        label: "threads",
        processes: 2,
        threads: 4,
        lines: 1,
        traits: &[Trait::UnixSocket],
    },
    Shape {
        label: "logged",
        processes: 1,
        threads: 1,
        lines: 1,
        traits: &[
            Trait::UnixSocket,
            Trait::Executed,
            Trait::Logto,
            Trait::NoOverlap,
        ],
    },
    Shape {
        label: "loud",
        processes: 2,
        threads: 1,
        lines: 50,
        traits: &[Trait::Harakiri],
    },
    Shape {
        label: "lazy",
        processes: 2,
        threads: 1,
        lines: 1,
        traits: &[Trait::Executed, Trait::Lazy],
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

    /// Whether it breaks a site of this shape.
    pub(crate) fn breaks(self, shape: &Shape) -> bool {
        self != Self::NotReady || shape.has(Trait::ReadyPath)
    }
}
