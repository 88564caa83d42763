/* An answer of a phone, which may be anything: no cut of it changes what is read, and what is
 * accepted means the same to llhttp. The first octet chooses the limits and whether HEAD was asked.
 */
#include "tests/fuzz/fuzz_http.h"

static void check_view(const struct response_view *view, bool head) {
    fuzz_check_fields(view->headers, view->header_count);
    ENSURE(view->status >= 100 && view->status <= 599 && view->status != 101);
    bool none = head || view->status < 200 || view->status == 204 || view->status == 304;
    ENSURE(!none || view->body == RESPONSE_NONE);
    ENSURE(view->body != RESPONSE_UNTIL_CLOSE || !view->keep_alive);
    ENSURE(!none || view->content_length == 0 || !view->keep_alive || view->status == 401);
    ENSURE(view->body != RESPONSE_LENGTH || view->content_length > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_run whole, cut;
    if (size == 0) return 0;
    bool head = (data[0] & 1) != 0;
    struct http_limits limits = fuzz_limits(data[0]);
    struct str text = str_part((struct str){(const char *)data, size}, 1, FUZZ_HTTP_MAX);
    http_run_response(&whole, text, text.len, head, &limits);
    for (size_t at = 0; at < text.len; at = fuzz_next_cut(at, text.len)) {
        http_run_response(&cut, text, at, head, &limits);
        ENSURE(http_run_equal(&whole, &cut));
    }
    ENSURE(whole.end != RUN_BAD_HEAD || (whole.refusal.status == 502 && whole.refusal.reason));
    if (whole.head.len == 0 || whole.end == RUN_BAD_HEAD || whole.end == RUN_DISAGREED) return 0;
    check_view(&whole.response, head);
    /* llhttp takes the length of a 204 and 304 for a body; a body up to the end never ends. */
    if (whole.response.body == RESPONSE_NONE || whole.response.body == RESPONSE_UNTIL_CLOSE)
        return 0;
    if (whole.end == RUN_DONE || whole.end == RUN_MORE)
        other_must_agree(&whole, HTTP_RESPONSE, head, text);
    return 0;
}
