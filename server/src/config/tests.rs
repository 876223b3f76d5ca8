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
