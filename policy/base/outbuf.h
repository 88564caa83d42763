/* outbuf.h: text that is being written into memory the caller lends.
 *
 * Writing past the end is not an error at the place of writing: it sets `full`, drops what does not
 * fit, and the one check stands where the text is used. Never allocates, never NUL-terminates. */
#ifndef POLICY_BASE_OUTBUF_H
#define POLICY_BASE_OUTBUF_H

#include "policy/base/str.h"

struct outbuf {
    char *ptr; /* borrowed from the caller */
    size_t len;
    size_t cap;
    bool full; /* something did not fit: the text must not be used */
};

void outbuf_init(struct outbuf *out, char *memory, size_t cap);
void outbuf_put(struct outbuf *out, struct str s);
void outbuf_char(struct outbuf *out, char c);
/* Decimal. */
void outbuf_u64(struct outbuf *out, uint64_t value);
/* Lower-case hex, two digits a byte. */
void outbuf_hex(struct outbuf *out, const uint8_t *bytes, size_t len);
/* As text or as a quoted attribute of HTML or XML. */
void outbuf_markup(struct outbuf *out, struct str s);
struct str outbuf_str(const struct outbuf *out);

#endif
