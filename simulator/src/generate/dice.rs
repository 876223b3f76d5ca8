//! Seeded choices.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::world::id::{Id, IdKind};
use crate::world::moment::Moment;

/// One random stream and the choices that are made with it.
#[derive(Debug)]
pub(crate) struct Dice {
    rng: ChaCha8Rng,
}

impl Dice {
    pub(crate) fn new(rng: ChaCha8Rng) -> Self {
        Self { rng }
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability.clamp(0.0, 1.0))
    }

    /// From `low` up to and including `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.rng.random_range(low..=high.max(low))
    }

    /// From 0 up to but not including `count`; 0 when that is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        if count == 0 {
            0
        } else {
            self.rng.random_range(0..count)
        }
    }

    pub(crate) fn small(&mut self, count: usize) -> u8 {
        u8::try_from(self.below(count)).unwrap_or(0)
    }

    pub(crate) fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts
            .get(self.below(texts.len()))
            .copied()
            .unwrap_or_default()
    }

    /// One of them; none of none.
    pub(crate) fn one<'t, T>(&mut self, items: &'t [T]) -> Option<&'t T> {
        items.get(self.below(items.len()))
    }

    /// From 0.0 to 1.0.
    pub(crate) fn unit(&mut self) -> f64 {
        self.rng.random()
    }

    pub(crate) fn id(&mut self, kind: IdKind) -> Id {
        Id::random(kind, &mut self.rng)
    }

    /// Between two moments, to the microsecond.
    pub(crate) fn moment(&mut self, from: Moment, until: Moment) -> Moment {
        Moment(self.between(from.0, until.0))
    }

    /// A deal's amount in minor units: log-normal around 6,000.00, rounded as people price.
    pub(crate) fn amount(&mut self) -> i64 {
        // The sum of twelve uniform numbers is near enough to a normal distribution.
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        let major = (8.7 + 1.1 * normal).exp().clamp(50.0, 900_000.0);
        #[expect(clippy::cast_possible_truncation, reason = "clamped above")]
        let major = major as i64;
        let step = if major > 10_000 { 500 } else { 50 };
        let minor = (major / step).max(1) * step * 100;
        if self.chance(0.08) {
            minor + self.between(1, 99)
        } else {
            minor
        }
    }

    /// A phone number's digits in place of `#`.
    pub(crate) fn digits(&mut self, form: &str) -> String {
        form.chars()
            .map(|letter| match letter {
                '#' => char::from(b'0' + self.small(10)),
                other => other,
            })
            .collect()
    }
}
