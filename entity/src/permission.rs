//! What Close lets a credential do: the scopes that were asked of it, and what its user may see. It is kept by name in
//! `connection.scopes`; what a name means stands here.

use serde::{Deserialize, Serialize};

/// A right, and whether there is it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    pub name: String,
    pub granted: bool,
}

impl Granted {
    /// A right by its name.
    pub fn new(name: &str, granted: bool) -> Self {
        Self {
            name: name.to_owned(),
            granted,
        }
    }

    /// What is missing where it is not granted; nothing where it is.
    pub fn lack(&self) -> Option<&'static str> {
        if self.granted {
            return None;
        }
        find(&self.name).map(|right| right.without)
    }
}

/// A right that is asked for or looked at.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What is missing without it.
    pub without: &'static str,
}

/// The REST API.
pub const FULL_ACCESS: &str = "all.full_access";
/// Going on while nobody looks.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The tools of the MCP server that read.
pub const MCP_READ: &str = "mcp.read";
/// The role of the credential's user.
pub const ADMIN: &str = "admin";
/// A permission of the credential's user.
pub const VIEW_ALL_LEADS: &str = "view_all_leads";
/// The event log.
pub const EVENTS: &str = "events";
/// What older events of it are about.
pub const EVENT_DATA: &str = "event_data";
/// Webhook subscriptions.
pub const WEBHOOKS: &str = "webhooks";

/// All of them, in the order in which they are shown.
pub const RIGHTS: [Right; 13] = [
    Right {
        name: FULL_ACCESS,
        description: "Reads the REST API. Close has no scope for it that only reads.",
        without: "nothing can be read",
    },
    Right {
        name: MCP_READ,
        description: "Reads companies, people and deals by the tools of Close's MCP server.",
        without: "nothing can be read",
    },
    Right {
        name: OFFLINE_ACCESS,
        description: "Goes on reading while nobody looks: tokens are renewed.",
        without: "a person has to connect again as soon as the access token ends",
    },
    Right {
        name: ADMIN,
        description: "The user of the credential is an admin of the organization, to whom Close shows everything.",
        without: "Close shows other users' records, webhooks and what older events are about to admins only",
    },
    Right {
        name: VIEW_ALL_LEADS,
        description: "The user of the credential sees the leads of all users.",
        without: "leads of other users, with their contacts and deals, may be missing",
    },
    Right {
        name: "leads",
        description: "Reads leads, which become companies.",
        without: "companies are missing",
    },
    Right {
        name: "contacts",
        description: "Reads contacts, which become people.",
        without: "people are missing",
    },
    Right {
        name: "opportunities",
        description: "Reads opportunities, which become deals and transactions.",
        without: "deals and transactions are missing",
    },
    Right {
        name: "custom_objects",
        description: "Reads custom objects, in which invoices may be kept. It depends on the organization's plan.",
        without: "invoices that are kept in custom objects are missing",
    },
    Right {
        name: "custom_activities",
        description: "Reads custom activities, in which invoices may be kept. It depends on the organization's plan.",
        without: "invoices that are kept in custom activities are missing",
    },
    Right {
        name: EVENTS,
        description: "Reads the event log, by which changes are caught up on.",
        without: "changes that no webhook brings are seen by the hourly sweep and the daily comparison only",
    },
    Right {
        name: EVENT_DATA,
        description: "Events of the log say what they are about, however old they are.",
        without: "what events older than an hour are about is hidden: the objects are read again, and their history is lost",
    },
    Right {
        name: WEBHOOKS,
        description: "Sees and makes webhook subscriptions, by which Close pushes changes.",
        without: "Close pushes no changes: they are read from its event log",
    },
];

/// What is known of a right.
pub fn find(name: &str) -> Option<&'static Right> {
    RIGHTS.iter().find(|right| right.name == name)
}
