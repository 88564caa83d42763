#include "proxy/client/plain.h"

#include <arpa/inet.h>
#include <string.h>

#include "policy/access/route.h"
#include "proxy/client/page.h"
#include "proxy/record/record.h"

/* Of a redirect, with what is put around the target; the answer is one buffer. */
#define LOCATION_MAX 12288
_Static_assert(LOCATION_MAX < IO_BUF_SIZE - 2048, "an answer with the longest Location fits");

struct plain {
    unsigned status;
    const char *reason;
    struct str location; /* with a redirect */
};

/* "https://NAME[:PORT]TARGET", or empty where nobody may be sent. */
static struct str redirect_target(struct conn *c, const struct request_view *view) {
    const struct site *site = c->worker->site;
    struct str host = route_host(view->authority);
    bool wanted = site->config->http.answer == HTTP_ANSWER_REDIRECT &&
                  (view->method == METHOD_GET || view->method == METHOD_HEAD) &&
                  view->path.len > 0 && view->path.ptr[0] == '/';
    if (!wanted || host.len == 0 || !server_tls_covers(site->tls, host)) return STR_NONE;
    size_t room = host.len + view->path.len + view->query.len + 32;
    if (room > LOCATION_MAX) return STR_NONE;
    char *memory = arena_alloc(&c->arena, room);
    if (memory == NULL) return STR_NONE;
    struct outbuf out;
    outbuf_init(&out, memory, room);
    outbuf_put(&out, STR("https://"));
    outbuf_put(&out, host);
    struct sockaddr_in v4; /* the port stands at the same place in both families */
    memcpy(&v4, &site->config->https.listen[0].addr, sizeof(v4));
    uint16_t port = ntohs(v4.sin_port);
    if (port != 443) {
        outbuf_char(&out, ':');
        outbuf_u64(&out, port);
    }
    outbuf_put(&out, view->path);
    if (view->query.ptr != NULL) {
        outbuf_char(&out, '?');
        outbuf_put(&out, view->query);
    }
    return outbuf_str(&out);
}

static struct plain judge(struct conn *c, struct str head, const struct http_refusal *refusal,
                          struct request_view *view, bool *readable) {
    const struct config_limits *l = &c->worker->site->config->limits;
    struct http_limits limits = {l->header_bytes, l->headers, l->target_bytes};
    struct http_refusal own;
    struct header *headers = arena_alloc(&c->arena, (c->scan.lines + 1) * sizeof(*headers));
    if (refusal != NULL) return (struct plain){refusal->status, refusal->reason, STR_NONE};
    if (headers == NULL) return (struct plain){431, "head_too_large", STR_NONE};
    *readable = http_strict_request(head, &limits, headers, view, &own);
    if (!*readable) return (struct plain){own.status, own.reason, STR_NONE};
    struct str location = redirect_target(c, view);
    if (location.len > 0) return (struct plain){308, "plain_http_redirected", location};
    return (struct plain){403, "plain_http_refused", STR_NONE};
}

static uint64_t write_answer(struct conn *c, const struct plain *plain, bool head_request) {
    static const char explanation[] =
        "This is the plain HTTP port of a gate that speaks HTTPS only. "
        "Begin the address with https:// instead.\n";
    struct str text = STR(explanation);
    struct io_buf *buf = io_take(&c->worker->io);
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    outbuf_put(&out, STR("HTTP/1.1 "));
    outbuf_u64(&out, plain->status);
    outbuf_char(&out, ' ');
    outbuf_put(&out, page_phrase(plain->status));
    outbuf_put(&out, STR("\r\nDate: "));
    outbuf_put(&out, worker_date(c->worker));
    /* No HSTS: over plain HTTP nobody may believe it (RFC 6797 7.2). */
    outbuf_put(&out, STR("\r\nConnection: close\r\nCache-Control: no-store\r\n"
                         "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
                         "Content-Security-Policy: default-src 'none'; frame-ancestors 'self'\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"));
    if (plain->status == 405) outbuf_put(&out, STR("Allow: GET, HEAD\r\n"));
    if (plain->location.len > 0) {
        outbuf_put(&out, STR("Location: "));
        outbuf_put(&out, plain->location);
        outbuf_put(&out, STR("\r\n"));
    }
    outbuf_put(&out, STR("Content-Length: "));
    outbuf_u64(&out, text.len);
    outbuf_put(&out, STR("\r\n\r\n"));
    if (!head_request) outbuf_put(&out, text);
    stream_write(&c->stream, outbuf_str(&out));
    uint64_t len = out.len;
    io_give(&c->worker->io, buf);
    return len;
}

void plain_answer(struct conn *c, struct str head, const struct http_refusal *refusal) {
    struct request_view view = {0};
    bool readable = false;
    struct plain plain = judge(c, head, refusal, &view, &readable);
    uint64_t sent = write_answer(c, &plain, http_is_head_request(head));
    struct record record = {
        .event = "plain_http",
        .outcome = "denied",
        .reason = plain.reason,
        .src_ip = str_of(c->ip),
        .src_port = c->port,
        .conn_id = c->id,
        .request_id = atomic_fetch_add(&c->worker->shared->next_id, 1),
        .view = readable ? &view : NULL,
        .policy_version = c->worker->site->config->digest_of_file,
        .status = plain.status,
        .bytes_out = sent,
        .total_ms = (int64_t)(worker_now(c->worker) - c->accepted_ms),
        .queue_ms = -1,
        .connect_ms = -1,
        .first_byte_ms = -1,
    };
    record_write(c->worker->shared->log, &record);
}
