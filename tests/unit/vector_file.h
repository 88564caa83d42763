/* vector_file.h: reads one file of tests/vectors/http_* (format: tests/vectors/README.md). A
 * mistake in a file ends the test with the file's name and line. */
#ifndef TESTS_UNIT_VECTOR_FILE_H
#define TESTS_UNIT_VECTOR_FILE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/base/str.h"

#define VECTOR_KEYS 32
#define VECTOR_FILE 65536

struct vector_file {
    char path[512];
    unsigned line;
    size_t key_count;
    struct str keys[VECTOR_KEYS], values[VECTOR_KEYS]; /* slices of `text` */
    char text[VECTOR_FILE];
    char octets[VECTOR_FILE];
    size_t octet_count;
};

static inline _Noreturn void vector_mistake(const struct vector_file *v, const char *what) {
    fprintf(stderr, "%s:%u: %s\n", v->path, v->line, what);
    abort();
}

static inline void vector_octet(struct vector_file *v, int octet) {
    if (v->octet_count == sizeof(v->octets)) vector_mistake(v, "too long");
    v->octets[v->octet_count++] = (char)octet;
}

static inline void vector_unescape(struct vector_file *v, struct str text);

/* "\[100 times: X-A: b\r\n]": `text` begins behind the '['; returns its length with the ']'. */
static inline size_t vector_repeat(struct vector_file *v, struct str text) {
    size_t blank = str_find(text, ' ', 0);
    size_t close = str_find(text, ']', 0);
    struct str mark = STR(" times: ");
    uint64_t times;
    if (close == text.len || !str_to_u64(str_part(text, 0, blank), VECTOR_FILE, &times) ||
        !str_starts_with(str_part(text, blank, text.len), mark))
        vector_mistake(v, "bad repetition");
    size_t from = blank + mark.len;
    for (uint64_t i = 0; i < times; i++) vector_unescape(v, str_part(text, from, close - from));
    return close + 1;
}

/* `text` begins behind the backslash; returns how much of it the escape takes. */
static inline size_t vector_escape(struct vector_file *v, struct str text) {
    static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
    if (text.len == 0) vector_mistake(v, "backslash at the end");
    const char *hit = strchr(from, text.ptr[0]);
    if (hit && *hit) {
        vector_octet(v, to[hit - from]);
        return 1;
    }
    if (text.ptr[0] == '[') return 1 + vector_repeat(v, str_part(text, 1, text.len));
    if (text.ptr[0] != 'x' || text.len < 3 || !ascii_is_hex(text.ptr[1]) ||
        !ascii_is_hex(text.ptr[2]))
        vector_mistake(v, "unknown escape");
    vector_octet(v, ascii_hex_value(text.ptr[1]) * 16 + ascii_hex_value(text.ptr[2]));
    return 3;
}

/* Append the octets that `text` stands for; literal line ends stand for nothing. */
static inline void vector_unescape(struct vector_file *v, struct str text) {
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i++];
        if (c == '\n') {
            v->line++;
        } else if (c == '\\') {
            i += vector_escape(v, str_part(text, i, text.len));
        } else if (c >= 0x20 && c < 0x7f) {
            vector_octet(v, c);
        } else {
            vector_mistake(v, "an octet that must be written as an escape");
        }
    }
}

static inline void vector_key(struct vector_file *v, struct str line) {
    if (line.len == 0 || line.ptr[0] == '#') return;
    size_t colon = str_find(line, ':', 0);
    if (colon == line.len) vector_mistake(v, "no colon");
    if (v->key_count == VECTOR_KEYS) vector_mistake(v, "too many keys");
    v->keys[v->key_count] = str_part(line, 0, colon);
    v->values[v->key_count++] = str_trim(str_part(line, colon + 1, line.len));
}

static inline void vector_read(struct vector_file *v, const char *dir, const char *name) {
    snprintf(v->path, sizeof(v->path), "%s/%s", dir, name);
    v->line = 0;
    v->key_count = v->octet_count = 0;
    FILE *file = fopen(v->path, "rb");
    if (!file) vector_mistake(v, "cannot be opened");
    struct str rest = {v->text, fread(v->text, 1, sizeof(v->text), file)};
    (void)fclose(file);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        v->line++;
        if (str_equal(line, STR("---"))) {
            vector_unescape(v, rest);
            return;
        }
        vector_key(v, line);
    }
    vector_mistake(v, "no line ---");
}

/* Value of `key`; .ptr is NULL without one. */
static inline struct str vector_value(const struct vector_file *v, const char *key) {
    for (size_t i = 0; i < v->key_count; i++) {
        if (str_equal(v->keys[i], str_of(key))) return v->values[i];
    }
    return STR_NONE;
}

static inline int vector_is_file(const struct dirent *entry) {
    return str_ends_with(str_of(entry->d_name), STR(".txt"));
}

/* Read each .txt of `dir` in name order and give it to `check`; returns how many there were. */
static inline size_t vector_each(const char *dir, void (*check)(const struct vector_file *v)) {
    struct dirent **names;
    int count = scandir(dir, &names, vector_is_file, alphasort);
    struct vector_file *v = malloc(sizeof(*v));
    if (count < 0 || !v) abort();
    for (int i = 0; i < count; i++) {
        vector_read(v, dir, names[i]->d_name);
        check(v);
        free(names[i]);
    }
    free(names);
    free(v);
    return (size_t)count;
}

#endif
