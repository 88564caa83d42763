/* A request from the outside: no cut of it changes what is read; what is accepted means the same
 * to llhttp, holds what request.h promises, and reads the same when written anew. The first octet
 * chooses the limits. */
#include "policy/base/outbuf.h"
#include "tests/fuzz/fuzz_http.h"

static bool is_target_octet(unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '#' && c != '\\';
}

static void check_view(const struct request_view *view) {
    fuzz_check_fields(view->headers, view->header_count);
    ENSURE(view->target.len > 0 && fuzz_all(view->target, is_target_octet));
    ENSURE(view->path.len > 0 && (view->path.ptr[0] == '/' || str_equal(view->path, STR("*"))));
    ENSURE(str_find(view->path, '?', 0) == view->path.len);
    ENSURE(view->path.ptr[0] == '/' || view->method == METHOD_OPTIONS);
    size_t hosts = request_header_count(view, STR("Host"));
    ENSURE(view->minor == 0 ? hosts <= 1 : hosts == 1);
    ENSURE(view->authority.len > 0 || view->minor == 0);
    ENSURE(str_find(view->authority, '@', 0) == view->authority.len);
    ENSURE(str_find(view->authority, '/', 0) == view->authority.len);
    size_t lengths = request_header_count(view, STR("Content-Length"));
    size_t codings = request_header_count(view, STR("Transfer-Encoding"));
    ENSURE(lengths + codings <= 1);
    ENSURE((view->body == BODY_CHUNKED) == (codings == 1));
    ENSURE(view->body != BODY_LENGTH || (lengths == 1 && view->content_length > 0));
    ENSURE(view->body == BODY_LENGTH || view->content_length == 0);
    ENSURE(view->minor == 1 || view->body != BODY_CHUNKED);
}

static void write_head(const struct request_view *view, struct outbuf *out) {
    outbuf_put(out, view->method_name);
    outbuf_char(out, ' ');
    outbuf_put(out, view->target);
    outbuf_put(out, view->minor == 1 ? STR(" HTTP/1.1\r\n") : STR(" HTTP/1.0\r\n"));
    for (size_t i = 0; i < view->header_count; i++) {
        outbuf_put(out, view->headers[i].name);
        outbuf_put(out, STR(": "));
        outbuf_put(out, view->headers[i].value);
        outbuf_put(out, STR("\r\n"));
    }
    outbuf_put(out, STR("\r\n"));
}

static void check_written_anew(const struct request_view *view) {
    static char memory[2 * FUZZ_HTTP_MAX];
    static struct http_run again;
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    write_head(view, &out);
    ENSURE(!out.full);
    http_run_request(&again, outbuf_str(&out), out.len, &http_run_limits);
    ENSURE(again.head.len == out.len);
    const struct request_view *v = &again.request;
    ENSURE(str_equal(v->target, view->target) && str_equal(v->path, view->path));
    ENSURE(str_equal(v->authority, view->authority) && v->body == view->body);
    ENSURE(v->content_length == view->content_length && v->header_count == view->header_count);
    for (size_t i = 0; i < v->header_count; i++)
        ENSURE(str_equal(v->headers[i].value, view->headers[i].value));
    ENSURE(http_wants_close(v) == http_wants_close(view));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_run whole, cut;
    if (size == 0) return 0;
    struct http_limits limits = fuzz_limits(data[0]);
    struct str text = str_part((struct str){(const char *)data, size}, 1, FUZZ_HTTP_MAX);
    http_run_request(&whole, text, text.len, &limits);
    for (size_t at = 0; at < text.len; at = fuzz_next_cut(at, text.len)) {
        http_run_request(&cut, text, at, &limits);
        ENSURE(http_run_equal(&whole, &cut));
    }
    ENSURE(whole.end != RUN_BAD_HEAD || (whole.refusal.status >= 400 && whole.refusal.reason));
    if (whole.head.len == 0 || whole.end == RUN_BAD_HEAD || whole.end == RUN_DISAGREED) return 0;
    check_view(&whole.request);
    check_written_anew(&whole.request);
    if (whole.end == RUN_DONE || whole.end == RUN_MORE)
        other_must_agree(&whole, HTTP_REQUEST, false, text);
    return 0;
}
