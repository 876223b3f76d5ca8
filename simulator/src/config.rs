//! What can be chosen about a simulated organization. Every default is the demo's.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::faults::Faults;
use crate::{MOST_TRAFFIC, SimulatorError};

/// The settings of one [`crate::Simulator`].
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Decides every random choice: the same seed (and [`Self::now`]) makes the same
    /// organization. Default 42.
    pub seed: u64,
    /// Leads at the start. Default 2,000.
    pub leads: u32,
    /// Exactly this many contacts for each lead; `None` (default): 0 to 5, 2 on average.
    pub contacts_per_lead: Option<u32>,
    /// Exactly this many opportunities for each lead; `None` (default): 0 to 4, 1 on average.
    pub opportunities_per_lead: Option<u32>,
    /// How many leads share one `date_updated` to the microsecond, as after a bulk import; at
    /// most an eighth of all leads. Default 36.
    pub same_instant_leads: u32,
    /// How the team keeps its invoices. Default English custom objects.
    pub invoices: InvoiceLayout,
    /// ISO 4217 code of the organization. Default USD.
    pub currency: String,
    /// Accepted as the user of HTTP Basic auth, with an empty password.
    pub api_key: String,
    /// The same for a user who is no admin.
    pub member_api_key: String,
    /// Accepted as a Bearer token, as if an OAuth grant had been made.
    pub access_token: String,
    /// Id of the OAuth app that the organization has registered.
    pub oauth_client_id: String,
    /// Its secret.
    pub oauth_client_secret: String,
    /// Changes per second that the organization's people make. Default 1.0; 0 is none.
    pub traffic_per_second: f64,
    /// Requests per window and how they are announced.
    pub rate_limit: RateLimit,
    /// What goes wrong from the start. Default nothing.
    pub faults: Faults,
    /// When webhook deliveries happen.
    pub webhooks: WebhookTiming,
    /// The moment at which the organization's clock starts; `None` (default): the machine's.
    pub now: Option<DateTime<Utc>>,
    /// How many events the log keeps at most, within its 30 days. Default 20,000.
    pub event_log_capacity: usize,
    /// How long a search cursor lives. Default 30 s.
    pub search_cursor_lifetime: Duration,
    /// Required as a Bearer token on the control endpoints when set. Default none.
    pub control_token: Option<String>,
    /// A file that gets a line for each kind of request that Closegraph makes, such as
    /// `POST /api/v1/webhook/`; others may write to it, too. Default none.
    pub request_kinds: Option<PathBuf>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            leads: 2_000,
            contacts_per_lead: None,
            opportunities_per_lead: None,
            same_instant_leads: 36,
            invoices: InvoiceLayout::default(),
            currency: "USD".into(),
            api_key: "api_simulator.demo".into(),
            member_api_key: "api_simulator.member".into(),
            access_token: "simulator-access-token".into(),
            oauth_client_id: "oa2client_simulator".into(),
            oauth_client_secret: "simulator-client-secret".into(),
            traffic_per_second: 1.0,
            rate_limit: RateLimit::default(),
            faults: Faults::default(),
            webhooks: WebhookTiming::default(),
            now: None,
            event_log_capacity: 20_000,
            search_cursor_lifetime: Duration::from_secs(30),
            control_token: None,
            request_kinds: None,
        }
    }
}

impl SimulatorConfig {
    /// Refuses settings that no organization could have.
    pub(crate) fn check(&self) -> Result<(), SimulatorError> {
        let refuse = |setting, allowed| Err(SimulatorError::Setting { setting, allowed });
        if self.leads > 2_000_000 {
            return refuse("leads", "up to 2,000,000");
        }
        if self.contacts_per_lead.is_some_and(|count| count > 100)
            || self.opportunities_per_lead.is_some_and(|count| count > 100)
        {
            return refuse("contacts and opportunities per lead", "up to 100 each");
        }
        let code = self.currency.as_bytes();
        if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
            return refuse("currency", "an ISO 4217 code such as USD");
        }
        if self.api_key.is_empty() || self.api_key.contains(':') {
            return refuse("api key", "not empty, without a colon");
        }
        if self.member_api_key == self.api_key {
            return refuse("member api key", "another one than the admin's");
        }
        if !(0.0..=MOST_TRAFFIC).contains(&self.traffic_per_second) {
            return refuse("traffic", "from 0 to 10,000 actions a second");
        }
        match self.faults.invalid() {
            Some(fault) => refuse(fault, "a probability from 0.0 to 1.0"),
            None => Ok(()),
        }
    }
}

/// How a team keeps its invoices in Close, which has none of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InvoiceLayout {
    /// Not at all: no custom types.
    None,
    /// Custom objects "Invoice" and, for their lines, "Invoice Line".
    #[default]
    English,
    /// Custom activities "Rechnung", amounts as texts such as `1.234,56`, lines in one text.
    German,
    /// Custom objects "Factura" that tell what is still open instead of what is paid.
    Spanish,
    /// Custom types that look like invoices by their names and are none.
    Misleading,
}

impl InvoiceLayout {
    /// All of them, in the order of the command's help.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::English,
        Self::German,
        Self::Spanish,
        Self::Misleading,
    ];

    /// As the command takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::English => "english",
            Self::German => "german",
            Self::Spanish => "spanish",
            Self::Misleading => "misleading",
        }
    }
}

/// The limit of each endpoint group (path and read or write) for each credential, in fixed
/// windows.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Requests per window; 0 is unlimited. Default 200.
    pub requests: u32,
    /// Default 5 s.
    pub window: Duration,
    /// Whether answers carry `ratelimit`. Default yes; Close itself often leaves it out.
    pub header: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests: 200,
            window: Duration::from_secs(5),
            header: true,
        }
    }
}

/// When webhook deliveries are made, retried and given up.
#[derive(Debug, Clone)]
pub struct WebhookTiming {
    /// How long `updated` and `deleted` wait for more changes of the same object. Default 500 ms.
    pub consolidation: Duration,
    /// From the first failure to the second attempt; then doubling. Default 60 s.
    pub retry_first: Duration,
    /// The longest wait between two attempts. Default 20 minutes.
    pub retry_max: Duration,
    /// After this long a delivery is dropped. Default 72 h.
    pub give_up: Duration,
    /// Every delivery failing for this long pauses the subscription. Default 3 days.
    pub pause_after: Duration,
    /// This many undelivered events pause the subscription and clear its queue. Default 100,000.
    pub pause_backlog: usize,
    /// How long a receiver may take to answer. Default 10 s.
    pub timeout: Duration,
    /// Deliveries in flight for each subscription. Default 16.
    pub concurrency: usize,
    /// Whether a retry is signed with the time of the retry (default) or of the first attempt.
    pub resign_retries: bool,
}

impl Default for WebhookTiming {
    fn default() -> Self {
        Self {
            consolidation: Duration::from_millis(500),
            retry_first: Duration::from_secs(60),
            retry_max: Duration::from_secs(20 * 60),
            give_up: Duration::from_secs(72 * 3600),
            pause_after: Duration::from_secs(3 * 24 * 3600),
            pause_backlog: 100_000,
            timeout: Duration::from_secs(10),
            concurrency: 16,
            resign_retries: true,
        }
    }
}
