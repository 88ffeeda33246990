//! Values of records as people write them, in the one form in which they are compared.

use std::net::{Ipv4Addr, Ipv6Addr};

use steadfast_probe::dns::message::{Name, RecordType};

/// The form in which a value of this type is seen; the error says what is wrong with it.
pub(super) fn canonical(record: RecordType, text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match record {
        RecordType::A => {
            let address = text.parse::<Ipv4Addr>().map_err(|_| format!("`{text}` is no IPv4 address"))?;
            Ok(address.to_string())
        }
        RecordType::Aaaa => {
            let address = text.parse::<Ipv6Addr>().map_err(|_| format!("`{text}` is no IPv6 address"))?;
            Ok(address.to_string())
        }
        RecordType::Cname | RecordType::Ns | RecordType::Ptr => name(text),
        RecordType::Txt => Ok(text.to_owned()),
        RecordType::Mx => match words.as_slice() {
            [preference, host] => Ok(format!("{} {}", number(preference)?, name(host)?)),
            _ => Err(format!("`{text}` is no `PREFERENCE HOST`")),
        },
        RecordType::Srv => match words.as_slice() {
            [priority, weight, port, host] => {
                Ok(format!("{} {} {} {}", number(priority)?, number(weight)?, number(port)?, name(host)?))
            }
            _ => Err(format!("`{text}` is no `PRIORITY WEIGHT PORT HOST`")),
        },
        RecordType::Caa => match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            [flags, tag, value] => {
                Ok(format!("{} {} \"{}\"", number(flags)?, tag.to_ascii_lowercase(), value.trim_matches('"')))
            }
            _ => Err(format!("`{text}` is no `FLAGS TAG \"VALUE\"`")),
        },
        RecordType::Soa => match words.as_slice() {
            [server, person, numbers @ ..] if numbers.len() == 5 => {
                let numbers: Result<Vec<String>, String> = numbers.iter().map(|word| number(word)).collect();
                Ok(format!("{} {} {}", name(server)?, name(person)?, numbers?.join(" ")))
            }
            _ => Err(format!("`{text}` is no `SERVER PERSON SERIAL REFRESH RETRY EXPIRE MINIMUM`")),
        },
    }
}

fn name(text: &str) -> Result<String, String> {
    if text == "." { Ok(text.to_owned()) } else { Name::parse(text).map(|name| name.text()) }
}

fn number(word: &str) -> Result<String, String> {
    word.parse::<u32>().map(|number| number.to_string()).map_err(|_| format!("`{word}` is no number"))
}

/// A value that this type could have instead: of a parked domain, of the hosting of before, ...
pub(super) fn other(record: RecordType, whose: Whose) -> String {
    let host = whose.host();
    match record {
        RecordType::A => whose.v4().to_owned(),
        RecordType::Aaaa => whose.v6().to_owned(),
        RecordType::Cname | RecordType::Ns | RecordType::Ptr => host.to_owned(),
        RecordType::Mx => format!("10 {host}"),
        RecordType::Txt => format!("v=other; by={host}"),
        RecordType::Srv => format!("0 0 443 {host}"),
        RecordType::Caa => format!("0 issue \"{host}\""),
        RecordType::Soa => format!("{host} hostmaster.{host} 1 10800 3600 604800 3600"),
    }
}

/// Whose values an answer could have that is not the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The hosting of before.
    Old,
    /// A company that shows advertisements on names without an owner.
    Parked,
    /// A network that answers everything with its own portal.
    Captive,
    /// The zone's wildcard.
    Wildcard,
    /// The provider that an alias leads to, where nothing of ours is any more.
    Bucket,
}

impl Whose {
    fn v4(self) -> &'static str {
        match self {
            Whose::Old => "198.51.100.17",
            Whose::Parked => "203.0.113.61",
            Whose::Captive => "10.0.0.1",
            Whose::Wildcard => "198.51.100.200",
            Whose::Bucket => "203.0.113.5",
        }
    }

    fn v6(self) -> &'static str {
        match self {
            Whose::Old => "2001:db8:1::17",
            Whose::Parked => "2001:db8:61::1",
            Whose::Captive => "fd00::1",
            Whose::Wildcard => "2001:db8:ffff::200",
            Whose::Bucket => "2001:db8:53::5",
        }
    }

    pub(super) fn host(self) -> &'static str {
        match self {
            Whose::Old => "old-hosting.invalid",
            Whose::Parked => "parking.invalid",
            Whose::Captive => "portal.invalid",
            Whose::Wildcard => "wildcard.invalid",
            Whose::Bucket => "bucket.objects.invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_in_one_form() {
        let check = |record: RecordType, text: &str, expected: Result<&str, &str>| {
            let read = canonical(record, text);
            assert_eq!(read.as_deref().map_err(String::as_str), expected);
        };
        check(RecordType::A, "192.0.2.7", Ok("192.0.2.7"));
        check(RecordType::A, "shop.example", Err("`shop.example` is no IPv4 address"));
        check(RecordType::Aaaa, "2001:DB8:0::7", Ok("2001:db8::7"));
        check(RecordType::Cname, "Shop.Example.", Ok("shop.example"));
        check(RecordType::Mx, "10  Mail.Example.", Ok("10 mail.example"));
        check(RecordType::Mx, "0 .", Ok("0 ."));
        check(RecordType::Mx, "mail.example", Err("`mail.example` is no `PREFERENCE HOST`"));
        check(RecordType::Srv, "0 5 443 a.example.", Ok("0 5 443 a.example"));
        check(RecordType::Srv, "0 5 https a.example", Err("`https` is no number"));
        check(RecordType::Caa, "0 issue letsencrypt.org", Ok("0 issue \"letsencrypt.org\""));
        check(RecordType::Txt, "v=spf1  -all", Ok("v=spf1  -all"));
        check(RecordType::Soa, "Ns1.a. p.a. 7 1 2 3 4", Ok("ns1.a p.a 7 1 2 3 4"));
    }

    #[test]
    fn an_impostors_values_are_values_of_their_type() {
        for record in RecordType::ALL {
            for whose in [Whose::Old, Whose::Parked, Whose::Captive, Whose::Wildcard, Whose::Bucket] {
                let value = other(*record, whose);
                assert_eq!(canonical(*record, &value), Ok(value.clone()));
            }
        }
    }
}
