#include <string.h>

#include "proxy/phone/phone_conn_parts.h"

static const char *reason_of(int status) {
    if (status == UV_ECONNREFUSED) return "phone_refused";
    /* Accepted by the phone's kernel and reset before we looked. */
    if (status == UV_ECONNRESET || status == UV_EPIPE) return "phone_reset";
    return "phone_unreachable";
}

static void on_connected(uv_connect_t *req, int status) {
    struct phone_conn *c = container_of(req, struct phone_conn, connect);
    if (c->state == PHONE_CONN_CLOSED) return;
    if (status != 0) {
        pc_fail(c, reason_of(status));
        return;
    }
    uv_tcp_nodelay(&c->stream.tcp, 1);
    stream_read(&c->stream);
    if (c->phone->tls == NULL) {
        pc_open(c);
        return;
    }
    SSL *ssl = phone_tls_connect(c->phone->tls, c->phone->host);
    if (ssl == NULL) {
        pc_fail(c, "phone_tls_failed");
        return;
    }
    c->state = PHONE_CONN_HANDSHAKE;
    stream_start_tls(&c->stream, ssl);
}

/* This machine's doing, not the phone's. */
static bool lacks_descriptor(int rc) {
    return rc == UV_EMFILE || rc == UV_ENFILE;
}

static void connect_to(struct phone_conn *c, struct sockaddr_storage *addr) {
    if (addr->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, addr, sizeof(v4));
        v4.sin_port = htons(c->phone->port);
        memcpy(addr, &v4, sizeof(v4));
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, addr, sizeof(v6));
        v6.sin6_port = htons(c->phone->port);
        memcpy(addr, &v6, sizeof(v6));
    }
    const struct sockaddr *to = (const struct sockaddr *)addr;
    int rc = uv_tcp_connect(&c->connect, &c->stream.tcp, to, on_connected);
    if (lacks_descriptor(rc) && c->worker->make_room != NULL && c->worker->make_room(c->worker))
        rc = uv_tcp_connect(&c->connect, &c->stream.tcp, to, on_connected);
    if (rc != 0) pc_fail(c, lacks_descriptor(rc) ? "no_descriptors" : "phone_unreachable");
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
    struct phone_conn *c = container_of(req, struct phone_conn, resolve);
    c->resolving = false;
    if (c->state == PHONE_CONN_CLOSED) {
        uv_freeaddrinfo(found);
        pc_free_when_alone(c);
        return;
    }
    if (status != 0 || found == NULL) {
        pc_fail(c, lacks_descriptor(status) ? "no_descriptors" : "phone_name_unknown");
        return;
    }
    struct sockaddr_storage addr = {0};
    memcpy(&addr, found->ai_addr, found->ai_addrlen);
    uv_freeaddrinfo(found);
    connect_to(c, &addr);
}

static bool literal_address(struct str host, struct sockaddr_storage *addr) {
    char text[64];
    if (host.len >= sizeof(text)) return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(text, 0, &v4) == 0) {
        memcpy(addr, &v4, sizeof(v4));
        return true;
    }
    if (uv_ip6_addr(text, 0, &v6) != 0) return false;
    memcpy(addr, &v6, sizeof(v6));
    return true;
}

void phone_conn_begin(struct phone_conn *c) {
    c->posted = false;
    if (c->state == PHONE_CONN_CLOSED) {
        pc_free_when_alone(c);
        return;
    }
    struct sockaddr_storage addr = {0};
    if (literal_address(c->phone->host, &addr)) {
        connect_to(c, &addr);
        return;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    c->resolving = true;
    if (uv_getaddrinfo(&c->worker->loop, &c->resolve, on_resolved, c->phone->host.ptr, NULL,
                       &hints) != 0) {
        c->resolving = false;
        pc_fail(c, "phone_name_unknown");
    }
}

/* The first steps may fail at once; the user is told from the loop, not from inside
 * phone_conn_open. */
static void begin(struct message *message) {
    phone_conn_begin(container_of(message, struct phone_conn, message));
}

struct phone_conn *phone_conn_open(struct worker *w, struct phone *phone,
                                   const struct phone_conn_ops *ops, void *user) {
    struct phone_conn *c = phone_conn_new(w, phone, ops, user);
    c->posted = true;
    c->message.deliver = begin;
    mailbox_post(&w->mailbox, &c->message);
    return c;
}
