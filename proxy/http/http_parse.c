#include "proxy/http/http_parse.h"

#include <llhttp.h>

struct opinion {
    llhttp_t parser;
    size_t fields;
    bool complete;
    bool skip_body;
};

static int on_value_complete(llhttp_t *parser) {
    struct opinion *o = container_of(parser, struct opinion, parser);
    o->fields++;
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct opinion *o = container_of(parser, struct opinion, parser);
    o->complete = true;
    return o->skip_body ? 1 : 0;
}

/* Constant after initialisation by the compiler: llhttp wants a pointer to non-const. */
static void settings_init(llhttp_settings_t *settings) {
    llhttp_settings_init(settings);
    settings->on_header_value_complete = on_value_complete;
    settings->on_headers_complete = on_headers_complete;
}

static bool run(struct opinion *o, struct str head) {
    llhttp_errno_t error = llhttp_execute(&o->parser, head.ptr, head.len);
    /* An Upgrade field makes llhttp stop behind the head; the gate never upgrades. */
    return (error == HPE_OK || error == HPE_PAUSED_UPGRADE) && o->complete;
}

bool http_parse_agrees_request(struct str head, const struct request_view *view) {
    struct opinion o = {.fields = 0};
    llhttp_settings_t settings;
    settings_init(&settings);
    llhttp_init(&o.parser, HTTP_REQUEST, &settings);
    if (!run(&o, head)) return false;
    bool chunked = (o.parser.flags & F_CHUNKED) != 0;
    struct str method = str_of(llhttp_method_name((llhttp_method_t)o.parser.method));
    if (!str_equal(method, view->method_name)) return false;
    if (o.parser.http_major != 1 || o.parser.http_minor != view->minor) return false;
    if (o.fields != view->header_count || chunked != (view->body == BODY_CHUNKED)) return false;
    return view->body != BODY_LENGTH || o.parser.content_length == view->content_length;
}

bool http_parse_agrees_response(struct str head, bool head_request,
                                const struct response_view *view) {
    struct opinion o = {.skip_body = head_request};
    llhttp_settings_t settings;
    settings_init(&settings);
    llhttp_init(&o.parser, HTTP_RESPONSE, &settings);
    if (!run(&o, head)) return false;
    if (o.parser.status_code != view->status || o.parser.http_minor != view->minor) return false;
    if (o.fields != view->header_count) return false;
    if (view->body == RESPONSE_CHUNKED && (o.parser.flags & F_CHUNKED) == 0) return false;
    return view->body != RESPONSE_LENGTH || o.parser.content_length == view->content_length;
}
