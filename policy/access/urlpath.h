/* urlpath.h: one spelling for every path, or none.
 *
 * One pass: percent-escapes are decoded once and the path is written anew. What could be read in
 * two ways is refused: dot segments, "//", and, raw or escaped, '/', '\', '?', '#', ';', '%'
 * followed by two hex digits (a double escape), control octets, DEL, raw non-ASCII, and octets that
 * are not UTF-8 (U01-U04 of tests/vectors/README.md). What is judged is what is sent. */
#ifndef POLICY_ACCESS_URLPATH_H
#define POLICY_ACCESS_URLPATH_H

#include "policy/base/arena.h"
#include "policy/base/str.h"

struct urlpath {
    struct str decoded; /* for comparing: every escape undone */
    struct str
        encoded; /* for sending: '/' first, upper-case escapes, only pchar and '/' unescaped */
};

enum urlpath_verdict {
    URLPATH_OK,
    URLPATH_NO_SLASH,
    URLPATH_BAD_ESCAPE,
    URLPATH_AMBIGUOUS,
    URLPATH_NO_MEMORY, /* the arena's cap */
};

/* Canonicalise the raw path `raw` (no query) into the arena. */
MUST_USE enum urlpath_verdict urlpath_canonical(struct str raw, struct arena *arena,
                                                struct urlpath *path);
const char *urlpath_verdict_str(enum urlpath_verdict verdict);

/* A query crosses as it came: false where it holds a control octet, a blank, non-ASCII or '#'
 * (U04). */
bool urlpath_query_is_clean(struct str query);

/* before + path, then '?' and the query unless query.ptr is NULL. In the arena, or `path` itself
 * where nothing is added; .ptr is NULL when the arena is used up. */
struct str urlpath_target(struct arena *arena, struct str before, struct str path,
                          struct str query);

/* Does `pattern` ("*" is any run of characters, the empty one included; everything else is itself)
 * cover `text`? No memory, time at most |pattern| * |text|. `fold` compares ASCII letters
 * without case. */
bool urlpath_matches(struct str pattern, struct str text, bool fold);

#endif
