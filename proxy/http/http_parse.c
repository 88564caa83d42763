#include "proxy/http/http_parse.h"

#include <llhttp.h>

/* What llhttp says, compared with the view as it is said. */
struct opinion {
    llhttp_t parser;
    const struct header *headers;
    size_t count;
    size_t fields;          /* seen complete */
    struct str name, value; /* of the field that is being read */
    struct str target;
    unsigned flags; /* llhttp forgets them at the end of a message without a body */
    uint64_t content_length;
    bool complete;
    bool skip_body;
};

/* llhttp names slices of the head that we gave it: the next piece must follow the one before. */
static int extend(struct str *span, const char *at, size_t len) {
    if (len == 0) return 0;
    if (span->len == 0) span->ptr = at;
    if (span->ptr + span->len != at) return -1;
    span->len += len;
    return 0;
}

static struct opinion *opinion_of(llhttp_t *parser) {
    return container_of(parser, struct opinion, parser);
}

static int on_url(llhttp_t *parser, const char *at, size_t len) {
    return extend(&opinion_of(parser)->target, at, len);
}

static int on_name(llhttp_t *parser, const char *at, size_t len) {
    return extend(&opinion_of(parser)->name, at, len);
}

static int on_value(llhttp_t *parser, const char *at, size_t len) {
    return extend(&opinion_of(parser)->value, at, len);
}

/* The same octets of the same buffer, not merely equal ones. */
static bool same_slice(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || a.ptr == b.ptr);
}

static int on_value_complete(llhttp_t *parser) {
    struct opinion *o = opinion_of(parser);
    if (o->fields == o->count) return -1;
    const struct header *header = &o->headers[o->fields++];
    bool same = same_slice(o->name, header->name) && same_slice(str_trim(o->value), header->value);
    o->name = o->value = STR_NONE;
    return same ? 0 : -1;
}

static int on_headers_complete(llhttp_t *parser) {
    struct opinion *o = opinion_of(parser);
    o->complete = true;
    o->flags = parser->flags;
    o->content_length = parser->content_length;
    return o->skip_body ? 1 : 0;
}

/* Filled anew each time, because llhttp wants a pointer to settings that are not constant. */
static void settings_init(llhttp_settings_t *settings) {
    llhttp_settings_init(settings);
    settings->on_url = on_url;
    settings->on_header_field = on_name;
    settings->on_header_value = on_value;
    settings->on_header_value_complete = on_value_complete;
    settings->on_headers_complete = on_headers_complete;
}

static bool feed(struct opinion *o, const char *from, const char *to) {
    return from == to || llhttp_execute(&o->parser, from, (size_t)(to - from)) == HPE_OK;
}

/* Blanks between a field's name and its colon, which only a phone's answer may have, are not shown
 * to llhttp: its versions differ about them, and the writer removes them too (RFC 9112 5.1). */
static bool feed_fields(struct opinion *o, struct str head, const char *from) {
    const char *last = head.ptr + head.len - 1;
    for (size_t i = 0; i < o->count && o->parser.type == HTTP_RESPONSE; i++) {
        struct str name = o->headers[i].name;
        const char *end = name.ptr + name.len;
        if (*end == ':') continue;
        if (!feed(o, from, end)) return false;
        from = end;
        while (*from == ' ' || *from == '\t') from++;
    }
    return feed(o, from, last);
}

/* The head must end for llhttp at its last octet: not before, not later. */
static bool run(struct opinion *o, struct str head) {
    if (head.len == 0 || !feed_fields(o, head, head.ptr) || o->complete) return false;
    llhttp_errno_t error = llhttp_execute(&o->parser, head.ptr + head.len - 1, 1);
    /* An Upgrade field makes llhttp stop behind the head; the gate never upgrades. */
    if (error != HPE_OK && error != HPE_PAUSED_UPGRADE) return false;
    return o->complete && o->fields == o->count;
}

bool http_parse_agrees_request(struct str head, const struct request_view *view) {
    struct opinion o = {.headers = view->headers, .count = view->header_count};
    llhttp_settings_t settings;
    settings_init(&settings);
    llhttp_init(&o.parser, HTTP_REQUEST, &settings);
    if (!run(&o, head)) return false;
    struct str method = str_of(llhttp_method_name((llhttp_method_t)o.parser.method));
    if (!str_equal(method, view->method_name) || !same_slice(o.target, view->target)) return false;
    if (o.parser.http_major != 1 || o.parser.http_minor != view->minor) return false;
    bool chunked = (o.flags & F_CHUNKED) != 0;
    if (chunked != (view->body == BODY_CHUNKED)) return false;
    return o.content_length == (view->body == BODY_LENGTH ? view->content_length : 0);
}

bool http_parse_agrees_response(struct str head, bool head_request,
                                const struct response_view *view) {
    struct opinion o = {
        .headers = view->headers, .count = view->header_count, .skip_body = head_request};
    llhttp_settings_t settings;
    settings_init(&settings);
    llhttp_init(&o.parser, HTTP_RESPONSE, &settings);
    if (!run(&o, head)) return false;
    if (o.parser.status_code != view->status) return false;
    if (o.parser.http_major != 1 || o.parser.http_minor != view->minor) return false;
    bool chunked = (o.flags & F_CHUNKED) != 0;
    if (view->body != RESPONSE_NONE && chunked != (view->body == RESPONSE_CHUNKED)) return false;
    bool length = (o.flags & F_CONTENT_LENGTH) != 0;
    return length == view->announced_length && o.content_length == view->content_length;
}
