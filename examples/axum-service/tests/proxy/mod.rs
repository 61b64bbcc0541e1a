//! A proxy in front of the service that breaks one thing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};

const SESSION: &str = "kc-session=";

/// Starts the service and serves in its place, until it is killed.
pub(crate) fn main(defect: &str) -> ExitCode {
    let listen = std::env::var("LISTEN").unwrap();
    let inner = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let public_url = std::env::var("PUBLIC_URL").unwrap_or_else(|_| format!("http://{listen}"));
    // The shell ends the service when this process, which has the other end of its input, is no more.
    let service = Command::new("sh")
        .args(["-c", "\"$0\" </dev/null & read -r _; kill $!", env!("CARGO_BIN_EXE_axum-service")])
        .env("LISTEN", &inner)
        .env("PUBLIC_URL", public_url)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let listener = TcpListener::bind(&listen).unwrap();
    let proxy = Arc::new(Proxy { defect: defect.to_owned(), inner, known: Mutex::default() });
    for stream in listener.incoming().flatten() {
        let proxy = Arc::clone(&proxy);
        std::thread::spawn(move || proxy.serve(stream));
    }
    drop(service);
    ExitCode::SUCCESS
}

struct Proxy {
    defect: String,
    inner: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By `state`: the cookies of a login, and where it was to lead.
    logins: BTreeMap<String, (Vec<String>, String)>,
    /// Session ids that browsers have, and those that the service has given.
    ids: BTreeMap<String, String>,
    sessions_are_over: bool,
}

/// A message: its first line and headers, and its body.
#[derive(Clone, Default)]
struct Message {
    lines: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let mut message =
                    Self { lines: head.split("\r\n").map(str::to_owned).collect(), body: Vec::new() };
                let length = message.header("content-length").map_or(0, |length| length.parse().unwrap());
                while bytes.len() < end + 4 + length {
                    match stream.read(&mut buffer).ok()? {
                        0 => return None,
                        read => bytes.extend_from_slice(&buffer[..read]),
                    }
                }
                message.body = bytes[end + 4..].to_vec();
                return Some(message);
            }
            match stream.read(&mut buffer).ok()? {
                0 => return None,
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        let lines = self.lines.iter().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    }

    fn without(&mut self, name: &str) {
        self.lines.retain(|line| !line.split(':').next().unwrap().eq_ignore_ascii_case(name));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.without(name);
        self.lines.push(format!("{name}: {value}"));
    }

    fn bytes(&self) -> Vec<u8> {
        [self.lines.join("\r\n").as_bytes(), b"\r\n\r\n", &self.body].concat()
    }

    /// Of a request.
    fn target(&self) -> &str {
        self.lines[0].split(' ').nth(1).unwrap()
    }

    fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    fn cookies(&self) -> Vec<String> {
        let line = self.header("cookie").unwrap_or_default();
        line.split("; ").filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
    }

    fn session(&self) -> Option<String> {
        self.cookies().iter().find_map(|cookie| cookie.strip_prefix(SESSION)).map(str::to_owned)
    }
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

impl Proxy {
    fn serve(&self, mut stream: TcpStream) {
        let Some(mut request) = Message::read(&mut stream) else { return };
        self.before(&mut request);
        let Some(mut answer) = self.forwarded(request.clone()) else { return };
        self.after(&request, &mut answer);
        let _ = stream.write_all(&answer.bytes());
        let _ = stream.shutdown(Shutdown::Write);
    }

    fn forwarded(&self, mut request: Message) -> Option<Message> {
        request.set("Connection", "close");
        let mut stream = TcpStream::connect(&self.inner).ok()?;
        stream.write_all(&request.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let lines = head.split("\r\n").map(str::to_owned).collect();
        Some(Message { lines, body: bytes[end + 4..].to_vec() })
    }

    fn before(&self, request: &mut Message) {
        let (path, is_change) = (request.path().to_owned(), !request.lines[0].starts_with("GET "));
        let mut known = self.known.lock().unwrap();
        match self.defect.as_str() {
            "believes_any_callback" if path == "/oidc/callback" => {
                let login = parameter(request.target(), "state").and_then(|state| known.logins.get(&state));
                if let Some((cookies, _)) = login {
                    let mut all = request.cookies();
                    all.extend(cookies.clone());
                    request.set("Cookie", &all.join("; "));
                }
            }
            "believes_any_logout_token" => {
                known.sessions_are_over |= path == "/oidc/backchannel-logout";
                if known.sessions_are_over {
                    request.without("Cookie");
                }
            }
            "keeps_the_session_id" if path != "/oidc/callback" => {
                if let Some(id) = request.session().and_then(|id| known.ids.get(&id)) {
                    request.set("Cookie", &format!("{SESSION}{id}"));
                }
            }
            "logs_out_without_csrf_value" if path == "/oidc/logout" => self.add_csrf_value(request),
            "needs_no_csrf_value" if is_change && !path.starts_with("/oidc/") => self.add_csrf_value(request),
            "passes_over_a_bad_token" if request.session().is_some() => request.without("Authorization"),
            "writes_queries" => eprintln!("{}", request.lines[0]),
            _ => {}
        }
    }

    fn add_csrf_value(&self, request: &mut Message) {
        let Some(id) = request.session() else { return };
        let lines = ["GET /account HTTP/1.1", "Host: localhost", "Accept: text/html"].map(str::to_owned);
        let mut page = Message { lines: lines.to_vec(), body: Vec::new() };
        page.set("Cookie", &format!("{SESSION}{id}"));
        let page = self.forwarded(page).map(|page| String::from_utf8_lossy(&page.body).into_owned());
        let page = page.unwrap_or_default();
        let value = page.split("name=\"csrf_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        request.set("X-CSRF-Token", value.unwrap_or_default());
    }

    fn after(&self, request: &Message, answer: &mut Message) {
        let mut known = self.known.lock().unwrap();
        let set: Vec<String> = answer
            .lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, cookie)| cookie.split(';').next().unwrap().to_owned())
            .collect();
        let location = answer.header("location").unwrap_or_default();
        match (self.defect.as_str(), request.path()) {
            ("believes_any_callback" | "believes_next", "/oidc/authenticate") => {
                let next = parameter(request.target(), "next").unwrap_or_default();
                if let Some(state) = parameter(&location, "state") {
                    known.logins.insert(state, (set, next));
                }
            }
            ("believes_next", "/oidc/callback") if answer.lines[0].contains(" 302") => {
                let login = parameter(request.target(), "state").and_then(|state| known.logins.get(&state));
                if let Some((_, next)) = login {
                    answer.set("Location", next);
                }
            }
            ("believes_any_logout_token", "/oidc/backchannel-logout") => {
                answer.lines = vec!["HTTP/1.1 200 OK".to_owned(), "Content-Length: 0".to_owned()];
                answer.body.clear();
            }
            ("keeps_the_session_id", "/oidc/callback") => {
                let given = set.iter().find_map(|cookie| cookie.strip_prefix(SESSION));
                if let (Some(own), Some(given)) = (request.session(), given) {
                    for line in &mut answer.lines {
                        *line = line.replace(given, &own);
                    }
                    known.ids.insert(own, given.to_owned());
                }
            }
            ("leaves_pages_to_caches", _) => answer.without("Cache-Control"),
            ("shows_the_cookie_to_scripts", _) => {
                for line in &mut answer.lines {
                    *line = line.replace("; HttpOnly", "");
                }
            }
            _ => {}
        }
    }
}
