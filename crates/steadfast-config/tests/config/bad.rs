//! What is refused, as people see it: the whole output of each case is a file in `snapshots`.

use steadfast_config::load_text;

use crate::toy::KINDS;

/// Refuses it, and shows how.
fn check(name: &str, text: &str) {
    let Err(refusal) = load_text(text, KINDS) else { panic!("{name} loads") };
    let rendered = refusal.render(false, 80);
    assert!(!rendered.contains("hunter"), "a secret is shown:\n{rendered}");
    for note in rendered.lines().filter(|line| line.trim_start().starts_with("= ")) {
        assert!(note.chars().count() <= 80, "{note}");
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, description => text }, {
        insta::assert_snapshot!(name, rendered);
    });
}

/// One test a case. `root` is a whole file, `below` stands below a good `[project]`, `keys` below a good check's id, and
/// `toy` below the `[check.toy]` of a good check.
macro_rules! refused {
    ($($name:ident $sort:ident $text:literal)*) => { $(
        #[test]
        fn $name() {
            check(stringify!($name), &refused!(@$sort $text));
        }
    )* };
    (@root $text:literal) => { $text.to_owned() };
    (@below $text:literal) => { format!("[project]\nname = \"shop\"\n\n{}\n", $text) };
    (@keys $text:literal) => {
        format!("[project]\nname = \"shop\"\n\n[[check]]\nid = \"page\"\n{}\n[check.toy]\nexpect.status = 200\n", $text)
    };
    (@toy $text:literal) => {
        format!("[project]\nname = \"shop\"\n\n[[check]]\nid = \"page\"\n[check.toy]\n{}\n", $text)
    };
}

// TOML itself.
refused! {
    an_empty_file root ""
    only_comments root "# to be written\n"
    a_text_without_quotes below "[[check]]\nid = page\ntoy.expect.status = 200"
    a_length_of_time_without_quotes below "[[check]]\nid = \"page\"\nevery = 5m\n[check.toy]\nexpect.status = 200"
    a_key_without_a_value keys "every ="
    a_key_without_an_equals_sign keys "every \"5m\""
    a_key_twice keys "every = \"5m\"\nseverity = \"warning\"\nevery = \"1m\""
    a_table_twice below "[targets]\na = \"http://a\"\n[targets]\nb = \"http://b\""
    an_unclosed_string keys "summary = \"A design page"
    an_unclosed_array keys "tags = [\"a\", \"b\""
    an_unclosed_inline_table keys "retry = { attempts = 2"
    an_unclosed_header below "[[check]\nid = \"page\""
    an_invalid_escape keys "summary = \"C:\\Users\\shop\""
    a_regular_expression_in_double_quotes toy "expect.body_matches = \"\\d+\""
    an_integer_beyond_64_bits toy "expect.status = 99999999999999999999"
    a_float_beyond_64_bits below "[[check]]\nid = \"a\"\n[check.gadget]\nname = \"x\"\nexpect.weight = { above = 1e999 }"
    arrays_nested_beyond_measure root "x = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
    a_key_nested_beyond_measure root "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1"
    several_syntax_errors_and_others keys "summary = A page\nevery = 5m\nseverity = \"urgent\"\nrunbok = \"x\""
    a_password_beside_a_syntax_error below "[targets]\nshop = postgres://shop:hunter2@db/shop\nother = { file = 3 }"
    a_value_in_two_lines keys "summary = \"a\nb\""
    two_values_after_one_key keys "every = \"1m\" \"5m\""
    a_windows_file_with_an_error root "[project]\r\nname = shop\r\nnmae = \"x\"\r\n"
    a_byte_order_mark_and_an_error root "\u{feff}[project]\nnmae = \"shop\"\n"
    a_line_of_many_columns keys "summary = \"a\"   # the comment of this line goes on and on, far beyond the width of any terminal that people have, 1234567890\nsumary = \"the value of this line goes on and on, far beyond the width of any terminal that people have, 1234567890\""
    a_control_character_in_a_string keys "summary = \"bell \u{7} and \u{1b}[31mred\""
}

// The root file.
refused! {
    no_project root "[[check]]\nid = \"page\"\n[check.toy]\nexpect.status = 200\n"
    a_project_without_a_name root "[project]\n"
    a_project_with_an_empty_name root "[project]\nname = \" \"\n"
    a_project_that_is_a_text root "project = \"shop\"\n"
    an_unknown_key_at_the_top below "[target]\nshop = \"https://shop.example\""
    an_unknown_key_unlike_any below "[zebra]\nx = 1"
    check_in_one_bracket below "[check]\nid = \"page\"\n[check.toy]\nexpect.status = 200"
    an_unknown_gate_to_set below "[gate.post-deply]\nparallel = 2"
    a_gate_setting_that_there_is_not below "[gate.boot]\ndeadlin = \"5m\""
    a_gate_that_looks_at_nothing below "[gate.boot]\nparallel = 0\ndeadline = \"0s\""
    a_negative_number_of_looks below "[gate.boot]\nparallel = -3"
    an_empty_ledger_path below "[ledger]\npath = \"\""
    a_ledger_in_a_file_and_in_a_database below "[ledger]\npath = \"x.db\"\nurl = \"postgres://db/shop\""
    a_ledger_in_no_postgres below "[ledger]\nurl = \"mysql://db/shop\""
    a_ledger_at_no_port below "[ledger]\nurl = \"postgres://db:port/shop\""
    a_ledger_with_a_password_in_its_address below "[ledger]\nurl = \"postgres://shop:hunter2@db/shop\""
    a_ledger_with_a_password_behind_its_address below "[ledger]\nurl = \"postgres://shop@db/shop?password=hunter2\""
    a_ledger_with_a_password_that_cuts_its_address below "[ledger]\nurl = \"postgres://shop:hunter/2@db/shop\""
    a_ledger_with_a_password_written_out below "[ledger]\nurl = \"postgres://shop@db/shop\"\npassword = \"hunter2\""
    a_ledger_file_with_a_password below "[ledger]\npath = \"x.db\"\npassword = { env = \"PASSWORD\" }"
    an_unknown_ledger_key below "[ledger]\nfile = \"x.db\""
    an_include_that_matches_nothing root "include = [\"no-such-folder/*.toml\"]\n[project]\nname = \"shop\"\n"
    an_include_that_is_no_glob root "include = [\"checks/[.toml\", 3]\n[project]\nname = \"shop\"\n"
    an_include_that_is_no_array root "include = \"checks/*.toml\"\n[project]\nname = \"shop\"\n"
}

// Targets and defaults.
refused! {
    a_target_with_a_password below "[targets]\ndb = \"postgres://shop:hunter2@db/shop\""
    a_password_and_another_problem_in_one_line below "[targets]\ndb = \"postgres://shop:hunter2@db/shop\"\ndb = \"postgres://shop:hunter3@db/shop\""
    a_target_with_an_empty_address below "[targets]\nshop = \"\""
    a_target_with_a_strange_name below "[targets]\n\"My Shop\" = \"https://shop.example\""
    a_target_that_is_a_number below "[targets]\nshop = 8080"
    a_target_with_an_unknown_source below "[targets]\ndb = { enviroment = \"DATABASE_URL\" }"
    a_target_with_two_sources below "[targets]\ndb = { env = \"A\", file = \"b\" }"
    an_unknown_target below "[targets]\nshop = \"https://shop.example\"\n[[check]]\nid = \"page\"\n[check.toy]\nbase_url = { target = \"shp\" }\nexpect.status = 200"
    a_target_where_there_are_none toy "base_url = { target = \"shop\" }\nexpect.status = 200"
    an_unknown_target_in_a_check_that_is_wrong_otherwise toy "base_url = { target = \"shop\" }\nlimit = \"1 apple\"\nexpect.status = 200"
    an_unknown_target_in_the_defaults_of_two_checks below "[defaults.toy]\nbase_url = { target = \"shop\" }\n[[check]]\nid = \"a\"\ntoy.expect.status = 200\n[[check]]\nid = \"b\"\ntoy.expect.status = 200"
    a_password_in_an_address toy "base_url = \"https://admin:hunter2@shop.example\"\nexpect.status = 200"
    a_password_with_a_slash_in_an_address toy "base_url = \"https://admin:hun/ter2@shop.example\"\nexpect.status = 200"
    a_password_in_any_other_key toy "get = \"https://admin:hunter2@shop.example/page\"\nexpect.status = 200"
    defaults_of_an_unknown_kind below "[defaults.toi]\nget = \"/\""
    an_unknown_key_in_unused_defaults below "[defaults.toy]\ngett = \"/\"\nlimit = -1\n[defaults.toy.expect]\nstatos = 200"
    an_unknown_key_in_used_defaults below "[defaults.toy]\ngett = \"/\"\n[[check]]\nid = \"a\"\ntoy.expect.status = 200\n[[check]]\nid = \"b\"\ntoy.expect.status = 200"
    a_timeout_of_nothing_in_the_defaults below "[defaults.toy]\ntimeout = \"0s\""
}

// The keys of a check.
refused! {
    a_check_without_an_id below "[[check]]\n[check.toy]\nexpect.status = 200"
    an_id_in_capitals below "[[check]]\nid = \"Design Page!\"\n[check.toy]\nexpect.status = 200"
    an_id_of_nothing_usable below "[[check]]\nid = \"???\"\n[check.toy]\nexpect.status = 200"
    an_id_twice below "[[check]]\nid = \"page\"\n[check.toy]\nexpect.status = 200\n\n[[check]]\nid = \"page\"\n[check.gadget]\nname = \"x\"\nexpect.weight = 1"
    an_unknown_key_of_a_check keys "sumary = \"A page\""
    an_unknown_gate keys "gates = [\"post-deploy\", \"predeploy\", \"nightly\"]"
    no_gate_at_all keys "gates = []"
    a_gate_that_is_no_array keys "gates = \"watch\""
    an_unknown_severity keys "severity = \"warn\""
    an_interval_of_nothing keys "every = \"0s\""
    an_interval_without_a_unit keys "every = 60"
    an_interval_in_an_unknown_unit keys "every = \"5 fortnights\""
    no_attempt_at_all keys "retry = { attempts = 0 }"
    writes_without_a_second_attempt keys "retry = { writes = true }"
    an_unknown_key_of_retry keys "retry = { tries = 3, delays = \"1s\" }"
    a_timeout_of_nothing keys "timeout = \"0ms\""
    a_summary_that_says_nothing keys "summary = \"\"\nrunbook = \"\"\nwhat_to_do = \"  \""
    a_tag_with_a_space keys "tags = [\"front page\"]"
    paths_that_are_no_globs keys "paths = [\"src/[a-\", \"\", \"{a,b\"]"
    public_as_a_text keys "public = \"yes\""
    a_check_that_is_a_number root "check = [1, 2]\n[project]\nname = \"shop\"\n"
    a_dependency_on_itself keys "depends_on = [\"page\"]"
    a_dependency_on_nothing keys "depends_on = [\"pge\"]"
    a_dependency_that_is_misspelt below "[[check]]\nid = \"login\"\ntoy.expect.status = 200\n[[check]]\nid = \"page\"\ndepends_on = [\"logn\"]\ntoy.expect.status = 200"
    dependencies_in_a_circle below "[[check]]\nid = \"a\"\ndepends_on = [\"b\"]\ntoy.expect.status = 200\n[[check]]\nid = \"b\"\ndepends_on = [\"c\"]\ntoy.expect.status = 200\n[[check]]\nid = \"c\"\ndepends_on = [\"a\"]\ntoy.expect.status = 200"
    two_circles_of_dependencies below "[[check]]\nid = \"a\"\ndepends_on = [\"b\", \"c\"]\ntoy.expect.status = 200\n[[check]]\nid = \"b\"\ndepends_on = [\"a\"]\ntoy.expect.status = 200\n[[check]]\nid = \"c\"\ndepends_on = [\"a\"]\ntoy.expect.status = 200"
}

// The kind and its table.
refused! {
    a_check_without_a_kind below "[[check]]\nid = \"page\""
    a_check_of_an_unknown_kind below "[[check]]\nid = \"page\"\n[check.toyy]\nexpect.status = 200"
    a_check_of_a_kind_unlike_any below "[[check]]\nid = \"page\"\n[check.selenium]\nexpect.status = 200"
    a_check_of_two_kinds toy "expect.status = 200\n[check.gadget]\nname = \"x\"\nexpect.weight = 1"
    a_kind_that_is_a_text below "[[check]]\nid = \"page\"\ntoy = \"/\""
    no_expect toy "get = \"/\""
    an_empty_expect toy "[check.toy.expect]"
    an_unknown_expectation toy "[check.toy.expect]\nbody_contain = \"Meaning\"\nstatus = 200"
    an_unknown_key_of_the_kind toy "gte = \"/\"\nexpect.status = 200"
    a_required_key_of_the_kind_is_missing below "[[check]]\nid = \"a\"\n[check.gadget]\nexpect.weight = 1"
    an_expectation_in_the_look toy "status = 200"
    a_look_in_the_expectations toy "[check.toy.expect]\nget = \"/\"\nstatus = 200"
    a_key_of_the_check_below_the_kind toy "expect.status = 200\nseverity = \"warning\""
    a_key_of_the_check_below_the_expectations toy "[check.toy.expect]\nstatus = 200\ntimeout = \"2s\""
    a_key_of_the_kind_in_the_check keys "get = \"/\"\nstatus = 200"
    within_beyond_the_timeout below "[[check]]\nid = \"a\"\ntimeout = \"2s\"\ntoy.expect.within = \"2s\""
    within_beyond_the_timeout_that_nobody_set toy "expect.within = \"30s\""
    within_beyond_the_timeout_of_the_defaults below "[defaults.toy]\ntimeout = \"1s\"\n[[check]]\nid = \"a\"\n[check.toy]\nexpect.within = \"1500ms\""
    an_invalid_regular_expression toy "expect.body_matches = \"(unclosed\""
    a_regular_expression_that_would_explode toy "expect.body_matches = '(\\w{1000}){1000}'"
    an_invalid_json_path toy "expect.json.\"queue_depth\" = 1\nexpect.json.\"$.[\" = 2"
    an_impossible_range toy "expect.json.\"$.n\" = { at_least = 5, at_most = 3 }"
    a_predicate_without_an_operator toy "expect.json.\"$.n\" = {}"
    an_unknown_operator toy "expect.json.\"$.n\" = { atleast = 5 }"
    a_type_that_there_is_not toy "expect.json.\"$.n\" = { type = \"float\" }"
    a_count_that_always_holds toy "expect.json.\"$.n\" = { count = { at_least = 0 } }"
    a_status_out_of_range toy "expect.status = -200"
    an_empty_list_of_texts toy "expect.body_contains = []"
    a_secret_written_out toy "token = \"hunter2\"\nexpect.status = 200"
    a_secret_written_out_beside_another_problem toy "token = 'hunter2'\ntokens = 1\nexpect = { status = 200, statos = 3 }"
    a_secret_that_is_a_number toy "headers.authorization = 12345\nexpect.status = 200"
    everything_at_once root "include = [\"nowhere/*.toml\"]\n[project]\nnmae = \"shop\"\n\n[targets]\nshop = \"https://shop.example\"\n\n[gate.deploy]\nparallel = 4\n\n[[check]]\nid = \"page\"\ngates = [\"watch\", \"midnight\"]\nevery = \"5 m\"\ndepends_on = [\"lgin\"]\n[check.toy]\nbase_url = { target = \"shoop\" }\nget = 7\n[check.toy.expect]\nstatus = \"200\"\nbody_matches = \"[\"\n\n[[check]]\nid = \"login\"\nretry = { attempts = 0 }\n[check.toi]\nget = \"/login\"\n\n[[check]]\nid = \"page\"\n[check.toy]\nget = \"/\"\n"
}
