//! The contract of [`Transport`].

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use kc_core::transport::{Transport, TransportError};

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};
use super::server::{Server, Then, answer};

/// What a [`Transport`] is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time for a whole exchange. The suite waits for it some five times; less than a second makes for a quick test.
    pub timeout: Duration,
    /// Bytes of an answer's body, at least 2.
    pub max_body: usize,
}

/// Checks an HTTP client against servers on loopback: `transport` makes one within `bounds`.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn transport<T: Transport + 'static>(
    transport: impl Fn() -> T,
    bounds: Bounds,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("Transport");
    let make = || Client { transport: Arc::new(transport()), bounds };
    trial.clause("a request arrives as it was given", as_given(&make())).await;
    trial.clause("any status is an answer, with its headers and its body", any_status(&make())).await;
    trial.clause("no redirect is followed", no_redirect(&make())).await;
    trial.clause("an answer of the size allowed is whole", size_allowed(&make())).await;
    trial.clause("an answer that is too large is an error", too_large(&make())).await;
    trial.clause("a server that hangs or trickles ends in an error, in time", hangs(&make())).await;
    trial.clause("an answer that is not whole, or not HTTP, is an error", broken(&make())).await;
    trial.clause("nobody there is an error", nobody(&make())).await;
    trial.clause("an error holds nothing of the request", secrets(&make())).await;
    trial.clause("simultaneous requests get their own answers", own_answers(&make())).await;
    trial.clause("dropping a request does no harm to others", dropped(&make())).await;
    trial.end()
}

struct Client {
    transport: Arc<dyn Transport>,
    bounds: Bounds,
}

/// What must be in no error.
const SECRETS: [&str; 3] = ["kc-contract-header", "kc-contract-body", "kc-contract-query"];

impl Client {
    async fn send(&self, url: impl Display) -> Result<Response<Bytes>, TransportError> {
        self.transport.send(request(url).map_err(|reason| TransportError::Unsendable { reason })?).await
    }

    async fn answer(&self, server: &Server) -> Result<Response<Bytes>, String> {
        self.send(server.url()).await.map_err(|error| format!("an error instead of an answer: {error}"))
    }

    /// What comes of such a server, and that it comes in time.
    async fn in_time(&self, then: Then) -> Result<Result<Response<Bytes>, TransportError>, String> {
        let server = Server::start(then).await?;
        let began = Instant::now();
        let limit = self.bounds.timeout + Duration::from_secs(2);
        let outcome = tokio::time::timeout(limit, self.send(server.url())).await;
        let took = began.elapsed();
        outcome.map_err(|_| format!("still nothing after {} ms", took.as_millis()))
    }

    async fn fails(&self, then: Then, what: &str) -> Held {
        let outcome = self.in_time(then).await.map_err(|late| format!("{what}: {late}"))?;
        hold(outcome.is_err(), || format!("{what} is an answer"))
    }
}

fn request(url: impl Display) -> Result<Request<Bytes>, String> {
    let url = format!("{url}/realms/r/token?q=kc-contract-query");
    Request::builder()
        .method(Method::POST)
        .uri(url)
        .header("authorization", "Basic kc-contract-header")
        .header("x-contract", "one")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"secret=kc-contract-body"))
        .map_err(|error| error.to_string())
}

async fn as_given(client: &Client) -> Held {
    let server = Server::start(Then::Answer(answer("200 OK", "", ""))).await?;
    client.answer(&server).await?;
    let seen = server.seen();
    let [request] = seen.as_slice() else { return Err(format!("one request came as {}", seen.len())) };
    let lower = request.to_ascii_lowercase();
    hold(request.starts_with("POST /realms/r/token?q=kc-contract-query HTTP/1.1\r\n"), || {
        format!("the request line is {:?}", request.lines().next().unwrap_or_default())
    })?;
    for line in [
        "authorization: basic kc-contract-header",
        "x-contract: one",
        "content-type: application/x-www-form-urlencoded",
    ] {
        hold(lower.lines().filter(|have| *have == line).count() == 1, || {
            format!("the header line `{line}` is not there, or not once")
        })?;
    }
    hold(request.ends_with("\r\n\r\nsecret=kc-contract-body"), || "the body is another".to_owned())
}

async fn any_status(client: &Client) -> Held {
    for status in [
        "200 OK",
        "201 Created",
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let server = Server::start(Then::Answer(answer(status, "x-answer: yes\r\n", "ab"))).await?;
        let response = client.answer(&server).await.map_err(|error| format!("{status}: {error}"))?;
        hold(status.starts_with(response.status().as_str()), || {
            format!("{status} came as {}", response.status())
        })?;
        hold(response.headers().get("x-answer").is_some_and(|value| value == "yes"), || {
            format!("{status} came without its header")
        })?;
        hold(response.body().as_ref() == b"ab", || format!("{status} came without its body"))?;
        let times = server.seen().len();
        hold(times == 1, || format!("{status} was asked for {times} times"))?;
    }
    Ok(())
}

async fn no_redirect(client: &Client) -> Held {
    let elsewhere = Server::start(Then::Answer(answer("200 OK", "", ""))).await?;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let to = format!("location: {}/\r\n", elsewhere.url());
        let server = Server::start(Then::Answer(answer(status, &to, ""))).await?;
        let response = client.answer(&server).await;
        hold(elsewhere.seen().is_empty(), || {
            format!("{status} was followed: the other server saw the credentials")
        })?;
        let response = response?;
        hold(status.starts_with(response.status().as_str()), || {
            format!("{status} came as {}", response.status())
        })?;
    }
    Ok(())
}

async fn size_allowed(client: &Client) -> Held {
    let body = "x".repeat(client.bounds.max_body);
    let server = Server::start(Then::Answer(answer("200 OK", "", &body))).await?;
    let length = client.answer(&server).await?.body().len();
    hold(length == body.len(), || format!("{} bytes came as {length}", body.len()))?;
    let half = client.bounds.max_body / 2;
    let chunk = format!("{half:x}\r\n{}\r\n", "x".repeat(half));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    let server = Server::start(Then::Answer(chunked.into_bytes())).await?;
    let length = client.answer(&server).await?.body().len();
    hold(length == 2 * half, || format!("{} bytes in chunks came as {length}", 2 * half))
}

async fn too_large(client: &Client) -> Held {
    let more = client.bounds.max_body + 1;
    client.fails(Then::Answer(answer("200 OK", "", &"x".repeat(more))), "one byte too many").await?;
    let chunk = format!("{more:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(more));
    let chunked =
        |rest: &str| format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{rest}").into_bytes();
    client.fails(Then::Answer(chunked(&chunk)), "one byte too many in a chunk").await?;
    client.fails(Then::Endless(chunked("")), "an answer without an end").await
}

async fn hangs(client: &Client) -> Held {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n";
    client.fails(Then::Hang(Vec::new()), "no answer").await?;
    client.fails(Then::Hang(head.to_vec()), "half a head").await?;
    client.fails(Then::Hang([head, &b"\r\nab"[..]].concat()), "half a body").await?;
    // Slow enough to stay below any limit of size: it is the time of the whole that counts.
    client.fails(Then::Trickle([head, &b"\r\n"[..]].concat()), "one byte after the other").await
}

async fn broken(client: &Client) -> Held {
    client.fails(Then::Answer(Vec::new()), "a connection closed at once").await?;
    client.fails(Then::Answer(b"HTTP/1.1 200 OK\r\n".to_vec()), "half a head").await?;
    client
        .fails(Then::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na".to_vec()), "half a body")
        .await?;
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
    client.fails(Then::Answer(chunked.to_vec()), "chunks without the last one").await?;
    client.fails(Then::Answer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec()), "another protocol").await
}

async fn nobody(client: &Client) -> Held {
    let gone = Server::start(Then::Echo).await?.url();
    // The port is free again when the server's task is.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let outcome = client.send(gone).await;
    hold(outcome.is_err(), || "it is an answer".to_owned())
}

async fn secrets(client: &Client) -> Held {
    let cut = Server::start(Then::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na".to_vec())).await?;
    let hung = Server::start(Then::Hang(Vec::new())).await?;
    let large =
        Server::start(Then::Answer(answer("200 OK", "", &"x".repeat(client.bounds.max_body + 1)))).await?;
    let gone = Server::start(Then::Echo).await?.url();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let urls = [cut.url(), hung.url(), large.url(), gone, "ftp://127.0.0.1:1".to_owned()];
    for url in urls {
        let Err(error) = client.send(&url).await else { continue };
        let text = format!("{error} {error:?}");
        if let Some(secret) = SECRETS.iter().find(|secret| text.contains(**secret)) {
            return Err(format!("`{secret}` of the request is in {text:?}"));
        }
    }
    let text = format!("{:?}", client.transport);
    hold(SECRETS.iter().all(|secret| !text.contains(secret)), || {
        "the client's `Debug` shows the last request".to_owned()
    })
}

async fn own_answers(client: &Client) -> Held {
    let server = Server::start(Then::Echo).await?;
    let url = server.url();
    let answers = at_once(16, |number| {
        let transport = Arc::clone(&client.transport);
        let mut request = Request::new(Bytes::new());
        let uri = format!("{url}/echo/{number}").parse();
        async move {
            *request.uri_mut() = uri.map_err(|error: http::uri::InvalidUri| error.to_string())?;
            transport.send(request).await.map_err(|error| error.to_string())
        }
    })
    .await?;
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = answer.map_err(|error| format!("one of sixteen failed: {error}"))?;
        // The body may be cut short by the bound; the first bytes tell enough.
        let expected = number.to_string();
        hold(*answer.body() == expected, || format!("request {number} got the answer {:?}", answer.body()))?;
    }
    Ok(())
}

async fn dropped(client: &Client) -> Held {
    let hung = Server::start(Then::Hang(Vec::new())).await?;
    for turns in 1..4 {
        given_up_after(turns, client.send(hung.url())).await;
    }
    let waiting = client.send(hung.url());
    drop(tokio::time::timeout(client.bounds.timeout / 4, waiting).await);
    let server = Server::start(Then::Answer(answer("200 OK", "", ""))).await?;
    client.answer(&server).await.map(drop)
}
