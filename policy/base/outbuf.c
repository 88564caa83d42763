#include "policy/base/outbuf.h"

#include <string.h>

void outbuf_init(struct outbuf *out, char *memory, size_t cap) {
    out->ptr = memory;
    out->len = 0;
    out->cap = cap;
    out->full = false;
}

void outbuf_put(struct outbuf *out, struct str s) {
    if (s.len > out->cap - out->len) {
        out->full = true;
        return;
    }
    if (s.len > 0) memcpy(out->ptr + out->len, s.ptr, s.len);
    out->len += s.len;
}

void outbuf_char(struct outbuf *out, char c) {
    if (out->len == out->cap)
        out->full = true;
    else
        out->ptr[out->len++] = c;
}

void outbuf_u64(struct outbuf *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    outbuf_put(out, (struct str){digits + at, sizeof(digits) - at});
}

void outbuf_hex(struct outbuf *out, const uint8_t *bytes, size_t len) {
    if (len > (out->cap - out->len) / 2) {
        out->full = true;
        return;
    }
    str_put_hex(bytes, len, out->ptr + out->len);
    out->len += 2 * len;
}

void outbuf_markup(struct outbuf *out, struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '&':
            outbuf_put(out, STR("&amp;"));
            break;
        case '<':
            outbuf_put(out, STR("&lt;"));
            break;
        case '>':
            outbuf_put(out, STR("&gt;"));
            break;
        case '"':
            outbuf_put(out, STR("&quot;"));
            break;
        case '\'':
            outbuf_put(out, STR("&#39;"));
            break;
        default:
            outbuf_char(out, s.ptr[i]);
        }
    }
}

struct str outbuf_str(const struct outbuf *out) {
    return (struct str){out->ptr, out->len};
}
