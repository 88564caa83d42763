/* Where a page leads to. */
#include "policy/harden/form.h"
#include "policy/harden/html.h"

static const struct html_attr *link_of(const struct html_tag *tag) {
    if (html_tag_is(tag, "a") || html_tag_is(tag, "area")) return html_attr(tag, "href");
    if (html_tag_is(tag, "frame") || html_tag_is(tag, "iframe")) return html_attr(tag, "src");
    return NULL;
}

enum form_verdict form_links(struct str page, struct arena *arena, struct form_links *links) {
    struct html html;
    struct html_tag tag;
    enum html_verdict next;
    links->count = 0;
    if (page.len > FORM_PAGE_MAX) return FORM_TOO_BIG;
    links->items = arena_alloc(arena, FORM_LINKS_MAX * sizeof(*links->items));
    if (links->items == NULL) return FORM_NO_MEMORY;
    html_init(&html, page, arena);
    while ((next = html_next(&html, &tag)) == HTML_TAG) {
        const struct html_attr *link = tag.closing ? NULL : link_of(&tag);
        if (link == NULL) continue;
        if (links->count == FORM_LINKS_MAX) return FORM_TOO_BIG;
        links->items[links->count++] = link->value;
    }
    if (next == HTML_NO_MEMORY) return FORM_NO_MEMORY;
    return next == HTML_END ? FORM_OK : FORM_MALFORMED;
}

/* Only what every reader takes for the same path: no blanks, controls, backslashes, non-ASCII. */
static bool is_plain(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>') return false;
    }
    return true;
}

/* "name:" in front of any '/' is another scheme. */
static bool has_scheme(struct str path) {
    size_t colon = str_find(path, ':', 0);
    return colon < path.len && colon < str_find(path, '/', 0);
}

/* Up to and with the last '/' of `path`; "" where there is none. */
static struct str folder_of(struct str path) {
    while (path.len > 0 && path.ptr[path.len - 1] != '/') path.len--;
    return path;
}

/* Take the last segment off what stands in `out`, which keeps its '/' at the beginning. */
static void drop_segment(struct outbuf *out) {
    if (out->len > 1) out->len--;
    while (out->len > 1 && out->ptr[out->len - 1] != '/') out->len--;
}

/* `path` behind the folder that stands in `out`. */
static void put_segments(struct outbuf *out, struct str path) {
    struct str segment;
    while (str_split(&path, '/', &segment)) {
        bool last = path.ptr == NULL;
        if (str_equal(segment, STR(".."))) {
            drop_segment(out);
        } else if (!str_equal(segment, STR("."))) {
            outbuf_put(out, segment);
            if (!last) outbuf_char(out, '/');
        }
    }
}

bool form_target(struct str base, struct str link, struct outbuf *out) {
    link = str_part(link, 0, str_find(link, '#', 0));
    struct str page = str_part(base, 0, str_find(base, '?', 0));
    struct str path = str_part(link, 0, str_find(link, '?', 0));
    struct str query = str_part(link, path.len, link.len);
    if (base.len + link.len > FORM_TARGET_MAX || !is_plain(base) || !is_plain(link)) return false;
    if (page.len == 0 || page.ptr[0] != '/' || str_starts_with(page, STR("//"))) return false;
    if (str_starts_with(path, STR("//")) || has_scheme(path)) return false;
    if (link.len == 0) { /* the page itself, with its query */
        outbuf_put(out, base);
    } else if (path.len == 0) {
        outbuf_put(out, page);
        outbuf_put(out, query);
    } else {
        if (path.ptr[0] != '/') outbuf_put(out, folder_of(page));
        if (path.ptr[0] == '/') outbuf_char(out, '/');
        put_segments(out, path.ptr[0] == '/' ? str_part(path, 1, path.len) : path);
        outbuf_put(out, query);
    }
    return !out->full && !str_starts_with(outbuf_str(out), STR("//"));
}
