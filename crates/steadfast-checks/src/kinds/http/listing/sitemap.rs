//! Sitemaps (the protocol of sitemaps.org, 0.9): lists of pages, and indexes that list further sitemaps.
//!
//! Nothing is expanded and nothing is fetched for a document type: an entity that XML itself does not know is refused, so
//! that there is no bomb to go off.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};

/// What a sitemap lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sitemap {
    /// Pages.
    Pages(Vec<String>),
    /// Further sitemaps.
    Index(Vec<String>),
}

/// Reads a whole document; one that ends in the middle is refused.
pub(super) fn read(text: &str) -> Result<Sitemap, String> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut open: Vec<String> = Vec::new();
    let mut root: Option<String> = None;
    let (mut pages, mut maps) = (Vec::new(), Vec::new());
    let mut location = String::new();
    loop {
        let event = reader.read_event().map_err(|why| at(&reader, &why.to_string()))?;
        match event {
            Event::Start(start) => {
                open.push(start.local_name().as_ref().to_owned());
                if open.len() > DEEPEST {
                    return Err(at(&reader, "elements are nested too deeply for a sitemap"));
                }
                root.get_or_insert_with(|| open[0].clone());
                location.clear();
            }
            Event::Empty(start) => {
                let name = start.local_name().as_ref().to_owned();
                root.get_or_insert(name);
            }
            Event::Text(text) => location.push_str(&text.xml10_content()),
            Event::CData(text) => location.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                location.push_str(&resolved(&reference).map_err(|why| at(&reader, &why))?);
            }
            Event::End(_) => {
                let path: Vec<&str> = open.iter().map(String::as_str).collect();
                match path.as_slice() {
                    ["urlset", "url", "loc"] => pages.push(location.trim().to_owned()),
                    ["sitemapindex", "sitemap", "loc"] => maps.push(location.trim().to_owned()),
                    _ => {}
                }
                open.pop();
                location.clear();
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if let Some(inner) = open.last() {
        return Err(format!("it ends in the middle of <{inner}>"));
    }
    match root.as_deref() {
        Some("urlset") => Ok(Sitemap::Pages(pages)),
        Some("sitemapindex") => Ok(Sitemap::Index(maps)),
        Some(other) => {
            Err(format!("it is no sitemap: its outermost element is <{other}>, not <urlset> or <sitemapindex>"))
        }
        None => Err("it is no XML: there is no element in it".to_owned()),
    }
}

/// No sitemap with its extensions for images and news is deeper.
const DEEPEST: usize = 32;

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|why| why.to_string())? {
        return Ok(character.to_string());
    }
    let name = reference.xml10_content();
    match resolve_xml_entity(&name) {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("the entity `&{name};` is none of XML's own, and no other is expanded")),
    }
}

fn at(reader: &Reader<&[u8]>, why: &str) -> String {
    format!("{why} (byte {})", reader.buffer_position())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let said = match read(text) {
            Ok(Sitemap::Pages(pages)) => format!("pages {}", pages.join(" ")),
            Ok(Sitemap::Index(maps)) => format!("index {}", maps.join(" ")),
            Err(why) => why,
        };
        assert!(said.contains(expected), "{text}\nsays: {said}\nnot:  {expected}");
    }

    #[test]
    fn pages_and_indexes_are_read_as_the_protocol_has_them() {
        let urls = "<url><loc> https://a.example/?a=1&amp;b=2\n</loc><lastmod>2026-11-25</lastmod></url><url><loc><![CDATA[https://a.example/x]]></loc></url>";
        check(
            &format!(
                "<?xml version=\"1.0\"?><urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{urls}</urlset>"
            ),
            "pages https://a.example/?a=1&b=2 https://a.example/x",
        );
        check("\u{feff}<s:urlset xmlns:s=\"x\"><s:url><s:loc>/&#x61;</s:loc></s:url></s:urlset>", "pages /a");
        check("<sitemapindex><sitemap><loc>/1.xml</loc></sitemap></sitemapindex>", "index /1.xml");
        check("<urlset/>", "pages ");
    }

    #[test]
    fn the_address_of_an_image_is_no_page() {
        let image = "<image:image><image:loc>/i.png</image:loc></image:image>";
        check(&format!("<urlset><url><loc>/a</loc>{image}</url></urlset>"), "pages /a");
    }

    #[test]
    fn what_is_no_whole_sitemap_is_refused_with_its_place() {
        check("<urlset><url><loc>https://a.exa", "it ends in the middle of <loc>");
        check("<urlset><url><loc>/a</loc></url>", "it ends in the middle of <urlset>");
        check("<urlset><url></urlset>", "byte");
        check("<!doctype html><html><body>Not found</body></html>", "its outermost element is <html>");
        check("Not found", "there is no element in it");
        check("", "there is no element in it");
        check(&"<a>".repeat(100_000), "nested too deeply");
    }

    #[test]
    fn no_entity_is_expanded_and_none_is_fetched() {
        let laughs = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
        check(&format!("{laughs}<urlset><url><loc>&b;</loc></url></urlset>"), "the entity `&b;` is none of XML's own");
        let file = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
        check(&format!("{file}<urlset><url><loc>&f;</loc></url></urlset>"), "the entity `&f;` is none of XML's own");
        check(&format!("{laughs}<urlset><url><loc>/a</loc></url></urlset>"), "pages /a");
    }
}
