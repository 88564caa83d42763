#include "proxy/http/http_chunked.h"

#include "proxy/http/http_octets.h"

void chunked_init(struct chunked *c) {
    *c = (struct chunked){0};
}

static enum chunked_state read_size(struct chunked *c, char octet) {
    int value = ascii_hex_value(octet);
    if (value >= 0) {
        /* 15 digits are 2^60: no sum of them overflows. */
        if (++c->digits > 15) return CHUNKED_BAD;
        c->left = c->left * 16 + (uint64_t)value;
        return CHUNKED_SIZE;
    }
    if (c->digits == 0) return CHUNKED_BAD;
    if (octet == ';') return CHUNKED_EXTENSION;
    return octet == '\r' ? CHUNKED_SIZE_LF : CHUNKED_BAD;
}

static enum chunked_state read_extension(struct chunked *c, char octet) {
    if (octet == '\r') return CHUNKED_SIZE_LF;
    if (!http_is_octet(octet, OCTET_FIELD) || ++c->extensions > CHUNKED_EXTENSIONS_MAX)
        return CHUNKED_BAD;
    return CHUNKED_EXTENSION;
}

/* Framing fields must not stand in trailers (RFC 9110 6.5.1). */
static bool is_framing_name(const struct chunked *c) {
    struct str name = {c->name, c->name_len};
    return str_equal_icase(name, STR("Content-Length")) ||
           str_equal_icase(name, STR("Transfer-Encoding"));
}

static enum chunked_state read_trailer(struct chunked *c, char octet) {
    if (++c->trailers > CHUNKED_TRAILERS_MAX) return CHUNKED_BAD;
    switch (c->state) {
    case CHUNKED_TRAILER_START:
        c->name_len = 0;
        if (octet == '\r') return CHUNKED_END_LF;
        break;
    case CHUNKED_TRAILER_VALUE:
        if (octet == '\r') return CHUNKED_TRAILER_LF;
        return http_is_octet(octet, OCTET_FIELD) ? CHUNKED_TRAILER_VALUE : CHUNKED_BAD;
    default:
        break;
    }
    if (octet == ':' && c->name_len > 0)
        return is_framing_name(c) ? CHUNKED_BAD : CHUNKED_TRAILER_VALUE;
    if (!http_is_octet(octet, OCTET_TOKEN)) return CHUNKED_BAD;
    if (c->name_len < sizeof(c->name)) c->name[c->name_len++] = octet;
    return CHUNKED_TRAILER_NAME;
}

static enum chunked_state size_done(struct chunked *c) {
    if (c->left > 0) return CHUNKED_DATA;
    return CHUNKED_TRAILER_START;
}

static enum chunked_state step(struct chunked *c, char octet) {
    switch (c->state) {
    case CHUNKED_SIZE:
        return read_size(c, octet);
    case CHUNKED_EXTENSION:
        return read_extension(c, octet);
    case CHUNKED_SIZE_LF:
        return octet == '\n' ? size_done(c) : CHUNKED_BAD;
    case CHUNKED_DATA_CR:
        return octet == '\r' ? CHUNKED_DATA_LF : CHUNKED_BAD;
    case CHUNKED_DATA_LF:
        c->digits = 0;
        return octet == '\n' ? CHUNKED_SIZE : CHUNKED_BAD;
    case CHUNKED_TRAILER_START:
    case CHUNKED_TRAILER_NAME:
    case CHUNKED_TRAILER_VALUE:
        return read_trailer(c, octet);
    case CHUNKED_TRAILER_LF:
        return octet == '\n' ? CHUNKED_TRAILER_START : CHUNKED_BAD;
    case CHUNKED_END_LF:
        return octet == '\n' ? CHUNKED_DONE : CHUNKED_BAD;
    case CHUNKED_DATA:
    case CHUNKED_DONE:
    case CHUNKED_BAD:
        break;
    }
    return c->state;
}

void chunked_read(struct chunked *c, struct str *in, struct str *data) {
    *data = STR_NONE;
    while (in->len > 0 && c->state != CHUNKED_DONE && c->state != CHUNKED_BAD) {
        if (c->state != CHUNKED_DATA) {
            c->state = step(c, in->ptr[0]);
            *in = str_part(*in, 1, in->len);
            continue;
        }
        size_t len = c->left < in->len ? (size_t)c->left : in->len;
        *data = str_part(*in, 0, len);
        *in = str_part(*in, len, in->len);
        c->left -= len;
        if (c->left == 0) c->state = CHUNKED_DATA_CR;
        return;
    }
}

size_t chunked_write_size(size_t len, char out[18]) {
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    int shift = 60;
    while (shift > 0 && (len >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) out[at++] = digits[(len >> shift) & 15];
    out[at++] = '\r';
    out[at++] = '\n';
    return at;
}
