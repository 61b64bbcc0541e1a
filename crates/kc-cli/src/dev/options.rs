//! What the command line asks for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use kc_dev::{Endpoint, Fault};

use crate::command_line::Line;

/// Where it listens unless told otherwise: as a Keycloak in development does.
const PORT: u16 = 8080;

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) realm: Option<PathBuf>,
    pub(super) client: Option<String>,
    pub(super) token_lifespan: Option<u32>,
    pub(super) clock_skew: i64,
    pub(super) faults: Vec<(Endpoint, Fault)>,
    pub(super) json: bool,
}

impl Options {
    pub(super) fn read(line: &Line) -> Result<Self, String> {
        let port = match line.one("--port")? {
            None => None,
            Some(text) => Some(text.parse::<u16>().map_err(|_| {
                format!("--port {text:?} is no port; write a number from 0 to 65535, 0 for any free one")
            })?),
        };
        let token_lifespan = match line.one("--token-lifespan")? {
            None => None,
            Some(text) => Some(text.parse().ok().filter(|secs| *secs > 0).ok_or_else(|| {
                format!("--token-lifespan {text:?} is no number of seconds; write 300 for five minutes")
            })?),
        };
        let clock_skew = match line.one("--clock-skew")? {
            None => 0,
            Some(text) => text.parse().map_err(|_| {
                format!("--clock-skew {text:?} is no number of seconds; write 60, or -60 for a clock that is behind")
            })?,
        };
        let faults = line.all("--fault")?.iter().map(|text| fault(text)).collect::<Result<_, _>>()?;
        Ok(Self {
            listen: listen(line.one("--listen")?.as_deref(), port)?,
            realm: line.file("--realm").map(PathBuf::from),
            client: line.one("--client")?,
            token_lifespan,
            clock_skew,
            faults,
            json: line.has("--json"),
        })
    }
}

fn listen(text: Option<&str>, port: Option<u16>) -> Result<SocketAddr, String> {
    let Some(text) = text else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(PORT))));
    };
    let named = text.replace("localhost", "127.0.0.1");
    let bare = named.trim_start_matches('[').trim_end_matches(']');
    let address = match (named.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
        (Ok(_), _) if port.is_some() => {
            return Err(format!("--listen {text:?} has a port already: leave --port out"));
        }
        (Ok(address), _) => address,
        (Err(_), Ok(ip)) => SocketAddr::new(ip, port.unwrap_or(PORT)),
        (Err(_), Err(_)) => {
            return Err(format!("--listen {text:?} is no address; write 127.0.0.1, or 127.0.0.1:8080"));
        }
    };
    if !address.ip().is_loopback() {
        return Err(format!(
            "--listen {text:?} is not a loopback address, and whoever reaches this issuer can make any token: leave it out. From \
             another machine, a tunnel leads here: ssh -L 8080:127.0.0.1:8080 THIS-MACHINE"
        ));
    }
    Ok(address)
}

fn fault(text: &str) -> Result<(Endpoint, Fault), String> {
    let (endpoint, kind) = text
        .split_once('=')
        .ok_or_else(|| format!("--fault {text:?} names no kind; write certs=503, or token=slow:2000"))?;
    let endpoint = Endpoint::from_name(endpoint).ok_or_else(|| {
        let known = Endpoint::ALL.map(Endpoint::name).join(", ");
        format!("--fault {text:?}: {endpoint:?} is no endpoint; write one of {known}")
    })?;
    let fault = match kind.split_once(':').unwrap_or((kind, "")) {
        ("cut", "") => Some(Fault::Cut),
        ("empty", "") => Some(Fault::Empty),
        ("garbage", "") => Some(Fault::Garbage),
        ("html", "") => Some(Fault::Html),
        ("slow", millis) => millis.parse().ok().map(|millis| Fault::Slow(Duration::from_millis(millis))),
        (status, "") => status.parse().ok().filter(|status| (200..600).contains(status)).map(Fault::Status),
        _ => None,
    };
    let fault = fault.ok_or_else(|| {
        format!("--fault {text:?}: {kind:?} is no fault; write a status from 200 to 599, slow:MS, cut, empty, garbage or html")
    })?;
    Ok((endpoint, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        Options::read(&Line::of(&[&["dev"], arguments].concat()))
    }

    #[test]
    fn an_address_is_taken_with_a_port_or_without() {
        for (arguments, address) in [
            (&[][..], "127.0.0.1:8080"),
            (&["--port", "9"], "127.0.0.1:9"),
            (&["--listen", "127.0.0.2"], "127.0.0.2:8080"),
            (&["--listen", "127.0.0.1:7"], "127.0.0.1:7"),
            (&["--listen=localhost:7"], "127.0.0.1:7"),
            (&["--listen", "::1", "--port", "0"], "[::1]:0"),
            (&["--listen", "[::1]:5"], "[::1]:5"),
        ] {
            assert_eq!(read(arguments).unwrap().listen.to_string(), address);
        }
    }

    #[test]
    fn an_address_that_others_reach_is_refused() {
        for address in
            ["0.0.0.0", "0.0.0.0:8080", "::", "[::]:8080", "192.168.1.1", "10.0.0.1:80", "::ffff:10.0.0.1"]
        {
            let why = read(&["--listen", address]).unwrap_err();
            assert!(why.contains("not a loopback address") && why.contains("ssh -L"), "{why}");
        }
    }

    #[test]
    fn faults_are_read() {
        let options =
            read(&["--fault", "certs=503", "--fault=token=slow:20", "--fault", "userinfo=cut"]).unwrap();
        assert_eq!(
            options.faults,
            [
                (Endpoint::Certs, Fault::Status(503)),
                (Endpoint::Token, Fault::Slow(Duration::from_millis(20))),
                (Endpoint::Userinfo, Fault::Cut)
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        for (arguments, named) in [
            (&["--port", "x"][..], "any free one"),
            (&["--port", "70000"], "70000"),
            (&["--listen", "here"], "127.0.0.1:8080"),
            (&["--listen", "127.0.0.1:1", "--port", "2"], "leave --port out"),
            (&["--token-lifespan", "0"], "five minutes"),
            (&["--clock-skew", "soon"], "-60"),
            (&["--fault", "certs"], "certs=503"),
            (&["--fault", "nope=503"], "discovery"),
            (&["--fault", "certs=99"], "from 200 to 599"),
            (&["--fault", "certs=slow:x"], "slow:MS"),
        ] {
            let why = read(arguments).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }
}
