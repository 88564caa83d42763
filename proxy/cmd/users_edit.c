#include "proxy/cmd/users_edit.h"

#include <string.h>

#include "policy/auth/users.h"
#include "policy/base/outbuf.h"

struct str users_edit_name(struct str line) {
    struct users_fields fields;
    if (str_trim(line).len == 0 || line.ptr[0] == '#') return STR_NONE;
    return users_split_line(line, &fields) ? fields.name : STR_NONE;
}

/* Cut the next line off, its line end included. */
static bool next_line(struct str *rest, struct str *line) {
    if (rest->len == 0) return false;
    size_t end = str_find(*rest, '\n', 0);
    *line = str_part(*rest, 0, end < rest->len ? end + 1 : end);
    *rest = str_part(*rest, line->len, rest->len);
    return true;
}

struct str users_edit_find(struct str text, struct str name, users_edit_same *same) {
    struct str line;
    while (next_line(&text, &line)) {
        struct str there = users_edit_name(line);
        if (there.len > 0 && same(there, name)) return there;
    }
    return STR_NONE;
}

char *users_edit_replace(struct str text, struct str name, struct str lines, size_t *len) {
    size_t cap = text.len + lines.len + 1; /* one LF where the last line has none */
    char *copy = malloc(cap + 1);
    ENSURE(copy != NULL);
    struct outbuf out;
    outbuf_init(&out, copy, cap);
    struct str line;
    bool done = false;
    while (next_line(&text, &line)) {
        if (!str_equal(users_edit_name(line), name)) {
            outbuf_put(&out, line);
        } else if (!done) {
            outbuf_put(&out, lines);
            done = true;
        }
    }
    if (!done && out.len > 0 && lines.len > 0 && copy[out.len - 1] != '\n') outbuf_char(&out, '\n');
    if (!done) outbuf_put(&out, lines);
    ENSURE(!out.full);
    copy[out.len] = '\0';
    *len = out.len;
    return copy;
}
