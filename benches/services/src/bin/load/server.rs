//! A service under load: a process of its own, its CPU time readable.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench_services::Failed;

/// A service that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `program` as `me` or `plain` and waits until it listens. On one thread: what the requests cost is what is
    /// looked for, not how they are spread.
    pub(crate) fn start(
        mut program: Command,
        role: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        // A loopback address that nobody else is likely to use: the port is free a moment ago, and others start
        // servers too.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = TcpListener::bind((Ipv4Addr::new(127, 83, high, low), 0))?.local_addr()?;
        program.arg(role).env("LISTEN", address.to_string()).env("TOKIO_WORKER_THREADS", "1");
        program.env("RUST_LOG", "error").envs(environment.iter().copied()).stdin(Stdio::null());
        program.stdout(Stdio::null());
        let child = program.spawn().map_err(|error| format!("{program:?}: {error}"))?;
        let mut server = Self { child, address };
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{program:?} ended ({status})").into());
            }
            if Instant::now() > patience {
                return Err(format!("{program:?} does not listen").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time so far, of all threads (proc(5), `stat`, in ticks of 10 ms).
    pub(crate) fn cpu(&self) -> Result<Duration, Failed> {
        const TICK: Duration = Duration::from_millis(10);
        let stat =
            std::fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("stat"))?;
        // The name of the program, in brackets, may hold anything.
        let (_, rest) = stat.rsplit_once(") ").ok_or("stat has no name in it")?;
        let ticks: u32 = rest.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        Ok(TICK * ticks)
    }

    /// Sends a request with each of the tokens, over one connection; the last one's body. All have to be answered by
    /// 200.
    pub(crate) fn ask<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> Result<String, Failed> {
        let (mut connection, mut last) = (Connection::to(self.address)?, String::new());
        for token in tokens {
            let (status, body) = connection.get_me(token)?;
            if status != 200 {
                return Err(format!("/me answers {status}").into());
            }
            last = body;
        }
        Ok(last)
    }

    /// Asks it to end (SIGTERM), and waits.
    pub(crate) fn end(mut self) -> Result<(), Failed> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, most often.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// One connection, for one request after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    out: TcpStream,
    from: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Result<Self, Failed> {
        let out = TcpStream::connect(address)?;
        out.set_nodelay(true)?;
        let from = BufReader::new(out.try_clone()?);
        Ok(Self { address, out, from })
    }

    /// `GET /me` with a token: the status and the body.
    pub(crate) fn get_me(&mut self, token: &str) -> Result<(u16, String), Failed> {
        let request =
            format!("GET /me HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n", self.address);
        self.out.write_all(request.as_bytes())?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("no status line")?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.from.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body)?))
    }
}
