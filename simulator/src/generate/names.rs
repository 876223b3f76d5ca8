//! Words that the generated organization is made of. Domains end in `.example`.

pub(super) const COMPANY_FIRST: &[&str] = &[
    "Northwind",
    "Acorn",
    "Blue Harbor",
    "Cedar",
    "Delta",
    "Ember",
    "Fjord",
    "Granite",
    "Halcyon",
    "Iris",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Meridian",
    "Nimbus",
    "Orchard",
    "Pinnacle",
    "Quarry",
    "Redwood",
    "Summit",
    "Tidal",
    "Umbra",
    "Vertex",
    "Willow",
    "Xenon",
    "Yarrow",
    "Zephyr",
    "Åkerlund",
    "Müller",
    "São Bento",
    "Côte d'Or",
    "Ørsted Bay",
    "Łódź",
    "東和",
    "Kiwi",
    "Silver Birch",
    "Atlas",
    "Beacon",
    "Copper",
    "Driftwood",
];

pub(super) const COMPANY_SECOND: &[&str] = &[
    "Logistics",
    "Software",
    "Foods",
    "Robotics",
    "Analytics",
    "Health",
    "Media",
    "Energy",
    "Textiles",
    "Consulting",
    "Labs",
    "Studios",
    "Marine",
    "Optics",
    "Interiors",
    "Motors",
    "Security",
    "Travel",
    "Printing",
    "Ventures",
    "Dental Group",
    "Capital",
    "Breweries",
    "Farms",
];

pub(super) const FIRST_NAMES: &[&str] = &[
    "Ada", "Grace", "Linus", "Mary", "Alan", "Barbara", "Edsger", "Frances", "Ken", "Radia",
    "Sofía", "José", "Zoë", "Björn", "Anaïs", "Wei", "Yuki", "Priya", "Omar", "Fatima", "Kwame",
    "Ingrid", "Luca", "Chloé", "Mateusz", "Nadia", "Tomás", "Aoife", "Hiroshi", "Amara",
];

pub(super) const LAST_NAMES: &[&str] = &[
    "Byron",
    "Hopper",
    "Jones",
    "O'Neill",
    "Smith-Jones",
    "García",
    "Müller",
    "Nguyen",
    "Kowalski",
    "Tanaka",
    "Okafor",
    "Silva",
    "Rossi",
    "Dubois",
    "Andersen",
    "Novák",
    "Haddad",
    "Patel",
    "Kim",
    "Ivanova",
    "van Dijk",
    "MacLeod",
    "Fernández",
    "Yılmaz",
    "Lindqvist",
];

pub(super) const TITLES: &[&str] = &[
    "CFO",
    "CEO",
    "Head of Finance",
    "Office Manager",
    "VP Sales",
    "CTO",
    "Buyer",
    "Operations Lead",
    "Marketing Director",
    "Founder",
];

pub(super) const STREETS: &[&str] = &[
    "Quay St",
    "High Street",
    "Market Square",
    "Station Road",
    "Elm Avenue",
    "King's Row",
    "Hafenstraße",
    "Rue des Lilas",
    "Calle Mayor",
    "Harbour View",
];

pub(super) const NOTES: &[&str] = &[
    "Renewal",
    "Pilot, then rollout",
    "Asked for a discount <10%>",
    "Budget approved",
    "Needs security review",
    "Introduced at the fair",
    "Multi-year & training",
];

pub(super) const DESCRIPTIONS: &[&str] = &[
    "Met at the spring fair.",
    "Came in through the web form.",
    "Family business, third generation.",
    "Long sales cycle; call before noon.",
    "Opening a second site next year.",
];

/// A place: country code, city, state, zip code, time zone, dialling code, national number form
/// (`#` is a digit).
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) city: &'static str,
    pub(super) state: &'static str,
    pub(super) zipcode: &'static str,
    pub(super) timezone: &'static str,
    pub(super) dialling: &'static str,
    pub(super) number: &'static str,
}

const fn place(
    names: [&'static str; 4],
    timezone: &'static str,
    dialling: &'static str,
    number: &'static str,
) -> Place {
    let [country, city, state, zipcode] = names;
    Place {
        country,
        city,
        state,
        zipcode,
        timezone,
        dialling,
        number,
    }
}

pub(super) const PLACES: &[Place] = &[
    place(
        ["US", "Austin", "TX", "78701"],
        "America/Chicago",
        "1",
        "512 555 01##",
    ),
    place(
        ["US", "New York", "NY", "10001"],
        "America/New_York",
        "1",
        "212 555 01##",
    ),
    place(
        ["US", "San Francisco", "CA", "94105"],
        "America/Los_Angeles",
        "1",
        "415 555 01##",
    ),
    place(
        ["CA", "Toronto", "ON", "M5H 2N2"],
        "America/Toronto",
        "1",
        "416 555 01##",
    ),
    place(
        ["GB", "Leeds", "", "LS1 4AP"],
        "Europe/London",
        "44",
        "7700 900###",
    ),
    place(
        ["DE", "Köln", "", "50667"],
        "Europe/Berlin",
        "49",
        "30 23125###",
    ),
    place(
        ["FR", "Lyon", "", "69002"],
        "Europe/Paris",
        "33",
        "1 99 00 ## ##",
    ),
    place(
        ["SE", "Malmö", "", "211 20"],
        "Europe/Stockholm",
        "46",
        "40 628 04##",
    ),
    place(
        ["AU", "Perth", "WA", "6000"],
        "Australia/Perth",
        "61",
        "8 5550 ####",
    ),
    place(
        ["JP", "大阪市", "大阪府", "530-0001"],
        "Asia/Tokyo",
        "81",
        "6 5555 ####",
    ),
    place(
        ["BR", "São Paulo", "SP", "01310-100"],
        "America/Sao_Paulo",
        "55",
        "11 5555 ####",
    ),
    place(
        ["IN", "Pune", "MH", "411001"],
        "Asia/Kolkata",
        "91",
        "20 5550 ####",
    ),
];
