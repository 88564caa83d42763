#include "proxy/http/http_write.h"

/* Printable ASCII without a blank: nothing that ends a word or a line. */
static bool is_one_word(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f) return false;
    }
    return s.len > 0;
}

bool http_write_request(struct outbuf *out, struct str method, struct str target,
                        struct str authority, bool keep_alive) {
    if (!is_one_word(method) || !is_one_word(target) || !is_one_word(authority)) return false;
    outbuf_put(out, method);
    outbuf_char(out, ' ');
    outbuf_put(out, target);
    outbuf_put(out, STR(" HTTP/1.1\r\nHost: "));
    outbuf_put(out, authority);
    outbuf_put(out, STR("\r\n"));
    if (keep_alive) outbuf_put(out, STR("Connection: keep-alive\r\n"));
    return true;
}

void http_write_status(struct outbuf *out, unsigned status, struct str phrase) {
    outbuf_put(out, STR("HTTP/1.1 "));
    outbuf_u64(out, status);
    outbuf_char(out, ' ');
    outbuf_put(out, phrase);
    outbuf_put(out, STR("\r\n"));
}

void http_write_length(struct outbuf *out, uint64_t length) {
    outbuf_put(out, STR("Content-Length: "));
    outbuf_u64(out, length);
    outbuf_put(out, STR("\r\n"));
}

void http_write_end(struct outbuf *out) {
    outbuf_put(out, STR("\r\n"));
}

enum answer_framing http_choose_framing(const struct response_view *res, unsigned minor) {
    switch (res->body) {
    case RESPONSE_NONE:
        return FRAMING_NONE;
    case RESPONSE_LENGTH:
        return FRAMING_LENGTH;
    case RESPONSE_CHUNKED:
    case RESPONSE_UNTIL_CLOSE:
        return minor == 1 ? FRAMING_CHUNKED : FRAMING_CLOSE;
    }
    return FRAMING_CLOSE;
}

/* Where no body follows, a length stands only where the phone said one of what GET would bring, or
 * where its absence would mean a body up to the end. */
void http_write_framing(struct outbuf *out, enum answer_framing framing,
                        const struct response_view *res, bool head_request) {
    bool bodiless_status = res->status == 204 || res->status == 304;
    bool length = framing == FRAMING_LENGTH || (framing == FRAMING_NONE && !bodiless_status &&
                                                (res->announced_length || !head_request));
    if (length) http_write_length(out, res->content_length);
    if (framing == FRAMING_CHUNKED) outbuf_put(out, STR("Transfer-Encoding: chunked\r\n"));
}
