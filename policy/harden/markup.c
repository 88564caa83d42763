#include "policy/harden/markup.h"

#include <string.h>

#include "policy/base/outbuf.h"

struct entity {
    struct str name;
    struct str text;
};

static const struct entity entities[] = {
    {{"amp", 3}, {"&", 1}},   {{"lt", 2}, {"<", 1}},   {{"gt", 2}, {">", 1}},
    {{"quot", 4}, {"\"", 1}}, {{"apos", 4}, {"'", 1}}, {{"nbsp", 4}, {"\xc2\xa0", 2}},
};
enum { XML_ENTITIES = 5 };

bool markup_is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static const struct entity *find(struct str name, enum markup_mode mode) {
    size_t count = mode == MARKUP_XML ? (size_t)XML_ENTITIES : ARRAY_LEN(entities);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(entities[i].name, name)) return &entities[i];
    }
    return NULL;
}

static bool is_character(uint32_t c) {
    if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
    return c != 0x7f && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void put_utf8(struct outbuf *out, uint32_t c) {
    if (c < 0x80) {
        outbuf_char(out, (char)c);
        return;
    }
    unsigned tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    uint32_t lead = tail == 1 ? 0xc0U : tail == 2 ? 0xe0U : 0xf0U;
    outbuf_char(out, (char)(lead | c >> (6 * tail)));
    while (tail-- > 0) outbuf_char(out, (char)(0x80U | (c >> (6 * tail) & 0x3fU)));
}

/* The digits between "&#" and ";", with their 'x'. */
static bool put_number(struct str digits, struct outbuf *out) {
    uint32_t value = 0, base = 10;
    if (digits.len > 0 && ascii_lower(digits.ptr[0]) == 'x') {
        base = 16;
        digits = str_part(digits, 1, digits.len);
    }
    if (digits.len == 0 || digits.len > 8) return false;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = ascii_hex_value(digits.ptr[i]);
        if (digit < 0 || (uint32_t)digit >= base || value > 0x10ffff) return false;
        value = value * base + (uint32_t)digit;
    }
    if (!is_character(value)) return false;
    put_utf8(out, value);
    return true;
}

/* Browsers read some names without their ';' too, so such a text has two meanings. */
static bool begins_with_a_name(struct str s) {
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (str_starts_with_icase(s, entities[i].name)) return true;
    }
    return false;
}

/* `s` begins behind a '&'; how much of it was used up goes to `taken`. */
static bool put_entity(struct str s, enum markup_mode mode, struct outbuf *out, size_t *taken) {
    size_t end = 0;
    bool number = s.len > 0 && s.ptr[0] == '#';
    for (end = number ? 1 : 0; end < s.len; end++) {
        if (!ascii_is_alpha(s.ptr[end]) && !ascii_is_digit(s.ptr[end])) break;
    }
    bool closed = end < s.len && s.ptr[end] == ';' && end > 0;
    *taken = closed ? end + 1 : 0;
    if (number) return closed && put_number(str_part(s, 1, end - 1), out);
    const struct entity *entity = closed ? find(str_part(s, 0, end), mode) : NULL;
    if (entity != NULL) outbuf_put(out, entity->text);
    if (entity != NULL) return true;
    if (mode == MARKUP_XML || closed || begins_with_a_name(s)) return false;
    outbuf_char(out, '&');
    return true;
}

enum markup_verdict markup_decode(struct str raw, enum markup_mode mode, struct arena *arena,
                                  struct str *out) {
    *out = raw;
    size_t amp = str_find(raw, '&', 0);
    if (amp == raw.len) return MARKUP_OK;
    char *memory = arena_alloc(arena, raw.len); /* no entity is shorter than what it stands for */
    if (memory == NULL) return MARKUP_NO_MEMORY;
    struct outbuf text;
    outbuf_init(&text, memory, raw.len);
    for (size_t at = 0; at < raw.len; amp = str_find(raw, '&', at)) {
        outbuf_put(&text, str_part(raw, at, amp - at));
        if (amp == raw.len) break;
        size_t taken = 0;
        if (!put_entity(str_part(raw, amp + 1, raw.len), mode, &text, &taken))
            return MARKUP_MALFORMED;
        at = amp + 1 + taken;
    }
    ENSURE(!text.full);
    *out = outbuf_str(&text);
    return MARKUP_OK;
}
