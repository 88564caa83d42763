/* Any octets as a page: no crash. A form that is found holds the field once, sends its hidden
 * fields as they stood there, and what is written reads back; targets stay on the phone. */
#include <string.h>

#include "policy/access/params.h"
#include "policy/harden/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Undo the coding of `text` and compare. */
static bool says(struct str text, struct str value) {
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++, at++) {
        char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];
        if (c == '%') {
            ENSURE(text.len - i >= 3);
            c = (char)(ascii_hex_value(text.ptr[i + 1]) << 4 | ascii_hex_value(text.ptr[i + 2]));
            i += 2;
        }
        if (at >= value.len || value.ptr[at] != c) return false;
    }
    return at == value.len;
}

static bool has_line_end(struct str s) {
    return str_find(s, '\r', 0) < s.len || str_find(s, '\n', 0) < s.len;
}

/* The body is the fields that go along, in their order, each with its own name and value. */
static void check_body(const struct form *form, struct str body) {
    struct str pair;
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        if (!field->on || field->name.len == 0) continue;
        ENSURE(str_split(&body, '&', &pair));
        size_t equals = str_find(pair, '=', 0);
        ENSURE(equals < pair.len);
        if (!has_line_end(field->name)) ENSURE(says(str_part(pair, 0, equals), field->name));
        if (!has_line_end(field->value))
            ENSURE(says(str_part(pair, equals + 1, pair.len), field->value));
    }
    ENSURE(body.ptr == NULL || body.len == 0);
}

static void check_form(struct form *form, struct str name) {
    static char memory[FORM_PAGE_MAX * 8];
    struct outbuf out;
    struct form_field before[FORM_FIELDS_MAX];
    memcpy(before, form->fields, form->count * sizeof(*before));
    bool set = form_set(form, name, STR("on"));
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        bool same = field->on == before[i].on && str_equal(field->value, before[i].value);
        if (!set || field->kind == FORM_HIDDEN || !str_equal(field->name, name)) ENSURE(same);
        ENSURE((field->kind != FORM_SUBMIT && field->kind != FORM_OTHER) || !field->on);
    }
    if (set) ENSURE(str_equal(form_value(form, name), STR("on")));
    outbuf_init(&out, memory, sizeof(memory));
    form_write(form, NULL, &out);
    ENSURE(!out.full);
    check_body(form, outbuf_str(&out));
}

static void check_links(struct str page, struct arena *arena) {
    struct form_links links;
    if (form_links(page, arena, &links) != FORM_OK) return;
    for (size_t i = 0; i < links.count; i++) {
        char memory[FORM_TARGET_MAX * 2];
        struct outbuf out;
        outbuf_init(&out, memory, sizeof(memory));
        if (!form_target(STR("/a/b.htm"), links.items[i], &out)) continue;
        struct str target = outbuf_str(&out);
        ENSURE(target.len > 0 && target.ptr[0] == '/' && !str_starts_with(target, STR("//")));
        struct str path = str_part(target, 0, str_find(target, '?', 0)), segment;
        while (str_split(&path, '/', &segment))
            ENSURE(!str_equal(segment, STR("..")) && !str_equal(segment, STR(".")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str page = {(const char *)data, size};
    struct arena arena;
    struct form form;
    arena_init(&arena, FORM_ARENA);
    /* The field's name is what stands in front of the first line end, if that is short. */
    size_t cut = str_find(page, '\n', 0);
    struct str name = cut > 0 && cut < 16 ? str_part(page, 0, cut) : STR("x");
    if (form_find(page, name, &arena, &form) == FORM_OK) check_form(&form, name);
    arena_reset(&arena);
    if (form_find_button(page, name, &arena, &form) == FORM_OK) check_form(&form, name);
    arena_reset(&arena);
    check_links(page, &arena);
    arena_release(&arena);
    return 0;
}
