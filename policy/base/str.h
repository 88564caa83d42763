/* str.h: foreign bytes as a slice.
 *
 * A struct str is borrowed, never NUL-terminated and may hold any octet. Who owns the bytes is said
 * where a str is stored. All comparisons and character classes are ASCII; the locale is never
 * asked. Nothing here allocates. */
#ifndef POLICY_BASE_STR_H
#define POLICY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/base/ensure.h"

struct str {
    const char *ptr;
    size_t len;
};

#define STR(lit)   ((struct str){(lit), sizeof(lit) - 1})
#define STR_NONE   ((struct str){NULL, 0})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

/* The bytes of a NUL-terminated string; NULL gives an empty str. */
struct str str_of(const char *text);

/* The part [from, from+len); both are cut to what is there. */
struct str str_part(struct str s, size_t from, size_t len);

/* Without blanks and tabs (OWS, RFC 9110 5.6.3) at both ends. */
struct str str_trim(struct str s);

bool str_equal(struct str a, struct str b);

/* The same octets without ASCII case: the long half of str_equal_icase. */
bool str_same_icase(const char *a, const char *b, size_t len);

/* Most comparisons fail at the length or the first octet, where no function is called for them. */
static inline bool str_equal_icase(struct str a, struct str b) {
    if (a.len != b.len) return false;
    if (a.len == 0) return true;
    return (((unsigned char)a.ptr[0] ^ (unsigned char)b.ptr[0]) & 0xdf) == 0 &&
           str_same_icase(a.ptr, b.ptr, a.len);
}
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_icase(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);

/* Index of the first `c` at or behind `from`; s.len where there is none. */
size_t str_find(struct str s, char c, size_t from);

/* Cut the piece before the first `sep` off `*rest`. False when *rest is used up (rest->ptr is NULL
 * then); an empty str yields one empty piece. */
bool str_split(struct str *rest, char sep, struct str *piece);

/* Decimal digits only, at least one, no sign; false on anything else or a value above `max`. */
MUST_USE bool str_to_u64(struct str s, uint64_t max, uint64_t *value);

/* A stable 64-bit hash with a key, for tables (SipHash-2-4). `fold` makes ASCII letters equal in
 * both cases. */
uint64_t str_hash(struct str s, const uint64_t key[2], bool fold);

/* How many octets at the front are printable ASCII other than `"` and `\`: what a quoted string of
 * HTTP or JSON holds as it is. */
size_t str_plain(struct str s);

/* How many octets at the front are no control octets: blanks, VCHAR and obs-text of RFC 9110. */
size_t str_visible(struct str s);

/* The octets as lower-case hex, 2 * len characters into `out`. Takes the same time whatever they
 * are. */
void str_put_hex(const uint8_t *bytes, size_t len, char *out);

/* One list of comma-separated tokens (Connection, Transfer-Encoding) has `token`, without case. */
bool str_list_has(struct str list, struct str token);

char ascii_lower(char c);
bool ascii_is_alpha(char c);
bool ascii_is_digit(char c);
bool ascii_is_hex(char c);
/* 0..15, or -1 where `c` is no hex digit. */
int ascii_hex_value(char c);
/* tchar of RFC 9110 5.6.2. */
bool ascii_is_tchar(char c);

/* Is every octet part of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates)? */
bool str_is_utf8(struct str s);

#endif
