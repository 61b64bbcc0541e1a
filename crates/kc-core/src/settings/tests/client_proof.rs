//! How the service proves which client it is.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

use super::*;
use crate::secret::Secret;

const KEY: &str = "KEYCLOAK_CLIENT_KEY_FILE";
const CERTIFICATE_FILE: &str = "KEYCLOAK_CLIENT_CERTIFICATE_FILE";

/// A certificate and its key, as PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(Vec::<String>::new()).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn proof(sources: &Sources) -> Result<ClientProof, SettingsError> {
    Ok(Settings::load(sources)?.keycloak()?.client_proof().clone())
}

#[test]
fn a_key_file_makes_the_client_sign_and_its_algorithm_is_that_of_the_key() {
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
    for (pem, algorithm) in [(pair().1, Algorithm::Es256), (ed25519, Algorithm::EdDsa)] {
        let sources = environment(&[(KEY, "/run/key.pem"), ("KEYCLOAK_CLIENT_KEY_ID", "k1")]);
        let settings = Settings::load(&sources.file("/run/key.pem", pem)).unwrap();
        let server = settings.keycloak().unwrap();
        let ClientProof::Key(key) = server.client_proof() else { panic!("{:?}", server.client_proof()) };
        assert_eq!((key.algorithm(), key.id()), (algorithm, Some("k1")));
        assert_eq!(server.client_authentication().method(), "private_key_jwt");
        assert_eq!(server.client_secret(), None);
        assert!(
            settings.describe().contains(&format!("client key    {algorithm}")),
            "{:?}",
            settings.describe()
        );
    }
}

#[test]
fn a_certificate_is_shown_with_the_key_of_either_file() {
    let (certificate, key) = pair();
    let together =
        environment(&[(CERTIFICATE_FILE, "tls.pem")]).file("tls.pem", format!("{key}{certificate}"));
    let apart = environment(&[(CERTIFICATE_FILE, "tls.crt"), (KEY, "tls.key")])
        .file("tls.crt", certificate.clone())
        .file("tls.key", key.clone());
    for sources in [together, apart] {
        let settings = Settings::load(&sources).unwrap();
        let server = settings.keycloak().unwrap();
        let ClientProof::Certificate(pem) = server.client_proof() else { panic!("{server:?}") };
        assert!(pem.expose().contains(certificate.trim()) && pem.expose().contains(key.trim()));
        assert_eq!(server.client_authentication().method(), "tls_client_auth");
        assert!(settings.describe().contains(&"client cert   set".to_owned()));
        #[cfg(feature = "reqwest")]
        crate::Keycloak::new(&settings).unwrap();
    }
}

#[cfg(feature = "reqwest")]
#[test]
fn a_certificate_of_another_key_ends_the_start_and_is_named() {
    let ((certificate, _), (_, key)) = (pair(), pair());
    let sources =
        environment(&[(CERTIFICATE_FILE, "tls.pem")]).file("tls.pem", format!("{key}{certificate}"));
    let error = crate::Keycloak::new(&Settings::load(&sources).unwrap()).unwrap_err();
    assert_eq!(error.setting(), CERTIFICATE_FILE);
    assert!(error.to_string().contains("private key that it was made for"), "{error}");
}

#[test]
fn a_secret_beside_a_key_or_a_certificate_is_refused() {
    let (certificate, key) = pair();
    for name in [KEY, CERTIFICATE_FILE] {
        let sources = environment(&[(name, "f"), ("KEYCLOAK_CLIENT_SECRET", "hunter2")])
            .file("f", format!("{key}{certificate}"));
        let error = Settings::load(&sources).unwrap_err();
        assert_eq!(error.setting(), name);
        assert!(error.to_string().contains("KEYCLOAK_CLIENT_SECRET too"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn a_file_that_holds_something_else_is_named_and_never_quoted() {
    let (certificate, key) = pair();
    let half = key.replace("-----END PRIVATE KEY-----", "");
    let cases = [
        (KEY, vec![("f", certificate.clone())], "private key is expected"),
        (KEY, vec![("f", "nonsense".to_owned())], "no private key"),
        (KEY, vec![("f", half)], "damaged"),
        (KEY, vec![], "cannot be read"),
        (CERTIFICATE_FILE, vec![("f", key.clone())], "without a PEM certificate"),
        (CERTIFICATE_FILE, vec![("f", certificate)], "private key is expected"),
    ];
    let body = key.lines().nth(1).unwrap();
    for (name, files, what) in cases {
        let sources =
            files.into_iter().fold(environment(&[(name, "f")]), |all, (path, text)| all.file(path, text));
        let error = Settings::load(&sources).unwrap_err();
        assert_eq!(error.setting(), name);
        assert!(error.to_string().contains(what) && !error.to_string().contains(body), "{error}");
    }
    let sources = environment(&[(KEY, "f")]).file("f", vec![0x30, 0x82, 0xff]);
    let error = Settings::load(&sources).unwrap_err();
    assert!(error.to_string().contains("not DER"), "{error}");
}

#[test]
fn an_algorithm_or_a_name_without_a_key_that_signs_is_refused() {
    let (certificate, key) = pair();
    for (name, value) in [("KEYCLOAK_CLIENT_KEY_ALGORITHM", "PS256"), ("KEYCLOAK_CLIENT_KEY_ID", "k1")] {
        assert_eq!(refused(&[(name, value)]).setting(), name);
        let sources =
            environment(&[(name, value), (CERTIFICATE_FILE, "f")]).file("f", format!("{key}{certificate}"));
        assert_eq!(Settings::load(&sources).unwrap_err().setting(), name);
    }
    let error = refused(&[("KEYCLOAK_CLIENT_KEY_ALGORITHM", "HS256")]);
    assert!(error.to_string().contains("RS256, RS384"), "{error}");
    // A P-256 key cannot do it.
    let sources = environment(&[(KEY, "f"), ("KEYCLOAK_CLIENT_KEY_ALGORITHM", "PS256")]).file("f", key);
    let error = Settings::load(&sources).unwrap_err();
    assert_eq!(error.setting(), KEY);
    assert!(error.to_string().contains("does not fit PS256"), "{error}");
}

#[test]
fn neither_settings_nor_errors_show_a_key() {
    let (certificate, key) = pair();
    let body = key.lines().nth(1).unwrap();
    let signing = environment(&[(KEY, "f")]).file("f", key.clone());
    let showing = environment(&[(CERTIFICATE_FILE, "f")]).file("f", format!("{key}{certificate}"));
    for sources in [signing, showing] {
        let settings = Settings::load(&sources).unwrap();
        let text =
            format!("{settings:?} {sources:?} {:?} {:?}", settings.describe(), proof(&sources).unwrap());
        assert!(!text.contains(body), "{text}");
    }
}

#[test]
fn code_sets_what_the_environment_sets() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair();
    let (certificate_file, key_file) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate_file, certificate).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let builder = || Settings::builder("https://id.example.com", "shop", "orders").client_key_file(&key_file);
    let signs = builder().client_key_algorithm(Algorithm::Es256).client_key_id("k1").build().unwrap();
    let ClientProof::Key(signing) = signs.keycloak().unwrap().client_proof() else { panic!("{signs:?}") };
    assert_eq!((signing.algorithm(), signing.id()), (Algorithm::Es256, Some("k1")));
    let shows = builder().client_certificate_file(&certificate_file).build().unwrap();
    assert!(matches!(shows.keycloak().unwrap().client_proof(), ClientProof::Certificate(_)));
    assert!(builder().client_secret(Secret::new("s")).build().is_err());
}

#[test]
fn a_certificate_over_plain_http_is_refused() {
    let (certificate, key) = pair();
    let sources = |url: &str| {
        environment(&[(CERTIFICATE_FILE, "f"), ("KEYCLOAK_INTERNAL_URL", url)])
            .file("f", format!("{key}{certificate}"))
    };
    let error = Settings::load(&sources("http://127.0.0.1:8080")).unwrap_err();
    assert_eq!(error.setting(), CERTIFICATE_FILE);
    assert!(error.to_string().contains("plain HTTP"), "{error}");
    assert!(Settings::load(&sources("https://kc.internal")).is_ok());
}

#[cfg(feature = "reqwest")]
#[test]
fn whatever_speaks_with_the_realm_proves_itself_by_the_key() {
    let online = ("KEYCLOAK_AUTHORIZATION", "online");
    let sources = environment(&[(KEY, "f"), online]).file("f", pair().1);
    let keycloak = crate::Keycloak::new(&Settings::load(&sources).unwrap()).unwrap();
    // Browser login takes it from the parts.
    assert_eq!(keycloak.parts().authentication.method(), "private_key_jwt");
    for text in [format!("{:?}", keycloak.service_tokens()), format!("{:?}", keycloak.token_exchange())] {
        assert!(text.contains("proof: Jwt"), "{text}");
    }
    let error = crate::Keycloak::new(&load(&[online])).unwrap_err();
    assert!(error.to_string().contains("nor a key or certificate"), "{error}");
}
