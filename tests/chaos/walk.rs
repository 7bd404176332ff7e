//! The walk: draws a step, does it, and waits until everything is as the model says.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{Answer, Client};
use crate::code;
use crate::harness::{Emperor, Setup, Vassal, Watched, signal, write_python, write_whole};
use crate::load::Load;
use crate::look::{Known, Look, Seen, look};
use crate::nuisance::Nuisance;
use crate::processes;
use crate::random::Random;
use crate::shape::{SHAPES, Trait};
use crate::site::{Change, Deed, Loss, Site};
use crate::steps::{Step, draw};
use crate::story::Story;
use crate::verdict::Verdict;

/// Everything is as it should be by then, however busy the machine is.
const DEADLINE: Duration = Duration::from_mins(1);
/// A process that is killed ends at once.
const END: Duration = Duration::from_secs(10);

/// A walk, and all that it walks over.
#[derive(Debug)]
pub(crate) struct Walk {
    /// First, so that it is told before the emperor's log.
    story: Story,
    random: Random,
    nuisances: Vec<Client>,
    load: Load,
    verdict: Verdict,
    sites: Vec<Site>,
    addresses: Vec<String>,
    seen: Vec<Option<Seen>>,
    emperor: Emperor,
}

impl Walk {
    /// An emperor with all sites, which serve.
    pub(crate) fn begin(seed: u64) -> Self {
        let story = Story::new(seed);
        // What the apps print would be nearly all of its log.
        let setup = Setup::new().variable("LICTOR_LOG", "debug,output=off");
        let emperor = setup.own_program().start();
        let sites: Vec<Site> = SHAPES.iter().map(Site::new).collect();
        let addresses: Vec<String> = (0..sites.len())
            .map(|site| address(&emperor, &sites[site], site))
            .collect();
        let mut walk = Self {
            story,
            random: Random::new(seed),
            nuisances: Vec::new(),
            load: Load::new(addresses.clone()),
            verdict: Verdict::new(sites.iter().map(|site| site.shape.label).collect()),
            seen: vec![None; sites.len()],
            sites,
            addresses,
            emperor,
        };
        let mut changes = walk.no_changes();
        for (site, change) in changes.iter_mut().enumerate() {
            *change = walk.suffer(site, Deed::Drop);
        }
        walk.settle(&changes);
        walk
    }

    /// One step, and its consequences.
    pub(crate) fn step(&mut self) {
        let step = draw(&mut self.random, &self.sites);
        self.story.tell(step.told(&self.sites));
        let is_annoying = matches!(step, Step::Annoy(..));
        let changes = self.perform(step);
        if !is_annoying {
            self.nuisances.clear();
        }
        self.settle(&changes);
    }

    /// Ends the emperor, after which nothing is left. Gives how many steps there were.
    pub(crate) fn end(mut self) -> usize {
        self.nuisances.clear();
        for site in 0..self.sites.len() {
            self.load.close(site);
        }
        let status = self.emperor.die(Signal::TERM);
        assert!(status.success(), "{status}");
        self.judge();
        let title = format!("lictor: {}", self.emperor.name(""));
        let left = processes::ours(&title, self.emperor.pid());
        assert!(left.is_empty(), "processes are left: {left:?}");
        let records = processes::entries(&self.emperor.at("run/vassals"));
        assert_eq!(records, 0, "records are left");
        let sockets = self
            .addresses
            .iter()
            .filter(|path| fs::exists(path).is_ok_and(|is| is));
        let sockets: Vec<_> = sockets.collect();
        assert!(sockets.is_empty(), "socket files are left: {sockets:?}");
        self.story.count()
    }

    fn no_changes(&self) -> Vec<Change> {
        vec![Change::Nothing; self.sites.len()]
    }

    fn perform(&mut self, step: Step) -> Vec<Change> {
        let mut changes = self.no_changes();
        match step {
            Step::To(site, deed) => changes[site] = self.suffer(site, deed),
            Step::KillEmperor {
                just_before,
                meanwhile,
                is_twice,
            } => {
                if let Some((site, deed)) = just_before {
                    changes[site] = self.suffer_alone(site, deed);
                    self.risk(site, deed);
                }
                self.emperor.kill9();
                for &(site, deed) in &meanwhile {
                    changes[site] = self.suffer_alone(site, deed);
                }
                self.emperor.start_again();
                if is_twice {
                    for (site, deed) in meanwhile {
                        self.risk(site, deed);
                    }
                    self.emperor.kill9();
                    self.emperor.start_again();
                }
            }
            Step::Upgrade => {
                self.emperor.lictor(&["upgrade"]).with_code(0);
                self.emperor.follow_anew();
            }
            Step::ReloadAll => {
                self.emperor.signal(Signal::HUP);
                let sites = self.sites.iter_mut();
                changes = sites.map(Site::suffer_reload).collect();
            }
            Step::Flood(site) => self.is_answered(site, "/flood"),
            Step::FillLogPipe(site) => {
                self.emperor.signal(Signal::STOP);
                self.is_answered(site, "/flood");
                self.load.goes_on(&self.serving());
                self.emperor.signal(Signal::CONT);
            }
            Step::Exhaust(site) => self.exhaust(site),
            Step::Annoy(site, nuisance) => self.annoy(site, nuisance),
        }
        changes
    }

    /// The emperor dies soon after it has seen this. Of a new name that has no process yet nobody
    /// but the emperor holds the socket, and the process of the old name has been told to leave.
    fn risk(&mut self, site: usize, deed: Deed) {
        if deed == Deed::Rename {
            self.verdict.is_at_risk(site);
        }
    }

    /// Sites that serve.
    fn serving(&self) -> Vec<usize> {
        (0..self.sites.len())
            .filter(|site| self.sites[*site].serves())
            .collect()
    }

    fn serving_but(&self, but: usize) -> Vec<usize> {
        let mut serving = self.serving();
        serving.retain(|site| *site != but);
        serving
    }

    fn ask(&self, site: usize, path: &str) -> io::Result<Answer> {
        let mut client = Client::connect(&self.addresses[site])?;
        client.ask(path)?;
        client.answer()
    }

    #[track_caller]
    fn is_answered(&self, site: usize, path: &str) {
        let answer = self.ask(site, path).expect("it answers");
        assert_eq!(answer.status, 200);
    }

    fn exhaust(&self, site: usize) {
        let mut client = Client::connect(&self.addresses[site]).expect("it listens");
        for path in ["/exhaust", "/release"] {
            client.ask(path).expect("it takes requests");
            let answer = client.answer().expect("it answers");
            assert_eq!(answer.status, 200);
            // Meanwhile others must not notice, and its own clients wait.
            self.load.goes_on(&self.serving_but(site));
            if answer.is_last {
                // The worker is being replaced, and its descriptors go with it.
                break;
            }
        }
    }

    fn annoy(&mut self, site: usize, nuisance: Nuisance) {
        let places = self.sites[site].shape.places();
        self.nuisances = nuisance.begin(&self.addresses[site], places);
        if nuisance.fills(places) {
            self.load.goes_on(&self.serving_but(site));
            self.nuisances.clear();
        }
    }

    /// Under an emperor.
    fn suffer(&mut self, site: usize, deed: Deed) -> Change {
        let is_down = !self.sites[site].serves();
        let vassal = self.vassal(site);
        let looks = self.emperor.count(&vassal, "vassal-changed");
        if matches!(deed, Deed::Remove | Deed::Stop) {
            self.load.close(site);
        } else if deed == Deed::Lose(Loss::Freeze) || self.sites[site].goes_down_by(deed) {
            self.close_when_idle(site);
        }
        let change = self.change(site, deed);
        if is_down && deed == Deed::Mend {
            // What is down is tried again all the time, and may be up before it is looked at.
            self.emperor
                .heard_times(&vassal, "vassal-changed", &[], looks + 1);
        }
        change
    }

    /// Where there is no emperor, or soon is none. Nobody holds the socket of a master that is
    /// killed.
    fn suffer_alone(&mut self, site: usize, deed: Deed) -> Change {
        if deed == Deed::Remove {
            self.load.close(site);
        } else if matches!(deed, Deed::KillMaster | Deed::Lose(Loss::Freeze)) {
            self.close_when_idle(site);
        }
        self.change(site, deed)
    }

    fn close_when_idle(&mut self, site: usize) {
        self.nuisances.clear();
        self.load.close_when_idle(site);
    }

    fn change(&mut self, site: usize, deed: Deed) -> Change {
        let before = self.vassal(site);
        let change = self.sites[site].suffer(deed);
        if deed == Deed::EditTwice {
            self.deploy(site, self.sites[site].version - 1);
        }
        if self.sites[site].serves() {
            self.verdict.is_deployed(site, self.sites[site].version);
        }
        self.act(site, deed, &before);
        change
    }

    fn act(&mut self, site: usize, deed: Deed, before: &Vassal) {
        let shape = self.sites[site].shape;
        let vassal = self.vassal(site);
        let file = |how| code::file(shape, &self.addresses[site], &vassal.app, how);
        match deed {
            Deed::Drop | Deed::Mend => {
                write_python(
                    &vassal.app,
                    &code::good_code(shape, self.sites[site].version),
                );
                write_whole(&vassal.file, &file(None));
            }
            Deed::Break(how) => {
                let broken = code::broken_code(shape, self.sites[site].version, how);
                write_python(&vassal.app, &broken);
                write_whole(&vassal.file, &file(Some(how)));
            }
            Deed::Edit | Deed::EditTwice => self.deploy(site, self.sites[site].version),
            Deed::Touch => self.emperor.touch(&vassal.file),
            Deed::Remove => fs::remove_file(&vassal.file).expect("it is there"),
            Deed::Rename => fs::rename(&before.file, &vassal.file).expect("it is there"),
            Deed::Reload => self.order("reload", &vassal),
            Deed::RollBack => self.order("rollback", &vassal),
            Deed::Stop => self.order("stop", &vassal),
            Deed::Start => self.order("start", &vassal),
            Deed::KillMaster => {
                let master = self.seen(site).master;
                assert!(signal(master, Signal::KILL).ends_within(END));
            }
            Deed::Lose(loss) => self.lose_worker(site, loss),
        }
    }

    fn deploy(&mut self, site: usize, version: u32) {
        let vassal = self.vassal(site);
        self.verdict.is_deployed(site, version);
        write_python(
            &vassal.app,
            &code::good_code(self.sites[site].shape, version),
        );
        self.emperor.touch(&vassal.file);
    }

    fn order(&self, verb: &str, vassal: &Vassal) {
        self.emperor
            .lictor(&[verb, &vassal.name, "--wait"])
            .with_code(0);
    }

    fn lose_worker(&mut self, site: usize, loss: Loss) {
        let (pid, worker) = self.some_worker(site);
        let since = Instant::now();
        match loss {
            Loss::Kill => {
                worker.signal(Signal::KILL);
                assert!(worker.ends_within(END));
            }
            Loss::Freeze => freeze(pid, &worker),
            Loss::Crash => {
                let answer = self.ask(site, "/crash");
                answer.expect_err("nobody is left to answer");
            }
            Loss::Hang => {
                let answer = self.ask(site, "/hang").expect("it is told");
                assert_eq!(answer.status, 504);
            }
        }
        self.verdict.is_lost(site, since);
        // Its heart is listened to while it is idle: nobody asked it anything at that moment.
        self.load.open(site);
    }

    /// One that is there: they may have been replaced since they were seen.
    fn some_worker(&mut self, site: usize) -> (u32, Watched) {
        let Seen {
            master, workers, ..
        } = self.seen(site).clone();
        // Drawn in any case, so that a walk is the same again.
        let first = self.random.below(workers.len());
        let seen = workers.iter().cycle().skip(first).take(workers.len());
        let all = seen.copied().chain(processes::children(master));
        let mut living = all.filter_map(|pid| Some((pid, Watched::new(pid)?)));
        living.next().expect("it has workers")
    }

    #[track_caller]
    fn seen(&self, site: usize) -> &Seen {
        self.seen[site].as_ref().expect("it was seen to serve")
    }

    /// As the site is called now.
    fn vassal(&self, site: usize) -> Vassal {
        let Site { shape, renamed, .. } = &self.sites[site];
        let named = self.emperor.vassal(&format!("{}-{renamed}", shape.label));
        Vassal {
            app: self.emperor.at("apps").join(shape.label).join("app.py"),
            ..named
        }
    }

    /// Waits until everything is as it should be, and the load has found that too.
    fn settle(&mut self, changes: &[Change]) {
        let until = Instant::now() + DEADLINE;
        self.seen = loop {
            let Look { seen, complaints } = self.look(changes);
            if complaints.is_empty() {
                break seen;
            }
            assert!(
                Instant::now() < until,
                "after {} s:\n  {}",
                DEADLINE.as_secs(),
                complaints.join("\n  ")
            );
            self.judge();
            self.load.moment();
        };
        for site in self.serving() {
            self.verdict.serves_alone(site, self.sites[site].version);
            self.verdict.is_safe(site);
            self.load.open(site);
        }
        self.load.goes_on(&self.serving());
        self.judge();
    }

    fn look(&self, changes: &[Change]) -> Look {
        let known = (0..self.sites.len()).map(|site| Known {
            site: &self.sites[site],
            vassal: self.vassal(site),
            address: &self.addresses[site],
            before: self.seen[site].as_ref(),
            change: changes[site],
        });
        look(&self.emperor, &known.collect::<Vec<_>>())
    }

    /// Fails the walk if a request failed that nothing excuses.
    fn judge(&self) {
        let outcomes = self.load.outcomes();
        let complaints = outcomes
            .iter()
            .filter_map(|known| self.verdict.complaint(known));
        let complaints: Vec<String> = complaints.collect();
        assert!(
            complaints.is_empty(),
            "requests failed:\n  {}",
            complaints.join("\n  ")
        );
    }
}

/// Where a site answers, always: an address of this machine that no other test has.
fn address(emperor: &Emperor, site: &Site, number: usize) -> String {
    if site.shape.has(Trait::UnixSocket) {
        let path = emperor.at(format!("{}.sock", site.shape.label));
        return path.display().to_string();
    }
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.77.{high}.{low}:{}", 8000 + number)
}

/// SIGSTOP, and the wait for it.
#[track_caller]
fn freeze(pid: u32, worker: &Watched) {
    let until = Instant::now() + END;
    worker.signal(Signal::STOP);
    while processes::state(pid).is_some_and(|state| state != 'T') {
        assert!(Instant::now() < until, "process {pid} is not stopped");
        worker.ends_within(Duration::from_millis(5));
    }
}
