/* access_vectors.h: reading the tables of tests/vectors/ that stand in columns.
 *
 * A line is an id and columns, separated by two or more blanks; '#' at the start of a line is a
 * comment. In a column \xNN is an octet, \r \n \s (blank) \\ as usual; "-" alone is nothing. Files
 * are found from the top of the tree, where make runs the tests. */
#ifndef TESTS_UNIT_ACCESS_VECTORS_H
#define TESTS_UNIT_ACCESS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/base/str.h"

#define VECTOR_COLUMNS 8

struct vectors {
    const char *name;
    FILE *file;
    unsigned line;
    char text[4096];
    char buf[VECTOR_COLUMNS][4096];
    struct str column[VECTOR_COLUMNS];
    size_t count;
};

static inline void vectors_open(struct vectors *v, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof(path), "tests/vectors/%s", name);
    v->name = name;
    v->line = 0;
    v->file = fopen(path, "r");
    if (v->file == NULL) fail_msg("cannot read %s (run from the top of the tree)", path);
}

static inline struct str vectors_unescape(struct str raw, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c != '\\' || i + 1 == raw.len) {
            out[len++] = c;
            continue;
        }
        c = raw.ptr[++i];
        if (c == 'x' && i + 2 < raw.len) {
            out[len++] =
                (char)(ascii_hex_value(raw.ptr[i + 1]) * 16 + ascii_hex_value(raw.ptr[i + 2]));
            i += 2;
        } else {
            out[len++] = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 's' ? ' ' : c == 't' ? '\t' : c;
        }
    }
    return (struct str){out, len};
}

static inline void vectors_columns(struct vectors *v) {
    struct str rest = str_of(v->text);
    v->count = 0;
    while (rest.len > 0) {
        size_t end = 0;
        while (end < rest.len &&
               !(rest.ptr[end] == ' ' && end + 1 < rest.len && rest.ptr[end + 1] == ' ')) {
            end++;
        }
        struct str cell = str_part(rest, 0, end);
        if (v->count == VECTOR_COLUMNS) fail_msg("%s:%u: too many columns", v->name, v->line);
        v->column[v->count] =
            str_equal(cell, STR("-")) ? STR("") : vectors_unescape(cell, v->buf[v->count]);
        v->count++;
        rest = str_part(rest, end, rest.len);
        while (rest.len > 0 && rest.ptr[0] == ' ') rest = str_part(rest, 1, rest.len);
    }
}

/* The next line with columns; false at the end of the file, which is closed. */
static inline bool vectors_next(struct vectors *v) {
    while (fgets(v->text, sizeof(v->text), v->file) != NULL) {
        v->line++;
        v->text[strcspn(v->text, "\r\n")] = '\0';
        size_t len = strlen(v->text);
        while (len > 0 && v->text[len - 1] == ' ') v->text[--len] = '\0';
        if (v->text[0] == '#' || v->text[0] == '\0') continue;
        vectors_columns(v);
        return true;
    }
    (void)fclose(v->file);
    return false;
}

static inline void vectors_expect(const struct vectors *v, struct str got, struct str want) {
    if (str_equal(got, want)) return;
    fail_msg("%s:%u: %s\n  got  [" STR_FMT "]\n  want [" STR_FMT "]", v->name, v->line, v->text,
             STR_ARG(got), STR_ARG(want));
}

#endif
