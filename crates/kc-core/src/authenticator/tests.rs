//! What is remembered of a token, and for how long.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use http::HeaderMap;

use super::*;
use crate::clock::UnixTime;
use crate::revocations::{MemoryRevocations, Revocation};
use crate::roles::KeycloakRoles;
use crate::token::VerifiedToken;
use crate::users::MemoryUsers;
use crate::validator::ValidationError;

const ISSUER: &str = "http://kc/realms/a";

/// Says yes to whatever begins with `good`, and counts.
#[derive(Debug, Default)]
struct Counting {
    validated: AtomicUsize,
    stands: AtomicBool,
    generation: AtomicU64,
}

#[async_trait]
impl TokenValidator for Counting {
    async fn validate(&self, token: &str) -> Result<VerifiedToken, ValidationError> {
        self.validated.fetch_add(1, Ordering::Relaxed);
        if !token.starts_with("good") {
            return Err(TokenError::Signature.into());
        }
        let claims = Claims {
            issuer: Some(ISSUER.to_owned()),
            subject: Some(token.to_owned()),
            session_id: Some("s".to_owned()),
            issued_at: Some(UnixTime::from_secs(1000)),
            ..Claims::default()
        };
        let generation = self.generation.load(Ordering::Relaxed);
        Ok(VerifiedToken::new(claims, bytes::Bytes::from_static(b"{}")).signed(generation))
    }

    fn still_stands(&self, token: &VerifiedToken) -> bool {
        self.stands.load(Ordering::Relaxed)
            && token.generation() == Some(self.generation.load(Ordering::Relaxed))
    }
}

struct Setup {
    validator: Arc<Counting>,
    revocations: Arc<MemoryRevocations>,
    authenticator: BearerAuthenticator,
}

fn setup() -> Setup {
    let validator = Arc::new(Counting { stands: AtomicBool::new(true), ..Counting::default() });
    let revocations = Arc::new(MemoryRevocations::default());
    let authenticator = BearerAuthenticator::new(
        Arc::clone(&validator) as Arc<dyn TokenValidator>,
        Arc::new(KeycloakRoles::new("api")),
    )
    .users(Arc::new(MemoryUsers::default()), true)
    .revocations(Arc::clone(&revocations) as Arc<dyn Revocations>)
    .remember(1 << 20);
    Setup { validator, revocations, authenticator }
}

impl Setup {
    /// As the guard does.
    async fn come_with(&self, lines: &[&str]) -> Result<Option<Principal>, AuthError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("authorization", line.parse().unwrap());
        }
        let request = RequestView {
            method: "GET",
            path: "/",
            query: None,
            route: Some("/"),
            headers: &headers,
            peer: None,
        };
        match self.authenticator.recall(&request) {
            Some(principal) => Ok(Some(principal)),
            None => self.authenticator.authenticate(&request).await,
        }
    }

    fn validated(&self) -> usize {
        self.validator.validated.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_token_that_was_found_good_is_not_validated_again() {
    let setup = setup();
    for _ in 0..10 {
        let principal = setup.come_with(&["Bearer good-1"]).await.unwrap().unwrap();
        assert_eq!(principal.subject(), Some("good-1"));
        assert_eq!(principal.user().unwrap().identities[0].subject, "good-1");
    }
    assert_eq!(setup.validated(), 1);
    assert_eq!(setup.come_with(&["bearer good-2"]).await.unwrap().unwrap().subject(), Some("good-2"));
    assert_eq!(setup.come_with(&["BEARER  good-2"]).await.unwrap().unwrap().subject(), Some("good-2"));
    assert_eq!(setup.come_with(&["Bearer good-2"]).await.unwrap().unwrap().subject(), Some("good-2"));
    assert_eq!(setup.validated(), 3, "two spaces are legal, and validated");
}

#[tokio::test]
async fn a_token_that_was_found_bad_is_never_remembered() {
    let setup = setup();
    for _ in 0..3 {
        assert!(setup.come_with(&["Bearer bad"]).await.is_err());
    }
    assert_eq!(setup.validated(), 3);
}

#[tokio::test]
async fn a_known_token_in_a_bad_header_is_refused_as_before() {
    let setup = setup();
    setup.come_with(&["Bearer good"]).await.unwrap();
    for lines in [
        &["Bearer good", "Bearer good"][..],
        &["Bearer good", "Basic x"],
        &["Bearer\tgood"],
        &["Bearer good,"],
        &["Bearer good good"],
        &["Bearer"],
    ] {
        let refused = setup.come_with(lines).await;
        assert!(matches!(refused, Err(AuthError::Credentials(_))), "{lines:?}: {refused:?}");
    }
    assert_eq!(setup.come_with(&["Basic good"]).await.unwrap().map(|_| ()), None);
    assert_eq!(setup.come_with(&["Bearergood"]).await.unwrap().map(|_| ()), None);
}

#[tokio::test]
async fn a_remembered_token_is_validated_again_when_its_validator_stands_by_it_no_more() {
    let setup = setup();
    setup.come_with(&["Bearer good"]).await.unwrap();
    setup.validator.generation.store(1, Ordering::Relaxed);
    setup.come_with(&["Bearer good"]).await.unwrap();
    setup.come_with(&["Bearer good"]).await.unwrap();
    assert_eq!(setup.validated(), 2, "the keys have changed once");
    setup.validator.stands.store(false, Ordering::Relaxed);
    setup.come_with(&["Bearer good"]).await.unwrap();
    setup.come_with(&["Bearer good"]).await.unwrap();
    assert_eq!(setup.validated(), 4, "what cannot be stood by is not remembered");
}

#[tokio::test]
async fn a_remembered_token_is_refused_from_the_moment_it_is_revoked() {
    let setup = setup();
    setup.come_with(&["Bearer good"]).await.unwrap();
    setup.revocations.revoke(ISSUER, Revocation::Session("s".to_owned())).await.unwrap();
    for _ in 0..2 {
        let refused = setup.come_with(&["Bearer good"]).await;
        assert_eq!(refused.unwrap_err(), AuthError::Token(TokenError::Revoked));
    }
    let refused = setup.come_with(&["Bearer good-but-new"]).await;
    assert_eq!(refused.unwrap_err(), AuthError::Token(TokenError::Revoked), "of the same session");
}

#[tokio::test]
async fn without_room_nothing_is_remembered() {
    let setup = setup();
    let authenticator = setup.authenticator.remember(0);
    let setup = Setup { authenticator, ..setup };
    setup.come_with(&["Bearer good"]).await.unwrap();
    setup.come_with(&["Bearer good"]).await.unwrap();
    assert_eq!(setup.validated(), 2);
}
