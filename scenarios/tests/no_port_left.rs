//! A machine that has no port left to dial from. Nobody else is to blame for that: it is unknown, not red.

use std::net::{TcpListener, TcpStream};

use scenarios::island::on_an_island;
use scenarios::steadfast::Workplace;

#[test]
fn a_machine_without_a_free_port_cannot_tell() {
    on_an_island("a_machine_without_a_free_port_cannot_tell", || {
        let shop = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let at = shop.local_addr().expect("its address");
        let workplace = Workplace::with(&format!(
            "[project]\nname = \"shop\"\n\
             [[check]]\nid = \"http\"\n[check.http]\nget = \"http://{at}/\"\nexpect.status = 200\n\
             [[check]]\nid = \"tcp\"\n[check.tcp]\naddress = \"{at}\"\nexpect.within = \"9s\"\n\
             [[check]]\nid = \"tls\"\n[check.tls]\naddress = \"{at}\"\nexpect.trusted = true\n"
        ));
        workplace.run(&["verify", "--only", "tcp", "--no-ledger"]).exits(0);
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000").expect("the island's own setting");
        let _the_last_one = TcpStream::connect(at).expect("the last port");
        for id in ["http", "tcp", "tls"] {
            let report = workplace.run(&["verify", "--only", id, "--no-ledger", "--format", "json"]);
            assert_eq!(
                (report.verdict(id).as_str(), report.codes(id)),
                ("unknown", vec!["no-local-address".to_owned()])
            );
        }
    });
}
