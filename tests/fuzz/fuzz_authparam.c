/* Any octets as a field of challenges: slices stay inside, names are tokens and stand once, and
 * what was read strictly reads the same when it is written out again. */
#include <string.h>

#include "policy/auth/authparam.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str piece, struct str field, const struct outbuf *memory) {
    if (piece.len == 0) return;
    bool in_field = piece.ptr >= field.ptr && piece.ptr + piece.len <= field.ptr + field.len;
    bool in_memory = piece.ptr >= memory->ptr && piece.ptr + piece.len <= memory->ptr + memory->len;
    ENSURE(in_field || in_memory);
}

static void check_params(const struct authparams *p, struct str field,
                         const struct outbuf *memory) {
    ENSURE(p->count <= AUTHPARAM_MAX);
    check_inside(p->scheme, field, memory);
    check_inside(p->token68, field, memory);
    for (size_t i = 0; i < p->count; i++) {
        const struct authparam *item = &p->items[i];
        ENSURE(item->name.len > 0);
        for (size_t k = 0; k < item->name.len; k++) ENSURE(ascii_is_tchar(item->name.ptr[k]));
        ENSURE(authparam_find(p, item->name) == item);
        ENSURE(item->quoted || item->value.len > 0);
        ENSURE(item->value.len <= item->raw.len);
        check_inside(item->value, field, memory);
        check_inside(item->raw, field, memory);
        for (size_t k = 0; k < item->value.len; k++) {
            unsigned char c = (unsigned char)item->value.ptr[k];
            ENSURE((c >= 0x20 && c != 0x7f) || c == '\t');
        }
    }
}

/* An extended value never grows, and is UTF-8. */
static void check_extended(const struct authparams *p) {
    static char decoded[4096];
    for (size_t i = 0; i < p->count; i++) {
        struct outbuf memory;
        struct str value;
        outbuf_init(&memory, decoded, sizeof(decoded));
        if (!authparam_extended(&p->items[i], &memory, &value)) continue;
        ENSURE(!p->items[i].quoted && value.len + 7 <= p->items[i].value.len);
        ENSURE(str_is_utf8(value));
    }
}

static void check_written(const struct authparams *p) {
    static char text[16384];
    static char unescaped[16384];
    struct outbuf out;
    struct outbuf memory;
    struct authparams again;
    outbuf_init(&out, text, sizeof(text));
    for (size_t i = 0; i < p->count; i++) {
        if (i > 0) outbuf_put(&out, STR(", "));
        authparam_put_quoted(&out, p->items[i].name, p->items[i].value);
    }
    if (out.full) return;
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    ENSURE(authparam_list(outbuf_str(&out), AUTHPARAM_STRICT, &memory, &again) == AUTHPARAM_OK);
    ENSURE(again.count == p->count);
    for (size_t i = 0; i < p->count; i++) {
        ENSURE(str_equal(again.items[i].name, p->items[i].name));
        ENSURE(str_equal(again.items[i].value, p->items[i].value));
    }
}

static size_t read_all(struct str field, enum authparam_mode mode, size_t memory_size) {
    static char unescaped[4096];
    struct outbuf memory;
    struct authparams params;
    struct str rest = field;
    size_t read = 0;
    outbuf_init(&memory, unescaped, memory_size);
    while (authparam_next(&rest, mode, &memory, &params) == AUTHPARAM_OK) {
        ENSURE(params.scheme.len > 0);
        check_params(&params, field, &memory);
        check_extended(&params);
        check_written(&params);
        read++;
    }
    ENSURE(rest.len <= field.len);
    if (authparam_list(field, mode, &memory, &params) == AUTHPARAM_OK)
        check_params(&params, field, &memory);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str field = {(const char *)data, size > 4096 ? 4096 : size};
    size_t strict = read_all(field, AUTHPARAM_STRICT, 4096);
    /* What the strict reading understands, the tolerant one does too. */
    ENSURE(read_all(field, AUTHPARAM_TOLERANT, 4096) >= strict);
    (void)read_all(field, AUTHPARAM_TOLERANT, 3);
    return 0;
}
