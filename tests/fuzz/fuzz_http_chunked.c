/* The chunked coding: no cut changes what is decoded, what is accepted means the same to llhttp,
 * and what is written is read back. */
#include "tests/fuzz/fuzz_http.h"

static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

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
