use super::{Config, REFERENCE};

fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(None, owned).map_err(|error| error.to_string())
}

#[test]
fn the_reference_is_a_valid_file_and_states_the_defaults() {
    let reference: Config = toml::from_str(REFERENCE).unwrap();
    assert_eq!(format!("{reference:?}"), format!("{:?}", Config::default()));
}

#[test]
fn the_environment_wins_and_is_typed() {
    let config = load(&[
        ("CLOSEGRAPH_SYNC_WORKERS", "5"),
        ("CLOSEGRAPH_HTTP_LISTEN", "0.0.0.0:9"),
    ]);
    let config = config.unwrap();
    assert_eq!((config.sync.workers, config.http.listen.port()), (5, 9));
}

#[test]
fn an_unknown_variable_is_refused_with_the_known_ones() {
    let error = load(&[("CLOSEGRAPH_SYNC_WORKER", "5")]).unwrap_err();
    assert!(
        error.contains("CLOSEGRAPH_SYNC_WORKER is unknown"),
        "{error}"
    );
    assert!(error.contains("CLOSEGRAPH_SYNC_WORKERS"), "{error}");
}

#[test]
fn a_bad_value_is_refused_with_its_key_and_what_is_allowed() {
    for (variable, value, wanted) in [
        (
            "CLOSEGRAPH_SYNC_WORKERS",
            "many",
            "sync.workers (CLOSEGRAPH_SYNC_WORKERS) is \"many\", allowed: a whole number from 1 to 256",
        ),
        (
            "CLOSEGRAPH_DATABASE_MAX_CONNECTIONS",
            "0",
            "database.max_connections (CLOSEGRAPH_DATABASE_MAX_CONNECTIONS) is 0, allowed: a whole number from 4",
        ),
        (
            "CLOSEGRAPH_SYNC_BATCH",
            "0",
            "is 0, allowed: a whole number from 1 to 10000",
        ),
        (
            "CLOSEGRAPH_SYNC_BACKFILL",
            "fast",
            "is \"fast\", allowed: auto or list or search",
        ),
        (
            "CLOSEGRAPH_HTTP_LISTEN",
            "8080",
            "is \"8080\", allowed: address:port such as 127.0.0.1:8080",
        ),
        (
            "CLOSEGRAPH_HTTP_PUBLIC_URL",
            "example.com",
            "allowed: an http or https address",
        ),
        (
            "CLOSEGRAPH_LOG_FILTER",
            "loud",
            "log.filter (CLOSEGRAPH_LOG_FILTER) is \"loud\", allowed: levels",
        ),
        (
            "CLOSEGRAPH_API_INTROSPECTION",
            "no",
            "is \"no\", allowed: true or false",
        ),
        (
            "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ISSUER",
            "http://id.example.com",
            "sign_in.openid_connect.issuer (CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ISSUER) is \"http://id.example.com\", \
             allowed: an https address",
        ),
        (
            "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ROLES",
            "crm=viewer,boss=root",
            "each with viewer, operator or admin, such as crm=viewer",
        ),
        (
            "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_CONNECTIONS",
            "orga_1",
            "allowed: a list of ids of connections",
        ),
        (
            "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ISSUER",
            "https://id.example.com",
            "sign_in.openid_connect.issuer needs sign_in.openid_connect.client_id",
        ),
    ] {
        let error = load(&[(variable, value)]).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn a_secret_that_is_refused_is_not_shown() {
    for variable in ["DATABASE_URL", "CLOSEGRAPH_VAULT_KEY"] {
        let error = load(&[(variable, "hunter2")]).unwrap_err();
        assert!(
            error.contains("allowed: ") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

const PROVIDER: [(&str, &str); 4] = [
    (
        "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ISSUER",
        "https://id.example.com",
    ),
    ("CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_CLIENT_ID", "closegraph"),
    (
        "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_ROLES",
        "crm = viewer, cn=boss,ou=crm=admin",
    ),
    ("CLOSEGRAPH_HTTP_PUBLIC_URL", "https://cg.example.com"),
];

#[test]
fn a_provider_is_set_by_variables_or_in_a_section_of_its_own() {
    use closegraph_entity::api_token::Role;
    // A comma divides, so that names with one go into the file.
    let refused = load(&PROVIDER).unwrap_err();
    assert!(refused.contains("roles"), "{refused}");
    let mut variables = PROVIDER;
    variables[2].1 = "crm = viewer,a=b=admin";
    let by_variables = load(&variables).unwrap().sign_in.openid_connect;
    let roles =
        [("a=b", Role::Admin), ("crm", Role::Viewer)].map(|(value, role)| (value.to_owned(), role));
    assert_eq!(by_variables.roles, roles.into());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closegraph.toml");
    let file = |issuer: &str| {
        let text = format!(
            "[http]\npublic_url = \"https://cg.example.com\"\n[sign_in]\nidle_s = 60\n[sign_in.openid_connect]\n\
             issuer = \"{issuer}\"\nclient_id = \"closegraph\"\nclient_secret = \"hunter2\"\n\
             roles = {{ crm = \"viewer\", \"a=b\" = \"admin\" }}\n"
        );
        std::fs::write(&path, text).unwrap();
        let scopes = "CLOSEGRAPH_SIGN_IN_OPENID_CONNECT_SCOPES";
        let variables = [(scopes.to_owned(), "profile, groups".to_owned())];
        Config::load(Some(&path), variables.into_iter())
    };
    let config = file("https://id.example.com").unwrap();
    assert_eq!(config.sign_in.idle_s, 60);
    assert_eq!(config.sign_in.openid_connect.roles, by_variables.roles);
    assert_eq!(config.sign_in.openid_connect.scopes, ["profile", "groups"]);
    assert!(!format!("{config:?}").contains("hunter2"));
    let secret = "[sign_in.openid_connect]\nclient_secret = 424242\n";
    std::fs::write(&path, secret).unwrap();
    let refused = Config::load(Some(&path), std::iter::empty()).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("allowed: a text") && !refused.contains("424242"),
        "{refused}"
    );
    let refused = file("id.example.com").unwrap_err().to_string();
    assert!(
        refused.contains("sign_in.openid_connect.issuer in ") && !refused.contains("hunter2"),
        "{refused}"
    );
}
