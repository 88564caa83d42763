/* The chunked coding: no cut changes what is decoded, what is accepted means the same to llhttp,
 * and what is written is read back. */
#include "tests/fuzz/fuzz_http.h"

static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

/* The next line of *in without its CRLF, of good octets only; false where there is none. */
static bool take_line(struct str *in, struct str *line) {
    const char *end = in->len > 0 ? memmem(in->ptr, in->len, "\r\n", 2) : NULL;
    if (end == NULL) return false;
    *line = str_part(*in, 0, (size_t)(end - in->ptr));
    *in = str_part(*in, line->len + 2, in->len);
    return fuzz_all(*line, fuzz_is_field_octet);
}

static bool take_size(struct str *in, size_t *extensions, uint64_t *size) {
    struct str line;
    if (!take_line(in, &line)) return false;
    size_t digits = str_find(line, ';', 0);
    *extensions += digits < line.len ? line.len - digits - 1 : 0;
    if (digits == 0 || digits > 15 || *extensions > CHUNKED_EXTENSIONS_MAX) return false;
    *size = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!ascii_is_hex(line.ptr[i])) return false;
        *size = *size * 16 + (uint64_t)ascii_hex_value(line.ptr[i]);
    }
    return true;
}

static bool take_trailers(struct str *in) {
    struct str line;
    size_t octets = 0; /* the decoder counts a line end as one */
    while (take_line(in, &line)) {
        octets += line.len + 1;
        if (line.len == 0) return octets <= CHUNKED_TRAILERS_MAX;
        struct str name = str_part(line, 0, str_find(line, ':', 0));
        if (name.len == line.len || name.len == 0) return false;
        for (size_t i = 0; i < name.len; i++) {
            if (!ascii_is_tchar(name.ptr[i])) return false;
        }
        if (str_equal_icase(name, STR("Content-Length"))) return false;
        if (str_equal_icase(name, STR("Transfer-Encoding"))) return false;
    }
    return false;
}

/* The same grammar read line by line over the whole text: is it one complete body? */
static bool reference(struct str *in, char *out, size_t *out_len) {
    size_t extensions = 0;
    uint64_t size;
    *out_len = 0;
    while (take_size(in, &extensions, &size)) {
        if (size == 0) return take_trailers(in);
        if (in->len < 2 || in->len - 2 < size || memcmp(in->ptr + size, "\r\n", 2) != 0)
            return false;
        memcpy(out + *out_len, in->ptr, size);
        *out_len += size;
        *in = str_part(*in, (size_t)size + 2, in->len);
    }
    return false;
}

static void check_reference(const struct http_run *run, struct str body) {
    static char out[FUZZ_HTTP_MAX];
    size_t len;
    bool complete = reference(&body, out, &len);
    ENSURE(complete == (run->end == RUN_DONE));
    if (!complete) return;
    ENSURE(len == run->decoded_len && memcmp(out, run->decoded, len) == 0);
    ENSURE(body.len == run->rest.len);
}

static void check_decode(struct str body) {
    static struct http_run whole, cut;
    static char message[sizeof(head) + FUZZ_HTTP_MAX];
    size_t from = sizeof(head) - 1;
    memcpy(message, head, from);
    if (body.len > 0) memcpy(message + from, body.ptr, body.len);
    struct str text = {message, from + body.len};
    whole.decoded_len = 0;
    http_run_chunked(&whole, text, from, text.len);
    ENSURE(whole.decoded_len <= body.len && whole.rest.len <= body.len);
    for (size_t at = from; at < text.len; at = fuzz_next_cut(at, text.len)) {
        cut.decoded_len = 0;
        http_run_chunked(&cut, text, from, at);
        ENSURE(cut.end == whole.end && cut.rest.len == whole.rest.len);
        ENSURE(cut.decoded_len == whole.decoded_len);
        ENSURE(memcmp(cut.decoded, whole.decoded, cut.decoded_len) == 0);
    }
    check_reference(&whole, body);
    if (whole.end != RUN_BAD_BODY) other_must_agree(&whole, HTTP_REQUEST, false, text);
}

/* Chunks as long as the input's own octets say. */
static void check_encode(struct str data) {
    static struct http_run run;
    static char coded[FUZZ_HTTP_MAX * 8 + 8];
    size_t at = 0;
    for (size_t from = 0; from < data.len;) {
        struct str piece = str_part(data, from, 1 + (unsigned char)data.ptr[from]);
        at += chunked_write_size(piece.len, coded + at);
        memcpy(coded + at, piece.ptr, piece.len);
        memcpy(coded + at + piece.len, "\r\n", 2);
        at += piece.len + 2;
        from += piece.len;
    }
    memcpy(coded + at, "0\r\n\r\nX", 6);
    run.decoded_len = 0;
    http_run_chunked(&run, (struct str){coded, at + 6}, 0, at / 2);
    ENSURE(run.end == RUN_DONE && str_equal(run.rest, STR("X")));
    ENSURE(str_equal((struct str){run.decoded, run.decoded_len}, data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = str_part((struct str){(const char *)data, size}, 0, FUZZ_HTTP_MAX);
    check_decode(text);
    check_encode(text);
    return 0;
}
