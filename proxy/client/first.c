#include "proxy/client/first.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/client/admission.h"
#include "proxy/client/proxy_protocol.h"
#include "proxy/http/http_strict.h"
#include "proxy/record/record.h"

static const char clear_text_head[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 39\r\n"
    "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'self'\r\nDate: ";
static const char clear_text_page[] = "This port speaks HTTPS, not plain HTTP\n";
_Static_assert(sizeof(clear_text_page) - 1 == 39, "length of the answer");

void first_record(struct conn *c, const char *event, const char *reason, unsigned status) {
    struct record record = {
        .event = event,
        .outcome = "denied",
        .reason = reason,
        .src_ip = str_of(c->ip),
        .src_port = c->port,
        .conn_id = c->id,
        .policy_version = c->worker->site->config->digest_of_file,
        .status = status,
        .total_ms = (int64_t)(worker_now(c->worker) - c->accepted_ms),
        .queue_ms = -1,
        .connect_ms = -1,
        .first_byte_ms = -1,
    };
    record_write(c->worker->shared->log, &record);
}

/* Whoever connects fast fills nobody's disk. */
static void tell(struct conn *c, const char *event, const char *reason, unsigned status) {
    if (worker_may_tell(c->worker, &c->worker->tls_told, FIRST_RECORDS_S))
        first_record(c, event, reason, status);
}

void first_failed(struct conn *c, const char *reason) {
    const char *refusal = c->stream.ssl != NULL ? server_tls_refusal(c->stream.ssl) : NULL;
    /* A port scan or health check that says nothing is no refusal of anything. */
    bool silent = c->state == CONN_FIRST && c->first == NULL && !c->proxy_done &&
                  c->handshake.state == HANDSHAKE_NONE && strcmp(reason, "handshake_cut") == 0;
    if (!silent) tell(c, "tls_refused", refusal != NULL ? refusal : reason, 0);
    conn_abort(c, reason);
}

/* ---- addresses ---- */

static void note_address(struct conn *c, const struct sockaddr_storage *addr) {
    if (addr->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, c->ip, sizeof(c->ip));
        c->port = ntohs(v4.sin_port);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof(v6));
        inet_ntop(AF_INET6, &v6.sin6_addr, c->ip, sizeof(c->ip));
        c->port = ntohs(v6.sin6_port);
    }
    c->peer.key = peer_key_of((const struct sockaddr *)addr);
    c->address = peer_address_of((const struct sockaddr *)addr);
}

static bool covers(const struct config_network *net, const struct sockaddr_storage *addr) {
    uint8_t bytes[16];
    if (net->family != addr->ss_family) return false;
    if (addr->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof(v4));
        memcpy(bytes, &v4.sin_addr, 4);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof(v6));
        memcpy(bytes, &v6.sin6_addr, 16);
    }
    size_t whole = net->prefix_bits / 8;
    if (memcmp(bytes, net->bytes, whole) != 0) return false;
    unsigned rest = net->prefix_bits % 8;
    return rest == 0 || (bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

static bool is_balancer(const struct conn *c, const struct sockaddr_storage *addr) {
    const struct config *cfg = c->worker->site->config;
    for (size_t i = 0; i < cfg->https.proxy_protocol_count; i++) {
        if (covers(&cfg->https.proxy_protocol_from[i], addr)) return true;
    }
    return false;
}

static void begin_plain(struct conn *c) {
    c->stream.ops->on_open(&c->stream);
    stream_read(&c->stream);
}

void first_begin(struct conn *c, const struct sockaddr_storage *addr) {
    struct sockaddr_storage local = {0};
    int len = sizeof(local);
    if (uv_tcp_getsockname(&c->stream.tcp, (struct sockaddr *)&local, &len) == 0) {
        struct sockaddr_in v4;
        memcpy(&v4, &local, sizeof(v4)); /* the port stands at the same place in both families */
        c->local_port = ntohs(v4.sin_port);
    }
    note_address(c, addr);
    c->expects_proxy = c->kind == CONN_TLS && is_balancer(c, addr);
    if (!c->expects_proxy && !admission_enter(c)) return;
    if (c->kind == CONN_PLAIN || c->kind == CONN_STATUS)
        begin_plain(c);
    else
        stream_read(&c->stream);
}

/* ---- first octets ---- */

static void answer_clear_text(struct conn *c, struct str asked) {
    tell(c, "clear_text", "clear_text_on_tls_port", 400);
    stream_write(&c->stream, STR(clear_text_head));
    stream_write(&c->stream, worker_date(c->worker));
    stream_write(&c->stream, STR("\r\n\r\n"));
    if (!http_is_head_request(asked)) stream_write(&c->stream, STR(clear_text_page));
    stream_flush(&c->stream);
    /* Politely: what the client has sent is read away, so that it sees the answer and no reset. */
    conn_close_politely(c);
}

void first_start_tls(struct conn *c, struct str hello) {
    const struct site *site = c->worker->site;
    const struct server_tls *tls = c->kind == CONN_PULL ? site->pull_tls : site->tls;
    if (tls == NULL) { /* a reload took the provisioning away, not its socket */
        tell(c, "tls_refused", "provisioning_is_off", 0);
        conn_abort(c, "provisioning_is_off");
        return;
    }
    SSL *ssl = SSL_new(server_tls_ctx(tls));
    ENSURE(ssl != NULL);
    SSL_set_accept_state(ssl);
    c->state = CONN_HANDSHAKE;
    stream_start_tls(&c->stream, ssl);
    stream_feed(&c->stream, hello);
}

/* TLS begins with a handshake record, 0x16 (RFC 8446 5.1); a letter is somebody speaking HTTP. */
static void sniff(struct conn *c, struct str data) {
    if (data.len == 0) return;
    if (data.ptr[0] == 0x16) {
        admission_hello(c, data);
        return;
    }
    if (ascii_is_alpha(data.ptr[0]) || data.ptr[0] == '\r' || data.ptr[0] == '\n') {
        answer_clear_text(c, data);
        return;
    }
    tell(c, "tls_refused", "not_tls", 0);
    conn_abort(c, "not_tls");
}

static void refuse_proxy(struct conn *c) {
    tell(c, "tls_refused", "proxy_protocol_missing", 0);
    conn_abort(c, "proxy_protocol_missing");
}

/* The balancer's header may come in pieces: collected until it is whole. */
static void read_proxy(struct conn *c, struct str data) {
    if (c->first == NULL) c->first = io_take(&c->worker->io);
    struct io_buf *buf = c->first;
    size_t take = data.len < IO_BUF_SIZE - buf->len ? data.len : IO_BUF_SIZE - buf->len;
    memcpy(buf->data + buf->len, data.ptr, take);
    buf->len += take;
    size_t used = 0;
    struct sockaddr_storage addr = {0};
    switch (proxy_protocol_read((struct str){buf->data, buf->len}, &used, &addr)) {
    case PROXY_PROTOCOL_MORE:
        return;
    case PROXY_PROTOCOL_BAD:
        refuse_proxy(c);
        return;
    case PROXY_PROTOCOL_ADDR:
        note_address(c, &addr);
        break;
    case PROXY_PROTOCOL_LOCAL:
        break;
    }
    /* The octets of this read that came behind the header. */
    struct str rest = str_part(data, used - (buf->len - take), data.len);
    io_give(&c->worker->io, buf);
    c->first = NULL;
    c->proxy_done = true;
    if (admission_enter(c)) sniff(c, rest);
}

void first_octets(struct conn *c, struct str data) {
    if (c->handshake.state != HANDSHAKE_NONE)
        admission_hello(c, data);
    else if (c->expects_proxy && !c->proxy_done)
        read_proxy(c, data);
    else
        sniff(c, data);
}
