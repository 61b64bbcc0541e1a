//! The HTTP client against servers that misbehave, over real sockets.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]
#![cfg(feature = "reqwest")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use kc_core::secret::Secret;
use kc_core::transport::{ReqwestTransport, Transport, TransportError, TransportOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a server does once it has read a request.
#[derive(Clone)]
enum Then {
    Answer(&'static str),
    /// Sends this, then nothing more, and keeps the connection open.
    Hang(&'static str),
    /// Sends this, then closes.
    Cut(&'static str),
    /// Sends the head, then one byte after another, for ever.
    Trickle,
    /// Sends the head of a chunked answer, then chunks, for ever.
    Endless,
}

async fn serve(then: Then) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(misbehave(stream, then.clone()));
        }
    });
    (address, requests)
}

/// Ends with an error when the client has had enough, which is what is wanted.
async fn misbehave(mut stream: impl AsyncRead + AsyncWrite + Unpin, then: Then) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    match then {
        Then::Answer(text) => stream.write_all(text.as_bytes()).await?,
        Then::Hang(text) => {
            stream.write_all(text.as_bytes()).await?;
            std::future::pending().await
        }
        Then::Cut(text) => stream.write_all(text.as_bytes()).await?,
        Then::Trickle => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Then::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
    }
    stream.shutdown().await
}

fn transport() -> ReqwestTransport {
    let options = TransportOptions {
        timeout: Duration::from_millis(500),
        max_body: 1000,
        ..TransportOptions::default()
    };
    ReqwestTransport::new(options).unwrap()
}

async fn get(transport: &ReqwestTransport, url: &str) -> Result<Response<Bytes>, TransportError> {
    let request = Request::builder().uri(url).header("authorization", "Bearer s3cret");
    transport.send(request.body(Bytes::from_static(b"s3cret")).unwrap()).await
}

async fn ask(then: Then) -> Result<Response<Bytes>, TransportError> {
    let (address, _) = serve(then).await;
    get(&transport(), &format!("http://{address}/")).await
}

const TIMEOUT: TransportError = TransportError::Timeout { after: Duration::from_millis(500) };

#[tokio::test]
async fn a_whole_answer_comes_back_whatever_its_status() {
    let answer =
        ask(Then::Answer("HTTP/1.1 418 Teapot\r\nx-a: b\r\ncontent-length: 3\r\n\r\nabc")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..], &answer.headers()["x-a"]),
        (418, &b"abc"[..], &"b".parse().unwrap())
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, visits) = serve(Then::Answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let text = format!("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let answer = ask(Then::Answer(text.leak())).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_server_that_hangs_or_trickles_ends_in_a_timeout() {
    for then in [
        Then::Hang(""),
        Then::Hang("HTTP/1.1 200 OK\r\n"),
        Then::Hang("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
    ] {
        assert_eq!(ask(then).await.unwrap_err(), TIMEOUT);
    }
    let options = TransportOptions { timeout: Duration::from_millis(300), ..TransportOptions::default() };
    let patient = ReqwestTransport::new(options).unwrap();
    let (address, _) = serve(Then::Trickle).await;
    let error = get(&patient, &format!("http://{address}/")).await.unwrap_err();
    assert_eq!(error, TransportError::Timeout { after: Duration::from_millis(300) });
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_given_up_announced_or_not() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    assert_eq!(ask(Then::Hang(announced)).await.unwrap_err(), TransportError::TooLarge { limit: 1000 });
    assert_eq!(ask(Then::Endless).await.unwrap_err(), TransportError::TooLarge { limit: 1000 });
    let exact = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}", " ".repeat(1000));
    assert_eq!(ask(Then::Answer(exact.leak())).await.unwrap().body().len(), 1000);
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_not_http_is_an_error() {
    for text in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "SSH-2.0-OpenSSH_9.9\r\n", "{}"] {
        assert_eq!(ask(Then::Cut(text)).await.unwrap_err(), TransportError::Broken, "{text:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_not_inflated() {
    let text = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc";
    assert_eq!(&ask(Then::Answer(text)).await.unwrap().body()[..], b"abc");
}

#[tokio::test]
async fn nobody_there_is_a_connection_error_without_url_or_secret() {
    let error = get(&transport(), "http://127.0.0.1:1/path?secret=s3cret").await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("s3cret") && !text.contains("path"), "{text}");
}

#[tokio::test]
async fn a_uri_without_host_cannot_be_sent() {
    let error = get(&transport(), "/relative").await.unwrap_err();
    assert!(matches!(error, TransportError::Unsendable { .. }), "{error:?}");
}

/// A TLS server whose certificate, for `localhost`, an authority of its own has signed; and that authority's PEM.
async fn serve_tls() -> (SocketAddr, String) {
    let (address, pem, _) = serve_tls_to(Clients::Anybody).await;
    (address, pem)
}

/// To whom a TLS server speaks.
enum Clients {
    Anybody,
    /// Those with a certificate that its authority has signed.
    OfTheAuthority,
}

/// Also gives a client's certificate of that authority, and its key.
async fn serve_tls_to(clients: Clients) -> (SocketAddr, String, String) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let signed = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap(), key)
    };
    let (certificate, key) = signed(&["localhost"]);
    let (client, client_key) = signed(&["orders.test"]);
    let identity = format!("{}{}", client.pem(), client_key.serialize_pem());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Clients::Anybody => builder.with_no_client_auth(),
        Clients::OfTheAuthority => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority_certificate.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let answer = Then::Answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe");
                misbehave(acceptor.accept(stream).await?, answer).await
            });
        }
    });
    (address, authority_certificate.pem(), identity)
}

fn trusting(pem: &str) -> Result<ReqwestTransport, TransportError> {
    ReqwestTransport::new(TransportOptions {
        extra_roots_pem: Some(pem.as_bytes().to_vec()),
        ..TransportOptions::default()
    })
}

#[tokio::test]
async fn a_server_of_an_own_authority_is_trusted_only_with_its_certificate() {
    let (address, pem) = serve_tls().await;
    let url = format!("https://localhost:{}/", address.port());
    let answer = get(&trusting(&pem).unwrap(), &url).await.unwrap();
    assert_eq!(&answer.body()[..], b"safe");
    let error = get(&transport(), &url).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
    // The right authority does not make the certificate good for another name.
    let error = get(&trusting(&pem).unwrap(), &format!("https://{address}/")).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
}

/// RFC 8705 §2.1, the half of it that is the connection's.
#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_the_one_that_was_given() {
    let (address, pem, identity) = serve_tls_to(Clients::OfTheAuthority).await;
    let (_, _, of_another_authority) = serve_tls_to(Clients::OfTheAuthority).await;
    let url = format!("https://localhost:{}/", address.port());
    let showing = |identity: Option<&str>| {
        ReqwestTransport::new(TransportOptions {
            extra_roots_pem: Some(pem.as_bytes().to_vec()),
            client_identity_pem: identity.map(Secret::new),
            ..TransportOptions::default()
        })
        .unwrap()
    };
    let answer = get(&showing(Some(&identity)), &url).await.unwrap();
    assert_eq!(&answer.body()[..], b"safe");
    for refused in [None, Some(of_another_authority.as_str())] {
        let error = get(&showing(refused), &url).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect { .. } | TransportError::Broken), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_and_neither_is_printed() {
    let (_, _, identity) = serve_tls_to(Clients::OfTheAuthority).await;
    let (_, _, other) = serve_tls_to(Clients::OfTheAuthority).await;
    let end = "-----END CERTIFICATE-----\n";
    let (certificate, key) = identity.split_once(end).unwrap();
    let (_, other_key) = other.split_once(end).unwrap();
    for bad in [
        key.to_owned(),
        format!("{certificate}{end}"),
        format!("{certificate}{end}{other_key}"),
        String::new(),
    ] {
        let options =
            TransportOptions { client_identity_pem: Some(Secret::new(bad)), ..TransportOptions::default() };
        let printed = format!("{options:?}");
        let error = ReqwestTransport::new(options).unwrap_err();
        assert!(matches!(error, TransportError::Unsendable { .. }), "{error:?}");
        assert!(!format!("{printed} {error} {error:?}").contains(key.lines().nth(1).unwrap()));
    }
}

#[test]
fn roots_that_are_no_certificates_are_refused() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(trusting(pem), Err(TransportError::Unsendable { .. })), "{pem:?}");
    }
}
