//! The model: what each site is, what can be done to it, and what that makes of it. Pure.

use crate::shape::{Breakage, Shape, Trait};

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
    KillMaster,
    /// A worker ends.
    Lose(Loss),
}

/// How a worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, until somebody notices.
    Freeze,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Absent,
    Stopped,
    Serves,
    Down,
}

/// Which file it serves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The newest, or the one before while that fails.
    Newest,
    /// The last one that worked, by order: all is well.
    Ordered,
    /// The last one that worked, because its master died while the newest failed.
    FallenBack,
}

/// One site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) shape: &'static Shape,
    /// How often it was renamed.
    pub(crate) renamed: u32,
    /// Of the newest good code.
    pub(crate) version: u32,
    standing: Standing,
    broken: Option<Breakage>,
    way: Way,
}

impl Site {
    pub(crate) fn new(shape: &'static Shape) -> Self {
        Self {
            shape,
            renamed: 0,
            version: 0,
            standing: Standing::Absent,
            broken: None,
            way: Way::Newest,
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        let failure = self.broken.map(Breakage::kind);
        match self.standing {
            Standing::Absent => Expected::Absent,
            Standing::Stopped => Expected::Stopped,
            Standing::Serves => {
                Expected::Serves(self.version, failure.filter(|_| self.way != Way::Ordered))
            }
            Standing::Down => Expected::Down(failure.unwrap_or_default()),
        }
    }

    /// Whether it answers requests.
    pub(crate) fn serves(&self) -> bool {
        self.standing == Standing::Serves
    }

    /// Whether this can be done to it as it is.
    pub(crate) fn may(&self, deed: Deed) -> bool {
        let is_active = matches!(self.standing, Standing::Serves | Standing::Down);
        let is_good = self.serves() && self.broken.is_none();
        match deed {
            Deed::Drop => self.standing == Standing::Absent,
            Deed::Remove => self.standing != Standing::Absent,
            Deed::Start => self.standing == Standing::Stopped,
            Deed::Edit | Deed::EditTwice | Deed::Rename | Deed::Reload | Deed::Stop => is_good,
            Deed::Touch => is_active,
            Deed::Mend => is_active && self.broken.is_some(),
            Deed::Break(how) => self.serves() && self.broken != Some(how) && how.breaks(self.shape),
            Deed::RollBack => self.serves() && self.has_broken_file() && self.way != Way::Ordered,
            Deed::KillMaster => self.serves(),
            Deed::Lose(Loss::Hang) if !self.shape.has(Trait::Harakiri) => false,
            // Each worker of a lazy app imports what there is by then.
            Deed::Lose(_) => {
                self.serves() && !(self.shape.has(Trait::Lazy) && self.has_broken_code())
            }
        }
    }

    /// Whether this can be done to it while there is no emperor.
    pub(crate) fn may_alone(&self, deed: Deed) -> bool {
        let is_order = matches!(
            deed,
            Deed::Reload | Deed::RollBack | Deed::Stop | Deed::Start
        );
        self.may(deed) && !is_order
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
        match self.standing {
            Standing::Absent | Standing::Stopped => Change::Nothing,
            Standing::Serves if self.way == Way::Ordered => Change::Generation,
            Standing::Serves | Standing::Down => self.suffer(Deed::Touch),
        }
    }

    /// What a deed makes of it.
    pub(crate) fn suffer(&mut self, deed: Deed) -> Change {
        match deed {
            Deed::Drop | Deed::Mend | Deed::Edit => self.is_good(1),
            Deed::EditTwice => self.is_good(2),
            Deed::Break(how) => {
                self.broken = Some(how);
                self.fails()
            }
            Deed::Touch if self.standing == Standing::Down => Change::Standing,
            Deed::Touch if self.broken.is_some() => self.fails(),
            Deed::Touch | Deed::Reload => Change::Generation,
            Deed::RollBack => {
                self.way = Way::Ordered;
                Change::Generation
            }
            Deed::Remove => {
                self.standing = Standing::Absent;
                Change::Standing
            }
            Deed::Rename => {
                self.renamed += 1;
                Change::Standing
            }
            Deed::Stop => {
                self.standing = Standing::Stopped;
                Change::Standing
            }
            Deed::Start => {
                self.standing = Standing::Serves;
                Change::Standing
            }
            Deed::Lose(_) => Change::Worker,
            Deed::KillMaster if self.has_broken_code() => {
                self.standing = Standing::Down;
                Change::Standing
            }
            Deed::KillMaster => {
                if self.broken.is_some() && self.way == Way::Newest {
                    self.way = Way::FallenBack;
                }
                Change::Generation
            }
        }
    }

    /// So many versions later, and all is well.
    fn is_good(&mut self, later: u32) -> Change {
        let change = if self.serves() {
            Change::Generation
        } else {
            Change::Standing
        };
        *self = Self {
            version: self.version + later,
            standing: Standing::Serves,
            broken: None,
            way: Way::Newest,
            ..self.clone()
        };
        change
    }

    /// What serves, serves on.
    fn fails(&mut self) -> Change {
        self.way = Way::Newest;
        Change::Failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::SHAPES;

    #[test]
    fn what_serves_survives_a_bad_deploy_and_not_its_master() {
        let mut site = Site::new(&SHAPES[0]);
        assert!(site.may(Deed::Drop) && !site.may(Deed::Touch));
        assert_eq!(site.suffer(Deed::Drop), Change::Standing);
        assert_eq!(site.expected(), Expected::Serves(1, None));
        let broken = Deed::Break(Breakage::Import);
        assert_eq!(site.suffer(broken), Change::Failure);
        assert_eq!(site.expected(), Expected::Serves(1, Some("import")));
        assert!(!site.goes_down_by(Deed::Lose(Loss::Kill)));
        assert!(site.goes_down_by(Deed::KillMaster));
        site.suffer(Deed::KillMaster);
        assert_eq!(site.expected(), Expected::Down("import"));
        site.suffer(Deed::Mend);
        assert_eq!(site.expected(), Expected::Serves(2, None));
    }

    #[test]
    fn of_a_bad_file_the_last_good_one_is_left_until_the_next_touch() {
        let mut site = Site::new(&SHAPES[0]);
        site.suffer(Deed::Drop);
        site.suffer(Deed::Break(Breakage::BadToml));
        assert_eq!(site.suffer(Deed::KillMaster), Change::Generation);
        assert_eq!(site.expected(), Expected::Serves(1, Some("config")));
        assert!(site.may_alone(Deed::KillMaster));
        assert_eq!(site.suffer_reload(), Change::Failure, "it is tried again");
        assert_eq!(site.suffer(Deed::KillMaster), Change::Generation);
        assert_eq!(site.suffer(Deed::RollBack), Change::Generation);
        assert_eq!(site.expected(), Expected::Serves(1, None), "by order");
        assert_eq!(site.suffer(Deed::KillMaster), Change::Generation);
        assert_eq!(site.expected(), Expected::Serves(1, None), "it stays");
        assert_eq!(site.suffer_reload(), Change::Generation);
        assert_eq!(site.suffer(Deed::Touch), Change::Failure);
        assert_eq!(site.expected(), Expected::Serves(1, Some("config")));
    }
}
