//! `look` at what needs no configuration.

use scenarios::steadfast::Workplace;

#[test]
fn a_file_is_seen_alone_and_a_folder_by_what_lies_in_it() {
    let folder = Workplace::new();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    folder.write("out/a[1]*.csv", "id\n1\n");
    folder.write("out/a1x.csv", "id\n1\n2\n3\n");
    let check = |what: &str, count: u64, size: u64| {
        let human = folder.run(&["look", what]);
        human.exits(0).tells(&format!("count {count}")).tells(&format!("total_size {size}"));
    };
    check("out/a[1]*.csv", 1, 5);
    check("out", 2, 14);
    folder.run(&["look", "out/a1x.csv"]).exits(0).tells("glob = [\"a1x.csv\"]").tells("folder = \"out\"");
}
