//! The sums beside the opportunity list, over the whole filtered result (dossier 3.2).

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::world::money::Formatted;
use crate::world::opportunity::{Opportunity, ValuePeriod};

/// Minor units.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: usize,
    value: i64,
    expected: i64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    count: usize,
    one_time: Sum,
    monthly: Sum,
    annual: Sum,
    annualized: Sum,
}

impl Totals {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn add(&mut self, deal: &Opportunity) {
        self.count += 1;
        let of_period = match deal.period {
            ValuePeriod::OneTime => &mut self.one_time,
            ValuePeriod::Monthly => &mut self.monthly,
            ValuePeriod::Annual => &mut self.annual,
        };
        of_period.count += 1;
        of_period.value += deal.value.unwrap_or(0);
        of_period.expected += deal.expected_value().unwrap_or(0);
        self.annualized.value += deal.annualized_value().unwrap_or(0);
        self.annualized.expected += deal.annualized_expected_value().unwrap_or(0);
    }

    pub(super) fn shown<'t>(&'t self, currency: &'t str) -> ShownTotals<'t> {
        ShownTotals {
            totals: self,
            currency,
        }
    }
}

#[derive(Debug)]
pub(super) struct ShownTotals<'t> {
    totals: &'t Totals,
    currency: &'t str,
}

impl Serialize for ShownTotals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let totals = self.totals;
        let mut map = serializer.serialize_map(None)?;
        let periods = [
            ("one_time", totals.one_time.count),
            ("monthly", totals.monthly.count),
            ("annual", totals.annual.count),
        ];
        let present: BTreeMap<_, _> = periods
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        map.serialize_entry("count_by_value_period", &present)?;
        let sums = [
            ("one_time", totals.one_time),
            ("monthly", totals.monthly),
            ("annual", totals.annual),
            ("annualized", totals.annualized),
        ];
        for (name, sum) in sums {
            for (what, minor) in [("total_value", sum.value), ("expected_value", sum.expected)] {
                let formatted = Formatted {
                    minor,
                    currency: self.currency,
                    period: ValuePeriod::OneTime,
                };
                map.serialize_entry(&format!("{what}_{name}"), &minor)?;
                let formatted = (minor != 0).then_some(formatted);
                map.serialize_entry(&format!("{what}_{name}_formatted"), &formatted)?;
            }
        }
        map.end()
    }
}
