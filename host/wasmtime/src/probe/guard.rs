//! The one fence around the network (HOST-4): which addresses a probe may connect to.
//!
//! Every connection passes it, after its name was resolved and for each redirect, because the
//! fence *is* the resolver: what it returns is what the client connects to, so a name cannot mean
//! one address when it is checked and another when it is used. An address that is written into a
//! URL skips every resolver; [`Guard::check_literal`] is for those.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use url::Host;

use super::{detached, http::out_of_files};

/// What a probe may connect to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    /// The operator allows addresses that only mean something on this machine or network.
    pub(super) allow_private: bool,
    /// The connection is not encrypted, so credentials would be readable on the way.
    pub(super) plain: bool,
}

impl Guard {
    /// Refuses an address that the operator did not allow, or that may not be reached unencrypted.
    pub(super) fn check(self, address: IpAddr) -> Result<(), Refused> {
        let refuse = |why| Err(Refused { address, why });
        match reach(address) {
            Reach::Nowhere => refuse(Why::Nowhere),
            Reach::Private if !self.allow_private => refuse(Why::Private),
            Reach::Public if self.plain => refuse(Why::Plain),
            Reach::Private | Reach::Public => Ok(()),
        }
    }

    /// Checks a URL whose host is an address already, which no resolver will see.
    pub(super) fn check_literal(self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Refuses all of a name's addresses if one of them is refused: which of them a client tries
    /// first is not ours to say.
    fn check_all(self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        addresses
            .iter()
            .try_for_each(|address| self.check(address.ip()))?;
        Ok(addresses)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let lookup = detached(move || (name.as_str(), 0).to_socket_addrs()).await;
            let addresses: Vec<_> = match lookup {
                Ok(Ok(addresses)) => addresses.collect(),
                Ok(Err(error)) if out_of_files(&error) => return Err(Unresolved::Means.into()),
                Ok(Err(_)) => Vec::new(),
                Err(_) => return Err(Unresolved::Means.into()),
            };
            if addresses.is_empty() {
                return Err(Unresolved::Name.into());
            }
            let addresses = guard.check_all(addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The way out where it is the operator who does not allow it.
pub(super) const WAY_OUT: &str = "allow private addresses with --allow-private";

/// An address that a probe may not connect to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    /// The address, as the name resolved to it.
    pub(super) address: IpAddr,
    /// Why it may not.
    pub(super) why: Why,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// No storage can be there, whatever the operator allows.
    Nowhere,
    /// It is public, and the connection would not be encrypted.
    Plain,
    /// It is private, and the operator does not allow that.
    Private,
}

impl Refused {
    /// Says what was refused of which host, and the way out.
    pub(super) fn message(self, host: &str) -> String {
        let address = self.address;
        match self.why {
            Why::Nowhere => {
                format!(
                    "address `{address}` of `{host}` is reserved or a metadata service, no storage is there"
                )
            }
            Why::Plain => {
                format!("`http://` would send credentials to `{host}` unencrypted, use `https://`")
            }
            Why::Private => {
                format!("address `{address}` of `{host}` is private; {WAY_OUT} if that is meant")
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address `{}` is refused", self.address)
    }
}

impl Error for Refused {}

/// Why there is no address for a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unresolved {
    /// This host has no thread or no file left to look it up with.
    Means,
    /// It has none, or nobody who was asked knows it.
    Name,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Means => "the name cannot be looked up",
            Self::Name => "the name does not resolve",
        })
    }
}

impl Error for Unresolved {}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reach {
    /// No host is there that could be a storage: unspecified, multicast, reserved, documentation,
    /// or the service that hands out a cloud machine's own credentials.
    Nowhere,
    /// This machine or its network: loopback, link-local, private, shared (carrier-grade NAT).
    Private,
    /// Anywhere else.
    Public,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// The metadata services of clouds. They are link-local or private, but an operator who allows a
/// storage in the own network does not mean to allow these.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

// The registries of special addresses (RFC 6890 and its updates), written out because the
// standard library's `is_global` is not stable.
fn reach_v4(address: Ipv4Addr) -> Reach {
    if METADATA_V4.contains(&address) {
        return Reach::Nowhere;
    }
    match address.octets() {
        [10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if (16..=31).contains(&second) => Reach::Private,
        [100, second, ..] if (64..=127).contains(&second) => Reach::Private,
        // Benchmarks of networks; some use it as one more private block.
        [198, 18 | 19, ..] => Reach::Private,
        [192, 0, 0, _] => Reach::Nowhere,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Nowhere,
        [0, ..] | [224..=255, ..] => Reach::Nowhere,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() {
        return Reach::Private;
    }
    if METADATA_V6.contains(&address) {
        return Reach::Nowhere;
    }
    if let Some(inner) = embedded_v4(address) {
        return reach_v4(inner);
    }
    match address.segments() {
        // Unique local, link-local, and the deprecated site-local.
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Reach::Private,
        // A translation prefix that a network chooses for itself.
        [0x64, 0xff9b, 1, ..] => Reach::Private,
        // Documentation and protocol assignments (Teredo, which embeds two addresses, is one).
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Nowhere,
        // Everything else that is unicast and global is within 2000::/3.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Nowhere,
    }
}

/// Returns the IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 and 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => join(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => join(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => join(high, low),
        [0x2002, high, low, ..] => join(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_reach_as_far_as_the_registries_say() {
        let table = [
            (
                Reach::Private,
                "127.0.0.1 127.255.255.255 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1",
            ),
            (
                Reach::Private,
                "169.254.1.1 100.64.0.1 100.127.255.255 198.18.0.1 198.19.255.255",
            ),
            (
                Reach::Private,
                "::1 fc00::1 fdff::1 fe80::1 febf::1 fec0::1 64:ff9b:1::1",
            ),
            (
                Reach::Private,
                "::ffff:127.0.0.1 ::ffff:10.1.2.3 ::127.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::1",
            ),
            (Reach::Private, "::ffff:0:192.168.0.1"),
            (
                Reach::Nowhere,
                "0.0.0.0 0.1.2.3 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255",
            ),
            (
                Reach::Nowhere,
                "192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1",
            ),
            (
                Reach::Nowhere,
                "169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.192 ::ffff:169.254.169.254",
            ),
            (
                Reach::Nowhere,
                ":: ff02::1 2001:db8::1 2001::1 100::1 fd00:ec2::254 ::ffff:0.0.0.0 4000::1",
            ),
            (
                Reach::Public,
                "1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 11.0.0.1",
            ),
            (
                Reach::Public,
                "192.169.0.1 198.17.255.255 198.20.0.1 169.253.0.1 223.255.255.255",
            ),
            (
                Reach::Public,
                "2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1",
            ),
        ];
        for (expected, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn what_is_allowed_depends_on_the_operator_and_on_encryption() {
        use Why::{Nowhere, Plain, Private};
        let table = [
            ("127.0.0.1", [Some(Private), Some(Private), None, None]),
            ("8.8.8.8", [None, Some(Plain), None, Some(Plain)]),
            (
                "169.254.169.254",
                [Some(Nowhere), Some(Nowhere), Some(Nowhere), Some(Nowhere)],
            ),
        ];
        for (address, expected) in table {
            let address = address.parse().unwrap();
            let guards = [(false, false), (false, true), (true, false), (true, true)];
            for ((allow_private, plain), expected) in guards.into_iter().zip(expected) {
                let guard = Guard {
                    allow_private,
                    plain,
                };
                assert_eq!(
                    guard.check(address).err().map(|refused| refused.why),
                    expected,
                    "{address} {guard:?}"
                );
            }
        }
    }

    #[test]
    fn a_literal_is_found_in_every_spelling() {
        let guard = Guard {
            allow_private: false,
            plain: false,
        };
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert!(guard.check_literal(&url).is_err(), "{host}");
        }
        assert!(
            guard
                .check_literal(&Url::parse("https://8.8.8.8/").unwrap())
                .is_ok()
        );
    }

    #[test]
    fn one_refused_address_refuses_the_name() {
        let guard = Guard {
            allow_private: false,
            plain: false,
        };
        let mixed = vec!["8.8.8.8:0".parse().unwrap(), "10.0.0.1:0".parse().unwrap()];
        assert_eq!(
            guard.check_all(mixed).unwrap_err().address,
            IpAddr::from([10, 0, 0, 1])
        );
    }

    #[tokio::test]
    async fn a_name_is_checked_by_what_it_resolves_to() {
        let guard = Guard {
            allow_private: false,
            plain: false,
        };
        let error = guard
            .resolve("localhost".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().why, Why::Private);
        let error = guard
            .resolve("nowhere.invalid".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert_eq!(error.downcast_ref::<Unresolved>(), Some(&Unresolved::Name));

        let allowed = Guard {
            allow_private: true,
            plain: true,
        };
        let addresses: Vec<_> = allowed
            .resolve("localhost".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert!(
            !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback())
        );
    }
}
