use kc_core::secret::Secret;
use kc_login::session::SessionStore;
use kc_store::redis::{RedisOptions, RedisStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Redis, key, seal, session};

/// A Redis that answers over TLS only, and the certificate of who vouches for it.
fn server(names: &[&str]) -> (Redis, u16, String, tempfile::TempDir) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let server_key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let params = CertificateParams::new(names).unwrap();
    let certificate = params.signed_by(&server_key, &Issuer::new(authority, authority_key)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) =
        (file("cert.pem", &certificate.pem()), file("key.pem", &server_key.serialize_pem()));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    (Redis::with(None, &arguments), port, pem, folder)
}

async fn connect(url: &str, authorities: Option<&str>) -> Result<RedisStore, String> {
    let authorities = authorities.map(|pem| pem.as_bytes().to_vec());
    let options = RedisOptions { authorities, ..RedisOptions::default() };
    let store = RedisStore::connect_with(&Secret::new(url), seal(), options).await;
    store.map_err(|error| error.to_string())
}

#[tokio::test]
async fn over_tls_redis_has_to_show_who_it_is() {
    let (_server, port, authority, _folder) = server(&["127.0.0.1", "localhost"]);
    for host in ["127.0.0.1", "localhost"] {
        let store = connect(&format!("rediss://{host}:{port}"), Some(&authority)).await.unwrap();
        store.insert(&key(1), &session("s", "u")).await.unwrap();
        assert!(store.load(&key(1)).await.unwrap().is_some());
    }
    let unknown = connect(&format!("rediss://127.0.0.1:{port}"), None).await.unwrap_err();
    assert!(unknown.contains("there is no TLS with Redis"), "{unknown}");
    let (_, other) = (0, server(&["127.0.0.1"]).2);
    assert!(connect(&format!("rediss://127.0.0.1:{port}"), Some(&other)).await.is_err());
    let none = connect(&format!("rediss://127.0.0.1:{port}"), Some("")).await.unwrap_err();
    assert!(none.contains("no certificate"), "{none}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (_server, port, authority, _folder) = server(&["redis.example.com"]);
    let refused = connect(&format!("rediss://127.0.0.1:{port}"), Some(&authority)).await.unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}
