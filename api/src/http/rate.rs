//! How often one may ask. The counts are this process's own: behind several processes a token may ask each of them as
//! often.

use super::limits::Limits;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Addresses that are remembered for tokens that did not work.
const ADDRESSES: u64 = 100_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Requests and costs of tokens.
#[derive(Clone)]
pub(super) struct Rates {
    requests: Option<Arc<DefaultKeyedRateLimiter<Uuid>>>,
    costs: Option<Arc<DefaultKeyedRateLimiter<Uuid>>>,
    clock: DefaultClock,
}

impl fmt::Debug for Rates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rates").finish_non_exhaustive()
    }
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Self {
        let requests = NonZeroU32::new(limits.requests_per_second).map(|allowed| {
            let burst = NonZeroU32::new(limits.request_burst).unwrap_or(allowed);
            Arc::new(RateLimiter::keyed(
                Quota::per_second(allowed).allow_burst(burst),
            ))
        });
        let costs = NonZeroU32::new(limits.cost_per_minute)
            .map(|allowed| Arc::new(RateLimiter::keyed(Quota::per_minute(allowed))));
        Self {
            requests,
            costs,
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request; how long to wait where it is one too many.
    pub(super) fn request(&self, token: Uuid) -> Result<(), Duration> {
        let Some(requests) = &self.requests else {
            return Ok(());
        };
        requests
            .check_key(&token)
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Counts the rows that a request could answer; how long to wait where they are too many. What no minute has room
    /// for takes a whole one.
    pub(super) fn cost(&self, token: Uuid, rows: u64) -> Result<(), Duration> {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let (Some(costs), Some(rows)) = (&self.costs, NonZeroU32::new(rows)) else {
            return Ok(());
        };
        match costs.check_key_n(&token, rows) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(until.wait_time_from(self.clock.now())),
            Err(_) => Err(MINUTE),
        }
    }
}

/// Tokens that did not work, by the address from which they were tried. A minute is counted from the first of them.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    allowed: u32,
    counted: Cache<IpAddr, Arc<AtomicU32>>,
}

impl Failures {
    pub(super) fn new(limits: &Limits) -> Self {
        let counted = Cache::builder()
            .max_capacity(ADDRESSES)
            .time_to_live(MINUTE)
            .build();
        Self {
            allowed: limits.failures_per_minute,
            counted,
        }
    }

    /// How long to wait, at most, where too many have failed.
    pub(super) fn check(&self, from: Option<IpAddr>) -> Result<(), Duration> {
        let Some(from) = from.filter(|_| self.allowed > 0) else {
            return Ok(());
        };
        let counted = self.counted.get(&network(from));
        match counted {
            Some(count) if count.load(Ordering::Relaxed) >= self.allowed => Err(MINUTE),
            _ => Ok(()),
        }
    }

    pub(super) fn count(&self, from: Option<IpAddr>) {
        if let Some(from) = from.filter(|_| self.allowed > 0) {
            let count = self.counted.get_with(network(from), Arc::default);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whoever has one address of version 6 has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}
