//! What all tasks share: the world behind its lock, the webhooks, the switches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::SimulatorError;
use crate::config::SimulatorConfig;
use crate::faults::Faults;
use crate::generate::{self, generate};
use crate::oauth::grants::OAuth;
use crate::requests::{Kinds, RequestLog};
use crate::rest::limits::Limiter;
use crate::webhooks::Webhooks;
use crate::world::World;
use crate::world::event::EventLog;
use crate::world::id::Id;
use crate::world::moment::{Clock, Moment};
use crate::world::organization::Organization;
use crate::world::records::Records;

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: SimulatorConfig,
    organization: RwLock<Arc<Organization>>,
    pub(crate) organization_id: Id,
    pub(crate) clock: Arc<Clock>,
    world: RwLock<World>,
    faults: RwLock<Faults>,
    /// Decides which requests meet a fault.
    pub(crate) fault_rng: Mutex<ChaCha8Rng>,
    pub(crate) webhooks: Webhooks,
    pub(crate) limiter: Limiter,
    pub(crate) requests: RequestLog,
    pub(crate) kinds: Kinds,
    pub(crate) oauth: OAuth,
    /// Actions per second of the traffic generator.
    pub(crate) traffic: watch::Sender<f64>,
}

/// A lock whose holder panicked still guards data that is whole enough for a simulator.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Generates the organization; what webhooks need to run is given.
    pub(crate) fn new(
        config: SimulatorConfig,
        shutdown: CancellationToken,
        tasks: TaskTracker,
    ) -> Result<Self, SimulatorError> {
        let now = config
            .now
            .map_or_else(|| Moment::from(chrono::Utc::now()), Moment::from);
        let clock = Arc::new(Clock::starting_at(now));
        let (organization, records) = generate(&config, now);
        let log = EventLog::new(config.webhooks.consolidation, config.event_log_capacity);
        let mint = generate::stream(config.seed, generate::MINT);
        let timing = config.webhooks.clone();
        let webhooks = Webhooks::new(timing, config.seed, Arc::clone(&clock), shutdown, tasks)?;
        let custom_mint = generate::stream(config.seed, generate::CUSTOM_MINT);
        let mints = (mint, custom_mint);
        let mut world = World::new(organization, records, Arc::clone(&clock), log, mints);
        world.set_read_lag(Duration::from_millis(config.faults.read_lag_ms));
        Ok(Self {
            organization_id: world.organization.id,
            organization: RwLock::new(Arc::clone(&world.organization)),
            clock,
            world: RwLock::new(world),
            faults: RwLock::new(config.faults.clone()),
            fault_rng: Mutex::new(generate::stream(config.seed, generate::FAULTS)),
            webhooks,
            limiter: Limiter::new(config.rate_limit.clone()),
            requests: RequestLog::default(),
            kinds: Kinds::default(),
            oauth: OAuth::with_app(&config.oauth_client_id, &config.oauth_client_secret),
            traffic: watch::Sender::new(config.traffic_per_second),
            config,
        })
    }

    /// The organization as it is defined now.
    pub(crate) fn organization(&self) -> Arc<Organization> {
        let organization = self.organization.read();
        Arc::clone(&organization.unwrap_or_else(PoisonError::into_inner))
    }

    /// A change of definitions, then what [`App::organization`] gives.
    pub(crate) fn redefine<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.write(|world| {
            let answer = change(world);
            let organization = self.organization.write();
            *organization.unwrap_or_else(PoisonError::into_inner) = Arc::clone(&world.organization);
            answer
        })
    }

    /// The truth, as GET by id and the event log show it.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What lists and search show: the truth, or what it was a read lag ago.
    pub(crate) fn listed<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        if !world.lags() {
            return look(world.listed());
        }
        drop(world);
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        world.settle();
        look(world.listed())
    }

    /// Changes the world and hands the events to the webhooks, in the order of the changes.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        world.settle();
        let answer = change(&mut world);
        let events = world.take_outbox();
        if !events.is_empty() {
            self.webhooks.offer(&events, &self.faults());
        }
        answer
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        let lag = Duration::from_millis(faults.read_lag_ms);
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
        self.write(|world| world.set_read_lag(lag));
    }
}
