//! The trace of an incoming request goes on to the issuer.

#![cfg(test)]

use std::sync::{Arc, Mutex};

use kc_core::secret::Secret;
use kc_core::settings::Settings;
use kc_dev::DevIssuer;
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use opentelemetry_service::{app, keycloak, subscriber};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What was sent, as it was on the way.
type Sent = Arc<Mutex<Vec<u8>>>;

/// Hands everything on to `to`, and keeps what goes there.
async fn relay(to: std::net::SocketAddr) -> (String, Sent) {
    let (listener, sent) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Sent::default());
    let (address, seen) = (listener.local_addr().unwrap(), Arc::clone(&sent));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from, mut back) = client.into_split();
            let (mut answers, mut there) = TcpStream::connect(to).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut some = vec![0; 4096];
                while let Ok(read @ 1..) = from.read(&mut some).await {
                    seen.lock().unwrap().extend_from_slice(&some[..read]);
                    there.write_all(&some[..read]).await.unwrap();
                }
            });
        }
    });
    (format!("http://{address}"), sent)
}

#[tokio::test]
async fn the_trace_of_a_request_goes_on_to_the_issuer() {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let _here = tracing::subscriber::set_default(subscriber(&provider));
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let (internal, sent) = relay(issuer.address()).await;
    let settings = Settings::builder(issuer.base_url(), issuer.realm(), "api")
        .internal_url(&internal)
        .client_secret(Secret::new("api-secret"))
        .audit_log("off")
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/me", listener.local_addr().unwrap());
    let app = app(&keycloak(&settings).unwrap()).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let token = issuer.token("alice", "api").await.unwrap();
    let request = reqwest::Client::builder().no_proxy().build().unwrap().get(&url);
    let request =
        request.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).header("tracestate", "v=1");
    let answer = request.header("baggage", "user=alice").bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());

    let sent = String::from_utf8_lossy(&sent.lock().unwrap()).to_lowercase();
    let heads: Vec<_> = sent.split("\r\n\r\n").filter(|head| head.contains(" http/1.1\r\n")).collect();
    for endpoint in ["/certs", "/token/introspect"] {
        let head =
            heads.iter().find(|head| head.lines().any(|line| line.contains(&format!("{endpoint} http/1.1"))));
        let head = head.unwrap_or_else(|| panic!("{endpoint} was not asked: {sent}"));
        let parent = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
        assert!(
            parent.starts_with(&format!("00-{TRACE}-")) && !parent.contains(PARENT),
            "{endpoint}: {parent}"
        );
        assert!(head.contains("tracestate: v=1") && !head.contains("baggage"), "{head}");
    }
    provider.force_flush().unwrap();
    let exported = spans.get_finished_spans().unwrap();
    let trace = TraceId::from_hex(TRACE).unwrap();
    let of = |name: &str| exported.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    assert!(!of("kc.keycloak.request").is_empty() && !of("kc.decide").is_empty(), "{exported:?}");
    assert!(exported.iter().all(|span| span.span_context.trace_id() == trace), "{exported:?}");
    assert!(!format!("{exported:?}").contains(&token), "no token in a span");
}
