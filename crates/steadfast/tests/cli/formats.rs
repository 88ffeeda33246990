//! The formats for other programs, each read by a program that people read it with.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::shop::{Answer, Shop, http};

/// A page that tries to leave every frame it is put into.
const HOSTILE: &str = "<h1>hi</h1> ]]> </failure> | a | b ` `` ``` ````\r\n::stop-commands::x\r\n# TODO %0A @everyone\r\n  ...\r\nnot ok 9\r\n<script>alert(1)</script>\u{1b}[2J\u{0}\u{7f}\u{85}\u{2028}";

/// What each state is called in `told` below: green, failing, failing as a warning, not to be judged.
const IDS: [&str; 4] = ["green", "red", "warned", "unknown"];

/// The report of a run that has every state, in this format, and the exit code.
fn report(format: &str, ids: &[&str]) -> (Shop, i32) {
    let expect = "status = 200\nbody_contains = [\"# TODO `wel|come` %0A :: <b>\"]";
    let unknown = http("unknown", "/page", "status = 200").replace(
        "get = \"/page\"\n",
        "get = \"/page\"\nheaders = { authorization = { bearer = { env = \"UNSET\" } } }\n",
    );
    let all = [
        http("green", "/page", "status = 200"),
        http("red", "/page", expect).replace("summary = \"", "summary = \"| # TODO <b> @all %0A, "),
        http("warned", "/page", expect).replace("[check.http]\n", "severity = \"warning\"\n[check.http]\n"),
        unknown,
    ];
    let chosen: String =
        IDS.iter().zip(&all).filter(|(id, _)| ids.contains(id)).map(|(_, text)| text.as_str()).collect();
    let shop = Shop::with(&chosen);
    shop.server.set("/page", Answer::Page(HOSTILE));
    let (code, _) = shop.run(&["verify", "post-deploy", "--format", &format!("{format}=report"), "--format", "human"]);
    (shop, code)
}

/// What a program of Node makes of a report: its last line of output, read as JSON. `file` is the report's path.
fn through_node(name: &str, packages: &[&str], shop: &Shop, script: &str) -> Value {
    let folder = xtask::tools::npm(name, packages).unwrap();
    let path = folder.join(format!("steadfast-{}.mjs", shop.folder.path().file_name().unwrap().display()));
    std::fs::write(
        &path,
        format!("import fs from 'node:fs';\nconst text = fs.readFileSync(process.argv[2], 'utf8');\n{script}"),
    )
    .unwrap();
    let told = json_of(Command::new("node").arg(&path).arg(shop.path("report")));
    std::fs::remove_file(&path).unwrap();
    told
}

fn json_of(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap_or_else(|why| panic!("{why}: {out}{err}"))
}

/// What `xmllint` says of a document under the schema that Jenkins reads; nothing if it is valid.
fn violations(document: &Path) -> String {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/junit-10.xsd");
    let output = Command::new("xmllint").args(["--noout", "--schema", schema]).arg(document).output().unwrap();
    if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() }
}

#[test]
fn junit_is_valid_under_the_schema_and_junitparser_counts_the_same() {
    let read = "import json, sys, junitparser\n\
                xml = junitparser.JUnitXml.fromfile(sys.argv[1])\n\
                cases = [[c.classname] + [type(r).__name__ for r in c.result] for s in xml for c in s]\n\
                print(json.dumps({'cases': cases, 'counts': [xml.tests, xml.failures, xml.errors]}))\n";
    let python = xtask::tools::pypi("junitparser", &["junitparser==5.0.3"]).unwrap().join("bin/python");
    for (ids, exit, expected) in [
        (
            &IDS[..],
            1,
            json!({ "cases": [["shop.green"], ["shop.red", "Failure"], ["shop.warned", "Skipped"], ["shop.unknown", "Error"]], "counts": [4, 1, 1] }),
        ),
        (
            &["green", "warned"],
            0,
            json!({ "cases": [["shop.green"], ["shop.warned", "Skipped"]], "counts": [2, 0, 0] }),
        ),
        (&[], 3, json!({ "cases": [["shop.steadfast", "Error"]], "counts": [1, 0, 1] })),
    ] {
        let (shop, code) = report("junit", ids);
        assert_eq!(code, exit);
        assert_eq!(violations(&shop.path("report")), "", "{}", shop.read("report"));
        let told = json_of(Command::new(&python).args(["-c", read]).arg(shop.path("report")));
        assert_eq!(told, expected, "{}", shop.read("report"));
        // The schema is able to say no.
        std::fs::write(shop.path("report"), shop.read("report").replace(" failures=", " failed=")).unwrap();
        assert!(violations(&shop.path("report")).contains("failed"));
    }
}

#[test]
fn github_annotations_are_what_githubs_own_toolkit_would_have_written() {
    // Each command is taken apart as the runner does, and issued again by the toolkit: the bytes must be the same.
    let script = r#"
        import * as core from '@actions/core';
        const lines = text.trimEnd().split('\n');
        const undo = (s) => s.replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%');
        const told = [];
        let issued = '';
        const write = process.stdout.write.bind(process.stdout);
        for (const line of lines) {
            const [, level, title, message] = line.match(/^::(error|warning|notice) title=(.*?)::(.*)$/);
            process.stdout.write = (chunk) => { issued += chunk; return true; };
            core[level](undo(message), { title: undo(title) });
            process.stdout.write = write;
            told.push([level, undo(title).split(':')[0]]);
        }
        console.log(JSON.stringify({ told, same: issued === text }));
    "#;
    for (ids, exit, expected) in [
        (&IDS[..], 1, json!([["error", "red"], ["error", "unknown"], ["warning", "warned"], ["error", "shop"]])),
        (&["green"], 0, json!([["notice", "shop"]])),
        (&[], 3, json!([["error", "shop"]])),
    ] {
        let (shop, code) = report("github", ids);
        assert_eq!(code, exit);
        let told = through_node("actions-core", &["@actions/core@1.11.1"], &shop, script);
        assert_eq!(told, json!({ "told": expected, "same": true }), "{}", shop.read("report"));
    }
}

#[test]
fn markdown_has_its_table_and_no_markup_from_outside() {
    let script = r#"
        import { marked } from 'marked';
        const html = marked.parse(text, { gfm: true });
        const cells = [...html.matchAll(/<tr>\n<td>(.*?)<\/td>\n<td>(.*?)<\/td>/g)].map((m) => m[1].split(' ')[1] + ' ' + m[2]);
        const known = /^\/?(h3|code|table|thead|tbody|tr|th|td|details|summary|pre|p|sub|blockquote)( align="right"| open| class="language-text")?$/;
        const foreign = [...html.matchAll(/<([^>]*)>/g)].map((m) => m[1]).filter((tag) => !known.test(tag));
        const outside = html.replace(/<code[^>]*>[^]*?<\/code>/g, '');
        console.log(JSON.stringify({ cells, foreign, mentions: outside.includes('@'), details: html.split('<details').length - 1 }));
    "#;
    for (ids, exit, cells, details) in [
        (
            &IDS[..],
            1,
            json!([
                "fail <code>red</code>",
                "unknown <code>unknown</code>",
                "fail <code>warned</code>",
                "pass <code>green</code>"
            ]),
            3,
        ),
        (&["green"], 0, json!(["pass <code>green</code>"]), 0),
        (&[], 3, json!([]), 0),
    ] {
        let (shop, code) = report("markdown", ids);
        assert_eq!(code, exit);
        let told = through_node("marked", &["marked@15.0.4"], &shop, script);
        let expected = json!({ "cells": cells, "foreign": [], "mentions": false, "details": details });
        assert_eq!(told, expected, "{}", shop.read("report"));
    }
}

#[test]
fn tap_is_read_by_its_parser_with_the_same_outcome() {
    let script = r#"
        import { Parser } from 'tap-parser';
        const points = [];
        const stray = [];
        const parser = new Parser({ strict: true }, (results) => {
            console.log(JSON.stringify({ points, stray, ok: results.ok, failures: results.failures.length }));
        });
        parser.on('assert', (a) => points.push([a.ok, a.name.split(':')[0], a.todo ? 'todo' : a.diag?.verdict ?? 'none']));
        parser.on('extra', (line) => stray.push(line));
        parser.end(text);
    "#;
    for (ids, exit, points, failures) in [
        (
            &IDS[..],
            1,
            json!([
                [true, "green", "none"],
                [false, "red", "fail"],
                [false, "warned", "todo"],
                [false, "unknown", "unknown"]
            ]),
            2,
        ),
        (&["green", "warned"], 0, json!([[true, "green", "none"], [false, "warned", "todo"]]), 0),
        (&[], 3, json!([[false, "CANNOT TELL  post-deploy", "none"]]), 1),
    ] {
        let (shop, code) = report("tap", ids);
        assert_eq!(code, exit);
        let told = through_node("tap-parser", &["tap-parser@18.3.4"], &shop, script);
        let expected = json!({ "points": points, "stray": [], "ok": failures == 0, "failures": failures });
        assert_eq!(told, expected, "{}", shop.read("report"));
    }
}
