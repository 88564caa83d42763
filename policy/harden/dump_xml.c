/* The XML form of a dump: elements, attributes, text, comments. No doctype (so nobody can define an
 * entity), no CDATA, no mixed content. Settings are the children of <phone-settings>; what stands
 * in other sections is passed over. */
#include <string.h>

#include "policy/harden/dump_parts.h"
#include "policy/harden/markup.h"

enum { DEPTH_MAX = 8 };

struct xml {
    struct str text;
    size_t at;
    struct dump *dump;
    struct str open[DEPTH_MAX]; /* names of the elements we are in */
    size_t depth;
    struct dump_entry entry; /* the one whose value comes next */
    bool in_entry;
    bool ended; /* the root element was closed */
};

static bool is_name_char(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '-' || c == '.' || c == ':';
}

static bool is_at(const struct xml *x, char c) {
    return x->at < x->text.len && x->text.ptr[x->at] == c;
}

static bool take_space(struct xml *x) {
    size_t from = x->at;
    while (x->at < x->text.len && markup_is_space(x->text.ptr[x->at])) x->at++;
    return x->at > from;
}

static struct str take_name(struct xml *x) {
    size_t from = x->at;
    while (x->at < x->text.len && is_name_char(x->text.ptr[x->at])) x->at++;
    return str_part(x->text, from, x->at - from);
}

/* Past `mark`; false where it does not come. */
static bool skip_past(struct xml *x, struct str mark) {
    struct str rest = str_part(x->text, x->at, x->text.len);
    const char *hit = rest.len == 0 ? NULL : memmem(rest.ptr, rest.len, mark.ptr, mark.len);
    if (hit == NULL) return false;
    x->at += (size_t)(hit - rest.ptr) + mark.len;
    return true;
}

static enum dump_verdict decode(struct xml *x, struct str raw, struct str *value) {
    switch (markup_decode(raw, MARKUP_XML, x->dump->arena, value)) {
    case MARKUP_OK:
        return DUMP_OK;
    case MARKUP_NO_MEMORY:
        return DUMP_NO_MEMORY;
    case MARKUP_MALFORMED:
        break;
    }
    return DUMP_MALFORMED;
}

/* name="value" of an element; idx and perm mean something. */
static enum dump_verdict take_attr(struct xml *x, struct dump_entry *entry) {
    struct str name = take_name(x), value;
    (void)take_space(x);
    if (name.len == 0 || !is_at(x, '=')) return DUMP_MALFORMED;
    x->at++;
    (void)take_space(x);
    if (!is_at(x, '"') && !is_at(x, '\'')) return DUMP_MALFORMED;
    size_t end = str_find(x->text, x->text.ptr[x->at], x->at + 1);
    if (end == x->text.len) return DUMP_TRUNCATED;
    struct str raw = str_part(x->text, x->at + 1, end - x->at - 1);
    x->at = end + 1;
    if (str_find(raw, '<', 0) < raw.len) return DUMP_MALFORMED;
    enum dump_verdict verdict = decode(x, raw, &value);
    if (verdict != DUMP_OK) return verdict;
    uint64_t idx;
    if (str_equal(name, STR("perm")))
        entry->perm = value.len == 0 ? DUMP_PERM_RW : dump_perm_of(value);
    if (str_equal(name, STR("idx"))) {
        if (!str_to_u64(value, UINT32_MAX, &idx)) return DUMP_MALFORMED;
        entry->idx = (uint32_t)idx;
    }
    return DUMP_OK;
}

static bool in_settings(const struct xml *x) {
    return x->depth == 2 && str_equal(x->open[0], STR("settings")) &&
           str_equal(x->open[1], STR("phone-settings"));
}

/* An element whose name and attributes were read; `empty`: it ended with "/>". */
static enum dump_verdict open_element(struct xml *x, const struct dump_entry *entry, bool empty) {
    if (x->in_entry || x->depth == DEPTH_MAX) return DUMP_MALFORMED; /* a value has no elements */
    if (x->depth == 0 && !str_equal(entry->name, STR("settings"))) return DUMP_MALFORMED;
    bool setting = in_settings(x);
    if (setting && !dump_is_name(entry->name)) return DUMP_MALFORMED;
    if (empty) {
        x->ended = x->depth == 0;
        return setting ? dump_add(x->dump, entry) : DUMP_OK;
    }
    x->open[x->depth++] = entry->name;
    x->entry = *entry;
    x->in_entry = setting;
    return DUMP_OK;
}

static enum dump_verdict take_element(struct xml *x) {
    struct dump_entry entry = {.name = take_name(x), .perm = DUMP_PERM_UNKNOWN, .value = STR("")};
    if (entry.name.len == 0) return DUMP_MALFORMED;
    for (;;) {
        bool spaced = take_space(x);
        bool empty = is_at(x, '/');
        if (empty) x->at++;
        if (is_at(x, '>')) {
            x->at++;
            return open_element(x, &entry, empty);
        }
        if (x->at >= x->text.len) return DUMP_TRUNCATED;
        if (!spaced || empty) return DUMP_MALFORMED;
        enum dump_verdict verdict = take_attr(x, &entry);
        if (verdict != DUMP_OK) return verdict;
    }
}

/* "</name>" of the element we are in; `raw` is the text in front of it. */
static enum dump_verdict close_element(struct xml *x, struct str raw) {
    struct str name = take_name(x);
    (void)take_space(x);
    if (x->at >= x->text.len) return DUMP_TRUNCATED;
    if (!is_at(x, '>') || x->depth == 0 || !str_equal(name, x->open[x->depth - 1]))
        return DUMP_MALFORMED;
    x->at++;
    x->depth--;
    x->ended = x->depth == 0;
    if (!x->in_entry) return DUMP_OK;
    x->in_entry = false;
    enum dump_verdict verdict = decode(x, raw, &x->entry.value);
    return verdict == DUMP_OK ? dump_add(x->dump, &x->entry) : verdict;
}

/* One "<...>"; `raw` is the text in front of it. */
static enum dump_verdict take_markup(struct xml *x, struct str raw) {
    x->at++;
    if (is_at(x, '/')) {
        x->at++;
        return close_element(x, raw);
    }
    if (is_at(x, '!')) {
        if (!str_starts_with(str_part(x->text, x->at, 3), STR("!--")) || x->in_entry)
            return DUMP_MALFORMED;
        x->at += 3;
        return skip_past(x, STR("-->")) ? DUMP_OK : DUMP_TRUNCATED;
    }
    if (is_at(x, '?')) {
        if (x->depth > 0) return DUMP_MALFORMED;
        return skip_past(x, STR("?>")) ? DUMP_OK : DUMP_TRUNCATED;
    }
    return take_element(x);
}

enum dump_verdict dump_read_xml(struct dump *dump, struct str text) {
    struct xml x = {.text = text, .dump = dump};
    while (!x.ended) {
        size_t from = x.at;
        x.at = str_find(text, '<', from);
        if (x.at == text.len) return DUMP_TRUNCATED;
        enum dump_verdict verdict = take_markup(&x, str_part(text, from, x.at - from));
        if (verdict != DUMP_OK) return verdict;
    }
    while (x.at < text.len && markup_is_space(text.ptr[x.at])) x.at++;
    return x.at == text.len ? DUMP_OK : DUMP_MALFORMED;
}
