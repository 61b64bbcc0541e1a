use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kc_conformance::contract;
use kc_core::issuers::{IssuerList, IssuerPattern, IssuerRegistry, TrustedIssuer};
use kc_core::keys::PinnedKeys;
use kc_core::roles::ScopeRoles;
use kc_core::validator::JwtValidator;

use crate::caught::Clauses;

const ISSUER: &str = "https://kc.example.com/realms/shop";
const JWKS: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"S30yO1tlJeRdJhXoqQg4CTga56PyMM_Fe0ynil8s0WE"}]}"#;

fn trusted(issuer: &str) -> TrustedIssuer {
    let keys = Arc::new(PinnedKeys::from_jwks(JWKS).unwrap());
    let validator = JwtValidator::builder(issuer, ["api"], keys).build();
    TrustedIssuer::new("shop", Arc::new(validator), Arc::new(ScopeRoles))
}

#[tokio::test]
async fn a_list_keeps_the_contract() {
    let list =
        || IssuerList::new().with("https://other.example/", trusted("o")).with(ISSUER, trusted(ISSUER));
    contract::issuer_registry(list, ISSUER).await.unwrap();
}

#[tokio::test]
async fn a_pattern_keeps_the_contract() {
    let pattern = || {
        let make = |tenant: &kc_core::issuers::Tenant<'_>| Some(trusted(tenant.issuer));
        IssuerPattern::new("https://kc.example.com/realms/{tenant}", 100, make).unwrap()
    };
    contract::issuer_registry(pattern, ISSUER).await.unwrap();
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    TrustsNobody,
    NewEachTime,
    NormalizesUrls,
    AsksWhomItIsNamed,
    Slow,
    MixesUp,
}

#[derive(Debug)]
struct Broken {
    defect: Defect,
    known: Arc<TrustedIssuer>,
    last: Mutex<String>,
    asked: AtomicUsize,
}

impl IssuerRegistry for Broken {
    fn find(&self, issuer: &str) -> Option<Arc<TrustedIssuer>> {
        let mut issuer = issuer.to_owned();
        match self.defect {
            Defect::TrustsNobody => return None,
            Defect::NewEachTime if issuer == ISSUER => return Some(Arc::new(trusted(ISSUER))),
            Defect::NormalizesUrls => issuer = issuer.trim_end_matches('/').to_ascii_lowercase(),
            Defect::AsksWhomItIsNamed => {
                let authority =
                    issuer.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
                if let Some(mut stream) =
                    authority.and_then(|port| TcpStream::connect(("127.0.0.1", port.parse().ok()?)).ok())
                {
                    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                }
            }
            Defect::Slow => std::thread::sleep(Duration::from_millis(1)),
            Defect::MixesUp if self.asked.fetch_add(1, Ordering::Relaxed) > 100 => {
                self.last.lock().unwrap().clone_from(&issuer);
                std::thread::sleep(Duration::from_micros(100));
                self.last.lock().unwrap().clone_into(&mut issuer);
            }
            _ => {}
        }
        (issuer == ISSUER).then(|| Arc::clone(&self.known))
    }
}

#[test]
fn each_clause_about_registries_catches_what_it_is_for() {
    let defects = [
        (Defect::TrustsNobody, "an issuer that is trusted is found"),
        (Defect::NewEachTime, "the same issuer gives the same answer"),
        (Defect::NormalizesUrls, "issuers are compared to the letter"),
        (Defect::AsksWhomItIsNamed, "nothing is sent because of an issuer that is not trusted"),
        (Defect::Slow, "it answers at once, whatever is asked"),
        (Defect::MixesUp, "it serves many requests at once"),
    ];
    let suite = async |defect| {
        let known = Arc::new(trusted(ISSUER));
        let make = || Broken {
            defect,
            known: Arc::clone(&known),
            last: Mutex::default(),
            asked: AtomicUsize::default(),
        };
        contract::issuer_registry(make, ISSUER).await
    };
    Clauses::default().all_caught(&defects, suite);
}
