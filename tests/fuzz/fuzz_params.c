/* Any octets as a query and as each kind of body: no crash, no name forgotten that a plain reader
 * finds, no control octet in a name of a query. */
#include <string.h>

#include "policy/access/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_name(const struct params *params, struct str name) {
    for (size_t i = 0; i < params->count; i++) {
        if (str_equal(params->list[i].name, name)) return true;
    }
    return false;
}

/* Readers as phones have them: split at one octet or at two, name up to '='; names that need no
 * decoding are looked up in the list. */
static void check_reader(const struct params *params, struct str text, const char *separators) {
    while (text.len > 0) {
        size_t end = 0;
        while (end < text.len && strchr(separators, text.ptr[end]) == NULL) end++;
        struct str piece = str_part(text, 0, end);
        struct str name = str_part(piece, 0, str_find(piece, '=', 0));
        bool plain = true;
        for (size_t i = 0; i < name.len; i++) {
            plain = plain && name.ptr[i] != '%' && name.ptr[i] != '+' && name.ptr[i] != '\0';
        }
        if (piece.len > 0 && plain) ENSURE(has_name(params, str_trim(name)));
        text = str_part(text, end + 1, text.len);
    }
}

static void check_query(struct str text, struct arena *arena) {
    struct params params = {0};
    if (params_add_urlencoded(&params, text, arena) != PARAMS_OK) return;
    if (memchr(text.ptr, '\0', text.len) == NULL) {
        check_reader(&params, text, "&");
        check_reader(&params, text, "&;");
    }
}

static void check_bodies(struct str text, struct arena *arena) {
    static const char *const types[] = {"application/x-www-form-urlencoded", "text/plain",
                                        "multipart/form-data; boundary=b",
                                        "application/octet-stream"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct params params = {0};
        enum params_verdict verdict = params_add_body(&params, str_of(types[i]), text, arena);
        ENSURE((verdict == PARAMS_UNKNOWN_BODY) <= (i == 3));
        ENSURE(i != 3 || verdict != PARAMS_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    struct arena arena;
    arena_init(&arena, 1 << 24);
    if (size > 0) check_query(text, &arena);
    check_bodies(text, &arena);
    size_t cut = str_find(text, '\n', 0);
    struct params params = {0};
    (void)!params_add_body(&params, str_part(text, 0, cut), str_part(text, cut + 1, size), &arena);
    arena_release(&arena);
    return 0;
}
