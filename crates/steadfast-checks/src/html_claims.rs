//! Expectations on an HTML page: a table of CSS selectors, each with a predicate.
//!
//! `count` is the number of elements that a selector finds; any other operator judges the text of *every* element,
//! white space folded. A selector that finds nothing fails all but `absent` and `count`.

use jiff::Timestamp;
use scraper::{Html, Selector};
use serde_json::{Map, Value, json};
use steadfast_core::finding::{Finding, Place, Seen, codes};
use steadfast_core::predicate::{self, Predicate, Reading};
use steadfast_core::rare::Rare;
use steadfast_core::setting::{Node, Problems, Raw, Setting};
use steadfast_core::verdict::Judgement;

use crate::text_claims::{Body, BrokenText, quoted, story_of};

/// A table of CSS selectors, each with its predicate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HtmlClaims(Rare<Vec<HtmlClaim>>);

#[derive(Debug, Clone, PartialEq)]
struct HtmlClaim {
    source: String,
    selector: Selector,
    predicate: Predicate,
}

impl Setting for HtmlClaims {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Raw::Table(entries) = &node.raw else {
            problems.wrong_type(node, "a table of CSS selectors");
            return None;
        };
        if entries.is_empty() {
            problems.suggest(node.span, "no selector in this table", "it would expect nothing", "\"h1\" = \"Timothy\"");
            return None;
        }
        let read: Vec<Option<HtmlClaim>> = entries
            .iter()
            .map(|entry| {
                let selector = Selector::parse(&entry.key);
                if let Err(why) = &selector {
                    let what = format!("invalid CSS selector: {why}");
                    problems.add(entry.key_span, what, "it could never find anything");
                }
                let predicate = Predicate::read(&entry.node, problems);
                Some(HtmlClaim { source: entry.key.clone(), selector: selector.ok()?, predicate: predicate? })
            })
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(|claims| HtmlClaims(claims.into()))
    }
    fn missing() -> Option<Self> {
        Some(HtmlClaims::default())
    }
    fn write(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let entry = |claim: &HtmlClaim| (claim.source.clone(), claim.predicate.write());
        self.0.iter().map(entry).collect::<Map<_, _>>().into()
    }
    fn schema() -> Value {
        json!({ "type": "object", "minProperties": 1, "additionalProperties": Predicate::schema() })
    }
}

impl HtmlClaims {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of all expectations: `html."h1".contains`.
    pub fn claims(&self) -> Vec<String> {
        let named = |claim: &HtmlClaim| {
            let prefix = claim.prefix();
            claim.predicate.operators().into_iter().map(move |operator| format!("{prefix}.{operator}"))
        };
        self.0.iter().flat_map(named).collect()
    }

    /// Whether one of the predicates is about this text.
    pub fn mentions(&self, text: &str) -> bool {
        self.0.iter().any(|claim| claim.predicate.write().to_string().contains(text))
    }

    /// Judges a page. What falls short in a page that was cut off may stand beyond the cut.
    pub fn judge(&self, body: Body<'_>, at: Timestamp, judgement: &mut Judgement) {
        if self.is_empty() {
            return;
        }
        let page = Html::parse_document(&body.text());
        for claim in self.0.iter() {
            let mut inner = Judgement::default();
            claim.judge(&page, at, &mut inner);
            if body.whole {
                judgement.absorb(inner, |finding| finding);
            } else {
                for finding in inner.verdict().findings() {
                    judgement.add(codes::BEYOND_THE_CUT, |f| Finding {
                        claim: finding.claim.clone(),
                        place: finding.place.clone(),
                        expected: finding.expected.clone(),
                        seen: finding.seen.clone(),
                        ..f
                    });
                }
            }
        }
    }

    /// For each expectation the smallest changes of the page that must trip it.
    pub fn breakages(&self, body: Body<'_>, at: Timestamp) -> Vec<BrokenText> {
        let text = body.text();
        let page = Html::parse_document(&text);
        let mut broken = Vec::new();
        for claim in self.0.iter() {
            let found: Vec<_> = page.select(&claim.selector).collect();
            for operator in claim.predicate.operators() {
                let mut add = |change: &str, changed: Html| {
                    broken.push(BrokenText {
                        claim: format!("{}.{operator}", claim.prefix()),
                        name: format!("{} {change}", claim.source),
                        story: story_of(change),
                        text: changed.html(),
                    });
                };
                if operator != "absent" {
                    add("missing", without(&page, &found.iter().map(|e| e.id()).collect::<Vec<_>>()));
                }
                match operator {
                    "count" => {
                        for wrong in claim.predicate.0.count.iter().flat_map(predicate::Count::wrong) {
                            let have = found.len();
                            let want = usize::try_from(wrong).unwrap_or(usize::MAX).min(have + 1_000);
                            let changed = if want < have {
                                without(&page, &found[want..].iter().map(|e| e.id()).collect::<Vec<_>>())
                            } else {
                                with_more(&text, found.last().map(|e| e.html()), want - have)
                            };
                            add("one item more or fewer", changed);
                        }
                    }
                    "absent" => {
                        let named = claim.source.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                        let element = match claim.source.split_once('.') {
                            None if named => format!("<{0}></{0}>", claim.source),
                            Some((tag, class)) => {
                                let tag = if tag.is_empty() { "div" } else { tag };
                                format!("<{tag} class=\"{class}\"></{tag}>")
                            }
                            None => format!("<div id=\"{}\"></div>", claim.source.trim_start_matches('#')),
                        };
                        add(
                            "present",
                            Html::parse_document(&text.replacen("</body>", &format!("{element}</body>"), 1)),
                        );
                    }
                    _ => {
                        let Some(last) = found.last() else { continue };
                        let value = Value::String(folded(last.text()));
                        for (change, changed) in predicate::breakages(&claim.predicate, operator, &value, at) {
                            if let Some(Value::String(changed)) = changed {
                                add(change, with_text(&page, last.id(), &changed));
                            }
                        }
                    }
                }
            }
        }
        broken
    }
}

impl HtmlClaim {
    fn prefix(&self) -> String {
        format!("html.{}", quoted(&self.source))
    }

    fn judge(&self, page: &Html, at: Timestamp, judgement: &mut Judgement) {
        let prefix = self.prefix();
        let texts: Vec<String> = page.select(&self.selector).map(|element| folded(element.text())).collect();
        for operator in self.predicate.operators() {
            let many = texts.len() as u64;
            let short = match (operator, texts.first()) {
                ("count", _) => {
                    let right = self.predicate.0.count.as_ref().is_none_or(|count| count.admits(many));
                    (!right).then(|| (codes::OUT_OF_BOUNDS, Seen::Value(json!(many))))
                }
                ("absent", text) => text.map(|text| (codes::FORBIDDEN, Seen::text(text))),
                (_, None) => Some((codes::MISSING, Seen::Missing)),
                (_, Some(_)) => {
                    self.judge_every(operator, &texts, at, judgement);
                    None
                }
            };
            if let Some((code, seen)) = short {
                let expected = self.predicate.expected(operator);
                let place = Place::Selector(self.source.clone());
                judgement.add(code, |f| f.of(format!("{prefix}.{operator}")).at(place).expected(expected).seen(seen));
            }
        }
    }

    /// Judges one operator on the text of every element; the first that falls short is reported.
    fn judge_every(&self, operator: &str, texts: &[String], at: Timestamp, judgement: &mut Judgement) {
        let alone = self.predicate.only(operator);
        for text in texts {
            let mut inner = Judgement::default();
            alone.judge(Reading::Value(&Value::String(text.clone())), at, &mut inner);
            if !inner.is_clean() {
                let claim = format!("{}.{operator}", self.prefix());
                let place = Place::Selector(self.source.clone());
                judgement.absorb(inner, |finding| Finding { claim: claim.clone(), ..finding }.at(place.clone()));
                return;
            }
        }
    }
}

/// The text of an element, white space folded.
fn folded<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = texts.flat_map(str::split_whitespace).collect();
    all.join(" ")
}

/// The page without these elements.
fn without(page: &Html, elements: &[ego_tree::NodeId]) -> Html {
    let mut changed = page.clone();
    for id in elements {
        if let Some(mut node) = changed.tree.get_mut(*id) {
            node.detach();
        }
    }
    changed
}

/// The page in which this element has nothing but this text.
fn with_text(page: &Html, element: ego_tree::NodeId, text: &str) -> Html {
    let mut changed = page.clone();
    if let Some(mut node) = changed.tree.get_mut(element) {
        while let Some(mut child) = node.first_child() {
            child.detach();
        }
        node.append(scraper::Node::Text(scraper::node::Text { text: text.into() }));
    }
    changed
}

/// The page with so many further copies of an element at the end of its body.
fn with_more(text: &str, element: Option<String>, many: usize) -> Html {
    let copies = element.unwrap_or_default().repeat(many);
    let end = text.rfind("</body>").unwrap_or(text.len());
    Html::parse_document(&format!("{}{copies}{}", &text[..end], &text[end..]))
}
