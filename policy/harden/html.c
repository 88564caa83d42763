#include "policy/harden/html.h"

#include <string.h>

/* Their content holds no tags. A browser that runs scripts does not look into noscript either. */
static const char *const raw_elements[] = {"script", "style",    "textarea", "title",   "xmp",
                                           "iframe", "noscript", "noembed",  "noframes"};
/* What stands in these is no part of the page, or nobody agrees on it. */
static const char *const refused_elements[] = {"template", "plaintext", "svg", "math", "base"};

void html_init(struct html *html, struct str text, struct arena *arena) {
    *html = (struct html){.text = text, .arena = arena};
}

bool html_tag_is(const struct html_tag *tag, const char *name) {
    return str_equal_icase(tag->name, str_of(name));
}

const struct html_attr *html_attr(const struct html_tag *tag, const char *name) {
    for (size_t i = 0; i < tag->attr_count; i++) {
        if (str_equal_icase(tag->attrs[i].name, str_of(name))) return &tag->attrs[i];
    }
    return NULL;
}

static bool is_at(const struct html *h, char c) {
    return h->at < h->text.len && h->text.ptr[h->at] == c;
}

static void skip_space(struct html *h) {
    while (h->at < h->text.len && markup_is_space(h->text.ptr[h->at])) h->at++;
}

static bool one_of(struct str name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(name, str_of(list[i]))) return true;
    }
    return false;
}

static size_t find_text(struct str s, struct str part, size_t from) {
    if (from >= s.len) return s.len;
    const char *hit = memmem(s.ptr + from, s.len - from, part.ptr, part.len);
    return hit == NULL ? s.len : (size_t)(hit - s.ptr);
}

static bool has_text_icase(struct str s, struct str part) {
    for (size_t i = 0; i + part.len <= s.len; i++) {
        if (str_equal_icase(str_part(s, i, part.len), part)) return true;
    }
    return false;
}

/* Past "<!...>" or "<?...>". Comments that end in another place for another reader are refused. */
static bool skip_declaration(struct html *h) {
    struct str rest = str_part(h->text, h->at, h->text.len);
    size_t end;
    if (str_starts_with(rest, STR("<!--"))) {
        end = find_text(rest, STR("-->"), 4);
        struct str comment = str_part(rest, 4, end == rest.len ? 0 : end - 4);
        if (end == rest.len || str_starts_with(str_part(rest, 4, 2), STR(">")) ||
            str_starts_with(str_part(rest, 4, 2), STR("->")) ||
            find_text(comment, STR("--!>"), 0) < comment.len)
            return false;
        h->at += end + 3;
        return true;
    }
    if (!str_starts_with_icase(rest, STR("<!doctype")) && !str_starts_with(rest, STR("<?xml")))
        return false;
    end = str_find(rest, '>', 0);
    h->at += end + 1;
    return end < rest.len;
}

static struct str take_name(struct html *h) {
    size_t from = h->at;
    while (h->at < h->text.len) {
        char c = h->text.ptr[h->at];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != ':' && c != '_') break;
        h->at++;
    }
    return str_part(h->text, from, h->at - from);
}

static bool is_bare(char c) {
    return (unsigned char)c > 0x20 && c != 0x7f && strchr("\"'<>=`", c) == NULL;
}

/* The raw value behind '='; `ok` is false where it does not end. */
static struct str take_value(struct html *h, bool *ok) {
    char quote = h->at < h->text.len ? h->text.ptr[h->at] : '\0';
    size_t from = h->at;
    if (quote == '"' || quote == '\'') {
        size_t end = str_find(h->text, quote, from + 1);
        *ok = end < h->text.len;
        h->at = end + 1;
        return str_part(h->text, from + 1, end - from - 1);
    }
    while (h->at < h->text.len && is_bare(h->text.ptr[h->at])) h->at++;
    *ok = h->at > from;
    return str_part(h->text, from, h->at - from);
}

static enum html_verdict take_attr(struct html *h, struct html_tag *tag) {
    struct str name = take_name(h), raw = STR(""), value = STR("");
    if (name.len == 0 || tag->attr_count == HTML_ATTRS_MAX) return HTML_MALFORMED;
    for (size_t i = 0; i < tag->attr_count; i++) {
        if (str_equal_icase(tag->attrs[i].name, name)) return HTML_MALFORMED;
    }
    size_t behind = h->at;
    skip_space(h);
    if (is_at(h, '=')) {
        bool ok;
        h->at++;
        skip_space(h);
        raw = take_value(h, &ok);
        if (!ok || str_find(raw, '\0', 0) < raw.len) return HTML_MALFORMED;
    } else {
        h->at = behind;
    }
    enum markup_verdict verdict = markup_decode(raw, MARKUP_HTML, h->arena, &value);
    if (verdict == MARKUP_NO_MEMORY) return HTML_NO_MEMORY;
    /* Handlers and styles do not go back to the phone, so nobody needs to understand them. */
    bool script = str_starts_with_icase(name, STR("on")) || str_equal_icase(name, STR("style"));
    if (verdict != MARKUP_OK && !script) return HTML_MALFORMED;
    tag->attrs[tag->attr_count++] = (struct html_attr){name, value};
    return HTML_TAG;
}

/* Everything behind the tag's name, '>' included. */
static enum html_verdict take_attrs(struct html *h, struct html_tag *tag) {
    for (;;) {
        size_t from = h->at;
        skip_space(h);
        bool spaced = h->at > from;
        if (is_at(h, '>')) {
            h->at++;
            return HTML_TAG;
        }
        if (is_at(h, '/')) {
            h->at++;
            if (!is_at(h, '>')) return HTML_MALFORMED;
            continue;
        }
        if (!spaced || tag->closing) return HTML_MALFORMED;
        enum html_verdict verdict = take_attr(h, tag);
        if (verdict != HTML_TAG) return verdict;
    }
}

/* The raw content of the element that was opened; afterwards `at` stands at its closing tag. */
static bool take_inner(struct html *h, struct html_tag *tag) {
    size_t from = h->at, at = from;
    for (;; at++) {
        at = find_text(h->text, STR("</"), at);
        if (at == h->text.len) return false;
        struct str name = str_part(h->text, at + 2, tag->name.len);
        size_t behind = at + 2 + tag->name.len;
        if (!str_equal_icase(name, tag->name) || behind >= h->text.len) continue;
        char c = h->text.ptr[behind];
        if (c == '>' || c == '/' || markup_is_space(c)) break;
    }
    tag->inner = str_part(h->text, from, at - from);
    h->at = at;
    /* Here a script does not end where it seems to (script data double escaped state). */
    bool escaped = find_text(tag->inner, STR("<!--"), 0) < tag->inner.len;
    return !escaped || !html_tag_is(tag, "script") || !has_text_icase(tag->inner, STR("<script"));
}

/* To the next '<' that begins something; false at the end. */
static bool find_tag(struct html *h) {
    while (h->at < h->text.len) {
        h->at = str_find(h->text, '<', h->at);
        struct str next = str_part(h->text, h->at + 1, 2);
        if (next.len > 0 && (ascii_is_alpha(next.ptr[0]) || next.ptr[0] == '!' ||
                             next.ptr[0] == '?' || next.ptr[0] == '/'))
            return true;
        if (h->at < h->text.len) h->at++;
    }
    return false;
}

enum html_verdict html_next(struct html *html, struct html_tag *tag) {
    size_t from = html->at;
    for (;;) {
        if (!find_tag(html)) return HTML_END;
        char c = html->text.ptr[html->at + 1];
        if (c != '!' && c != '?') break;
        if (!skip_declaration(html)) return HTML_MALFORMED;
    }
    tag->before = str_part(html->text, from, html->at - from);
    tag->attr_count = 0;
    tag->inner = STR("");
    html->at++;
    tag->closing = is_at(html, '/');
    if (tag->closing) html->at++;
    tag->name = take_name(html);
    if (tag->name.len == 0 || !ascii_is_alpha(tag->name.ptr[0])) return HTML_MALFORMED;
    if (one_of(tag->name, refused_elements, ARRAY_LEN(refused_elements))) return HTML_MALFORMED;
    enum html_verdict verdict = take_attrs(html, tag);
    if (verdict != HTML_TAG || tag->closing) return verdict;
    if (!one_of(tag->name, raw_elements, ARRAY_LEN(raw_elements))) return HTML_TAG;
    return take_inner(html, tag) ? HTML_TAG : HTML_MALFORMED;
}
