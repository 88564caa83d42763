/* Changing a form that was found, and writing it. */
#include "policy/harden/form.h"

static bool is_choice(enum form_kind kind) {
    return kind == FORM_CHECKBOX || kind == FORM_RADIO || kind == FORM_OPTION;
}

static bool is_control(enum form_kind kind) {
    return is_choice(kind) || kind == FORM_TEXT || kind == FORM_TEXTAREA;
}

static bool is_named(const struct form_field *field, struct str name) {
    return is_control(field->kind) && str_equal(field->name, name);
}

/* Nothing that ends a line, nothing that a page could not have held. */
static bool text_is_good(struct str value) {
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] < 0x20 || value.ptr[i] == 0x7f) return false;
    }
    return true;
}

static bool means_off(struct str value) {
    return value.len == 0 || str_equal(value, STR("off")) || str_equal(value, STR("0"));
}

/* Tick `chosen` alone (NULL: none) among the choices called `name`. */
static void choose(struct form *form, struct str name, const struct form_field *chosen) {
    for (size_t i = 0; i < form->count; i++) {
        struct form_field *field = &form->fields[i];
        if (is_named(field, name)) field->on = field == chosen;
    }
}

bool form_set(struct form *form, struct str name, struct str value) {
    struct form_field *only = NULL, *offered = NULL;
    size_t controls = 0, offers = 0;
    bool fixed = false;
    for (size_t i = 0; i < form->count; i++) {
        struct form_field *field = &form->fields[i];
        if (!is_named(field, name)) continue;
        if (only != NULL && only->kind != field->kind) return false;
        only = field;
        controls++;
        if (is_choice(field->kind) && str_equal(field->value, value)) {
            offered = field;
            offers++;
        }
        /* A choice that is switched off does no harm unless it is the one that is wanted. */
        if (!is_choice(field->kind) || str_equal(field->value, value)) fixed |= field->fixed;
    }
    if (only == NULL || fixed || offers > 1) return false;
    if (!is_choice(only->kind)) {
        if (controls != 1 || value.len > only->longest || !text_is_good(value)) return false;
        only->value = value;
        return true;
    }
    bool clear = offered == NULL && only->kind == FORM_CHECKBOX && controls == 1 && !only->fixed;
    if (offered == NULL && !(clear && means_off(value))) return false;
    choose(form, name, offered);
    return true;
}

struct str form_value(const struct form *form, struct str name) {
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        if (is_named(field, name) && field->on) return field->value;
    }
    return STR_NONE;
}

const struct form_field *form_button(const struct form *form, struct str value) {
    const struct form_field *found = NULL;
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        if (field->kind != FORM_SUBMIT || field->fixed) continue;
        if (!str_equal_icase(field->value, value)) continue;
        if (found != NULL &&
            (!str_equal(found->name, field->name) || !str_equal(found->value, field->value)))
            return NULL;
        if (found == NULL) found = field;
    }
    return found;
}

static void put_octet(struct outbuf *out, char c) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned octet = (unsigned char)c;
    bool plain =
        ascii_is_alpha(c) || ascii_is_digit(c) || c == '*' || c == '-' || c == '.' || c == '_';
    if (plain) {
        outbuf_char(out, c);
    } else if (c == ' ') {
        outbuf_char(out, '+');
    } else {
        outbuf_char(out, '%');
        outbuf_char(out, digits[octet >> 4]);
        outbuf_char(out, digits[octet & 15]);
    }
}

/* Every line end as CR LF, as browsers send them. */
static void put_encoded(struct outbuf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n') continue;
        if (c == '\r' || c == '\n')
            outbuf_put(out, STR("%0D%0A"));
        else
            put_octet(out, c);
    }
}

void form_write(const struct form *form, const struct form_field *button, struct outbuf *out) {
    bool first = true;
    for (size_t i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        if (field->name.len == 0 || (!field->on && field != button)) continue;
        if (!first) outbuf_char(out, '&');
        first = false;
        put_encoded(out, field->name);
        outbuf_char(out, '=');
        put_encoded(out, field->value);
    }
}
