/* html.h: the tags of a page, one after the other, with their attributes.
 *
 * Reads what a phone sent, so it is strict where browsers are clever: whatever two browsers could
 * understand in two ways makes the whole page malformed. Scripts and styles are passed over. */
#ifndef POLICY_HARDEN_HTML_H
#define POLICY_HARDEN_HTML_H

#include "policy/harden/markup.h"

#define HTML_ATTRS_MAX 64 /* of one tag */

enum html_verdict { HTML_TAG, HTML_END, HTML_MALFORMED, HTML_NO_MEMORY };

struct html_attr {
    struct str name;  /* as spelt; compare without case */
    struct str value; /* entities undone; empty where there is none */
};

struct html_tag {
    struct str before; /* the raw text between the last tag and this one */
    struct str name;   /* as spelt; compare without case */
    bool closing;      /* </name> */
    struct str inner;  /* raw content of script, style, textarea, title and their like */
    struct html_attr attrs[HTML_ATTRS_MAX];
    size_t attr_count;
};

struct html {
    struct str text; /* borrowed; slices of it are given out */
    size_t at;
    struct arena *arena;
};

/* Begin to read `text`. */
void html_init(struct html *html, struct str text, struct arena *arena);

/* The next tag; comments and the doctype are passed over. After another verdict than TAG nothing
 * more may be read. */
MUST_USE enum html_verdict html_next(struct html *html, struct html_tag *tag);

/* An attribute by name, without case; NULL where there is none. */
const struct html_attr *html_attr(const struct html_tag *tag, const char *name);

bool html_tag_is(const struct html_tag *tag, const char *name);

#endif
